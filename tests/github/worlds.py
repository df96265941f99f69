"""A repository on the stand-in of GitHub, and what runs uploaded there."""

from pathlib import Path

from msgspec import structs

from reconciler.github.client import Repository, open_repository
from reconciler.model import Change, Create, Plan
from reconciler.plan.order import finish
from reconciler.plan.plan_file import read_plan
from reconciler.report.json import plan_json
from tests.github.stand_in import REPOSITORY, GitHub, Row

ACME, GLOBEX = Create(kind="Organization", name="acme"), Create(kind="Organization", name="globex")


def repository_of(there: GitHub, slept: list[float] | None = None) -> Repository:
    """Return a client of the stand-in that sleeps in no time."""
    environ = {"GITHUB_TOKEN": "made-up", "GITHUB_REPOSITORY": REPOSITORY, "GITHUB_API_URL": there.url}
    sleep = (slept if slept is not None else []).append
    return structs.replace(open_repository(environ), sleep=sleep, now=lambda: 1_000.0)


def plan_file(*changes: Change, environment: str = "live") -> bytes:
    """Return a plan as a run uploads it."""
    plan = Plan(environment=environment, project_id="project-test-1", changes=changes)
    return b"".join(plan_json(finish(plan, 1)))


def planned(there: GitHub, head: Row, content: bytes, environment: str = "live", **fields: object) -> Row:
    """Add a run of a pull request that planned its last commit, and return its artifact."""
    run = there.run("pull_request", head)
    return there.artifact(f"reconciler-plan-{environment}", run, {"plan.json": content}, **fields)


def addresses(folder: Path) -> dict[str, list[str]]:
    """Return what the plans in a folder change."""
    return {file.name: [one.address for one in read_plan(file).changes] for file in sorted(folder.glob("*.json"))}
