"""Desired against live, of any kind: pair both sides, hold what is open, settle the rest, leave the undeclared."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Final, overload

from msgspec import Struct

from reconciler.diff import identity, members, resources
from reconciler.diff.member_identity import by_mark_then_address
from reconciler.diff.member_pairs import DesiredMembers, MemberPolicy
from reconciler.diff.pairs import Policy
from reconciler.model import Diff, Live, OrganizationMembers, Resource
from reconciler.schema.kind import Kind


class Outcomes(Struct, frozen=True, kw_only=True):
    """A function for each outcome of a pair, and ``leave`` for a live resource in no pair; all get the whole match."""

    hold: Callable[..., Iterable[Diff]]
    create: Callable[..., Diff]
    update: Callable[..., Diff]
    delete: Callable[..., Diff]
    leave: Callable[..., Diff]


RESOURCES: Final = Outcomes(
    hold=resources.hold,
    create=resources.create,
    update=resources.update,
    delete=resources.delete,
    leave=resources.leave,
)
MEMBERS: Final = Outcomes(
    hold=members.hold, create=members.create, update=members.update, delete=members.delete, leave=members.leave
)
STRATEGIES: Final[Mapping[str, tuple[Callable[..., Any], Outcomes]]] = {  # by Kind.identity.found_by
    "name": (identity.by_name, RESOURCES),
    "stored id": (identity.by_stored_id, RESOURCES),
    "external id": (identity.by_external_id_then_name, RESOURCES),
    "mark": (by_mark_then_address, MEMBERS),
}


@overload
def compare(kind: Kind, desired: Sequence[Resource], live: Sequence[Live], policy: Policy) -> Diff: ...
@overload
def compare(kind: Kind, desired: DesiredMembers, live: OrganizationMembers, policy: MemberPolicy) -> Diff: ...
def compare(kind: Kind, desired: Any, live: Any, policy: Any) -> Diff:
    """Return what becomes of every declared and every live resource of a kind; of members, in one organization.

    ========  ====  ====  ====  =======================================================================================
    declared  live  ours  open  what happens
    ========  ====  ====  ====  =======================================================================================
    any       any   any   yes   held: a conflict, or something unknown, is the reason
    present   no    -     no    created; a member whom somebody else removed is listed as removed instead
    present   yes   yes   no    updated where it differs, else settled
    present   yes   no    no    adopted where that is said; else an organization is held, and a member only gains
    absent    yes   yes   no    deleted; what always exists is reset
    absent    yes   no    no    a member is deleted; an organization too if it is adopted or proven, else held
    absent    no    -     no    nothing
    external  yes   any   no    nothing: others only name it
    external  no    -     no    held: somebody else must create it
    no        yes   yes   no    deleted where the kind is authoritative, else kept
    no        yes   no    any   unmanaged
    ========  ====  ====  ====  =======================================================================================

    *Ours* is what carries our mark; of kinds that carry none, what is declared, so that nothing else is ever deleted.
    *Open* is what a conflict of identity, a missing secret, a problem of the source or an incomplete read leaves open.
    """
    pair_both_sides, outcomes = STRATEGIES[kind.identity.found_by]
    match = pair_both_sides(kind, desired, live, policy)
    return Diff.total(
        chain(
            (match.findings,),
            outcomes.hold(match, [pair for pair in match.pairs if pair.conflict]),
            (_settle(outcomes, match, pair) for pair in match.pairs if not pair.conflict),
            (outcomes.leave(match, item) for item in match.unclaimed),
        )
    )


def _settle(outcomes: Outcomes, match: Any, pair: Any) -> Diff:
    if pair.ensure == "external":
        return Diff()
    if pair.ensure == "absent":
        return outcomes.delete(match, pair)
    return outcomes.create(match, pair) if pair.live is None else outcomes.update(match, pair)
