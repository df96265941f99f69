"""Match the live members of an organization with users and manifests.

The user in the mark counts first, then the address. Two possible matches are a conflict: the seat names it, and
the member is held.
"""

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from reconciler.diff.ownership import Owner, Present, Whose, read_member
from reconciler.expressions.text import mailbox_or_text
from reconciler.model import LiveMember, Membership

DISPUTED: Final = "the source has different records for this user"


class Seat(Struct, frozen=True, gc=False):
    """Where one membership belongs: a live member, or an address that nobody has yet; or why that is unknown.

    ``becomes`` is the address that the member is to be moved to, where addresses are managed.
    """

    membership: Membership
    address: str
    present: Present | None = None
    trouble: str | None = None
    becomes: str | None = None


def seats(
    memberships: Iterable[Membership],
    present: Iterable[Present],
    *,
    move: bool = False,
    disputed: Container[object] = frozenset(),
) -> Iterator[Seat]:
    """Yield every membership its seat; two memberships on one seat both lose it.

    ``disputed`` are users whom nobody can seat. ``move`` says that a member whose address is none of its user's is to
    get the user's; never one that is taken.
    """
    by_address: dict[str, list[Present]] = defaultdict(list)
    by_external_id: dict[str, Present] = {}
    by_user: dict[str, list[Present]] = defaultdict(list)
    for item in present:
        by_address[item.address].append(item)
        if item.member.external_id:
            by_external_id[item.member.external_id] = item
        mark = item.mark or (item.copied if item.doubt else None)
        if mark and mark.user is not None:
            by_user[mark.user].append(item)
    seats = [_seat(membership, by_address, by_user, move=move) for membership in _once(memberships)]
    occupants = Counter(seat.address for seat in seats)  # of a live member's seat that is its address
    occupants.update(seat.becomes for seat in seats if seat.becomes)
    sitting = {seat.present.member.member_id: seat for seat in seats if seat.present}
    for seat in seats:
        if seat.trouble:
            yield seat
        elif seat.membership.user in disputed:
            yield Seat(seat.membership, seat.address, seat.present, DISPUTED)
        elif occupants[seat.address] > 1 or occupants[seat.becomes or ""] > 1:
            yield Seat(seat.membership, seat.address, seat.present, "several users or manifests claim the same member")
        elif _holder(seat, by_external_id) not in (None, seat.present):
            yield Seat(seat.membership, seat.address, seat.present, _whose_external_id(seat, by_external_id, sitting))
        elif seat.becomes in by_address:
            yield Seat(seat.membership, seat.address, seat.present, "another live member has this user's address")
        else:
            yield seat


def _holder(seat: Seat, by_external_id: Mapping[str, Present]) -> Present | None:
    """Return the live member that has the external id which the member in this seat is to have."""
    external_id = seat.membership.fields.get("external_id")
    return by_external_id.get(external_id) if isinstance(external_id, str) else None


def _whose_external_id(seat: Seat, by_external_id: Mapping[str, Present], sitting: Mapping[str, Seat]) -> str:
    """Say that another live member has the external id, and whether that one is to have this one's."""
    holder = _holder(seat, by_external_id)
    other = sitting.get(holder.member.member_id) if holder else None
    if holder and other and seat.present and _holder(other, by_external_id) is seat.present:
        return (
            "its external id and another live member's are swapped: if the swap "
            "is intended, clear one of the two in Stytch"
        )
    return "another live member has this user's external id"


def _once(memberships: Iterable[Membership]) -> Iterator[Membership]:
    """Pass on each user once: a source may hand the same user out twice while its rows move between pages."""
    seen: dict[str, Membership] = {}
    for membership in memberships:
        if membership.user is None or seen.setdefault(membership.user, membership) is membership:
            yield membership
        elif seen[membership.user] != membership:
            yield membership  # twice and different: the two meet on one seat, which is a conflict


def _seat(
    membership: Membership, by_address: Mapping[str, list[Present]], by_user: Mapping[str, list[Present]], *, move: bool
) -> Seat:
    chosen = membership.addresses[0]
    marked = by_user.get(membership.user, ()) if membership.user is not None else ()
    if len(marked) > 1:
        one = min(marked, key=lambda item: (item.address not in membership.addresses, item.address))
        return Seat(membership, one.address, one, "several live members carry this user's mark")
    if marked and marked[0].doubt:
        return Seat(membership, marked[0].address, marked[0], marked[0].doubt)
    if marked:
        becomes = chosen if move and marked[0].address not in membership.addresses else None
        return Seat(membership, marked[0].address, marked[0], becomes=becomes)
    there = by_address.get(chosen)
    if not there:
        return Seat(membership, chosen)
    item = there[0]
    if len(there) > 1:
        return Seat(membership, chosen, item, "several live members have this address, spelled differently")
    if item.doubt:
        return Seat(membership, chosen, item, item.doubt)
    if item.whose is Whose.ANOTHER:
        return Seat(membership, chosen, item, "the live member carries another owner's mark")
    if item.mark and membership.user is not None and item.mark.user not in (None, membership.user):
        return Seat(membership, chosen, item, "the live member carries another user's mark")
    return Seat(membership, chosen, item)


def removed_by_somebody(
    membership: Membership, chosen: str, gone: Sequence[LiveMember], owner: Owner
) -> LiveMember | None:
    """Find the deleted record that stood for this membership last, if it was not us who deleted it."""
    records: list[tuple[str, str, LiveMember, bool]] = []
    for member in gone:
        mark = read_member(member, owner).carried
        another_user = mark and mark.user is not None and mark.user != membership.user
        this_user = mark and mark.user is not None and mark.user == membership.user
        if this_user or (mailbox_or_text(member.email_address) == chosen and not another_user):
            deleted_by_us = bool(mark and mark.deleted)
            records.append((member.updated_at or member.created_at or "", member.member_id, member, deleted_by_us))
    if not records:
        return None
    *_, member, deleted_by_us = max(records, key=lambda record: record[:2])
    return None if deleted_by_us else member
