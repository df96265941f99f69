"""What hurts most to lose: an organization's last admin, and anything of a breakglass member."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from msgspec import UNSET

from reconciler.diff.fields import NOTHING
from reconciler.model import ADMIN_ROLE, Change, Delete, Problem, added_roles, address, withdrawn_roles

Admins = Mapping[str, Collection[str]]  # ids of the live members with a direct stytch_admin, by organization


def like_deletes(changes: Sequence[Change], admins: Admins, breakglass: Collection[str]) -> list[Change]:
    """Give the member changes that count as deletes.

    Besides deletes: what takes ``stytch_admin`` from an organization's last admin, and what takes anything (a role, a
    value, the address, being breakglass) from a breakglass member.
    """
    left = orphaned(changes, admins)
    return [
        change
        for change in changes
        if change.kind == "Member"
        and (
            isinstance(change, Delete)
            or (change.id in breakglass and _takes_anything(change))
            or (change.key[0] in left and ADMIN_ROLE in withdrawn_roles(change))
        )
    ]


def orphaned(changes: Sequence[Change], admins: Admins) -> frozenset[str]:
    """Name the organizations that lose every admin they have and get no other."""
    members = [change for change in changes if change.kind == "Member"]
    losing = {change.id for change in members if isinstance(change, Delete) or ADMIN_ROLE in withdrawn_roles(change)}
    gaining = {change.key[0] for change in members if ADMIN_ROLE in added_roles(change) and not change.withheld_by}
    return frozenset(
        slug for slug, there in admins.items() if there and losing.issuperset(there) and slug not in gaining
    )


def loss_warnings(changes: Sequence[Change], admins: Admins, breakglass: Collection[str]) -> Iterator[Problem]:
    """Yield a warning for each such loss that nothing withholds."""
    going = [change for change in changes if not change.withheld_by]
    for slug in sorted(orphaned(going, admins)):
        name = address("Organization", slug)
        yield Problem(code="last-admin", severity="warning", message=f"{name} loses its last admin", addresses=(name,))
    for change in going:
        gone = isinstance(change, Delete)
        if change.kind == "Member" and change.id in breakglass and (gone or _takes_anything(change)):
            text = f"{change.address} is a breakglass member, and {'goes' if gone else 'loses something'}"
            yield Problem(code="breakglass", severity="warning", message=text, addresses=(change.address,))


def _takes_anything(change: Change) -> bool:
    return bool(withdrawn_roles(change)) or any(
        field.path == ("email_address",) or (field.before is not UNSET and field.after in (UNSET, False, *NOTHING))
        for field in change.fields
    )
