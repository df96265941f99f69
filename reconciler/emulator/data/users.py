"""Users: ``/v1/users`` of a Consumer project [2.23]."""

from collections.abc import Iterator
from functools import partial

from reconciler.emulator.core.call import Answer, Call, Endpoint
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import email, external_id, given, metadata, phone, texts
from reconciler.emulator.core.rbac import IMPLICIT, role_ids
from reconciler.emulator.core.store import Fields, Row

DEFAULTS: Fields = {
    "emails": [],
    "phone_numbers": [],
    "webauthn_registrations": [],
    "providers": [],
    "totps": [],
    "crypto_wallets": [],
    "biometric_registrations": [],
    "is_locked": False,
    "roles": [],
    "name": {"first_name": "", "middle_name": "", "last_name": ""},
    "password": None,
    "trusted_metadata": {},
    "untrusted_metadata": {},
    "external_id": None,
    "lock_created_at": None,
    "lock_expires_at": None,
}
FACTORS = {
    "emails": "email_id",
    "phone_numbers": "phone_id",
    "webauthn_registrations": "webauthn_registration_id",
    "providers": "oauth_user_registration_id",
    "totps": "totp_id",
    "crypto_wallets": "crypto_wallet_id",
    "biometric_registrations": "biometric_registration_id",
}
"""The lists of factors, and the name of an item's id."""

PRIMARY = ("emails", "phone_numbers", "providers")
"""The factors for sign-in. A user has at least one of them."""
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
    row = call.store.get(collection, id_) or next(iter(call.store.named(collection, f"external:{id_}")), None)
    if row is None:
        raise Refusal("user_not_found", "User could not be found.")
    return row


def keep(call: Call, fields: Fields, row: Row | None = None) -> Row:
    """Store a user. ``row`` is its former row."""
    kept = Row(fields["user_id"], fields, tuple(names(fields)), fields["status"], number=row.number if row else 0)
    return call.store.put(call.collection("user"), kept)


def names(fields: Fields) -> Iterator[str]:
    """Yield the names by which a user is found, apart from the id."""
    yield from (f"email:{address['email'].lower()}" for address in fields["emails"])
    yield from (f"phone:{number['phone_number']}" for number in fields["phone_numbers"])
    if fields.get("external_id"):
        yield f"external:{fields['external_id']}"
    for name, id_ in FACTORS.items():
        yield from (f"factor:{factor[id_]}" for factor in fields.get(name, ()))
    if fields.get("password"):
        yield f"factor:{fields['password']['password_id']}"


def delete_password(call: Call) -> Answer:
    """``DELETE /v1/users/passwords/{password_id}``."""
    row = _owner(call, call.id("password_id"), "password_not_found")
    return {"user_id": row.id, "user": keep(call, {**row.fields, "password": None}, row).fields}


def delete_factor(name: str, not_found: str) -> Endpoint:
    """Return the endpoint that removes a factor from the list ``name``, by the id in the path."""
    return partial(_delete_factor, name, not_found)


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
    for metadata_name in ("trusted_metadata", "untrusted_metadata"):
        stated[metadata_name] = metadata(before.get(metadata_name), body, metadata_name, behaviour)
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
    holders = call.store.named(call.collection("user"), name)
    if any(row is None or other.number != row.number for other in holders):
        raise Refusal(error, "Another user has this already.")


def _delete_factor(name: str, not_found: str, call: Call) -> Answer:
    parameter = FACTORS[name]
    id_ = call.id(parameter)
    row = _owner(call, id_, not_found)
    left = [factor for factor in row.fields[name] if factor[parameter] != id_]
    primary = sum(len(row.fields[kind]) for kind in PRIMARY)
    if name in PRIMARY and primary == 1 and call.behaviour.last_factor == "refused":
        raise Refusal("cannot_delete_last_primary_factor", "The user could not sign in without it.")
    return {"user_id": row.id, "user": keep(call, {**row.fields, name: left}, row).fields}


def _owner(call: Call, id: str, not_found: str) -> Row:
    owners = call.store.named(call.collection("user"), f"factor:{id}")
    if not owners:
        raise Refusal(not_found, "It could not be found.")
    return owners[0]
