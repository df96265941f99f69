"""Objects that tests need and the API cannot create: self-registered apps, SCIM groups, consents."""

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.emulator.core import shown_once
from reconciler.emulator.core.call import Call
from reconciler.emulator.core.store import Fields, Row
from reconciler.emulator.core.workspace import Environment
from reconciler.emulator.data import connected_apps, consents, scim
from reconciler.emulator.server.app import App


def place_connected_app(app: App, fields: Mapping[str, Any], environment: Environment | None = None) -> Fields:
    """Store a Connected App: ``fields`` over the defaults of an app that registered itself."""
    call = _call(app, environment)
    whole = {
        "client_id": call.new_id("connected-app"),
        "client_type": "third_party_public",
        **connected_apps.DEFAULTS,
        "creation_method": "dynamic_client_registration",
        **fields,
    }
    return _put(app, call, connected_apps.KIND, Row(whole["client_id"], whole))


def place_scim_group(app: App, organization_id: str, name: str, environment: Environment | None = None) -> Fields:
    """Store a group that the identity provider of the organization's SCIM connection pushed."""
    call = _call(app, environment)
    organization = _organization(call, organization_id)
    connection = scim.active(call, organization)
    if connection is None:
        raise ValueError("the organization has no SCIM connection")
    group = {
        "group_id": call.new_id("scim-group"),
        "group_name": name,
        "organization_id": organization.id,
        "connection_id": connection.id,
    }
    return _put(app, call, scim.GROUP, Row(group["group_id"], group, parent=organization.number))


def place_grant(
    app: App, member: Mapping[str, Any], app_id: str, scopes: Sequence[str], environment: Environment | None = None
) -> None:
    """Store a member's consent to a Connected App."""
    call = _call(app, environment)
    organization = _organization(call, member["organization_id"])
    grant = {"connected_app_id": app_id, "member_id": member["member_id"], "granted_scopes": list(scopes)}
    row = Row(f"{app_id} {member['member_id']}", grant, parent=organization.number)
    _put(app, call, consents.GRANT, row)


def counts(app: App, kind: str, id: str, value: str, environment: Environment | None = None) -> bool:
    """Return whether a secret or token is valid for an ``m2m_client``, a ``connected_app`` or a ``scim_connection``."""
    with app.lock:
        return shown_once.counts(_call(app, environment), kind, id, value)


def _call(app: App, environment: Environment | None) -> Call:
    return app.call(environment or app.workspace.environment("B2B"))


def _organization(call: Call, id: str) -> Row:
    row = call.store.get(call.collection("organization"), id)
    if row is None:
        raise ValueError("the organization_id belongs to no organization")
    return row


def _put(app: App, call: Call, kind: str, row: Row) -> Fields:
    with app.lock:
        kept = call.store.put(call.collection(kind), row)
        app.store.commit()
    return kept.fields
