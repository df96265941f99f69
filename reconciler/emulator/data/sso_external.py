"""External connections, ``/v1/b2b/sso/external``: the SSO connection of another organization, used too [2.21]."""

from collections.abc import Mapping
from typing import Final

from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import given
from reconciler.emulator.core.rbac import TO_EVERYBODY, TO_GROUPS, assignments
from reconciler.emulator.core.store import Fields, Row
from reconciler.emulator.data import organizations
from reconciler.emulator.data.sso import EXTERNAL, OIDC, SAML, find, keep, start

EVERYBODY: Final = "external_connection_implicit_role_assignments"
GROUPS: Final = "external_group_implicit_role_assignments"


def create(call: Call) -> Answer:
    """``POST /v1/b2b/sso/external/{organization_id}``: the connection is active at once."""
    organization = organizations.find(call)
    wanted: dict[str, str | None] = {
        name: given(call.body, name, str, call.behaviour)
        for name in ("external_organization_id", "external_connection_id")
    }
    if wanted["external_organization_id"] == organization.id:
        message = "The connection must be of another organization."
        raise Refusal("external_organization_id_same_as_organization_id", message)
    underlying = _underlying(call, wanted["external_organization_id"] or "", wanted["external_connection_id"] or "")
    if underlying.status != "active":
        raise Refusal("external_connection_not_active", "The other organization's connection is not active.")
    rows = call.store.children(call.collection(EXTERNAL), organization.number)
    if any(row.fields["external_connection_id"] == underlying.id for row in rows):
        raise Refusal("duplicate_external_sso_connection", "The organization has this connection already.")
    stated = {
        EVERYBODY: assignments(call, organization, "connection_implicit_role_assignments", TO_EVERYBODY) or [],
        GROUPS: assignments(call, organization, "group_implicit_role_assignments", TO_GROUPS) or [],
    }
    _check_roles(stated, underlying)
    fields = {**start(call, organization, EXTERNAL), **wanted, **_name(call), **stated, "status": "active"}
    return {"connection": keep(call, organization, EXTERNAL, fields).fields}


def update(call: Call) -> Answer:
    """``PUT …/connections/{connection_id}``: changes only the fields that are sent."""
    organization, row = find(call, EXTERNAL)
    before = row.fields
    stated = {
        EVERYBODY: assignments(call, organization, EVERYBODY, TO_EVERYBODY),
        GROUPS: assignments(call, organization, GROUPS, TO_GROUPS),
    }
    stated = {name: value for name, value in stated.items() if value is not None}
    if stated:
        _check_roles(stated, _underlying(call, before["external_organization_id"], before["external_connection_id"]))
    fields = {**before, **_name(call), **stated}
    return {"connection": keep(call, organization, EXTERNAL, fields, row).fields}


def _name(call: Call) -> Fields:
    name = given(call.body, "display_name", str, call.behaviour, "invalid_display_name")
    return {} if name is None else {"display_name": name}


def _underlying(call: Call, organization_id: str, connection_id: str) -> Row:
    """Return the other organization's connection.

    Raises:
        Refusal: ``external_connection_id_not_found``.
    """
    organization = call.store.get(call.collection("organization"), call.own(organization_id))
    rows = (call.store.get(call.collection(kind), call.own(connection_id)) for kind in (SAML, OIDC))
    row = next((row for row in rows if row is not None), None)
    if row is None or organization is None or row.parent != organization.number:
        raise Refusal("external_connection_id_not_found", "The other organization's connection could not be found.")
    return row


def _check_roles(stated: Mapping[str, object], underlying: Row) -> None:
    if any(stated.values()) and underlying.id.startswith("oidc-"):
        message = "Roles cannot follow from a connection that rests on OIDC."
        raise Refusal("invalid_rbac_role_assignment", message)
    if stated.get(GROUPS) and not (underlying.fields.get("attribute_mapping") or {}).get("groups"):
        message = "Roles by group need the key groups in the underlying connection's attribute_mapping."
        raise Refusal("saml_connection_attribute_mapping_missing_groups_key", message)
