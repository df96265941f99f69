"""Changes → a plan: in the order in which they can be done, with a digest of exactly what would be done.

What is needed comes before what needs it, creates before updates; what takes away comes last, so that a run that is cut
short has given access rather than taken it.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct, structs

from reconciler.model import FORMAT_VERSION, Change, Cost, Plan, Stakes, Target

OF_DATA: Final = ("max_problems", "held")  # guards that say that data leave too much open
Ids = Mapping[str, Mapping[tuple[str | None, str], str]]  # by kind, then by namespace and name


class Planned(Struct, frozen=True, kw_only=True):
    """A plan, and what applying it needs besides.

    That is the place in Stytch, the ids of the live organizations by their declared slugs, and those of other live
    things. ``stakes`` are what the live members have that must not be lost by accident. ``unread`` says that the
    environment's data could not be read yet, because no secret of it exists: the plan takes it for empty, and planning
    again before anything is written there holds it to that. ``over`` names what earlier runs left open in their
    journals, and what has come to its end since.
    """

    plan: Plan
    organization_ids: Mapping[str, str]
    ids: Ids = {}
    target: Target = Target()
    stakes: Stakes = Stakes()
    unread: bool = False
    over: frozenset[str] = frozenset()


def in_order(changes: Iterable[Change], rank: Callable[[Change], tuple[int, int]]) -> tuple[Change, ...]:
    """Sort changes into the order in which they are applied; the same changes always come out the same."""
    return tuple(sorted(changes, key=lambda change: (*rank(change), change.address)))


def digest(project_id: str, changes: Sequence[Change]) -> str:
    """Return the SHA-256 of the canonical JSON of what would be done: never of counts, cost or causes."""
    body = {
        "format": FORMAT_VERSION.split(".", maxsplit=1)[0],
        "project_id": project_id,
        "changes": [
            {
                "action": change.action,
                "address": change.address,
                "id": change.id,
                "fields": sorted(change.fields, key=lambda field: field.path),
                "withheld_by": change.withheld_by,
            }
            for change in sorted(changes, key=lambda change: (change.address, change.action))
        ],
    }
    return "sha256:" + hashlib.sha256(msgspec.json.encode(body, order="deterministic")).hexdigest()


def finish(plan: Plan, writes_of: Callable[[Change], int], *, requests_per_second: float) -> Plan:
    """Fill in what follows from the changes: their counts, the writes they cost, and the digest.

    ``writes_of`` gives the writing requests that a change takes.
    """
    actions = Counter(change.action for change in plan.changes)
    writes = sum(map(writes_of, plan.changes))
    summary = structs.replace(
        plan.summary,
        create=actions["create"],
        update=actions["update"],
        delete=actions["delete"],
        withheld=sum(change.withheld_by is not None for change in plan.changes),
        adopt=sum(change.adopts for change in plan.changes),
        unmanaged=len(plan.unmanaged),
        held=len(plan.held),
        held_by_data=sum(each.count for each in plan.held_by),
        removed=len(plan.removed),
        kept=len(plan.kept),
        unmatched_users=len(plan.unmatched),
        problems=len(plan.problems),
        manual_steps=len(plan.manual_steps),
    )
    cost = Cost(reads=plan.cost.reads, writes=writes, seconds_at_rate=round(writes / requests_per_second, 1))
    return structs.replace(plan, summary=summary, cost=cost, digest=digest(plan.project_id, plan.changes))


def leaves_open(plan: Plan) -> bool:
    """Return whether what is held, or the problems of data, must be looked at before a run can end well."""
    data = any(not guard.ok for guard in plan.guards if guard.name in OF_DATA)
    return data or any(item.declared for item in plan.held)


def exit_code(plan: Plan) -> int:
    """Return 3 if anything is withheld, held although declared, or must be done by hand; 2 for any change, else 0."""
    if any(change.withheld_by for change in plan.changes) or any(step.required for step in plan.manual_steps):
        return 3
    if leaves_open(plan):
        return 3
    return 2 if plan.changes else 0
