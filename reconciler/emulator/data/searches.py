"""The searches for organizations, members, users, M2M clients and Connected Apps, and their filters [1.3]."""

import json
from typing import Final

from reconciler.emulator.core.call import Answer, Call, Rendered
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.filters import (
    LISTED,
    Filter,
    any_of,
    condition,
    each,
    holds,
    item_flag,
    item_holds,
    item_in,
    named,
    operand_values,
)
from reconciler.emulator.core.search import Page, Selection, page

STATUSES = {"pending", "invited", "active", "deleted"}

M2M_FILTERS: Final = {
    "client_id": any_of("id"),
    "client_name": any_of("json_extract(text, '$.client_name')"),
    "scopes": each("$.scopes", f"item.value IN {LISTED}"),
}


def organizations(call: Call) -> Answer:
    """``POST /v1/b2b/organizations/search``."""
    where, values = condition(call.body, "organization", ORGANIZATION_FILTERS)
    selection = Selection(call.collection("organization"), (0,), f"({where})", tuple(values.items()))
    return _rendered("organizations", page(call, selection, "organization"))


def members(call: Call) -> Answer:
    """``POST /v1/b2b/organizations/members/search``: finds deleted members only where ``statuses`` lists them."""
    parents = _parents(call)
    where, values = condition(call.body, "member", MEMBER_FILTERS)
    _one_sort_of_id(call, "member_ids", "member", "member")
    statuses = operand_values(call.body, "statuses")
    if not set(statuses) <= STATUSES:
        raise Refusal("search_invalid_status_filter", f"statuses may hold {', '.join(sorted(STATUSES))}.")
    if "deleted" not in statuses:
        where = f"({where}) AND status != 'deleted'"
    result = page(call, Selection(call.collection("member"), parents, f"({where})", tuple(values.items())), "member")
    return _rendered("members", result, f'"organizations":{_organizations(call, result)},')


def users(call: Call) -> Answer:
    """``POST /v1/users/search``."""
    where, values = condition(call.body, "user", USER_FILTERS)
    _one_sort_of_id(call, "user_id", "user", "user")
    selection = Selection(call.collection("user"), (0,), f"({where})", tuple(values.items()))
    return _rendered("results", page(call, selection, "user"))


def m2m_clients(call: Call) -> Answer:
    """``POST /v1/m2m/clients/search``."""
    where, values = condition(call.body, "m2m", M2M_FILTERS)
    selection = Selection(call.collection("m2m_client"), (0,), f"({where})", tuple(values.items()))
    return _rendered("m2m_clients", page(call, selection, "m2m"))


def connected_apps(call: Call) -> Answer:
    """``POST /v1/connected_apps/clients/search``: it has no filters."""
    selection = Selection(call.collection("connected_app"), (0,), "1")
    return _rendered("connected_apps", page(call, selection, "connected_app"))


def _rendered(name: str, result: Page, more: str = "") -> Rendered:
    """Return the answer with a page: its rows under ``name``, then ``more``, then ``results_metadata``."""
    return Rendered(f'"{name}":[{",".join(result.texts)}],{more}"results_metadata":{result.metadata}')


def _text(name: str) -> str:
    return f"json_extract(text, '$.{name}')"


_MEMBER_EMAILS = (
    "EXISTS (SELECT 1 FROM object AS member WHERE member.parent = object.number AND member.status != 'deleted'"
    " AND {test})"
)
_EMAIL = "lower(json_extract(member.text, '$.email_address'))"
_OF_MEMBER = "IN (SELECT lower(value) FROM json_each({value}))"

ORGANIZATION_FILTERS = {
    "organization_ids": any_of("id"),
    "organization_slugs": any_of(_text("organization_slug")),
    "organization_name_fuzzy": holds(_text("organization_name")),
    "organization_slug_fuzzy": holds(_text("organization_slug")),
    "member_emails": Filter("strings", _MEMBER_EMAILS.replace("{test}", f"{_EMAIL} {_OF_MEMBER}")),
    "member_email_fuzzy": Filter("fuzzy", _MEMBER_EMAILS.replace("{test}", f"instr({_EMAIL}, lower({{value}})) > 0")),
    "allowed_domains": each("$.email_allowed_domains", f"lower(item.value) {_OF_MEMBER}"),
    "allowed_domain_fuzzy": each("$.email_allowed_domains", "instr(lower(item.value), lower({value})) > 0", "fuzzy"),
    "claimed_email_domains": each("$.claimed_email_domains", f"lower(item.value) {_OF_MEMBER}"),
    "has_active_sso_connection": Filter("flag", "(json_array_length(text, '$.sso_active_connections') > 0) = {value}"),
    "sso_connection_id": each(
        "$.sso_active_connections", f"json_extract(item.value, '$.connection_id') IN {LISTED}", "string"
    ),
}
_PHONES = any_of(_text("mfa_phone_number"))
_PHONE_FUZZY = holds(_text("mfa_phone_number"))
MEMBER_FILTERS = {
    "member_ids": Filter("strings", f"(id IN {LISTED} OR {_text('external_id')} IN {LISTED})"),
    "member_emails": named("email", fold=True),
    "member_email_fuzzy": holds(_text("email_address")),
    "member_is_breakglass": Filter("flag", f"{_text('is_breakglass')} = {{value}}"),
    "statuses": any_of("status"),
    "member_mfa_phone_numbers": _PHONES,
    "member_phone_numbers": _PHONES,
    "member_mfa_phone_number_fuzzy": _PHONE_FUZZY,
    "member_phone_number_fuzzy": _PHONE_FUZZY,
    "member_password_exists": Filter("flag", f"({_text('member_password_id')} != '') = {{value}}"),
    "member_roles": item_in("$.roles", "role_id"),
}
_NAME = " || ' ' || ".join(
    f"coalesce({_text(f'name.{part}')}, '')" for part in ("first_name", "middle_name", "last_name")
)
USER_FILTERS = {
    "created_at_greater_than": Filter("time", f"{_text('created_at')} > {{value}}"),
    "created_at_less_than": Filter("time", f"{_text('created_at')} < {{value}}"),
    "created_at_between": Filter(
        "between",
        f"{_text('created_at')} > json_extract({{value}}, '$.greater_than')"
        f" AND {_text('created_at')} < json_extract({{value}}, '$.less_than')",
    ),
    "status": Filter("status", any_of("status").sql),
    "oauth_provider": each("$.providers", "lower(json_extract(item.value, '$.provider_type')) " + _OF_MEMBER),
    "user_id": Filter("strings", f"(id IN {LISTED} OR {_text('external_id')} IN {LISTED})"),
    "full_name_fuzzy": holds(f"replace({_NAME}, '  ', ' ')"),
    "phone_number": named("phone"),
    "phone_id": named("factor"),
    "phone_verified": item_flag("$.phone_numbers"),
    "phone_number_fuzzy": item_holds("$.phone_numbers", "phone_number"),
    "email_address": named("email", fold=True),
    "email_id": named("factor"),
    "email_verified": item_flag("$.emails"),
    "email_address_fuzzy": item_holds("$.emails", "email"),
    "webauthn_registration_verified": item_flag("$.webauthn_registrations"),
    "webauthn_registration_id": named("factor"),
    "crypto_wallet_id": named("factor"),
    "crypto_wallet_address": item_in("$.crypto_wallets", "crypto_wallet_address"),
    "crypto_wallet_verified": item_flag("$.crypto_wallets"),
    "totp_id": named("factor"),
    "totp_verified": item_flag("$.totps"),
    "password_exists": Filter("flag", f"({_text('password.password_id')} IS NOT NULL) = {{value}}"),
}


def _parents(call: Call) -> tuple[int, ...]:
    """Return the numbers of the organizations in the request, in the order of insertion."""
    ids = call.body.get("organization_ids", [])
    if not isinstance(ids, list) or not all(isinstance(id_, str) for id_ in ids):
        raise Refusal("bad_request", "organization_ids must be an array of strings.")
    if not ids:
        raise Refusal("member_search_organization_ids_empty", "organization_ids must not be empty.")
    sql = "SELECT number FROM object WHERE collection = ? AND id IN (SELECT value FROM json_each(?)) ORDER BY number"
    rows = call.index.connection.execute(sql, (call.collection("organization"), json.dumps(ids)))
    parents = tuple(number for (number,) in rows)
    if len(parents) < len(set(ids)):
        for id_ in ids:
            call.own(id_)
        if call.behaviour.search_unknown_organization == "refused":
            raise Refusal("organization_not_found", "Organization could not be found.")
    return parents


def _organizations(call: Call, result: Page) -> str:
    """Return the organizations of the members on the page, by id."""
    sql = "SELECT id, text FROM object WHERE number IN (SELECT value FROM json_each(?))"
    rows = call.index.connection.execute(sql, (json.dumps(list(set(result.parents))),))
    return "{" + ",".join(f'"{id_}":{text}' for id_, text in rows) + "}"


def _one_sort_of_id(call: Call, name: str, kind: str, prefix: str) -> None:
    ids = [id_ for id_ in operand_values(call.body, name) if isinstance(id_, str)]
    own = sum(id_.startswith((f"{prefix}-test-", f"{prefix}-live-")) for id_ in ids)
    if 0 < own < len(ids):
        message = f"{name} must be all Stytch's own ids or all external ones."
        raise Refusal(f"{kind}_search_cannot_mix_internal_and_external_{kind}_ids", message)
