"""SCIM connections, ``/v1/b2b/scim``: an identity provider manages an organization's members [2.22]."""

import re
from dataclasses import replace
from typing import Any, Final

from reconciler.emulator.core import shown_once
from reconciler.emulator.core.call import Answer, Call, Rendered, timestamp
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import choice, given, ordered
from reconciler.emulator.core.rbac import known_roles
from reconciler.emulator.core.search import Selection, page
from reconciler.emulator.core.store import Fields, Row
from reconciler.emulator.data import organizations

KIND: Final = "scim_connection"
GROUP: Final = "scim_group"
TOKEN: Final = "bearer_token"  # noqa: S105 # a field's name
NEXT_TOKEN: Final = "next_bearer_token"  # noqa: S105 # a field's name
VALID: Final = 5 * 365 * 86_400
"""The lifetime of a token, in seconds."""
SHOWN_ACTIVE: Final = ("connection_id", "display_name", f"{TOKEN}_last_four", f"{TOKEN}_expires_at")

IDENTITY_PROVIDERS: Final = (
    *("generic", "okta", "microsoft-entra", "cyberark", "jumpcloud", "onelogin", "pingfederate", "rippling"),
)
NUMBER: Final = re.compile(r"([0-9]{1,9})(?:\.0+)?")
ROLES: Final = "scim_group_implicit_role_assignments"

NO_NEXT: Fields = {f"{NEXT_TOKEN}_last_four": "", f"{NEXT_TOKEN}_expires_at": None}


def create(call: Call) -> Answer:
    """``POST /v1/b2b/scim/{organization_id}/connection``: the only answer with the token."""
    organization = organizations.find(call)
    if active(call, organization) is not None:
        raise Refusal("active_scim_connection_exists", "The organization has an active SCIM connection already.")
    value = shown_once.new_value()
    fields = {
        "organization_id": organization.id,
        "connection_id": call.new_id("scim-connection"),
        "status": "active",
        "display_name": "",
        "identity_provider": "generic",
        ROLES: [],
        **_stated(call),
        **_token(call, TOKEN, value),
        **NO_NEXT,
    }
    row = _keep(call, organization, fields)
    shown_once.keep(call, KIND, row, value)
    return {"connection": {**_without(row, f"{TOKEN}_last_four", *NO_NEXT), TOKEN: value}}


def get(call: Call) -> Answer:
    """``GET /v1/b2b/scim/{organization_id}/connection``."""
    row = active(call, organizations.find(call))
    if row is not None:
        return {"connection": row.fields}
    if call.behaviour.no_scim_connection == "absent":
        return {}
    raise _missing()


def update(call: Call) -> Answer:
    """``PUT …/connection/{connection_id}``: changes only the fields that are sent."""
    organization, row = _find(call)
    roles = _roles(call, organization)
    fields = {**row.fields, **_stated(call), **({} if roles is None else {ROLES: roles})}
    return {"connection": _keep(call, organization, fields, row).fields}


def delete(call: Call) -> Answer:
    """``DELETE …/connection/{connection_id}``: with its groups. The members that it created stay."""
    organization, row = _find(call)
    for group in call.store.children(call.collection(GROUP), organization.number):
        call.store.remove(group)
    shown_once.drop(call, KIND, row, shown_once.CURRENT, shown_once.NEXT)
    call.store.remove(row)
    organizations.keep(call, {**organization.fields, "scim_active_connection": None}, organization)
    return {"connection_id": row.id}


def groups(call: Call) -> Answer:
    """``GET …/connection/{connection_id}``: the groups that the identity provider pushed."""
    organization, _ = _find(call)
    asked = {**call.query, "limit": _limit(call.query.get("limit", ""))}
    selection = Selection(call.collection(GROUP), (organization.number,), "1")
    pushed = page(replace(call, body=asked, index=call.store), selection, GROUP)
    end = ',"next_cursor":null' if call.behaviour.last_cursor == "null" else ""
    cursor = f',"next_cursor":"{pushed.cursor}"' if pushed.cursor else end
    return Rendered(f'"scim_groups":[{",".join(pushed.texts)}]{cursor}')


def active(call: Call, organization: Row) -> Row | None:
    """Return the organization's connection, or None. There is at most one."""
    return next(iter(call.store.children(call.collection(KIND), organization.number)), None)


def rotate_start(call: Call) -> Answer:
    """``POST …/rotate/start``: the only answer with the next token. The token of an earlier start is lost."""
    organization, row = _find(call)
    value = shown_once.new_value()
    shown_once.keep(call, KIND, row, value, shown_once.NEXT)
    kept = _keep(call, organization, {**row.fields, **_token(call, NEXT_TOKEN, value)}, row)
    return {"connection": {**_without(kept, f"{NEXT_TOKEN}_last_four"), NEXT_TOKEN: value}}


def rotate_complete(call: Call) -> Answer:
    """``POST …/rotate/complete``: the next token stays valid, the former one does not."""
    organization, row = _rotating(call)
    shown_once.promote(call, KIND, row)
    moved = {f"{TOKEN}{part}": row.fields[f"{NEXT_TOKEN}{part}"] for part in ("_last_four", "_expires_at")}
    return {"connection": _keep(call, organization, {**row.fields, **moved, **NO_NEXT}, row).fields}


def rotate_cancel(call: Call) -> Answer:
    """``POST …/rotate/cancel``: the next token is no longer valid."""
    organization, row = _rotating(call)
    shown_once.drop(call, KIND, row, shown_once.NEXT)
    return {"connection": _keep(call, organization, {**row.fields, **NO_NEXT}, row).fields}


def _find(call: Call) -> tuple[Row, Row]:
    """Return the organization and the connection in the path.

    Raises:
        Refusal: ``no_active_scim_connection``.
    """
    organization = organizations.find(call)
    row = call.store.get(call.collection(KIND), call.id("connection_id"))
    if row is None or row.parent != organization.number:
        raise _missing()
    return organization, row


def _missing() -> Refusal:
    """Return the refusal where there is no connection."""
    return Refusal("no_active_scim_connection", "The organization has no active SCIM connection.")


def _keep(call: Call, organization: Row, fields: Fields, row: Row | None = None) -> Row:
    """Store a connection as the organization's active connection. ``row`` is its former row."""
    host = "api" if call.environment.type == "live" else "test"
    flag = "?aadOptscim062020" if fields["identity_provider"] == "microsoft-entra" else ""
    whole = {**fields, "base_url": f"https://{host}.stytch.com/v1/b2b/scim/{fields['connection_id']}{flag}"}
    kept = Row(whole["connection_id"], whole, parent=organization.number, number=row.number if row else 0)
    shown = {name: whole[name] for name in SHOWN_ACTIVE}
    organizations.keep(call, {**organization.fields, "scim_active_connection": shown}, organization)
    return call.store.put(call.collection(KIND), kept)


def _token(call: Call, name: str, value: str) -> Fields:
    """Return the fields that are stored for a new token."""
    return {f"{name}_last_four": value[-4:], f"{name}_expires_at": timestamp(call.clock() + VALID)}


def _without(row: Row, *hidden: str) -> Fields:
    """Return the connection without these fields, for an answer that contains a token."""
    return {name: value for name, value in row.fields.items() if name not in hidden}


def _limit(text: str) -> int | str | None:
    """Return the limit in a query: a number, None for no limit, or an invalid text unchanged.

    For no limit, SDKs send 0 or "". The SDK for Java sends a number with a decimal point.
    """
    match = NUMBER.fullmatch(text)
    return (int(match[1]) or None) if match else text or None


def _stated(call: Call) -> Fields:
    provider = choice(call.body, "identity_provider", IDENTITY_PROVIDERS, call.behaviour, "invalid_scim_idp")
    name = given(call.body, "display_name", str, call.behaviour, "invalid_display_name")
    stated = {"display_name": name, "identity_provider": provider}
    return {field: value for field, value in stated.items() if value is not None}


def _roles(call: Call, organization: Row) -> list[Fields] | None:
    """Return the roles by group in the request. The identity provider must have pushed the group."""
    values: list[Any] | None = given(call.body, ROLES, list, call.behaviour)
    if values is None:
        return None
    pushed = {row.id: row.fields for row in call.store.children(call.collection(GROUP), organization.number)}
    known, kept = known_roles(call, organization), []
    for value in values:
        role, id_ = (value.get("role_id"), value.get("group_id")) if isinstance(value, dict) else (None, None)
        if not isinstance(id_, str) or not id_:
            raise Refusal("scim_group_role_assignment_does_not_contain_group_id", "An assignment has no group_id.")
        if id_ not in pushed:
            raise Refusal("scim_group_role_assignment_group_does_not_exist", "There is no such SCIM group.")
        if not isinstance(role, str) or role not in known:
            raise Refusal("invalid_role", "An assignment names a role that is not in the RBAC policy.")
        kept.append({"role_id": role, "group_id": id_, "group_name": pushed[id_]["group_name"]})
    return ordered(kept, call.behaviour)


def _rotating(call: Call) -> tuple[Row, Row]:
    organization, row = _find(call)
    if not row.fields[f"{NEXT_TOKEN}_last_four"]:
        raise Refusal("scim_connection_not_rotating_token", "The connection's token is not being rotated.")
    return organization, row
