"""Desired against live, of any kind: pair both sides, hold what is open, settle the rest, leave the undeclared."""

from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Any, Final

from msgspec import Struct

from reconciler.diff import identity, members, resources
from reconciler.diff.member_identity import by_mark_then_address
from reconciler.model import Diff
from reconciler.schema.kind import Kind


class Fate(Struct, frozen=True, kw_only=True):
    """What becomes of a pair, or of a live resource that is in none: a function for each outcome, given the match."""

    hold: Callable[..., Iterable[Diff]]
    create: Callable[..., Diff]
    update: Callable[..., Diff]
    delete: Callable[..., Diff]
    leave: Callable[..., Diff]


RESOURCES: Final = Fate(
    hold=resources.hold,
    create=resources.create,
    update=resources.update,
    delete=resources.delete,
    leave=resources.leave,
)
MEMBERS: Final = Fate(
    hold=members.hold, create=members.create, update=members.update, delete=members.delete, leave=members.leave
)
STRATEGIES: Final[Mapping[str, tuple[Callable[..., Any], Fate]]] = {
    "name": (identity.by_name, RESOURCES),
    "stored id": (identity.by_stored_id, RESOURCES),
    "external id": (identity.by_external_id_then_name, RESOURCES),
    "mark": (by_mark_then_address, MEMBERS),
}


def compare(kind: Kind, desired: Any, live: Any, policy: Any) -> Diff:
    """Return what becomes of every declared and every live resource of a kind.

    =========  =====  ======  =====  ==================================================================================
    declared   live   ours    open   outcome
    =========  =====  ======  =====  ==================================================================================
    any        any    any     yes    held: nobody knows which live resource it is, or whether it may be changed
    present    no     –       no     created; what names things in it follows in an update
    present    yes    yes     no     updated where it differs, else settled
    present    yes    no      no     as above; where the kind carries marks, only if adopted: else held
    absent     yes    yes     no     deleted, or reset where it always exists
    absent     yes    no      no     deleted only if proven or adopted: else held
    absent     no     –       no     nothing
    external   yes    any     no     nothing but its id is used
    external   no     –       –      held: somebody else must create it
    no         yes    yes     no     deleted where the kind is authoritative, else kept
    no         yes    yes     yes    held: whether it is still wanted is unknown
    no         yes    no      any    unmanaged
    =========  =====  ======  =====  ==================================================================================

    Where nothing carries a mark, being declared makes a resource ours, so that what is not declared is never deleted.
    """
    pair_both_sides, fate = STRATEGIES[kind.identity.found_by]
    match = pair_both_sides(kind, desired, live, policy)
    return Diff.total(
        chain(
            (match.found,),
            fate.hold(match, [pair for pair in match.pairs if pair.conflict]),
            (_settle(fate, match, pair) for pair in match.pairs if not pair.conflict),
            (fate.leave(match, item) for item in match.unclaimed),
        )
    )


def _settle(fate: Fate, match: Any, pair: Any) -> Diff:
    if pair.ensure == "external":
        return Diff()
    if pair.ensure == "absent":
        return fate.delete(match, pair)
    return fate.create(match, pair) if pair.live is None else fate.update(match, pair)
