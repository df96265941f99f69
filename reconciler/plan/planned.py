"""A plan and what applying it needs; its digests, and the exit code that it means."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from reconciler.model import FORMAT_VERSION, Change, Changes, Delete, Plan, Stakes, Target, is_drift

OF_DATA: Final = ("max_problems", "held")  # guards that say that data leave too much open
Ids = Mapping[str, Mapping[tuple[str | None, str], str]]  # by kind, then by namespace and name


class Planned(Struct, frozen=True, kw_only=True):
    """A plan, and what applying it needs besides.

    That is the target in Stytch, the ids of the live organizations by their declared slugs, and those of other live
    resources. ``stakes`` are what the live members have that must not be lost by accident. ``unread`` says that the
    environment's data could not be read yet, because no secret of it exists: the plan takes it for empty, and planning
    again before anything is written there holds it to that. ``over`` names what earlier runs left open in their
    journals, and what has come to its end since. ``rate`` is that of writing requests, a second. ``doomed`` are
    the users in organizations that are to be deleted, by slug, as far as they are known. ``lets`` is what each
    approval that is used lets through, by its id. ``moved`` says of the first changes that are not as they were
    reviewed, by their addresses, what moved.
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
    lets: Mapping[str, Changes] = {}
    moved: Mapping[str, str] = {}


class Digests(Struct, frozen=True):
    """Two fingerprints of what would be done.

    ``whole`` tells which of it is withheld. ``operations`` does not, so that consent to what a guard withholds does not
    change what it is for; it tells how many members go with an organization.
    """

    whole: str
    operations: str


def digest(project_id: str, changes: Sequence[Change]) -> Digests:
    """Return the SHA-256 of the canonical JSON of what would be done: never of counts, cost or causes."""
    whole, operations = _Digested(project_id, "changes"), _Digested(project_id, "operations")
    for chunk in Changes.of(changes).by_address().chunks:
        changes = chunk.changes
        done = _canonical(list(map(_done, changes)))
        whole.add(done)
        is_same = chunk.action is not Delete and not any(change.withheld_by for change in changes)
        operations.add(done if is_same else _canonical(list(map(_meant, changes))))
    return Digests(whole.text(), operations.text())


class _Digested:
    """The SHA-256 of a JSON object, of which the list under ``name`` comes part by part."""

    def __init__(self, project_id: str, name: str) -> None:
        body = {"format": FORMAT_VERSION.split(".", maxsplit=1)[0], "project_id": project_id, name: []}
        before, self._after = _canonical(body).split(b"[]", 1)
        self._hash, self._separator = hashlib.sha256(before + b"["), b""

    def add(self, items: bytes) -> None:
        """Take the JSON of some more items."""
        self._hash.update(self._separator + items[1:-1])
        self._separator = b","

    def text(self) -> str:
        """Return the digest of all that came."""
        self._hash.update(b"]" + self._after)
        return f"sha256:{self._hash.hexdigest()}"


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


def _meant(change: Change) -> dict[str, object]:
    """Return what would be done if nothing were withheld."""
    members = {"members": change.members} if isinstance(change, Delete) and change.members is not None else {}
    return {**_done(change), "withheld_by": None, **members}


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


def drift_exit_code(plan: Plan) -> int:
    """Return the same for drift: what git asks for and nobody applied yet, and what the users moved, is none."""
    if any(step.required for step in plan.manual_steps) or leaves_open(plan):
        return 3
    drift = Changes.of(plan.changes).chosen(is_drift)
    if any(change.withheld_by for change in drift):
        return 3
    return 2 if drift or any(map(is_drift, plan.observed)) else 0
