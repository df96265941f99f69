"""Resources that a live environment uses, which an environment of `type: test` never writes.

That hangs on what a write would touch, as Stytch has it at plan time, and on nothing that manifests or names say: a
live environment itself, the project of one, and what lies in that project outside its environments. While a project
has no live environment nothing is live yet, so that a test configuration can make all of it.
"""

from collections.abc import Iterable

from reconciler.config.read import Config
from reconciler.errors import Refused
from reconciler.kinds import KINDS
from reconciler.model import TEST, Change, Create, Target

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
