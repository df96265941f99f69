"""SCIM connections: an identity provider keeps an organization's members (docs/stytch.md, "SCIM connections").

An organization has one at most. Its token is shown once, so it is kept at once, and rotated where it was lost.
"""

from collections.abc import Collection, Iterator, Mapping
from functools import partial
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

from msgspec import UNSET, Struct, UnsetType, structs

from reconciler.kinds._context import Access, ApplyContext, Gone, Stale
from reconciler.kinds._credentials import Rotation, keep_given, rotation_writes
from reconciler.kinds._looks import side_by_side
from reconciler.kinds._writing import (
    WriteResult,
    create_once,
    delete_resource,
    explaining,
    lost_create,
    merged_into_live,
    request_body,
    retry_idempotent,
    write_result,
)
from reconciler.model import Change, Create, Delete, Json, Live, Problem, Resource, Spec, Update
from reconciler.schema.kind import Credential, Identity, Key, Kind, Order, Verbs
from reconciler.schema.traits import CreateOnly, RefersTo, SecretName, Unordered, UpdateOnly
from reconciler.schema.types import Text, check_role

NAME: Final = "display_name"
ID: Final = "connection_id"
TOKEN: Final = "bearer_token"  # noqa: S105 # a field's name
ROLES: Final = "scim_group_implicit_role_assignments"
ABSENT: Final = ("no_active_scim_connection",)
THERE: Final = "active_scim_connection_exists"
NO_GROUP: Final = "scim_group_role_assignment_group_does_not_exist"
OF_ORGANIZATION: Final = "scim_active_connection"
SHOWN: Final = ("identity_provider", ROLES, f"{TOKEN}_last_four", f"next_{TOKEN}_last_four")


class RoleOfGroup(Struct, forbid_unknown_fields=True, kw_only=True):
    """A role that a group has which the identity provider pushed; ``group_name`` is for people."""

    role_id: Text
    group_id: Text
    group_name: Text


class SCIMConnectionSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """Every field of a SCIM connection that can be written, under Stytch's names; its name is ``metadata.name``."""

    identity_provider: (
        Literal["generic", "okta", "microsoft-entra", "cyberark", "jumpcloud", "onelogin", "pingfederate", "rippling"]
        | UnsetType
    ) = UNSET
    scim_group_implicit_role_assignments: Annotated[
        list[RoleOfGroup] | UnsetType, UpdateOnly(), Unordered(), RefersTo("RBACPolicy", "role_id")
    ] = UNSET
    bearer_token: Annotated[SecretName | UnsetType, CreateOnly()] = UNSET


def read(access: Access) -> Iterator[Live]:
    """Read the connection of each organization that anything is declared in, and that is not known to lack one."""
    without = access.target.lacks.get(KIND.name, frozenset())
    asked = [each for each in access.target.organizations.items() if each[1] not in without]
    return filter(None, side_by_side(partial(_read, access), asked))


def _read(access: Access, organization: tuple[str, str]) -> Live | None:
    slug, organization_id = organization
    row = _get(access, organization_id)
    if row is None:
        return None
    spec = {ROLES: [], **{name: row[name] for name in SHOWN if row.get(name) is not None}}
    return Live(kind="SCIMConnection", name=str(row[NAME]), namespace=slug, id=str(row[ID]), spec=spec)


def lacking(organizations: Collection[Live]) -> frozenset[str]:
    """Return the organizations whose records name no connection, if there is a record that says anything of one."""
    said = any(OF_ORGANIZATION in each.spec for each in organizations)
    return frozenset(each.id for each in organizations if said and each.spec.get(OF_ORGANIZATION) is None)


def check(resource: Resource) -> Iterator[Problem]:
    """Yield what Stytch would refuse although every type is right."""
    for part, spec in (("spec", resource.spec), ("initial", resource.initial)):
        for index, assignment in enumerate(spec.get(ROLES) or ()):
            yield from check_role(resource, (part, ROLES, str(index), "role_id"), assignment["role_id"])


def fill(desired: Spec, live: Spec) -> Spec:
    """Take an assignment for the live one whatever the group is called: its id says which it is."""
    if ROLES not in desired:
        return desired
    there = {_which(each): each for each in live.get(ROLES) or ()}
    return KIND.normalize({**desired, ROLES: [there.get(_which(each), each) for each in desired[ROLES]]})


def create(change: Create, context: ApplyContext) -> WriteResult:
    """Create the connection and store its token; one whose response was lost is on hold: nobody has its token."""
    organization_id = _organization_id(change, context)
    if there := _get(context, organization_id):
        raise Stale(f"{there[ID]} exists now, but did not when the plan was made")
    context.begin(change, ())
    body = {NAME: change.name, **request_body(change.fields, cleared={})}
    body.pop(TOKEN, None)
    roles = body.pop(ROLES, None)

    def make() -> WriteResult:
        with explaining(THERE, "{}: an organization has at most one: declare the existing one, or delete it"):
            return _write(context, "create", organization_id, **body)

    def look() -> WriteResult | None:
        live = _get(context, organization_id)
        return lost_create({live[ID]: live} if live else {}, body, "a SCIM connection")

    written = create_once(make, look, (THERE,))
    if token := (written.answered or {}).get(TOKEN):
        context.made(change, written.id, str(token))
    keep_given(context, change, TOKEN, written)
    return _update(context, organization_id, written.id, {ROLES: roles}) if roles else written


def update(change: Update, context: ApplyContext) -> WriteResult:
    """Change the fields that differ, after a look at them; a token that was never kept is rotated first."""
    organization_id, written = _organization_id(change, context), WriteResult(str(change.id), "")
    live = _still(context, organization_id, written.id)
    body = request_body(change.fields, cleared={})
    if body.pop(TOKEN, None):
        rotation = Rotation(
            TOKEN,
            lambda step: _write(context, f"rotate_{step}", organization_id, connection_id=written.id),
            lambda: _still(context, organization_id, written.id),
        )
        written = structs.replace(written, request_id=rotation.rotate(change, written.id, context))
    if body:
        merged_into_live(KIND, live, change)
        written = _update(context, organization_id, written.id, body)
    return written


def delete(change: Delete, context: ApplyContext) -> WriteResult:
    """Delete the connection with its groups, and forget its token; the members that it made stay."""
    organization_id, identifier = _organization_id(change, context), str(change.id)
    if _still(context, organization_id, identifier)[NAME] != change.name:
        raise Stale("its name has changed since")
    arguments = {"organization_id": organization_id, ID: identifier}
    request_id = delete_resource(lambda: context.client.write("scim.connection.delete", **arguments).request_id, ABSENT)
    context.forget(KIND, change)
    return WriteResult(identifier, request_id)


def _organization_id(change: Change, context: ApplyContext) -> str:
    return context.organization_ids[str(change.namespace)]


def _write(access: Access, method: str, organization_id: str, **body: Json) -> WriteResult:
    answer = access.client.write(f"scim.connection.{method}", organization_id=organization_id, **body)
    return write_result(answer, "connection", ID)


def _update(access: Access, organization_id: str, identifier: str, body: Spec) -> WriteResult:
    arguments = {ID: identifier, **body}
    with explaining(NO_GROUP, "{}: the identity provider must push the group first; apply again then"):
        return retry_idempotent(lambda: _write(access, "update", organization_id, **arguments))


def _get(access: Access, organization_id: str) -> Mapping[str, Any] | None:
    found = access.client.find(
        "scim.connection.get", f"/v1/b2b/scim/{quote(organization_id, safe='')}/connection", ABSENT
    )
    return (found or {}).get("connection") or None


def _still(access: Access, organization_id: str, identifier: str) -> Mapping[str, Any]:
    live = _get(access, organization_id)
    if live is None or live[ID] != identifier:
        raise Gone
    return live


def _which(assignment: Mapping[str, Any]) -> tuple[Any, Any]:
    return assignment.get("role_id"), assignment.get("group_id")


KIND: Final = Kind(
    name="SCIMConnection",
    spec=SCIMConnectionSpec,
    scope="organization",
    namespace="Organization",
    key=Key(NAME, Text, "the `display_name`"),
    identity=Identity(found_by="stored id", renamable=True, one_per_parent=True, lacking=lacking),
    computed=frozenset(
        {
            "organization_id",
            ID,
            "status",
            "base_url",
            f"{TOKEN}_last_four",
            f"{TOKEN}_expires_at",
            f"next_{TOKEN}_last_four",
            f"next_{TOKEN}_expires_at",
        }
    ),
    order=Order(shares=lambda change: change.namespace),
    credential=Credential(TOKEN, suffix="BEARER_TOKEN"),
    check=check,
    fill=fill,
    verbs=Verbs(list=read, create=create, update=update, delete=delete, writes=partial(rotation_writes, field=TOKEN)),
)
