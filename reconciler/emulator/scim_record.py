"""How a SCIM connection is kept, found and answered with [2.22]."""

from typing import Final

from reconciler.emulator import organization_record, organizations
from reconciler.emulator.call import Call, timestamp
from reconciler.emulator.exchange import Refusal
from reconciler.emulator.store import Fields, Row

KIND: Final = "scim_connection"
GROUP: Final = "scim_group"
TOKEN: Final = "bearer_token"  # noqa: S105 # a field's name
NEXT_TOKEN: Final = "next_bearer_token"  # noqa: S105 # a field's name
VALID: Final = 5 * 365 * 86_400
"""Seconds for which a token is valid."""
SHOWN_ACTIVE: Final = ("connection_id", "display_name", f"{TOKEN}_last_four", f"{TOKEN}_expires_at")


def active(call: Call, organization: Row) -> Row | None:
    """The organization's connection: there is at most one."""
    return next(iter(call.store.children(call.collection(KIND), organization.number)), None)


def find(call: Call) -> tuple[Row, Row]:
    """The organization and its connection that the path names.

    Raises:
        Refusal: ``no_active_scim_connection``.
    """
    organization = organizations.find(call)
    row = call.store.get(call.collection(KIND), call.id("connection_id"))
    if row is None or row.parent != organization.number:
        raise missing()
    return organization, row


def missing() -> Refusal:
    """What is said where there is no connection."""
    return Refusal("no_active_scim_connection", "The organization has no active SCIM connection.")


def keep(call: Call, organization: Row, fields: Fields, row: Row | None = None) -> Row:
    """Store a connection, and show it as the organization's active one; ``row`` is what it was."""
    host = "api" if call.environment.type == "live" else "test"
    flag = "?aadOptscim062020" if fields["identity_provider"] == "microsoft-entra" else ""
    whole = {**fields, "base_url": f"https://{host}.stytch.com/v1/b2b/scim/{fields['connection_id']}{flag}"}
    kept = Row(whole["connection_id"], whole, parent=organization.number, number=row.number if row else 0)
    shown = {name: whole[name] for name in SHOWN_ACTIVE}
    organization_record.keep(call, {**organization.fields, "scim_active_connection": shown}, organization)
    return call.store.put(call.collection(KIND), kept)


def token(call: Call, name: str, value: str) -> Fields:
    """What is kept of a new token."""
    return {f"{name}_last_four": value[-4:], f"{name}_expires_at": timestamp(call.clock() + VALID)}


def without(row: Row, *hidden: str) -> Fields:
    """The connection as an answer that holds a token has it: without these fields."""
    return {name: value for name, value in row.fields.items() if name not in hidden}
