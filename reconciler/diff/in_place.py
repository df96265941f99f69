"""Most members of most runs are as they are wanted: they are told apart at once, and the others are compared.

Told apart is only who is in place beyond doubt: our mark names the member and its user, nothing that is wanted differs,
it is neither admin nor breakglass member, and nobody else in the organization, wanted or live, has anything in common
with it. So comparing the others gives what comparing all of them would give, but for the counts.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Final

from msgspec import Struct, structs

from reconciler.diff.fields import diff_fields
from reconciler.diff.member_pairs import DesiredMembers, MemberPolicy
from reconciler.diff.ownership import VERSION
from reconciler.diff.roles import RoleMode, direct_roles, roles_to_write
from reconciler.expressions.text import mailbox_or_text, trimmed
from reconciler.model import ADMIN_ROLE, MARK_KEY, Diff, Json, LiveMember, Membership, OrganizationMembers, Role
from reconciler.schema.kind import Kind

REMEMBERED: Final = 4096  # combinations of roles: a project has far fewer


class Apart(Struct, frozen=True, kw_only=True):
    """Who is in place, as a difference that only counts, and both sides without them."""

    in_place: Diff = Diff()
    desired: DesiredMembers
    live: OrganizationMembers


def apart(kind: Kind, desired: DesiredMembers, live: OrganizationMembers, policy: MemberPolicy) -> Apart:
    """Return the members of an organization with those told apart that are in place beyond doubt."""
    whole = Apart(desired=desired, live=live)
    owner, disputed, memberships = policy.owner.name, policy.users.disputed, desired.memberships
    wanted = {one.user: one for one in memberships if one.declared < 0}
    by_hand = [one for one in memberships if one.declared >= 0]
    if not owner or live.half_read or len(wanted) + len(by_hand) < len(memberships):  # a user is wanted twice
        return whole
    found: dict[str, LiveMember] = {}
    others: list[LiveMember] = []
    for member in live.members:
        mark = member.trusted_metadata.get(MARK_KEY) if member.trusted_metadata else None
        user = mark.get("user") if isinstance(mark, dict) else None
        if (
            isinstance(user, str)
            and (membership := wanted.get(user)) is not None
            and _is_ours(mark, owner, member, membership)
            and _is_as_wanted(member, membership, policy.roles, kind.merged)
            and user not in found
            and user not in disputed
        ):
            found[user] = member
        else:
            others.append(member)
    left = [one for one in memberships if one.user not in found or one.declared >= 0]
    if _have_in_common(found, others, (*left, *desired.absent)):
        return whole
    settled = [wanted[user] for user in found]
    counts = Counter(
        memberships=len(settled),
        unverified=sum(one.unverified for one in settled),
        untrusted=sum(one.untrusted for one in settled),
        marked=len(settled),
    )
    return Apart(
        in_place=Diff(unchanged=len(settled), managed=Counter({desired.organization: len(settled)}), counts=counts),
        desired=structs.replace(desired, memberships=left),
        live=structs.replace(live, members=others),
    )


def _is_ours(mark: Json, owner: str, member: LiveMember, membership: Membership) -> bool:
    """Return whether a mark says exactly what we would write for a membership."""
    roles = membership.roles
    return (
        mark.get("member") == member.member_id
        and mark.get("organization") == member.organization_id
        and mark.get("owner") == owner
        and type(version := mark.get("v")) is int
        and version == VERSION
        and (mark.get("roles") == [*roles] if roles else "roles" not in mark)
        and "deleted" not in mark
        and trimmed(mark["user"]) == mark["user"]
    )


def _is_as_wanted(member: LiveMember, membership: Membership, mode: RoleMode, merged: Collection[str]) -> bool:
    """Return whether a live member that is ours, and nobody's admin, is as its membership wants it."""
    if member.email_address not in membership.addresses or member.status == "deleted":
        return False
    if member.scim_registration or member.is_breakglass or not _are_in_place(mode, membership.roles, member.roles):
        return False
    for name, value in membership.fields.items():
        there = getattr(member, name)
        if (type(value) is not str or value != there) and any(
            True for _ in diff_fields({name: value}, {name: there}, merged=merged)
        ):
            return False
    return True


@lru_cache(REMEMBERED)
def _are_in_place(mode: RoleMode, wanted: tuple[str, ...], live: tuple[Role, ...]) -> bool:
    """Return whether roles need no write where the mark remembers just the wanted ones, and none of them is admin."""
    roles = roles_to_write(mode, wanted, direct_roles(live), wanted)
    is_admin = any(role.role_id == ADMIN_ROLE for role in live)
    return not (is_admin or roles.added or roles.withdrawn) and roles.given == wanted


def _have_in_common(
    found: Mapping[str, LiveMember], others: Iterable[LiveMember], wanted: Iterable[Membership]
) -> bool:
    """Return whether members have an address, a user or an external id in common, with one another or with the rest."""
    addresses = {member.email_address for member in found.values()}
    named = [member.external_id for member in found.values() if member.external_id]
    external_ids = set(named)
    if len(addresses) < len(found) or len(external_ids) < len(named):
        return True
    for one in wanted:
        external_id = one.fields.get("external_id")
        if one.user in found or not addresses.isdisjoint(one.addresses):
            return True
        if isinstance(external_id, str) and external_id in external_ids:
            return True
    for member in others:
        mark = member.trusted_metadata.get(MARK_KEY) if member.trusted_metadata else None
        user = mark.get("user") if isinstance(mark, dict) else None
        if isinstance(user, str) and trimmed(user) in found:
            return True
        if member.external_id in external_ids or mailbox_or_text(member.email_address) in addresses:
            return True
    return False
