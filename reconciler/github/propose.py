"""What is live → a pull request: one branch for each environment, moved each time, and one pull request from it."""

import shlex
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

from reconciler.errors import Refused, Unreadable
from reconciler.export.live_wins import Edited
from reconciler.github.artifacts import about
from reconciler.github.client import Repository as GitHub
from reconciler.github.pulls import READ, Pull
from reconciler.history.git import Repository
from reconciler.history.refs import points_to, swap, written
from reconciler.report.comment import marker_of
from reconciler.report.escaping import harmless, in_code
from reconciler.report.markdown import masked
from reconciler.report.values import counted

WRITE: Final = "pull-requests: write"
_SHOWN: Final = 50  # addresses that are named
_STARTS: Final = """
No checks here? GitHub starts no workflow for what a workflow's own token opened. Close this and open it again; or give
the drift workflow the token of a GitHub App, or a fine-grained one, as the secret `RECONCILER_PULL_TOKEN`.
"""


def branch_of(environment: str) -> str:
    """Return the branch that holds what is live in an environment."""
    return f"reconciler/live-wins-{quote(environment, safe='')}"


def propose(github: GitHub, repository: Repository, environment: str, edits: Edited) -> str:
    """Move the branch to HEAD with the edited files, and open a pull request unless there is one; return what was done.

    Raises ``Refused`` where the token may not, ``Unreadable`` where GitHub or git does not answer.
    """
    branch, into = branch_of(environment), about(github).default_branch
    commit = written(repository, _tree(repository, edits.files), _title(environment), "HEAD")
    ref = f"refs/heads/{branch}"
    moved = swap(repository, ref, points_to(repository, ref), commit)
    if moved.result != "done":
        raise Refused(
            f"{branch} cannot be pushed: {moved.said or 'somebody else moved it'}",
            hint="the job's token needs `permissions: {contents: write}`",
        )
    head = quote(f"{github.name.partition('/')[0]}:{branch}", safe="")
    for pull in github.listed(f"/pulls?state=open&head={head}", READ, Pull):
        return f"updated #{pull.number}: {branch}"
    body = _body(environment, edits)
    made = github.ask(
        "POST", "/pulls", {"title": _title(environment), "head": branch, "base": into, "body": body}, WRITE
    )
    return f"opened #{made['number']}: {made['html_url']}"


def _title(environment: str) -> str:
    return f"Declare what is live in {environment}"


def _tree(repository: Repository, files: Mapping[str, str | None]) -> str:
    """Return the tree of HEAD with these files, whose names begin at the folder of ours, in place of its own."""
    with tempfile.TemporaryDirectory(prefix="reconciler-index-") as folder:
        variables = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        repository.git("read-tree", "HEAD", variables=variables)
        for name, text in files.items():
            path = f"{repository.prefix}{name}"
            if text is None:
                repository.git("update-index", "--force-remove", "--", path, variables=variables)
                continue
            mode = repository.git("ls-files", "-s", "--", path, variables=variables).text[:6]
            if not mode.startswith("100"):
                raise Unreadable(f"{path} is no plain file of HEAD", hint="commit it")
            blob = repository.git("hash-object", "-w", "--stdin", data=text.encode()).text
            repository.git("update-index", "--cacheinfo", f"{mode},{blob},{path}", variables=variables)
        return repository.git("write-tree", variables=variables).text


def _body(environment: str, edits: Edited) -> str:
    """Return what the pull request says, with people masked."""
    program = in_code(f"reconciler -e {shlex.quote(environment)} drift")
    number = counted(len(edits.taken), "resource")
    parts = [
        f"{marker_of(environment)} live-wins -->",
        f"Somebody changed {number} in Stytch. Merging this declares that as it is live; {program} shows what changed.",
        *_named(edits.taken),
    ]
    if edits.by_hand:
        parts += ["\nLeft for people, because nothing can be put in its place:\n"]
        parts += _named(f"{address}: {why}" for address, why in edits.by_hand)
    return "\n".join((*parts, _STARTS))


def _named(items: Iterable[str]) -> list[str]:
    lines = [f"- {in_code(harmless(masked(item)))}" for item in items]
    more = [f"- … and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return [*lines[:_SHOWN], *more]
