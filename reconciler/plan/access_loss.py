"""Dangerous losses: an organization's last active admin, and anything of a breakglass member."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import UNSET, Struct, structs

from reconciler.diff.fields import NOTHING
from reconciler.diff.roles import DIRECT
from reconciler.model import (
    ADMIN_ROLE,
    Admin,
    Change,
    Delete,
    FieldChange,
    Problem,
    Stakes,
    added_roles,
    address,
    problem,
    withdrawn_roles,
)
from reconciler.plan.power import sources_taken

LAST_ADMIN = "last_admin"
SHOWN = ("name", "untrusted_metadata")  # a member loses nothing where these say something else


class _Plight(Struct, frozen=True):
    """An organization in which no live admin keeps the role: what takes it, and the changes that give it to others."""

    slug: str
    takers: tuple[Change, ...]
    heirs: tuple[Change, ...]


def orphaning(changes: Sequence[Change], stakes: Stakes) -> list[Change]:
    """Return the changes that together leave an organization without any active admin, but for those that may.

    What is withheld neither takes nor gives. What takes the role from many at once comes before a member can get it, so
    that no heir makes up for it.
    """
    return [
        change
        for plight in _plights(changes, stakes)
        for change in plight.takers
        if not (plight.heirs and change.kind == "Member") and not _is_meant(change, plight.slug, stakes)
    ]


def heirs(changes: Sequence[Change], stakes: Stakes) -> Mapping[str, frozenset[str]]:
    """Return, by the address of a member who stops being admin, those of whom one must have become admin before."""
    return {
        change.address: frozenset(heir.address for heir in plight.heirs)
        for plight in _plights(changes, stakes)
        if plight.heirs
        for change in plight.takers
        if change.kind == "Member" and not _is_meant(change, plight.slug, stakes)
    }


def keep_last_admins(changes: Sequence[Change], stakes: Stakes) -> tuple[Change, ...]:
    """Withhold what would leave an organization without any active admin."""
    refused = {_name(change) for change in orphaning(changes, stakes)}
    return tuple(
        structs.replace(change, withheld_by=LAST_ADMIN) if _name(change) in refused else change for change in changes
    )


def from_breakglass(changes: Iterable[Change], stakes: Stakes) -> list[Change]:
    """Return the changes that take anything (a role, a value, the address, its status) from a breakglass member."""
    return [
        change
        for change in changes
        if change.kind == "Member"
        and change.id in stakes.breakglass
        and change.address not in stakes.may_lose
        and _takes_anything(change)
    ]


def like_deletes(changes: Sequence[Change], stakes: Stakes) -> list[Change]:
    """Return the member changes that count as deletes: deletes, and what takes as much from somebody."""
    others = {_name(change) for change in (*orphaning(changes, stakes), *from_breakglass(changes, stakes))}
    members = (change for change in changes if change.kind == "Member")
    return [change for change in members if isinstance(change, Delete) or _name(change) in others]


def loss_warnings(changes: Sequence[Change], stakes: Stakes) -> Iterator[Problem]:
    """Yield a warning for each such loss that nothing withholds, because a manifest says so by name."""
    for slug in sorted(plight.slug for plight in _plights(changes, stakes) if not plight.heirs):
        name = address("Organization", slug)
        yield problem("last-admin", f"{name} loses its last admin", severity="warning", addresses=(name,))
    going = (change for change in changes if change.kind == "Member" and not change.withheld_by)
    for change in going:
        if change.id in stakes.breakglass and _takes_anything(change):
            does = "is deleted" if isinstance(change, Delete) else "loses something"
            text = f"{change.address} is a breakglass member, and {does}"
            yield problem("breakglass", text, severity="warning", addresses=(change.address,))


def _plights(changes: Sequence[Change], stakes: Stakes) -> Iterator[_Plight]:
    """Yield each organization of whose live active admins none keeps the role."""
    takers: dict[str, list[Change]] = {}
    heirs: dict[str, list[Change]] = {}
    for change in changes if stakes.admins else ():
        slug = change.namespace if change.namespace is not None else change.name
        admins = stakes.admins.get(slug)
        if not admins or change.withheld_by:
            continue
        if change.kind != "Member":
            if sources_taken(change):
                takers.setdefault(slug, []).append(change)
        elif change.id is not None and change.id in admins:
            if _taken(change, change.id, admins[change.id]):
                takers.setdefault(slug, []).append(change)
        elif ADMIN_ROLE in added_roles(change) and change.id not in stakes.idle:
            heirs.setdefault(slug, []).append(change)
    for slug, there in takers.items():
        everybody = stakes.admins[slug].items()
        if all(one.sources <= {source for each in there for source in _taken(each, id, one)} for id, one in everybody):
            yield _Plight(slug, tuple(there), tuple(heirs.get(slug, ())))


def _taken(change: Change, id: str, admin: Admin) -> frozenset[str]:
    """Name the sources of his role that a change takes from an admin."""
    if change.kind != "Member":
        return admin.sources & sources_taken(change)
    if change.id != id:
        return frozenset()
    if isinstance(change, Delete):
        return admin.sources
    return admin.sources & ({DIRECT} if ADMIN_ROLE in withdrawn_roles(change) else frozenset())


def _is_meant(change: Change, slug: str, stakes: Stakes) -> bool:
    """Return whether manifests say by name, of every admin that a change takes the role from, that he may lose it."""
    losing = (one.address for id, one in stakes.admins[slug].items() if _taken(change, id, one))
    return change.address in stakes.may_lose or all(each in stakes.may_lose for each in losing)


def _name(change: Change) -> tuple[type[Change], str]:
    return type(change), change.address


def _takes_anything(change: Change) -> bool:
    return isinstance(change, Delete) or bool(withdrawn_roles(change)) or any(map(_takes, change.fields))


def _takes(field: FieldChange) -> bool:
    """Return whether a member has less, or something else, than before."""
    if field.before is UNSET or field.before in NOTHING or field.before is False or field.path == ("roles",):
        return False
    return field.after in (UNSET, *NOTHING) or field.path[0] not in SHOWN
