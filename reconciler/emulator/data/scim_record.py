"""How a SCIM connection is stored, found and answered [2.22]."""

from typing import Final

from reconciler.emulator.core.call import Call, timestamp
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.store import Fields, Row
from reconciler.emulator.data import organization_record, organizations

KIND: Final = "scim_connection"
GROUP: Final = "scim_group"
TOKEN: Final = "bearer_token"  # noqa: S105 # a field's name
NEXT_TOKEN: Final = "next_bearer_token"  # noqa: S105 # a field's name
VALID: Final = 5 * 365 * 86_400
"""The lifetime of a token, in seconds."""
SHOWN_ACTIVE: Final = ("connection_id", "display_name", f"{TOKEN}_last_four", f"{TOKEN}_expires_at")


def active(call: Call, organization: Row) -> Row | None:
    """Return the organization's connection, or None. There is at most one."""
    return next(iter(call.store.children(call.collection(KIND), organization.number)), None)


def find(call: Call) -> tuple[Row, Row]:
    """Return the organization and the connection in the path.

    Raises:
        Refusal: ``no_active_scim_connection``.
    """
    organization = organizations.find(call)
    row = call.store.get(call.collection(KIND), call.id("connection_id"))
    if row is None or row.parent != organization.number:
        raise missing()
    return organization, row


def missing() -> Refusal:
    """Return the refusal where there is no connection."""
    return Refusal("no_active_scim_connection", "The organization has no active SCIM connection.")


def keep(call: Call, organization: Row, fields: Fields, row: Row | None = None) -> Row:
    """Store a connection as the organization's active connection. ``row`` is its former row."""
    host = "api" if call.environment.type == "live" else "test"
    flag = "?aadOptscim062020" if fields["identity_provider"] == "microsoft-entra" else ""
    whole = {**fields, "base_url": f"https://{host}.stytch.com/v1/b2b/scim/{fields['connection_id']}{flag}"}
    kept = Row(whole["connection_id"], whole, parent=organization.number, number=row.number if row else 0)
    shown = {name: whole[name] for name in SHOWN_ACTIVE}
    organization_record.keep(call, {**organization.fields, "scim_active_connection": shown}, organization)
    return call.store.put(call.collection(KIND), kept)


def token(call: Call, name: str, value: str) -> Fields:
    """Return the fields that are stored for a new token."""
    return {f"{name}_last_four": value[-4:], f"{name}_expires_at": timestamp(call.clock() + VALID)}


def without(row: Row, *hidden: str) -> Fields:
    """Return the connection without these fields, for an answer that contains a token."""
    return {name: value for name, value in row.fields.items() if name not in hidden}
