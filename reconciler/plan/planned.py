"""A plan and what applying it needs; its digest, and the exit code that it means."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from reconciler.model import FORMAT_VERSION, Change, Changes, Plan, Stakes, Target

OF_DATA: Final = ("max_problems", "held")  # guards that say that data leave too much open
Ids = Mapping[str, Mapping[tuple[str | None, str], str]]  # by kind, then by namespace and name


class Planned(Struct, frozen=True, kw_only=True):
    """A plan, and what applying it needs besides.

    That is the target in Stytch, the ids of the live organizations by their declared slugs, and those of other live
    resources. ``stakes`` are what the live members have that must not be lost by accident. ``unread`` says that the
    environment's data could not be read yet, because no secret of it exists: the plan takes it for empty, and planning
    again before anything is written there holds it to that. ``over`` names what earlier runs left open in their
    journals, and what has come to its end since. ``rate`` is that of writing requests, a second. ``doomed`` are
    the users in organizations that are to be deleted, by slug, as far as they are known.
    """

    plan: Plan
    organization_ids: Mapping[str, str]
    ids: Ids = {}
    target: Target = Target()
    stakes: Stakes = Stakes()
    unread: bool = False
    over: frozenset[str] = frozenset()
    rate: float = 1.0
    doomed: Mapping[str, Collection[str]] = {}


def digest(project_id: str, changes: Sequence[Change]) -> str:
    """Return the SHA-256 of the canonical JSON of what would be done: never of counts, cost or causes."""
    body = {"format": FORMAT_VERSION.split(".", maxsplit=1)[0], "project_id": project_id, "changes": []}
    before, after = _canonical(body).split(b"[]", 1)
    digested, separator = hashlib.sha256(before + b"["), b""
    for chunk in Changes.of(changes).by_address().chunks:
        digested.update(separator + _canonical(list(map(_done, chunk)))[1:-1])
        separator = b","
    digested.update(b"]" + after)
    return f"sha256:{digested.hexdigest()}"


def _canonical(value: object) -> bytes:
    return msgspec.json.encode(value, order="deterministic")


def _done(change: Change) -> dict[str, object]:
    """Return what would be done."""
    return {
        "action": change.action,
        "address": change.address,
        "id": change.id,
        "fields": sorted(change.fields, key=lambda field: field.path),
        "withheld_by": change.withheld_by,
    }


def leaves_open(plan: Plan) -> bool:
    """Return whether what is held, or the problems of data, must be looked at before a run can end well."""
    data = any(not guard.ok for guard in plan.guards if guard.name in OF_DATA)
    return data or any(item.declared for item in plan.held)


def exit_code(plan: Plan) -> int:
    """Return 3 if anything is withheld, held although declared, or must be done by hand; 2 for any change, else 0."""
    if plan.summary.withheld or any(step.required for step in plan.manual_steps):
        return 3
    if leaves_open(plan):
        return 3
    return 2 if plan.changes else 0
