"""The members of one organization: whom each live one stands for, and what differs.

Everything about a member is settled inside its organization, so the diff takes one organization at a time: what is
wanted there (``Membership``) against what is live there. A live member is found by the user in our mark first, then by
its address; what a conflict or an undecided rule leaves open is held and listed.
"""

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from msgspec import Struct, field, structs

from reconciler.diff.conflicts import (
    ANOTHER_OWNERS,
    IN_CONFLICT,
    another_owners,
    cause_of,
    conflict,
    listed,
    notice,
    to_come,
)
from reconciler.diff.draft import Draft
from reconciler.diff.member_changes import (
    MemberUpdate,
    Standing,
    create_member,
    delete_member,
    in_place,
    update_member,
)
from reconciler.diff.member_identity import DISPUTED, Seat, removed_by_somebody, seats
from reconciler.diff.ownership import COPY, Owner, Present, Whose, read_member, told_apart
from reconciler.expressions.text import mailbox_or_text
from reconciler.model import (
    ADMIN_ROLE,
    Admin,
    Cause,
    Diff,
    LiveMember,
    Membership,
    Resource,
    added_roles,
    address,
    withdrawn_roles,
)

ODD: Final = "its record could not be read completely, so it is not changed"
NOT_GIVEN: Final = (
    "the live address is not one of the user's admissible addresses, so this member gets no new roles or fields"
)
BROUGHT_BACK: Final = (
    "no longer wanted, and live although this repository removed it: somebody "
    "restored it, or a run on another machine was "
    "interrupted; `ensure: absent` on a Member removes it"
)
KEPT_IN_EXTERNAL: Final = (
    "no longer wanted; kept because nothing is deleted in an organization that is `ensure: external`"
)
NAMES_NOBODY: Final = (
    "no longer wanted, and its mark names no user and no member: the mark may be a copied one of another member or of "
    "the organization; `ensure: absent` on a Member removes it"
)


class MemberPolicy(Struct, frozen=True, kw_only=True):
    """How members are treated: ``Config.members`` and the kind's authority, as the diff needs them."""

    owner: Owner
    authoritative: bool = False
    roles: str = "ours"  # ours, exact, initial
    adopt: bool = False
    restore: bool = False
    manage_address: bool = False


class Users(Struct, frozen=True, kw_only=True):
    """What is known of the source's users as a whole.

    ``exists`` tells whether the source has a user id; ``readable`` is False where there is no source at all, so that
    nothing can be said about anybody; ``undecided`` holds the users of whom a problem leaves every organization open,
    ``disputed`` those of whom the source has several records that differ.
    """

    exists: Callable[[str], bool]
    readable: bool = True
    undecided: frozenset[str] = frozenset()
    disputed: Container[object] = frozenset()


class Wanted(Struct, frozen=True, kw_only=True):
    """What is desired in one organization.

    ``undecided`` are the users whose membership here a problem leaves open; ``by_hand`` all hand-written Members of
    the run (``Membership.declared`` points into it); ``absent`` those of this organization that must not be members,
    by address; ``complete`` is False where a live record could not be read, so that nobody is deleted;
    ``odd`` are the ids of live members whose record could be read in part, who are left as they are. In an
    organization that is ``external`` nobody is deleted, no address changed, and nothing withdrawn. ``unfinished``
    gives, by the id of each member whose delete earlier runs began and never ended, when they wrote their marks (None:
    perhaps not at all).
    """

    organization: str
    organization_id: str
    memberships: Sequence[Membership]
    undecided: frozenset[str] = frozenset()
    by_hand: Sequence[Resource] = ()
    absent: Mapping[str, Resource] = field(default_factory=dict)
    complete: bool = True
    odd: frozenset[str] = frozenset()
    external: bool = False
    unfinished: Mapping[str, Collection[str | None]] = field(default_factory=dict)


def diff_members(
    wanted: Wanted,
    live: Iterable[LiveMember],
    policy: MemberPolicy,
    users: Users,
    causes: Callable[[Membership], tuple[Cause, ...]],
) -> Diff:
    """Compare what is wanted in one organization with what is live there."""
    result = Draft(namespace=wanted.organization)
    live = list(live)
    present, gone = _split(result, wanted, live, policy)
    _count(result, wanted, present, users, {membership.user for membership in wanted.memberships})
    taken: set[str] = set()
    disputed: dict[str, list[Seat]] = {}  # by address
    moves = policy.manage_address and not wanted.external  # which clears the password
    for seat in seats(wanted.memberships, present, move=moves, disputed=users.disputed):
        result.counts["memberships"] += 1
        result.counts["unverified"] += seat.membership.unverified
        result.counts["untrusted"] += seat.membership.untrusted
        if seat.present:
            taken.add(seat.present.member.member_id)
        if seat.trouble:
            disputed.setdefault(seat.address, []).append(seat)
        elif seat.present:
            _settle(result, wanted, seat, seat.present, policy, users, causes)
        else:
            _give(result, wanted, seat, gone, policy, causes)
    for seats_there in disputed.values():
        problem, held = conflict(wanted.organization, seats_there, causes)
        if any(seat.trouble != DISPUTED for seat in seats_there):  # of those records one problem tells already
            result.problems.append(problem)
        result.held.append(held)
    users_in_dispute = {seat.membership.user for seats_there in disputed.values() for seat in seats_there} - {None}
    left = [item for item in present if item.member.member_id not in taken]
    for item in left:
        if item.mark and item.mark.user in users_in_dispute:
            result.held.append(listed(wanted.organization, item, IN_CONFLICT))
        else:
            _leave(result, wanted, item, policy, users)
    _note_stakes(result, [member for member in live if member.status != "deleted"])
    return result.done()


def _split(
    result: Draft, wanted: Wanted, live: Iterable[LiveMember], policy: MemberPolicy
) -> tuple[list[Present], list[LiveMember]]:
    """Tell present members from deleted records, and plan to delete those that a manifest says must be absent."""
    present: list[Present] = []
    gone: list[LiveMember] = []
    there: list[Present] = []
    for member in live:
        if member.status == "deleted":
            gone.append(member)
        else:
            item = read_member(member, policy.owner)
            there.append(structs.replace(item, doubt=ODD) if member.member_id in wanted.odd else item)
    for item in told_apart(there):
        declared = wanted.absent.get(item.address)
        if declared is None:
            present.append(item)
        elif wanted.external:
            reason = "declared absent, but nothing is deleted in an organization that is `ensure: external`"
            result.held.append(listed(wanted.organization, item, reason, (declared.position,)))
        elif item.whose is Whose.ANOTHER:
            result.problems.append(another_owners(wanted.organization, item, declared))
            result.held.append(listed(wanted.organization, item, ANOTHER_OWNERS, (declared.position,)))
        else:
            result.managed[wanted.organization] += item.mark is not None
            result.changes.append(delete_member(item, wanted.organization, policy.owner, (cause_of(declared),)))
    return present, gone


def _count(
    result: Draft, wanted: Wanted, present: Sequence[Present], users: Users, placed: AbstractSet[str | None]
) -> None:
    for item in present:
        if item.mark and (item.mark.user in placed or not _brought_back(item, wanted)):
            result.managed[wanted.organization] += 1
            result.counts["marked"] += item.mark.user is not None
            if item.mark.user not in placed and item.mark.user is not None and users.readable:
                result.counts["missing_users"] += not users.exists(item.mark.user)


def stakes_alone(organization: str, live: Iterable[LiveMember]) -> Diff:
    """Return what is at stake in an organization whose members are nobody's here."""
    result = Draft(namespace=organization)
    _note_stakes(result, [member for member in live if member.status != "deleted"])
    return result.done()


def _note_stakes(result: Draft, live: Sequence[LiveMember]) -> None:
    """Note who is admin, who is a breakglass member, and who is to become admin without being active."""
    for member in live:
        for role in member.roles:
            if role.role_id == ADMIN_ROLE and role.sources and member.status == "active":
                name = address("Member", str(result.namespace), mailbox_or_text(member.email_address))
                result.admins[member.member_id] = Admin(name, frozenset(source.type for source in role.sources))
    result.breakglass = frozenset(member.member_id for member in live if member.is_breakglass)
    if promoted := {change.id for change in result.changes if ADMIN_ROLE in added_roles(change)} - {None}:
        idle = (member.member_id for member in live if member.status != "active")
        result.idle = frozenset(each for each in idle if each in promoted)


def _settle(
    result: Draft,
    wanted: Wanted,
    seat: Seat,
    item: Present,
    policy: MemberPolicy,
    users: Users,
    causes: Callable[[Membership], tuple[Cause, ...]],
) -> None:
    """Compare a membership with the live member it stands for."""
    if in_place(seat.membership, item, policy.owner):
        result.unchanged += 1
        return
    membership, slug = seat.membership, wanted.organization
    declared = wanted.by_hand[membership.declared] if membership.declared >= 0 else None
    moved = item.mark is not None and item.address not in membership.addresses
    standing = Standing(
        owner=policy.owner.name,
        mark=item.mark,
        adopts=policy.adopt and item.whose is Whose.NOBODY and _on_proof(membership, item),
        roles=policy.roles,
        gives=not moved or seat.becomes is not None,
        withdraws=not wanted.external,
        by_hand=declared.spec if declared else (),
        ignore=[path[1:] for path in declared.lifecycle.ignore] if declared else (),
        new_address=seat.becomes,
    )
    update = update_member(membership, item.member, wanted.organization, standing, causes(membership))
    for code, text in _notices(update, moved=not standing.gives):
        result.problems.append(notice(code, "warning", text, slug, item.address, membership, causes(membership)))
    if update.not_given:
        reason = f"{NOT_GIVEN}; on hold: {', '.join(update.not_given)}"
        result.held.append(listed(slug, item, reason, (declared.position,) if declared else ()))
    if update.change is None:
        result.unchanged += 1
    elif _undecided(membership.user, wanted, users) and withdrawn_roles(update.change):
        result.held.append(
            listed(
                wanted.organization,
                item,
                "because of a problem with this user's rules it is unknown which roles to withdraw",
            )
        )
    else:
        result.changes.append(update.change)


def _notices(update: MemberUpdate, *, moved: bool) -> Iterator[tuple[str, str]]:
    """Yield what is to be said of an update, with a code."""
    if moved:
        yield "address-differs", NOT_GIVEN
    if update.differing:
        yield "differs", f"not set by this repository, so not changed: {', '.join(update.differing)}"
    if update.kept:
        text = "no longer wanted; kept because nothing is withdrawn in an organization that is `ensure: external`"
        yield "kept", f"{text}: {', '.join(update.kept)}"


def _on_proof(membership: Membership, item: Present) -> bool:
    """Return whether the address by which a live member was found is proven to be the user's (or written by hand)."""
    if item.member.scim_registration:
        return False
    return membership.user is None or dict(zip(membership.addresses, membership.verified, strict=True)).get(
        item.address, False
    )


def _give(
    result: Draft,
    wanted: Wanted,
    seat: Seat,
    gone: Sequence[LiveMember],
    policy: MemberPolicy,
    causes: Callable[[Membership], tuple[Cause, ...]],
) -> None:
    """Plan a new member, unless somebody else removed the one that was there."""
    membership = seat.membership
    restore = policy.restore or (membership.declared >= 0 and wanted.by_hand[membership.declared].restore)
    if not restore and (removed := removed_by_somebody(membership, seat.address, gone, policy.owner)):
        why = (
            "removed in Stytch by somebody else; `restore: true` on a Member or "
            "`members: {removed: restore}` restores it"
        )
        slug = wanted.organization
        result.removed.append(to_come(slug, seat, causes(membership), why, removed.member_id))
        return
    if not wanted.complete:
        text = (
            "a member record of this organization could not be read, so it is "
            "unknown whether this user is already a member"
        )
        result.held.append(to_come(wanted.organization, seat, causes(membership), text))
        return
    result.changes.append(
        create_member(membership, wanted.organization, wanted.organization_id, policy.owner.name, causes(membership))
    )


def _leave(result: Draft, wanted: Wanted, item: Present, policy: MemberPolicy, users: Users) -> None:
    """Decide about a live member that nothing wants: ours may go, everybody else's stays."""
    user = item.mark.user if item.mark else None
    if item.doubt:
        result.held.append(listed(wanted.organization, item, item.doubt))
    elif item.whose is not Whose.OURS:
        reason = COPY if item.copied else "not created by this repository"
        reason = "managed by SCIM" if item.member.scim_registration else reason
        result.unmanaged.append(listed(wanted.organization, item, reason))
    elif _brought_back(item, wanted):
        result.kept.append(listed(wanted.organization, item, BROUGHT_BACK))
    elif wanted.external:
        result.kept.append(
            listed(wanted.organization, item, KEPT_IN_EXTERNAL if policy.authoritative else "no longer wanted")
        )
    elif _undecided(user, wanted, users):
        result.held.append(
            listed(wanted.organization, item, "because of a problem it is unknown whether this user belongs here")
        )
    elif user is not None and not users.readable:
        result.held.append(
            listed(
                wanted.organization, item, "the users cannot be read, so it is unknown whether this user still exists"
            )
        )
    elif policy.authoritative and not item.is_proven:
        result.held.append(listed(wanted.organization, item, NAMES_NOBODY))
    elif not wanted.complete:
        result.held.append(listed(wanted.organization, item, "not all members of this organization could be read"))
    elif policy.authoritative:
        result.changes.append(delete_member(item, wanted.organization, policy.owner, ()))
    else:
        result.kept.append(listed(wanted.organization, item, "no longer wanted"))


def _brought_back(item: Present, wanted: Wanted) -> bool:
    """Return whether somebody made a member live again whom we had deleted.

    A delete of ours is still under way where nobody changed the member since our mark said so.
    """
    begun = wanted.unfinished.get(item.member.member_id, ())
    sent = {marked_at for marked_at in begun if marked_at is not None}
    under_way = item.member.updated_at in sent if sent else bool(begun)
    return bool(item.mark and item.mark.deleted) and not under_way


def _undecided(user: str | None, wanted: Wanted, users: Users) -> bool:
    return user is not None and (user in wanted.undecided or user in users.undecided or user in users.disputed)
