"""Entries for members that are not simply changed: held and unmanaged ones, conflicts, notices."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from reconciler.diff.member_changes import KIND
from reconciler.diff.seats import Seat
from reconciler.marks import Present
from reconciler.model import Cause, Listed, Membership, Position, Problem, Resource, Severity, address

IN_CONFLICT: Final = "because of a conflict it is unknown which member this user is"
ANOTHER_OWNERS: Final = "the live member carries another owner's mark"


def listed(organization: str, item: Present, reason: str, at: tuple[Position, ...] = ()) -> Listed:
    """List a live member that is left alone."""
    return Listed(
        address=address(KIND, organization, item.address),
        reason=reason,
        id=item.member.member_id,
        at=at,
        users=(item.mark.user,) if item.mark and item.mark.user else (),
    )


def to_come(organization: str, seat: Seat, causes: Iterable[Cause], reason: str, id_: str | None = None) -> Listed:
    """List somebody who is wanted and is not made a member."""
    return Listed(
        address=address(KIND, organization, seat.address),
        reason=reason,
        id=id_,
        at=places(causes),
        users=(seat.membership.user,) if seat.membership.user else (),
    )


def conflict(
    organization: str, seats: Sequence[Seat], causes: Callable[[Membership], tuple[Cause, ...]]
) -> tuple[Problem, Listed]:
    """Return the one problem of the memberships in conflict at an address, and list the live member there."""
    text = "; ".join(sorted({seat.trouble for seat in seats if seat.trouble}))
    name = address(KIND, organization, seats[0].address)
    at = tuple(sorted({place for seat in seats for place in places(causes(seat.membership))}))
    users = tuple(sorted({seat.membership.user for seat in seats if seat.membership.user}))
    problem = Problem(
        code="conflict", severity="problem", message=f"{name}: {text}", at=at, addresses=(name,), users=users
    )
    id_ = next((seat.present.member.member_id for seat in seats if seat.present), None)
    return problem, Listed(address=name, reason=text, id=id_, at=at, users=users)


def another_owners(organization: str, item: Present, declared: Resource) -> Problem:
    """Return the problem of a member that is declared absent but that another repository manages."""
    name = address(KIND, organization, item.address)
    return Problem(
        code="conflict",
        severity="problem",
        message=f"{name}: {ANOTHER_OWNERS}",
        hint="two repositories must not manage one member: remove it in the repository that manages it",
        at=(declared.position,),
        addresses=(name,),
    )


def notice(
    code: str,
    severity: Severity,
    text: str,
    organization: str,
    live_address: str,
    membership: Membership,
    causes: Iterable[Cause],
) -> Problem:
    """Return a problem about one membership, with the places it comes from."""
    name = address(KIND, organization, live_address)
    return Problem(
        code=code,
        severity=severity,
        message=f"{name}: {text}",
        at=places(causes),
        addresses=(name,),
        users=(membership.user,) if membership.user else (),
    )


def places(causes: Iterable[Cause]) -> tuple[Position, ...]:
    """Return where causes are written."""
    return tuple(Position(cause.file, cause.line) for cause in causes)


def cause_of(resource: Resource) -> Cause:
    """Return the cause that a hand-written manifest is."""
    return Cause(file=resource.position.file, line=resource.position.line)
