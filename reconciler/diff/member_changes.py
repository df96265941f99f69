"""The change of one member: made, altered, or taken away.

A member that is ours (or becomes ours, by adoption) follows every declared field. One that somebody else made only
gains: rules add roles and fill what is empty, and what differs is reported; what a person wrote by hand in a Member
manifest holds for both.
"""

from collections.abc import Collection

from msgspec import UNSET, Struct

from reconciler.diff.fields import NOTHING, clears, created_fields, diff_fields
from reconciler.diff.member_pairs import MemberMatch
from reconciler.diff.ownership import OwnedMember, Owner, farewell
from reconciler.diff.roles import Roles, direct_roles, exact, kept_to, only_added, ours, untouched
from reconciler.expressions.text import mailbox_or_text
from reconciler.model import (
    Cause,
    Create,
    Delete,
    FieldChange,
    LiveMember,
    Mark,
    Membership,
    Path,
    Update,
)

SHOWN_BEFORE_DELETE = ("name", "external_id")


class MemberUpdatePolicy(Struct, frozen=True, kw_only=True):
    """How we stand to a live member: our ``mark`` if it is ours, whether we ``adopt`` it, how its roles are managed.

    ``gives`` is False where its address is none of its user's: such a member only loses roles. ``withdraws`` is False
    where the organization is not ours to take anything from. ``by_hand`` names the fields a hand-written Member states;
    ``ignore`` the paths nobody compares; ``new_address`` is the address to move it to, where addresses are managed.
    """

    owner: str
    mark: Mark | None
    adopts: bool
    roles: str
    gives: bool = True
    withdraws: bool = True
    by_hand: Collection[str] = ()
    ignore: Collection[Path] = ()
    new_address: str | None = None


class MemberUpdate(Struct, frozen=True):
    """The update, if one is needed, the fields that differ and are not ours to write, and what is not given or taken.

    ``not_given`` names fields and roles that wait until the member's address is its user's again, ``kept`` the roles
    and fields that are no longer wanted and stay.
    """

    change: Update | None
    differing: tuple[str, ...]
    not_given: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


def create_member(match: MemberMatch, membership: Membership) -> Create:
    """Make a member at the first admissible address; in an organization still to be made the id is filled in later."""
    roles = {"roles": list(membership.roles)} if membership.roles else {}
    initial = dict(membership.initial)
    if initial.get("roles"):
        roles = {"roles": sorted({*membership.roles, *initial.pop("roles")})}
    owner, organization_id = match.policy.owner.name, match.live.organization_id
    return Create(
        kind=match.kind.name,
        namespace=match.desired.organization,
        name=membership.addresses[0],
        fields=created_fields({**membership.fields, **roles}, initial, merged=match.kind.merged),
        mark=Mark(owner=owner, organization=organization_id, user=membership.user, roles=membership.roles),
        causes=match.policy.causes(membership),
    )


def in_place(membership: Membership, item: OwnedMember, owner: Owner) -> bool:
    """Tell at once, of most members of most runs, that nothing differs; False says only that it is not that plain."""
    mark, live = item.mark, item.member
    if mark is None or mark.user != membership.user or mark.deleted or mark.roles or membership.roles:
        return False
    if mark.owner != owner.name:
        return False
    if membership.declared >= 0 or item.address not in membership.addresses or direct_roles(live.roles):
        return False
    return all(type(value) is str and getattr(live, name) == value for name, value in membership.fields.items())


def update_member(
    match: MemberMatch, membership: Membership, live: LiveMember, how: MemberUpdatePolicy, causes: tuple[Cause, ...]
) -> MemberUpdate:
    """Compare one member with what is wanted of it."""
    is_ours = how.mark is not None or how.adopts
    fields: list[FieldChange] = []
    differing: list[str] = []
    not_given: list[str] = []
    cleared: list[str] = []
    if how.new_address:
        fields.append(FieldChange(path=("email_address",), before=live.email_address, after=how.new_address))
    if membership.fields:
        there = {name: getattr(live, name) for name in membership.fields}
        for field in diff_fields(membership.fields, there, merged=match.kind.merged, ignore=how.ignore):
            if not how.gives:
                not_given.append(".".join(field.path))
            elif not (is_ours or field.path[0] in how.by_hand or field.before is UNSET or field.before in NOTHING):
                differing.append(".".join(field.path))
            elif clears(field) and not how.withdraws:
                cleared.append(".".join(field.path))
            else:
                fields.append(field)
    roles: Roles | None = None
    kept = tuple(cleared)
    if ("roles",) not in how.ignore:
        wanted = _roles(membership, live, how)
        given = how.mark.roles if how.mark else ()
        direct = direct_roles(live.roles)
        roles = kept_to(wanted, direct, given, gives=how.gives, withdraws=how.withdraws)
        not_given.extend(f"role {role}" for role in wanted.added if role not in roles.added)
        kept = (*(role for role in wanted.withdrawn if role not in roles.withdrawn), *kept)
        if roles.added or roles.withdrawn:
            fields.append(FieldChange(path=("roles",), before=list(direct), after=list(roles.final)))
    mark = _mark(membership, live, how, roles, completes=bool(fields)) if is_ours else None
    if not fields and mark is None:
        return MemberUpdate(None, tuple(differing), tuple(not_given), kept)
    change = Update(
        kind=match.kind.name,
        namespace=match.desired.organization,
        name=mailbox_or_text(live.email_address),
        id=live.member_id,
        fields=tuple(fields),
        adopts=how.adopts or (how.mark is not None and how.mark.owner != how.owner),
        mark=mark,
        causes=causes,
    )
    return MemberUpdate(change, tuple(differing), tuple(not_given), kept)


def delete_member(match: MemberMatch, item: OwnedMember, causes: tuple[Cause, ...]) -> Delete:
    """Take a member away; the fields are what must still be so at that moment, the mark says that it was us."""
    live = item.member
    before = [FieldChange(path=(name,), before=value) for name in SHOWN_BEFORE_DELETE if (value := getattr(live, name))]
    if roles := direct_roles(live.roles):
        before.append(FieldChange(path=("roles",), before=list(roles)))
    return Delete(
        kind=match.kind.name,
        namespace=match.desired.organization,
        name=mailbox_or_text(live.email_address),
        id=live.member_id,
        fields=tuple(before),
        mark=farewell(item, match.policy.owner),
        causes=causes,
    )


def _roles(membership: Membership, live: LiveMember, how: MemberUpdatePolicy) -> Roles:
    there = direct_roles(live.roles)
    given = how.mark.roles if how.mark else ()
    if how.roles == "initial":
        return untouched(there, given)
    if how.mark is None and not how.adopts:
        return only_added(membership.roles, there)
    return exact(membership.roles, there) if how.roles == "exact" else ours(membership.roles, there, given)


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
