"""A run of a pull request's own workflow → the comments that its plans give, written by us and marked as advice."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from secrets import token_bytes
from typing import Final

from reconciler.errors import InvalidInput, Refused
from reconciler.files import write_whole
from reconciler.github.artifacts import PLAN, READ, Artifact, Run, about, artifacts_of, content_of
from reconciler.github.client import Repository
from reconciler.github.pulls import Pull, pull_of_run
from reconciler.model import Plan
from reconciler.report.comment import LIMIT, Stamp, comment, plan_comment
from reconciler.report.markdown import masked
from reconciler.report.read_file import read_file

PACKED: Final = 16 << 20  # bytes of an archive that anybody may have made
UNPACKED: Final = 128 << 20
ENVIRONMENTS: Final = 10  # of one run

Comments = Sequence[tuple[str, str]]  # of each environment


def comments_of(repository: Repository, number: int) -> tuple[Pull | None, Comments]:
    """Return the pull request that a run is about, None where that has moved on, and its comments.

    Raises ``Refused`` where the run is none of a pull request, ``InvalidInput`` where what it uploaded is no plan.
    """
    run = repository.get(f"/actions/runs/{number}", READ, Run)
    if run.event != "pull_request":
        raise Refused(f"run {number} is a run of {run.event}, not of a pull request")
    pull = pull_of_run(repository, run, about(repository).default_branch)
    if pull is None:
        return None, ()
    newest: dict[str, Artifact] = {}
    for artifact in artifacts_of(repository, number):
        if artifact.name.startswith(PLAN):
            newest.setdefault(artifact.name, artifact)
    if len(newest) > ENVIRONMENTS:
        raise InvalidInput(f"run {number} has plans of more than {ENVIRONMENTS} environments")
    return pull, [_comment(repository, run, artifact) for artifact in newest.values()]


def _comment(repository: Repository, run: Run, artifact: Artifact) -> tuple[str, str]:
    with _plan_in(repository, artifact) as plan:
        if f"{PLAN}{plan.environment}" != artifact.name:
            raise InvalidInput(f"the artifact {artifact.name} holds a plan of another environment")
        stamp = Stamp(
            environment=plan.environment,
            commit=run.head_sha,
            order=run.id,
            at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            link=run.html_url,
            is_advice=True,
        )
        return plan.environment, comment(plan_comment(plan), stamp, LIMIT, partial(masked, salt=token_bytes()))


@contextmanager
def _plan_in(repository: Repository, artifact: Artifact) -> Iterator[Plan]:
    with tempfile.TemporaryDirectory(prefix="reconciler-plan-") as folder:
        path = Path(folder) / "plan.json"
        write_whole(path, content_of(repository, artifact, PACKED, UNPACKED))
        found = read_file(path)
        if not found.is_plan:
            raise InvalidInput(f"the artifact {artifact.name} holds no plan")
        yield found.plan
