"""``/v1/b2b/scim``: an identity provider manages an organization's members [2.22]."""

import re
from dataclasses import replace
from typing import Any, Final

from reconciler.emulator.core import shown_once
from reconciler.emulator.core.call import Answer, Call, Rendered
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import choice, given, ordered
from reconciler.emulator.core.implicit_roles import known_roles
from reconciler.emulator.core.search import Selection, page
from reconciler.emulator.core.store import Fields, Row
from reconciler.emulator.data import organization_record, organizations
from reconciler.emulator.data.scim_record import GROUP, KIND, TOKEN, active, find, keep, missing, token, without
from reconciler.emulator.data.scim_tokens import NO_NEXT

IDENTITY_PROVIDERS: Final = (
    *("generic", "okta", "microsoft-entra", "cyberark", "jumpcloud", "onelogin", "pingfederate", "rippling"),
)
NUMBER: Final = re.compile(r"([0-9]{1,9})(?:\.0+)?")
ROLES: Final = "scim_group_implicit_role_assignments"


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
        **token(call, TOKEN, value),
        **NO_NEXT,
    }
    row = keep(call, organization, fields)
    shown_once.keep(call, KIND, row, value)
    return {"connection": {**without(row, f"{TOKEN}_last_four", *NO_NEXT), TOKEN: value}}


def get(call: Call) -> Answer:
    """``GET /v1/b2b/scim/{organization_id}/connection``."""
    row = active(call, organizations.find(call))
    if row is not None:
        return {"connection": row.fields}
    if call.behaviour.no_scim_connection == "absent":
        return {}
    raise missing()


def update(call: Call) -> Answer:
    """``PUT …/connection/{connection_id}``: changes only the fields that are sent."""
    organization, row = find(call)
    roles = _roles(call, organization)
    fields = {**row.fields, **_stated(call), **({} if roles is None else {ROLES: roles})}
    return {"connection": keep(call, organization, fields, row).fields}


def delete(call: Call) -> Answer:
    """``DELETE …/connection/{connection_id}``: with its groups. The members that it created stay."""
    organization, row = find(call)
    for group in call.store.children(call.collection(GROUP), organization.number):
        call.store.remove(group)
    shown_once.drop(call, KIND, row, shown_once.CURRENT, shown_once.NEXT)
    call.store.remove(row)
    organization_record.keep(call, {**organization.fields, "scim_active_connection": None}, organization)
    return {"connection_id": row.id}


def groups(call: Call) -> Answer:
    """``GET …/connection/{connection_id}``: the groups that the identity provider pushed."""
    organization, _ = find(call)
    asked = {**call.query, "limit": _limit(call.query.get("limit", ""))}
    selection = Selection(call.collection(GROUP), (organization.number,), "1")
    found = page(replace(call, body=asked, index=call.store), selection, GROUP)
    end = ',"next_cursor":null' if call.behaviour.last_cursor == "null" else ""
    cursor = f',"next_cursor":"{found.cursor}"' if found.cursor else end
    return Rendered(f'"scim_groups":[{",".join(found.texts)}]{cursor}')


def _limit(text: str) -> int | str | None:
    """Return the limit in a query: a number, None for no limit, or an invalid text unchanged.

    For no limit, SDKs send 0 or "". The SDK for Java sends a number with a decimal point.
    """
    found = NUMBER.fullmatch(text)
    return (int(found[1]) or None) if found else text or None


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
