"""Count changes that give power over an organization: ``stytch_admin``, and roles that gain permissions.

A role reaches a member through several doors: given directly, or through an assignment by e-mail domain, SSO connection
or group (docs/stytch.md 2.20); and whoever has a role gets whatever the RBAC policy adds to it. All of them are here.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from msgspec import UNSET

from reconciler.model import ADMIN_ROLE, IMPLICIT_ROLE, Change, Delete, FieldChange, Json, added_roles

POLICY: Final = "RBACPolicy"
CUSTOM_ROLES: Final = "custom_roles"
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
    if change.kind == "Member":
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


def _assigned(change: Change) -> Iterator[str]:
    """Yield the role of each assignment that is new."""
    for field in change.fields:
        if field.path[0].endswith(ASSIGNMENTS):
            yield from _roles(_items(field.after) - _items(field.before))


def _items(value: Json) -> set[frozenset[tuple[str, Json]]]:
    items = value if isinstance(value, list) else ()
    return {frozenset((key, each) for key, each in item.items() if key not in LABELS) for item in items}


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
    return item.get("permissions") if isinstance(item, Mapping) else ()


def _permits_more(before: Json, after: Json) -> bool:
    there, then = _permitted(before), _permitted(after)
    return any((what, action) not in there and (what, "*") not in there for what, action in then)


def _permitted(permissions: Json) -> set[tuple[str, str]]:
    items = permissions if isinstance(permissions, list) else ()
    return {(item["resource_id"], action) for item in items for action in item["actions"]}
