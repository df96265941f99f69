"""Commits that are to be applied → their pull requests → the plans that were reviewed there."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from reconciler.errors import InvalidInput, Unreadable
from reconciler.files import write_whole
from reconciler.github.artifacts import PLAN, artifacts_of, content_of, runs_of
from reconciler.github.client import Missing, Repository
from reconciler.github.pulls import READ, Pull, pulls_of
from reconciler.plan.plan_file import read_plan

SHORT: Final = 12  # digits of a commit
MOST: Final = 300  # commits: GitHub grants a token 1,000 requests an hour


class Reviewed(Struct, frozen=True, kw_only=True):
    """A pull request and the file with the plan that was reviewed there, or ``why`` there is none."""

    pull: int
    head: str
    file: Path | None = None
    why: str = ""


class Review(Struct, frozen=True, kw_only=True):
    """What was reviewed of some commits; ``alone`` are commits that came without a pull request."""

    commits: int = 0
    pulls: tuple[Reviewed, ...] = ()
    alone: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Return whether nothing came without a reviewed plan."""
        return not self.alone and all(one.file for one in self.pulls)

    def lines(self) -> Iterable[str]:
        """Yield what was found, for people."""
        for one in self.pulls:
            yield f"#{one.pull} at {one.head[:SHORT]}: {one.why or 'its reviewed plan is used'}"
        for commit in self.alone:
            yield f"{commit[:SHORT]} came without a pull request, so nothing of it was reviewed"
        if not self.commits:
            yield "No commit since the last apply: there is nothing that could have been reviewed."


def review_of_commits(repository: Repository, commits: Sequence[str], environment: str, folder: Path) -> Review:
    """Write the reviewed plans of the pull requests that brought some commits of the branch into a folder."""
    if len(commits) > MOST:
        raise Unreadable(
            f"{len(commits):,} commits came since the last apply, more than the {MOST} that can be looked up",
            hint="plan, have that plan reviewed, and give it to `apply FILE`",
        )
    found: dict[int, Pull] = {}
    alone = list[str]()
    for commit in commits:
        pulls = [one for one in pulls_of(repository, commit) if one.merged_at and one.into.name == repository.name]
        if not pulls:
            alone.append(commit)
        found |= {one.number: one for one in pulls}
    reviewed = tuple(plan_of(repository, found[number], environment, folder) for number in sorted(found))
    return Review(commits=len(commits), pulls=reviewed, alone=tuple(alone))


def review_of_pulls(repository: Repository, numbers: Iterable[int], environment: str, folder: Path) -> Review:
    """Write the reviewed plans of pull requests into a folder."""
    pulls = [repository.get(f"/pulls/{number}", READ, Pull) for number in numbers]
    return Review(commits=len(pulls), pulls=tuple(plan_of(repository, pull, environment, folder) for pull in pulls))


def plan_of(repository: Repository, pull: Pull, environment: str, folder: Path) -> Reviewed:
    """Write the plan of the last commit of a pull request, by its newest run, into a file."""
    file = folder / f"pull-{pull.number}.json"
    try:
        why = _fetched(repository, pull, environment, file)
    except (InvalidInput, Missing) as error:
        file.unlink(missing_ok=True)
        why = f"its plan cannot be used: {error}"
    return Reviewed(pull=pull.number, head=pull.head.sha, file=None if why else file, why=why)


def _fetched(repository: Repository, pull: Pull, environment: str, file: Path) -> str:
    name = f"{PLAN}{environment}"
    for run in runs_of(repository, pull.head.sha):
        if pull.head.name and run.source != pull.head.name:
            continue
        for artifact in artifacts_of(repository, run.id, name):
            if artifact.expired:
                return f"its plan, of run {run.id}, has expired"
            write_whole(file, content_of(repository, artifact))
            if (found := read_plan(file).environment) != environment:
                raise InvalidInput(f"it is about the environment {found!r}")
            return ""
    return f"no run has a plan of its last commit for {environment}"
