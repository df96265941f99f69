"""Refs that everybody shares: at the remote, or in the repository itself where it has none."""

from typing import Final, Literal
from urllib.parse import quote

from msgspec import Struct

from reconciler.clients.redact import redacted
from reconciler.errors import Unreadable
from reconciler.history.git import Done, Repository

STATES: Final = "refs/reconciler/"
LOCKS: Final = "refs/reconciler-locks/"
TRIES: Final = 3
_RACED: Final = ("stale info", "cannot lock ref", "failed to update ref", "already exists", "incorrect old value")


class Swap(Struct, frozen=True):
    """What became of moving a ref: done; ``moved`` by somebody else; ``refused``; or nobody could be reached.

    ``found`` is where the ref points now, as far as that is known, and ``said`` why it was not moved.
    """

    result: Literal["done", "moved", "refused", "unreachable"]
    found: str = ""
    said: str = ""


def ref_of(beginning: str, environment: str) -> str:
    """Return the name of an environment's ref; what a ref cannot be named is percent-encoded."""
    return beginning + quote(environment, safe="").replace(".", "%2E").replace("~", "%7E")


def points_to(repository: Repository, ref: str) -> str:
    """Return where a ref points, "" if there is none; raises ``Unreadable``."""
    if not repository.remote:
        return repository.git("rev-parse", "--verify", "--quiet", ref, allowed=(0, 1)).text
    lines = repository.git("ls-remote", "--", repository.remote, ref, network=True).text.split("\n")
    found = (line.partition("\t") for line in lines)
    return next((commit for commit, _, name in found if name == ref), "")


def fetched(repository: Repository, ref: str) -> str:
    """Return where a ref points, with that commit and its files in the repository; "" if there is none."""
    for _ in range(TRIES):
        commit = points_to(repository, ref)
        if not commit or has(repository, commit):
            return commit
        fetch(repository, "--depth=1", ref) if is_shallow(repository) else fetch(repository, ref)
    raise Unreadable(f"{ref} moves faster than it can be read", hint="try again")


def fetch(repository: Repository, *what: str) -> None:
    """Fetch from the remote, and touch no ref; raises ``Unreadable``."""
    options = ("--quiet", "--no-tags", "--no-prune", "--no-recurse-submodules", "--refmap=", "--no-write-fetch-head")
    depth, refs = [word for word in what if word.startswith("--")], [word for word in what if not word.startswith("--")]
    repository.git("fetch", *options, *depth, "--", repository.remote, *refs, network=True)


def has(repository: Repository, commit: str) -> bool:
    """Return whether a commit is in the repository."""
    return repository.git("cat-file", "-e", f"{commit}^{{commit}}", allowed=()).code == 0


def is_shallow(repository: Repository) -> bool:
    """Return whether older commits may be missing."""
    return repository.git("rev-parse", "--is-shallow-repository").text == "true"


def written(repository: Repository, tree: str, message: str, parent: str = "") -> str:
    """Write a commit of our own, and return its name."""
    parents = ("-p", parent) if parent else ()
    return repository.git("commit-tree", tree, *parents, "-F", "-", data=message.encode()).text


def empty_tree(repository: Repository) -> str:
    """Return the tree without files, written if it is not there."""
    return repository.git("mktree").text


def swap(repository: Repository, ref: str, expected: str, new: str) -> Swap:
    """Move a ref from ``expected`` ("": it must not be there) to ``new`` ("": delete it), if nobody moved it."""
    if not repository.remote:
        return _swap_here(repository, ref, expected, new)
    lease = f"--force-with-lease={ref}:{expected}"
    options = ("--porcelain", "--no-verify", "--no-signed", "--no-follow-tags", "--recurse-submodules=no", lease)
    pushed = repository.git("push", *options, "--", repository.remote, f"{new}:{ref}", network=True, allowed=())
    if not pushed.code:
        return Swap("done", new)
    try:
        found = points_to(repository, ref)  # its answer may have been lost, or somebody came before
    except Unreadable as error:
        return Swap("unreachable", said=str(error))
    return _what_became(found, expected, new, pushed)


def _swap_here(repository: Repository, ref: str, expected: str, new: str) -> Swap:
    change = (ref, new) if new else ("-d", ref)
    done = repository.git("update-ref", *change, expected, allowed=())
    if not done.code:
        return Swap("done", new)
    return _what_became(points_to(repository, ref), expected, new, done)


def _what_became(found: str, expected: str, new: str, done: Done) -> Swap:
    if found == new:
        return Swap("done", new)
    answers = [line for line in done.out.decode("utf-8", "replace").splitlines() if line.startswith("!")]
    why = "; ".join([redacted(line.partition("\t")[2].partition("\t")[2], ()) for line in answers] + [done.why])
    raced = any(word in line for word in _RACED for line in answers)
    return Swap("moved" if raced or found != expected else "refused", found, why)
