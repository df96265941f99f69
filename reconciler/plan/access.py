"""Access that changes give and take: ``stytch_admin`` and what roles permit, the last admin, breakglass members.

A role reaches a member through several doors: given directly, or through an assignment by e-mail domain, SSO connection
or group (docs/stytch.md 2.20); and whoever has a role gets whatever the RBAC policy adds to it. All of them are here.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain
from typing import Final

from msgspec import UNSET, Struct, structs

from reconciler.diff.fields import NOTHING
from reconciler.diff.roles import DIRECT
from reconciler.model import (
    ADMIN_ROLE,
    IMPLICIT_ROLE,
    MEMBER,
    ORGANIZATION,
    Admin,
    Change,
    Changes,
    Delete,
    FieldChange,
    Json,
    Problem,
    Stakes,
    Update,
    added_roles,
    address,
    problem,
    withdrawn_roles,
)

LAST_ADMIN: Final = "last_admin"
FOR_PEOPLE: Final = ("name", "untrusted_metadata")  # a member loses nothing where these say something else
POLICY: Final = "RBACPolicy"
CUSTOM_ROLES: Final = "custom_roles"
CUSTOM_SCOPES: Final = "custom_scopes"
PERMISSIONS: Final = "permissions"
ASSIGNMENTS: Final = "_implicit_role_assignments"  # how every field's name ends that gives a role to many at once
SSO: Final = frozenset({"sso_connection", "sso_connection_group"})
SCIM: Final = frozenset({"scim_connection_group"})
LABELS: Final = frozenset({"group_name"})  # in an assignment: for people only
# A member's source of a role, by the beginning of the field that makes it.
SOURCES: Final[Mapping[str, frozenset[str]]] = {
    "rbac_email": frozenset({"email_assignment"}),
    "saml_connection": frozenset({"sso_connection"}),
    "external_connection": frozenset({"sso_connection"}),
    "saml_group": frozenset({"sso_connection_group"}),
    "external_group": frozenset({"sso_connection_group"}),
    "scim_group": SCIM,
}


def grants(change: Change, held: Collection[str]) -> int:
    """Count the members and assignments that a change gives ``stytch_admin``, and which ``held`` roles it widens."""
    if change.kind == MEMBER:
        return ADMIN_ROLE in added_roles(change)
    if change.kind == POLICY:
        return len(widened(change) & {*held, IMPLICIT_ROLE})
    return 0 if isinstance(change, Delete) else sum(role == ADMIN_ROLE for role in _assigned(change))


def widened(change: Change) -> frozenset[str]:
    """Name the roles, of those that there are already, that the policy lets do more; a new role is not one of them."""
    return frozenset(_widened(change)) if change.kind == POLICY else frozenset()


def roles_removed(change: Change) -> frozenset[str]:
    """Name the roles that a change removes from the policy."""
    gone = (field for field in change.fields if field.path[0] == CUSTOM_ROLES and field.after is UNSET)
    return frozenset(field.path[1] for field in gone) if change.kind == POLICY else frozenset()


def new_roles(change: Change) -> frozenset[str]:
    """Name the roles that a change adds to the policy."""
    fields = change.fields if change.kind == POLICY and not isinstance(change, Delete) else ()
    return frozenset(
        one.path[1] for one in fields if one.path[0] == CUSTOM_ROLES and len(one.path) > 1 and one.before is UNSET
    )


def roles_given(change: Change) -> frozenset[str]:
    """Name the roles that a change gives to anybody: to a member, or through an assignment."""
    return frozenset() if isinstance(change, Delete) else frozenset({*added_roles(change), *_assigned(change)})


def sources_taken(change: Change) -> frozenset[str]:
    """Name the sources of ``stytch_admin`` that a change of an organization, or of a connection, takes from many."""
    if change.kind == "SSOConnection" and isinstance(change, Delete):
        return SSO
    if change.kind == "SCIMConnection" and isinstance(change, Delete):
        return SCIM
    taken: set[str] = set()
    for field in change.fields:
        if ADMIN_ROLE in assigned_no_more(field):
            taken |= SOURCES[field.path[0].removesuffix(ASSIGNMENTS)]
    return frozenset(taken)


def assigned_no_more(field: FieldChange) -> frozenset[str]:
    """Name the roles of the assignments that a change of a field takes away."""
    is_one = field.path[0].endswith(ASSIGNMENTS)
    return frozenset(_roles(_items(field.before) - _items(field.after)) if is_one else ())


def assigned(field: FieldChange) -> Iterator[str]:
    """Yield the role of each assignment that a change of a field adds."""
    if field.path[0].endswith(ASSIGNMENTS):
        yield from _roles(_items(field.after) - _items(field.before))


def scopes_widened(change: Change) -> frozenset[str]:
    """Name the scopes, of those that there are already, that the policy lets do more."""
    fields = (one for one in change.fields if one.path[0] == CUSTOM_SCOPES and one.before is not UNSET)
    found = (one for one in fields if _permits_more(_permissions(one.before), _permissions(one.after)))
    return frozenset(one.path[1] for one in found if len(one.path) > 1) if change.kind == POLICY else frozenset()


def permissions(field: FieldChange) -> FieldChange:
    """Return the change of a role, or a scope, as that of what it permits, in words such as ``documents: write``."""
    is_own = field.path[0] in (ADMIN_ROLE, IMPLICIT_ROLE)
    before, after = _both(field) if is_own else (_permissions(field.before), _permissions(field.after))
    words = [sorted(f"{what}: {action}" for what, action in _permitted(side)) for side in (before, after)]
    path = field.path if field.path[-1] == PERMISSIONS else (*field.path, PERMISSIONS)
    return FieldChange(path=path, before=words[0], after=words[1])


def _assigned(change: Change) -> Iterator[str]:
    """Yield the role of each assignment that is new."""
    return chain.from_iterable(map(assigned, change.fields))


def _items(value: Json) -> set[frozenset[tuple[str, Json]]]:
    items = value if isinstance(value, list) else ()
    return {frozenset((key, part) for key, part in item.items() if key not in LABELS) for item in items}


def _roles(items: Iterable[frozenset[tuple[str, Json]]]) -> Iterator[str]:
    return (str(dict(item).get("role_id")) for item in items)


def _widened(change: Change) -> Iterator[str]:
    for field in change.fields:
        if field.path[0] == CUSTOM_ROLES and field.before is not UNSET and len(field.path) > 1:
            if _permits_more(_permissions(field.before), _permissions(field.after)):
                yield field.path[1]
        elif field.path[0] in (ADMIN_ROLE, IMPLICIT_ROLE) and _permits_more(*_both(field)):
            yield field.path[0]


def _both(field: FieldChange) -> tuple[Json, Json]:
    """Return the permissions of one of Stytch's own roles before and after, which may be compared whole or as a key."""
    whole = len(field.path) == 1
    return (_permissions(field.before), _permissions(field.after)) if whole else (field.before, field.after)


def _permissions(item: Json) -> Json:
    return item.get(PERMISSIONS) if isinstance(item, Mapping) else ()


def _permits_more(before: Json, after: Json) -> bool:
    there, then = _permitted(before), _permitted(after)
    return any((what, action) not in there and (what, "*") not in there for what, action in then)


def _permitted(permissions: Json) -> set[tuple[str, str]]:
    items = permissions if isinstance(permissions, list) else ()
    return {(item["resource_id"], action) for item in items for action in item["actions"]}


class _Plight(Struct, frozen=True):
    """An organization in which no live admin keeps the role: what takes it, and the changes that give it to others."""

    slug: str
    takers: tuple[Change, ...]
    heirs: tuple[Change, ...]


def orphaning(changes: Changes, stakes: Stakes) -> list[Change]:
    """Return the changes that together leave an organization without any active admin, but for those that may.

    What is withheld neither takes nor gives. What takes the role from many at once comes before a member can get it, so
    that no heir makes up for it.
    """
    return [
        change
        for plight in _plights(changes, stakes)
        for change in plight.takers
        if not (plight.heirs and change.kind == MEMBER) and not _is_meant(change, plight.slug, stakes)
    ]


def heirs(changes: Changes, stakes: Stakes) -> Mapping[str, frozenset[str]]:
    """Return, by the address of a member who stops being admin, those of whom one must have become admin before."""
    return {
        change.address: frozenset(heir.address for heir in plight.heirs)
        for plight in _plights(changes, stakes)
        if plight.heirs
        for change in plight.takers
        if change.kind == MEMBER and not _is_meant(change, plight.slug, stakes)
    }


def keep_last_admins(changes: Changes, stakes: Stakes) -> Changes:
    """Withhold what would leave an organization without any active admin."""
    refused = {_name(change) for change in orphaning(changes, stakes)}
    if not refused:
        return changes
    return changes.altered(
        lambda change: structs.replace(change, withheld_by=LAST_ADMIN) if _name(change) in refused else change
    )


def from_breakglass(changes: Changes, stakes: Stakes) -> list[Change]:
    """Return the changes that take anything (a role, a value, the address, its status) from a breakglass member."""
    return [
        change
        for change in changes.only(Update, Delete, kind=MEMBER)
        if change.id in stakes.breakglass and change.address not in stakes.may_lose and _takes_anything(change)
    ]


def like_deletes(changes: Changes, stakes: Stakes) -> list[Change]:
    """Return the member changes that count as deletes: deletes, and what takes as much from somebody."""
    others = {_name(change) for change in (*orphaning(changes, stakes), *from_breakglass(changes, stakes))}
    members = changes.only(Update, Delete, kind=MEMBER)
    return [change for change in members if isinstance(change, Delete) or _name(change) in others]


def loss_warnings(changes: Changes, stakes: Stakes) -> Iterator[Problem]:
    """Yield a warning for each such loss that nothing withholds, because a manifest says so by name."""
    for slug in sorted(plight.slug for plight in _plights(changes, stakes) if not plight.heirs):
        name = address(ORGANIZATION, slug)
        yield problem("last-admin", f"{name} loses its last admin", severity="warning", addresses=(name,))
    going = (change for change in changes.only(Update, Delete, kind=MEMBER) if not change.withheld_by)
    for change in going:
        if change.id in stakes.breakglass and _takes_anything(change):
            does = "is deleted" if isinstance(change, Delete) else "loses something"
            text = f"{change.address} is a breakglass member, and {does}"
            yield problem("breakglass", text, severity="warning", addresses=(change.address,))


def _plights(changes: Changes, stakes: Stakes) -> Iterator[_Plight]:
    """Yield each organization of whose live active admins none keeps the role."""
    takers: dict[str, list[Change]] = {}
    heirs: dict[str, list[Change]] = {}
    for change in changes.only(Update, Delete) if stakes.admins else ():
        slug = change.namespace if change.namespace is not None else change.name
        admins = stakes.admins.get(slug)
        if not admins or change.withheld_by:
            continue
        if change.kind != MEMBER:
            if sources_taken(change):
                takers.setdefault(slug, []).append(change)
        elif change.id is not None and change.id in admins and _taken(change, change.id, admins[change.id]):
            takers.setdefault(slug, []).append(change)
    for change in changes.only(kind=MEMBER) if takers else ():
        slug = str(change.namespace)
        is_admin = change.id is not None and change.id in stakes.admins.get(slug, ())
        gives = slug in takers and not change.withheld_by and ADMIN_ROLE in added_roles(change)
        if gives and not is_admin and change.id not in stakes.idle:
            heirs.setdefault(slug, []).append(change)
    for slug, there in takers.items():
        everybody = stakes.admins[slug].items()
        if all(admin.sources <= {s for change in there for s in _taken(change, id, admin)} for id, admin in everybody):
            yield _Plight(slug, tuple(there), tuple(heirs.get(slug, ())))


def _taken(change: Change, id: str, admin: Admin) -> frozenset[str]:
    """Name the sources of his role that a change takes from an admin."""
    if change.kind != MEMBER:
        return admin.sources & sources_taken(change)
    if change.id != id:
        return frozenset()
    if isinstance(change, Delete):
        return admin.sources
    return admin.sources & ({DIRECT} if ADMIN_ROLE in withdrawn_roles(change) else frozenset())


def _is_meant(change: Change, slug: str, stakes: Stakes) -> bool:
    """Return whether manifests say by name, of every admin that a change takes the role from, that he may lose it."""
    losing = (admin.address for id, admin in stakes.admins[slug].items() if _taken(change, id, admin))
    return change.address in stakes.may_lose or all(name in stakes.may_lose for name in losing)


def _name(change: Change) -> tuple[type[Change], str]:
    return type(change), change.address


def _takes_anything(change: Change) -> bool:
    return isinstance(change, Delete) or bool(withdrawn_roles(change)) or any(map(_takes, change.fields))


def _takes(field: FieldChange) -> bool:
    """Return whether a member has less, or something else, than before."""
    if field.before is UNSET or field.before in NOTHING or field.before is False or field.path == ("roles",):
        return False
    return field.after in (UNSET, *NOTHING) or field.path[0] not in FOR_PEOPLE
