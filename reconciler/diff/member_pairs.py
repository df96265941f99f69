"""What comparing members works on: how they are treated, what is wanted in one organization, and who is who there."""

from collections.abc import Callable, Collection, Container, Mapping, Sequence
from functools import cached_property

from msgspec import Struct

from reconciler.diff.ownership import OwnedMember, Owner
from reconciler.diff.removed import Removed
from reconciler.diff.roles import RoleMode
from reconciler.model import (
    Cause,
    Diff,
    Ensure,
    Listed,
    LiveMember,
    Membership,
    OrganizationMembers,
    Position,
    Resource,
)
from reconciler.schema.kind import Kind


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


class Taken(Struct, frozen=True, kw_only=True):
    """What there is in other organizations that decides what a member may be given.

    ``claimed`` gives the organization (by slug) that claims a domain, ``roles`` the roles that there are in each
    organization, those of all under "" (None: nobody asked).
    """

    claimed: Mapping[str, str] = {}
    roles: Mapping[str, frozenset[str]] | None = None


class MemberPolicy(Struct, frozen=True, kw_only=True):
    """How a run treats members, and what it knows of them besides.

    What the configuration says: whose marks are ours, whether who is no longer wanted goes, what becomes of roles, of
    members whom somebody else made or removed, and of addresses. ``causes`` gives what asks for a membership,
    ``by_hand`` are all hand-written Members of the run (``Membership.declared`` points into it). ``unfinished`` gives,
    by the id of each member whose delete earlier runs began and never ended, when they wrote their marks (None: perhaps
    not at all). ``taken`` is what Stytch would refuse a member because of others.
    """

    owner: Owner
    authoritative: bool = False
    roles: RoleMode = "ours"
    adopt: bool = False
    restore: bool = False
    manage_address: bool = False
    users: Users
    causes: Callable[[Membership], tuple[Cause, ...]]
    by_hand: Sequence[Resource] = ()
    unfinished: Mapping[str, Collection[str | None]] = {}
    taken: Taken = Taken()

    def was_brought_back(self, item: OwnedMember) -> bool:
        """Return whether somebody made a member live again whom we had deleted.

        A delete of ours is still under way where nobody changed the member since our mark said so.
        """
        if not (item.mark and item.mark.deleted):
            return False
        begun = self.unfinished.get(item.member.member_id, ())
        sent = {marked_at for marked_at in begun if marked_at is not None}
        return not (item.member.updated_at in sent if sent else begun)


class DesiredMembers(Struct, frozen=True, kw_only=True):
    """What is wanted in one organization.

    ``absent`` are hand-written Members that must not be there, ``undecided`` the users whose membership here a problem
    leaves open. In an organization that is ``external`` nobody is deleted, no address changed, and nothing withdrawn.
    """

    organization: str
    memberships: Sequence[Membership]
    absent: Sequence[Membership] = ()
    undecided: frozenset[str] = frozenset()
    external: bool = False


class MemberPair(Struct, frozen=True, gc=False):
    """A membership and the live member that it is, if there is one; or the conflict that hides which one it is.

    ``address`` is that of the live member, or the one that a new member gets; ``becomes`` the one that the member is
    to be moved to, where addresses are managed.
    """

    membership: Membership
    address: str
    live: OwnedMember | None = None
    conflict: str | None = None
    becomes: str | None = None
    ensure: Ensure = "present"


class MemberMatch(Struct, frozen=True, kw_only=True, dict=True):
    """Both sides of one organization, paired.

    ``gone`` are the records of deleted members, ``unclaimed`` the live members that nothing wants, ``retired`` the
    addresses that members had before, with their ids.
    """

    kind: Kind
    policy: MemberPolicy
    desired: DesiredMembers
    live: OrganizationMembers
    gone: Sequence[LiveMember]
    pairs: Sequence[MemberPair]
    unclaimed: Sequence[OwnedMember]
    findings: Diff
    retired: Mapping[str, str] = {}

    @cached_property
    def removed(self) -> Removed:
        """Return who was removed, and by whom."""
        return Removed(self.gone, self.policy.owner)

    def listed(self, item: OwnedMember, reason: str, at: tuple[Position, ...] = ()) -> Listed:
        """List a live member that is left alone."""
        users = (item.mark.user,) if item.mark and item.mark.user else ()
        return self.listed_at(item.address, reason, id=item.member.member_id, at=at, users=users)

    def listed_at(
        self, mailbox: str, reason: str, *, id: str | None, at: tuple[Position, ...], users: tuple[str, ...]
    ) -> Listed:
        """List whoever is at an address of this organization, or is to be."""
        organization = self.desired.organization
        return Listed(
            kind=self.kind.name, namespace=organization, name=mailbox, reason=reason, id=id, at=at, users=users
        )

    def declaration(self, membership: Membership) -> Resource | None:
        """Return the hand-written Member that a membership comes from, if it does."""
        return self.policy.by_hand[membership.declared] if membership.declared >= 0 else None

    def is_undecided(self, user: str | None) -> bool:
        """Return whether a problem leaves it open whether a user belongs here."""
        users = self.policy.users
        return user is not None and (
            user in self.desired.undecided or user in users.undecided or user in users.disputed
        )
