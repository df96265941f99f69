"""Pull requests: by the commit that they brought, or by the branch that they come from."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from msgspec import Struct

from reconciler.github.artifacts import Named, Run
from reconciler.github.client import Repository

READ: Final = "pull-requests: read"


class Branch(Struct, frozen=True, kw_only=True):
    """One end of a pull request; the repository is gone where somebody deleted the fork."""

    ref: str
    sha: str
    repo: Named | None = None

    @property
    def name(self) -> str:
        """Return the name of its repository, "" where that is gone."""
        return self.repo.full_name if self.repo else ""


class Pull(Struct, frozen=True, kw_only=True, rename={"into": "base"}):
    """A pull request."""

    number: int
    head: Branch
    into: Branch
    state: str = "open"
    merged_at: str | None = None


def pulls_of(repository: Repository, commit: str) -> Sequence[Pull]:
    """Return the pull requests that have to do with a commit."""
    return list(repository.listed(f"/commits/{commit}/pulls", READ, Pull))


def open_pulls(repository: Repository, branch: str) -> Sequence[Pull]:
    """Return the open pull requests into a branch."""
    return list(repository.listed(f"/pulls?state=open&base={quote(branch, safe='')}", READ, Pull))


def pull_of_run(repository: Repository, run: Run, branch: str) -> Pull | None:
    """Return the open pull request whose last commit a run is about; None where that has moved on."""
    owner = run.source.partition("/")[0]
    head = quote(f"{owner}:{run.head_branch or ''}", safe="")
    for pull in repository.listed(f"/pulls?state=open&head={head}", READ, Pull):
        if (pull.head.name, pull.head.ref, pull.head.sha) != (run.source, run.head_branch, run.head_sha):
            continue
        if pull.into.name == repository.name and pull.into.ref == branch:
            return pull
    return None
