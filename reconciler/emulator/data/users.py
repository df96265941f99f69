"""``/v1/users`` of a Consumer project [2.23]."""

from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import email, external_id, given, phone, texts
from reconciler.emulator.core.metadata import metadata
from reconciler.emulator.core.rbac import IMPLICIT, role_ids
from reconciler.emulator.core.store import Fields, Row
from reconciler.emulator.data.user_record import DEFAULTS, keep

NAMES = ("first_name", "middle_name", "last_name")


def create(call: Call) -> Answer:
    """``POST /v1/users``: needs an address or a phone number."""
    body, behaviour = call.body, call.behaviour
    address, number = given(body, "email", str, behaviour), given(body, "phone_number", str, behaviour)
    if not address and not number:
        raise Refusal("bad_request", "At least one of email and phone_number is required.")
    emails = [_new_email(call, address)] if address else []
    phones = [_new_phone(call, number)] if number else []
    pending = given(body, "create_user_as_pending", bool, behaviour)
    started = {
        "user_id": call.new_id("user"),
        "status": "pending" if pending else "active",
        **DEFAULTS,
        "emails": emails,
        "phone_numbers": phones,
        "created_at": call.now(),
    }
    user = keep(call, {**started, **_stated(call, started, None)}).fields
    return {
        "user_id": user["user_id"],
        "email_id": emails[0]["email_id"] if emails else "",
        "phone_id": phones[0]["phone_id"] if phones else "",
        "status": user["status"],
        "user": user,
    }


def get(call: Call) -> Answer:
    """``GET /v1/users/{user_id}``: the user's fields at the top level."""
    return find(call).fields


def update(call: Call) -> Answer:
    """``PUT /v1/users/{user_id}``: changes only the fields that are sent. Addresses and numbers cannot change here."""
    row = find(call)
    user = keep(call, {**row.fields, **_stated(call, row.fields, row)}, row).fields
    shown = {name: user[name] for name in ("user_id", "emails", "phone_numbers", "crypto_wallets")}
    return {**shown, "user": user}


def delete(call: Call) -> Answer:
    """``DELETE /v1/users/{user_id}``: permanently."""
    row = find(call)
    call.store.remove(row)
    return {"user_id": row.id}


def delete_external_id(call: Call) -> Answer:
    """``DELETE /v1/users/{user_id}/external_id``."""
    row = find(call)
    return {"user_id": row.id, "user": keep(call, {**row.fields, "external_id": None}, row).fields}


def exchange_primary_factor(call: Call) -> Answer:
    """``PUT …/exchange_primary_factor``: replaces the user's only address or number. The new one is unverified."""
    row, body, behaviour = find(call), call.body, call.behaviour
    address, number = given(body, "email_address", str, behaviour), given(body, "phone_number", str, behaviour)
    if bool(address) == bool(number):
        raise Refusal("bad_request", "Exactly one of email_address and phone_number must be given.")
    if len(row.fields["emails"]) + len(row.fields["phone_numbers"]) != 1:
        raise Refusal("bad_request", "The user must have exactly one email address or phone number.")
    change = {
        "emails": [_new_email(call, address)] if address else [],
        "phone_numbers": [_new_phone(call, number)] if number else [],
    }
    return {"user_id": row.id, "user": keep(call, {**row.fields, **change}, row).fields}


def find(call: Call) -> Row:
    """Return the user in the path, by id or external id.

    Raises:
        Refusal: ``user_not_found``.
    """
    id_ = call.id("user_id")
    collection = call.collection("user")
    found = call.store.get(collection, id_) or next(iter(call.store.named(collection, f"external:{id_}")), None)
    if found is None:
        raise Refusal("user_not_found", "User could not be found.")
    return found


def _stated(call: Call, before: Fields, row: Row | None) -> Fields:
    """Return the fields in the request, each valid."""
    body, behaviour = call.body, call.behaviour
    stated: Fields = {}
    attributes = (
        given(body, "attributes", dict, behaviour) or {}
    )  # Fraud checks use these fields. Users do not show them.
    for part in ("ip_address", "user_agent"):
        given(attributes, part, str, behaviour)
    name = given(body, "name", dict, behaviour)
    if name is not None:
        for part in NAMES:
            given(name, part, str, behaviour)
        resets = behaviour.name_parts == "reset" and any(name.get(part) is not None for part in NAMES)
        kept = {} if resets else before.get("name") or {}
        stated["name"] = {part: kept.get(part, "") if name.get(part) is None else name[part] for part in NAMES}
    wanted = external_id(body, "external_id", behaviour, "bad_request")
    if wanted:
        _free(call, f"external:{wanted}", row, "duplicate_user_external_id")
        stated["external_id"] = wanted
    roles = texts(body, "roles", behaviour)
    if roles is not None:
        if not set(roles) <= set(role_ids(call)):
            raise Refusal("invalid_role", "A role is not in the project's RBAC policy.")
        stated["roles"] = list(dict.fromkeys([IMPLICIT["CONSUMER"], *roles]))
    elif row is None:
        stated["roles"] = [IMPLICIT["CONSUMER"]]
    for each in ("trusted_metadata", "untrusted_metadata"):
        stated[each] = metadata(before.get(each), body, each, behaviour)
    return stated


def _new_email(call: Call, sent: str) -> Fields:
    address = email(sent, call.behaviour)
    _free(call, f"email:{address.lower()}", None, "duplicate_email")
    return {"email_id": call.new_id("email"), "email": address, "verified": False}


def _new_phone(call: Call, sent: str) -> Fields:
    number = phone(sent)
    _free(call, f"phone:{number}", None, "duplicate_phone_number")
    return {"phone_id": call.new_id("phone-number"), "phone_number": number, "verified": False}


def _free(call: Call, name: str, row: Row | None, error: str) -> None:
    found = call.store.named(call.collection("user"), name)
    if any(row is None or other.number != row.number for other in found):
        raise Refusal(error, "Another user has this already.")
