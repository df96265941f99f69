"""SSO connections, ``/v1/b2b/sso``: what SAML, OIDC and external connections have in common [2.21]."""

from collections.abc import Mapping
from typing import Final

from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import choice, given
from reconciler.emulator.core.search import arranged
from reconciler.emulator.core.store import Fields, Row
from reconciler.emulator.data import organizations

SAML: Final = "saml_connection"
OIDC: Final = "oidc_connection"
EXTERNAL: Final = "external_connection"
KINDS: Final[Mapping[str, str]] = {
    SAML: "saml_connection_not_found",
    OIDC: "oidc_connection_not_found",
    EXTERNAL: "sso_connection_not_found",
}
"""The sorts of connection, and the error type where a connection does not exist."""
IDENTITY_PROVIDERS: Final = (
    *("classlink", "cyberark", "duo", "generic", "google-workspace", "jumpcloud", "keycloak", "miniorange"),
    *("microsoft-entra", "okta", "onelogin", "pingfederate", "rippling", "salesforce", "shibboleth"),
)


def list_all(call: Call) -> Answer:
    """``GET /v1/b2b/sso/{organization_id}``."""
    organization = organizations.find(call)
    connections = {}
    for kind in KINDS:
        rows = call.store.children(call.collection(kind), organization.number)
        connections[f"{kind}s"] = [row.fields for row in arranged(rows, call.behaviour, lambda row: row.id)]
    return connections


def delete(call: Call) -> Answer:
    """``DELETE /v1/b2b/sso/{organization_id}/connections/{connection_id}``: a connection of any sort, permanently."""
    organization = organizations.find(call)
    row = _find_any(call, organization, call.id("connection_id"))
    if row is None:
        raise Refusal("sso_connection_not_found", "SSO connection could not be found.")
    if organization.fields.get("sso_default_connection_id") == row.id:
        raise Refusal("cannot_delete_default_sso_connection", "The organization's default connection stays.")
    call.store.remove(row)
    _show_active(call, organization, row.id, None)
    return {"connection_id": row.id}


def find(call: Call, kind: str) -> tuple[Row, Row]:
    """Return the organization and the connection of this kind in the path.

    Raises:
        Refusal: with the kind's error type.
    """
    organization = organizations.find(call)
    row = call.store.get(call.collection(kind), call.id("connection_id"))
    if row is None or row.parent != organization.number:
        raise Refusal(KINDS[kind], "SSO connection could not be found.")
    return organization, row


def start(call: Call, organization: Row, kind: str) -> Fields:
    """Return a new connection's first fields.

    Raises:
        Refusal: ``too_many_sso_connections``.
    """
    most, rows = (
        call.behaviour.most_of_each,
        (row for other in KINDS for row in call.store.children(call.collection(other), organization.number)),
    )
    if most and sum(1 for _ in rows) >= most:
        raise Refusal("too_many_sso_connections", f"An organization may have at most {most} SSO connections.")
    id_ = call.new_id(kind.replace("_", "-"))
    return {"organization_id": organization.id, "connection_id": id_, "status": "pending", "display_name": ""}


def named(call: Call) -> Fields:
    """Return ``display_name`` and ``identity_provider`` where the request has them."""
    provider = choice(call.body, "identity_provider", IDENTITY_PROVIDERS, call.behaviour, "invalid_sso_idp")
    name = given(call.body, "display_name", str, call.behaviour, "invalid_display_name")
    stated = {"display_name": name, "identity_provider": provider}
    return {field: value for field, value in stated.items() if value is not None}


def callback(call: Call, id: str) -> str:
    """Return the URL to which an identity provider sends people back."""
    host = "api" if call.environment.type == "live" else "test"
    return f"https://{host}.stytch.com/v1/b2b/sso/callback/{id}"


def keep(call: Call, organization: Row, kind: str, fields: Fields, row: Row | None = None) -> Row:
    """Store a connection, and list it in the organization if it is active."""
    id_, number = fields["connection_id"], row.number if row else 0
    kept = Row(id_, fields, status=fields["status"], parent=organization.number, number=number)
    stored = call.store.put(call.collection(kind), kept)
    shown = None
    if fields["status"] == "active":
        provider = fields.get("identity_provider", "generic")
        shown = {"connection_id": id_, "display_name": fields["display_name"], "identity_provider": provider}
    _show_active(call, organization, id_, shown)
    return stored


def _find_any(call: Call, organization: Row, id: str) -> Row | None:
    """Return the organization's connection with this id, of any kind."""
    rows = (call.store.get(call.collection(kind), id) for kind in KINDS)
    return next((row for row in rows if row is not None and row.parent == organization.number), None)


def _show_active(call: Call, organization: Row, id: str, shown: Fields | None) -> None:
    before = organization.fields.get("sso_active_connections", [])
    after = [shown if connection["connection_id"] == id else connection for connection in before]
    if shown is not None and shown not in after:
        after.append(shown)
    after = [connection for connection in after if connection is not None]
    if after != before:
        organizations.keep(call, {**organization.fields, "sso_active_connections": after}, organization)
