"""Resources that a live environment uses, which an environment of `type: test` never writes.

That hangs on what a write would touch, as Stytch has it at plan time, and on nothing that manifests or names say: a
live environment itself, the project of one, and what lies in that project outside its environments. While a project
has no live environment nothing is live yet, so that a test configuration can make all of it.
"""

from collections.abc import Iterable

from msgspec import structs

from reconciler.config.read import Config
from reconciler.errors import Refused
from reconciler.kinds import KINDS
from reconciler.model import TEST, Change, Create, Diff, Problem, Target

SHARED = ("workspace", "project")  # what lies there belongs to all environments of a project


def written_from_live(config: Config, change: Change, target: Target) -> bool:
    """Return whether a change is one that only an environment of `type: live` writes."""
    if config.target.type == "live" or KINDS[change.kind].scope not in SHARED:
        return False
    if change.kind != "Environment":
        return target.has_live
    if change.name in target.environments:
        return target.environments[change.name] != TEST
    made = change.get("type") if isinstance(change, Create) else None
    return target.has_live and made.after != TEST if made else True


def check_writes(config: Config, changes: Iterable[Change], target: Target) -> None:
    """Raise where something is about to be written that the environment never writes, whoever planned it."""
    if wrong := [change.address for change in changes if written_from_live(config, change, target)]:
        raise Refused(
            f"{wrong[0]} is used by a live environment, but environment {config.environment} is of type test",
            hint="apply it from an environment of `type: live`",
        )


def without_held(config: Config, kind: str, diff: Diff, target: Target) -> Diff:
    """Return a comparison in which nothing is held, or a problem of data, that another environment writes anyhow."""
    if config.target.type == "live" or KINDS[kind].scope not in SHARED or not target.has_live:
        return diff
    elsewhere = {
        item.address for item in diff.held if kind != "Environment" or target.environments.get(item.name) != TEST
    }
    return structs.replace(
        diff,
        held=tuple(item for item in diff.held if item.address not in elsewhere),
        problems=tuple(
            _as_warning(each) if elsewhere and elsewhere.issuperset(each.addresses) else each for each in diff.problems
        ),
    )


def _as_warning(problem: Problem) -> Problem:
    return structs.replace(problem, severity="warning")
