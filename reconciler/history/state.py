"""The state of an environment: a ref to a commit of ours, whose tree is the tree that was applied last.

Its message has trailers: ``Applied:`` the revision, ``Digest:`` that of the plan, ``Project:`` where it was applied,
``Pending:`` each change that failed, was withheld or held, ``Used-Approvals:``, ``Inputs:`` the digests of users and
tables that are not in git, and ``Judged-By:`` each earlier state whose policies bind still. It names nobody: of the
address of a member only a hash is in it.
"""

import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from msgspec import Struct, structs

from reconciler.errors import Unreadable
from reconciler.history.git import Repository, find
from reconciler.history.refs import STATES, Swap, empty_tree, fetch, fetched, has, is_shallow, ref_of, swap, written

FILE: Final = "reconciler.yaml"  # whoever has it in git has the rest there
DEEPER: Final = (50, 200, 1000, 5000)  # commits by which a shallow clone is deepened, before all are fetched
MOST_PENDING: Final = 2000  # addresses of one kind; of more, the kind is noted
_TRAILER: Final = re.compile(r"([A-Za-z-]+): (.*)")
_PLAIN: Final = " !#$&'()*+,-./:;<=>?@[]^_`{|}~"  # what a value may hold as it is
_DIGITS: Final = 16


class State(Struct, frozen=True, kw_only=True, dict=True):
    """What was applied last: ``commit`` is what the ref points to, ``revision`` the commit of people ("": none yet).

    ``is_evidence`` says that HEAD comes after that revision: only then does it prove what was declared before.
    ``pending`` and ``inputs`` are as ``is_pending`` and ``inputs_of`` give them. ``judged_by`` are earlier states whose
    policies bind still, because they were lifted together with what they withhold.
    """

    commit: str
    revision: str = ""
    digest: str = ""
    project: str = ""
    pending: tuple[str, ...] = ()
    used_approvals: frozenset[str] = frozenset()
    inputs: Mapping[str, str] = {}
    judged_by: tuple[str, ...] = ()
    is_evidence: bool = False

    def is_pending(self, address: str) -> bool:
        """Return whether a change of this resource failed, was withheld or held at the last apply."""
        kind = address.partition("/")[0]
        return f"{kind}/*" in self._pending or hidden(address, self.revision) in self._pending

    def left(self, address: str) -> bool:
        """Return whether a change of just this resource, which is no person, was left open by the last apply."""
        return address in self._pending

    @cached_property
    def _pending(self) -> frozenset[str]:
        return frozenset(self.pending)


def read_state(root: Path, environment: str) -> State | None:
    """Return the state of an environment; None without git, or without the ref; raises ``Unreadable``."""
    repository = find(root, FILE)
    return state_of(repository, environment) if repository else None


def state_of(repository: Repository, environment: str) -> State | None:
    """Return the state of an environment, None where there is no ref; raises ``Unreadable``."""
    found = fetched(repository, ref_of(STATES, environment))
    if not found:
        return None
    state = parsed(found, repository.git("cat-file", "commit", found).text.partition("\n\n")[2])
    return structs.replace(state, is_evidence=bool(state.revision) and comes_before(repository, state.revision))


def head_of(repository: Repository) -> str:
    """Return the revision that is checked out."""
    return repository.git("rev-parse", "HEAD^{commit}").text


def comes_before(repository: Repository, revision: str) -> bool:
    """Return whether a revision is HEAD or an ancestor of it; a shallow clone is deepened until it tells."""
    for depth in (*DEEPER, 0):
        if has(repository, revision) and not _asks_git(repository, revision):
            return True
        if not is_shallow(repository):
            return False
        deepened = f"--deepen={depth}" if depth else "--unshallow"
        try:
            fetch(repository, deepened, head_of(repository))
        except Unreadable:  # the remote does not have it, or does not give it by its name
            fetch(repository, deepened, "HEAD")
    return has(repository, revision) and not _asks_git(repository, revision)


def _asks_git(repository: Repository, revision: str) -> int:
    return repository.git("merge-base", "--is-ancestor", revision, "HEAD", allowed=(0, 1)).code


def uncommitted(repository: Repository) -> Sequence[str]:
    """Return which files of ours are not as HEAD has them: what tracked ones became, and inputs that are untracked.

    Files that no run reads, such as plans and journals, are none of them.
    """
    here = f":(top,literal){repository.prefix}"
    changed = repository.git("diff", "--name-only", "-z", "--no-ext-diff", "HEAD", "--", here)
    folders = [f":(top,literal){repository.prefix}{name}" for name in ("manifests", "rules")]
    others = repository.git("ls-files", "-z", "--full-name", "--others", "--", *folders)
    names = [name.decode("utf-8", "replace") for done in (changed, others) for name in done.out.split(b"\0") if name]
    return [name for name in names if not any(part.startswith(".") for part in _below(repository, name))]


def _below(repository: Repository, name: str) -> Sequence[str]:
    return Path(name).parts[len(Path(repository.prefix).parts) :]


def inputs_of(repository: Repository, files: Mapping[str, Path]) -> Mapping[str, str]:
    """Return the digests of files, by the names they come with, that git does not have."""
    return {name: _digest(path) for name, path in files.items() if not is_tracked(repository, path)}


def is_tracked(repository: Repository, path: Path) -> bool:
    """Return whether git has a file."""
    try:
        name = path.resolve().relative_to(repository.top).as_posix()
    except ValueError:
        return False
    return bool(repository.git("ls-files", "-z", "--", f":(top,literal){name}").out)


def _digest(path: Path) -> str:
    digested = sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digested.update(block)
    except OSError as error:
        raise Unreadable(f"{path.name} cannot be read: {error.strerror}") from None
    return f"sha256:{digested.hexdigest()}"


@contextmanager
def tree_of(root: Path, commit: str, only: Sequence[str] = ()) -> Iterator[Path]:
    """Give a scratch folder with the files of a commit, at the place that corresponds to ``root``.

    ``only`` names files and folders below that; without it all files of the commit are there.
    """
    repository = find(root, FILE)
    if repository is None:
        raise Unreadable(f"{root} is not in git, so nothing tells what {commit} was")
    if not has(repository, commit):
        fetch(repository, commit)
    with tempfile.TemporaryDirectory(prefix="reconciler-tree-") as folder:
        variables = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        repository.git("read-tree", f"{commit}^{{tree}}", variables=variables)
        files = Path(folder) / "files"
        wanted = [f":(top,literal){repository.prefix}{name}" for name in only]
        names = repository.git("ls-files", "-z", "--", *wanted, variables=variables).out
        checkout = ("checkout-index", "--quiet", "-z", "--stdin", f"--prefix={files}/")
        repository.git(*checkout, data=names, variables=variables)
        (files / repository.prefix).mkdir(parents=True, exist_ok=True)
        yield files / repository.prefix


def record_uses(
    repository: Repository, environment: str, state: State | None, approvals: Iterable[str]
) -> tuple[Swap, State]:
    """Note that approvals are used, before the first write; what is applied stays as it was."""
    before = state or State(commit="")
    noted = structs.replace(before, used_approvals=before.used_approvals | frozenset(approvals))
    tree = f"{before.commit}^{{tree}}" if before.commit else empty_tree(repository)
    return _move(repository, environment, before, noted, repository.git("rev-parse", tree).text)


def move(repository: Repository, environment: str, state: State | None, applied: State) -> tuple[Swap, State]:
    """Move the ref from one state to what was applied now, unless somebody else moved it meanwhile.

    The pending addresses of ``applied`` are whole, the state that is given back has them hidden.
    """
    before = state or State(commit="")
    hidden_ones = _few(hidden(address, applied.revision) for address in applied.pending)
    after = structs.replace(
        applied, pending=hidden_ones, used_approvals=before.used_approvals | applied.used_approvals, is_evidence=True
    )
    if state and structs.replace(after, commit=state.commit) == state:
        return Swap("done", state.commit), state  # it says so already
    tree = repository.git("rev-parse", f"{applied.revision}^{{tree}}").text
    return _move(repository, environment, before, after, tree)


def _move(repository: Repository, environment: str, before: State, after: State, tree: str) -> tuple[Swap, State]:
    new = written(repository, tree, _message(environment, after), before.commit)
    moved = swap(repository, ref_of(STATES, environment), before.commit, new)
    return moved, structs.replace(after, commit=new) if moved.result == "done" else before


def hidden(address: str, revision: str) -> str:
    """Return the address of a resource as a state notes it: without the address of a person."""
    if "@" not in address:
        return address
    *place, name = address.split("/", 2)
    return f"{'/'.join(place)}/{sha256(f'{revision}/{name}'.encode()).hexdigest()[:_DIGITS]}"


def _few(addresses: Iterable[str]) -> tuple[str, ...]:
    """Return addresses, sorted; of a kind that has too many, that all of it is pending."""
    by_kind: dict[str, set[str]] = {}
    for address in addresses:
        by_kind.setdefault(address.partition("/")[0], set()).add(address)
    found = (names if len(names) <= MOST_PENDING else {f"{kind}/*"} for kind, names in by_kind.items())
    return tuple(sorted(name for names in found for name in names))


def _message(environment: str, state: State) -> str:
    trailers = [
        ("Applied", state.revision),
        ("Digest", state.digest),
        ("Project", state.project),
        *(("Pending", address) for address in state.pending),
        *(("Used-Approvals", name) for name in sorted(state.used_approvals)),
        *(("Judged-By", commit) for commit in state.judged_by),
        *(("Inputs", f"{quote(name, safe='')} {digest}") for name, digest in sorted(state.inputs.items())),
    ]
    lines = [f"{name}: {quote(value, safe=_PLAIN)}" for name, value in trailers if value]
    title = f"Applied {state.revision[:12]}" if state.revision else "Approvals used"
    return "\n".join((f"{title}: {quote(environment, safe=_PLAIN)}", "", *lines, ""))


def parsed(commit: str, message: str) -> State:
    """Return the state that a commit's message has; raises ``Unreadable`` where nobody of us wrote it."""
    found: dict[str, list[str]] = {}
    for line in message.rpartition("\n\n")[2].splitlines():
        if trailer := _TRAILER.fullmatch(line.rstrip()):
            found.setdefault(trailer[1], []).append(unquote(trailer[2]))
    revision = found.get("Applied", [""])[-1]
    commits = (revision, *found.get("Judged-By", ()))
    if not (revision or found.get("Used-Approvals")) or not all(re.fullmatch(r"[0-9a-f]*", one) for one in commits):
        raise Unreadable(
            f"{commit} is no state: its message does not say what was applied",
            hint="somebody moved the ref by hand; delete it, and the next apply begins anew",
        )
    inputs = (line.rpartition(" ")[::2] for line in found.get("Inputs", ()))
    return State(
        commit=commit,
        revision=revision,
        digest=found.get("Digest", [""])[-1],
        project=found.get("Project", [""])[-1],
        pending=tuple(found.get("Pending", ())),
        used_approvals=frozenset(found.get("Used-Approvals", ())),
        inputs={unquote(name): digest for name, digest in inputs},
        judged_by=tuple(found.get("Judged-By", ())),
    )
