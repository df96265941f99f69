"""A reviewed plan, compared with a fresh one: only changes that are in both are applied."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import structs

from reconciler.errors import InvalidInput, Refused
from reconciler.model import FORMAT_VERSION, Change, Plan, public
from reconciler.plan.access_loss import keep_last_admins
from reconciler.plan.order import writes_of
from reconciler.plan.planned import Planned, digest, finish


def read_plan(path: Path) -> Plan:
    """Read a plan file; raises ``InvalidInput`` where it is not one, is of another version, or was altered."""
    try:
        plan = public.read_plan(path.read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"{path} is not a plan: {error}", hint="create one with `reconciler plan -o FILE`"
        ) from error
    if plan.format_version.split(".")[0] != FORMAT_VERSION.split(".", maxsplit=1)[0]:
        raise InvalidInput(
            f"{path} has format {plan.format_version}, this version reads {FORMAT_VERSION}",
            hint="plan again with this version and have it reviewed",
        )
    if plan.digest != digest(plan.project_id, plan.changes):
        raise InvalidInput(f"{path} was changed after it was created: its digest does not match", hint="plan again")
    return plan


def hold_to(reviewed: Plan, planned: Planned, requests_per_second: float) -> tuple[Planned, tuple[Change, ...]]:
    """Keep of a fresh plan what the reviewed one holds, not withheld and the same.

    Gives the plan to apply, in which whatever moved since is withheld, and the changes that are new: they are not
    part of what was reviewed, so they are listed and not written.
    """
    fresh = planned.plan
    # What was planned before its environment was made names no project yet.
    if reviewed.project_id not in ("", fresh.project_id) or reviewed.environment != fresh.environment:
        raise Refused(
            f"the plan is for environment {reviewed.environment} ({reviewed.project_id}), "
            f"this is {fresh.environment} ({fresh.project_id})",
            hint="apply it where it was created, or plan again",
        )
    known: dict[str, list[Change]] = {}
    for change in reviewed.changes:
        known.setdefault(change.address, []).append(change)
    kept = keep_last_admins(
        [_held(change, known[change.address]) for change in fresh.changes if change.address in known], planned.stakes
    )
    new = tuple(change for change in fresh.changes if change.address not in known)
    plan = finish(structs.replace(fresh, changes=kept), writes_of, requests_per_second=requests_per_second)
    return structs.replace(planned, plan=plan), new


def _held(change: Change, reviewed: Sequence[Change]) -> Change:
    """Withhold a change that is none of those that were reviewed of its thing; a new organization has two."""
    if change.withheld_by or any(_is_same(change, one) for one in reviewed if not one.withheld_by):
        return change
    return structs.replace(change, withheld_by="moved")


def _is_same(change: Change, reviewed: Change) -> bool:
    seen = (reviewed.id, reviewed.fields, reviewed.adopts)
    return type(change) is type(reviewed) and (change.id, change.fields, change.adopts) == seen
