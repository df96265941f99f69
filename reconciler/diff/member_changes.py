"""The update of one live member, and what is not given to it, taken from it, or changed in it, although it is wanted.

A member that is ours (or becomes ours, by adoption) follows every declared field. One that somebody else made only
gains: rules add roles and fill what is empty, and what differs is reported; what a person wrote by hand in a Member
manifest holds for both.
"""

from collections.abc import Collection

from msgspec import UNSET, Struct, field

from reconciler.diff.fields import NOTHING, clears, diff_fields
from reconciler.diff.member_pairs import MemberMatch, MemberPair
from reconciler.diff.ownership import OwnedMember, Whose
from reconciler.diff.roles import RoleMode, Roles, direct_roles, roles_to_write
from reconciler.expressions.text import mailbox_or_text
from reconciler.model import FieldChange, LiveMember, Mark, Membership, Path, Update


class MemberUpdatePolicy(Struct, frozen=True, kw_only=True):
    """How we stand to a live member: our ``mark`` if it is ours, whether we ``adopt`` it, how its roles are managed.

    ``gives`` is False where its address is none of its user's: such a member only loses roles. ``withdraws`` is False
    where the organization is not ours to take anything from. ``by_hand`` names the fields a hand-written Member states;
    ``ignore`` the paths nobody compares; ``new_address`` is the address to move it to, where addresses are managed.
    """

    owner: str
    mark: Mark | None
    adopts: bool
    roles: RoleMode
    gives: bool
    withdraws: bool
    by_hand: Collection[str]
    ignore: Collection[Path]
    new_address: str | None

    @classmethod
    def of(cls, match: MemberMatch, pair: MemberPair, item: OwnedMember) -> "MemberUpdatePolicy":
        """Return how we stand to the live member of a pair."""
        membership, policy = pair.membership, match.policy
        declared = match.declaration(membership)
        moved = item.mark is not None and item.address not in membership.addresses
        return cls(
            owner=policy.owner.name,
            mark=item.mark,
            adopts=policy.adopt and item.whose is Whose.NOBODY and _on_proof(membership, item),
            roles=policy.roles,
            gives=not moved or pair.becomes is not None,
            withdraws=not match.desired.external,
            by_hand=declared.spec if declared else (),
            ignore=[path[1:] for path in declared.lifecycle.ignore] if declared else (),
            new_address=pair.becomes,
        )


class MemberUpdate(Struct):
    """The update, if one is needed, the fields that differ and are not ours to write, and what is not given or taken.

    ``not_given`` names fields and roles that wait until the member's address is its user's again, ``kept`` the roles
    and fields that are no longer wanted and stay.
    """

    change: Update | None = None
    differing: list[str] = field(default_factory=list)
    not_given: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


def update_member(
    match: MemberMatch, membership: Membership, live: LiveMember, how: MemberUpdatePolicy
) -> MemberUpdate:
    """Return what a live member needs to be as its membership wants it, and what it does not get or lose."""
    is_ours = how.mark is not None or how.adopts
    needed = MemberUpdate()
    fields = _fields(match, membership, live, how, needed)
    roles = None
    if ("roles",) not in how.ignore:
        there, given = direct_roles(live.roles), how.mark.roles if how.mark else ()
        mode = how.roles if is_ours or how.roles == "initial" else "only added"
        roles = roles_to_write(mode, membership.roles, there, given, gives=how.gives, withdraws=how.withdraws)
        needed.not_given += (f"role {role}" for role in roles.not_given)
        needed.kept[:0] = roles.kept
        if roles.added or roles.withdrawn:
            fields.append(FieldChange(path=("roles",), before=list(there), after=list(roles.final)))
    mark = _mark(membership, live, how, roles, completes=bool(fields)) if is_ours else None
    if fields or mark:
        needed.change = Update(
            kind=match.kind.name,
            namespace=match.desired.organization,
            name=mailbox_or_text(live.email_address),
            id=live.member_id,
            fields=tuple(fields),
            adopts=how.adopts or (how.mark is not None and how.mark.owner != how.owner),
            mark=mark,
            causes=match.policy.causes(membership),
            written=how.mark.written if how.mark else "",
        )
    return needed


def _fields(
    match: MemberMatch, membership: Membership, live: LiveMember, how: MemberUpdatePolicy, needed: MemberUpdate
) -> list[FieldChange]:
    """Return the fields to write, and note those that are not."""
    is_ours = how.mark is not None or how.adopts
    fields: list[FieldChange] = []
    if how.new_address:
        fields.append(FieldChange(path=("email_address",), before=live.email_address, after=how.new_address))
    there = {name: getattr(live, name) for name in membership.fields}
    for change in diff_fields(membership.fields, there, merged=match.kind.merged, ignore=how.ignore):
        if not how.gives:
            needed.not_given.append(".".join(change.path))
        elif not (is_ours or change.path[0] in how.by_hand or change.before is UNSET or change.before in NOTHING):
            needed.differing.append(".".join(change.path))
        elif clears(change) and not how.withdraws:
            needed.kept.append(".".join(change.path))
        else:
            fields.append(change)
    return fields


def _mark(
    membership: Membership, live: LiveMember, how: MemberUpdatePolicy, roles: Roles | None, *, completes: bool
) -> Mark | None:
    """Return the mark to write, or None where the one that is there already says it.

    Where the member is updated anyway (``completes``), a mark that lacks the member's id gets it.
    """
    old = how.mark
    user = membership.user if membership.user is not None else (old.user if old else None)
    given = roles.given if roles else (old.roles if old else ())
    if old and old.owner == how.owner and not old.deleted and not (completes and old.member is None):
        same_roles = tuple(sorted(old.roles)) == given or not (how.gives or completes)
        if old.user == user and same_roles:
            return None
    return Mark(owner=how.owner, organization=live.organization_id, member=live.member_id, user=user, roles=given)


def _on_proof(membership: Membership, item: OwnedMember) -> bool:
    """Return whether the address by which a live member was needed is proven to be the user's (or written by hand)."""
    if item.member.scim_registration:
        return False
    verified = dict(zip(membership.addresses, membership.verified, strict=True))
    return membership.user is None or verified.get(item.address, False)
