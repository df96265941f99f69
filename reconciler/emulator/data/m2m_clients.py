"""M2M clients: ``/v1/m2m/clients`` [2.16]."""

import math
from collections import Counter
from typing import Any, Final

from reconciler.emulator.core import shown_once
from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import choice, given, metadata, ordered, texts
from reconciler.emulator.core.store import Fields, Row

KIND: Final = "m2m_client"
DEFAULTS: Final[Fields] = {
    "client_name": "",
    "client_description": "",
    "status": "active",
    "scopes": [],
    "client_secret_last_four": "",
    "next_client_secret_last_four": None,
    "trusted_metadata": {},
}
ID_LENGTH: Final = 128
SECRET_LENGTH: Final = 8
SECRET_BITS: Final = 32
"""The least entropy of a secret. How the vendor measures it is unknown."""


def create(call: Call) -> Answer:
    """``POST /v1/m2m/clients``: the only answer with the secret. An SDK may leave out empty scopes."""
    stated = _stated(call, {})
    _room(call)
    value = _secret(call) or shown_once.new_value()
    fields = {"client_id": _id(call), **DEFAULTS, **stated, "client_secret_last_four": value[-4:]}
    row = call.store.put(call.collection(KIND), Row(fields["client_id"], fields))
    shown_once.keep(call, KIND, row, value)
    return {KIND: {**row.fields, "client_secret": value}}


def get(call: Call) -> Answer:
    """``GET /v1/m2m/clients/{client_id}``."""
    return {KIND: _find(call).fields}


def update(call: Call) -> Answer:
    """``PUT /v1/m2m/clients/{client_id}``: changes only the fields that are sent."""
    row = _find(call)
    status = choice(call.body, "status", ("active", "inactive"), call.behaviour, "m2m_client_invalid_status")
    fields = {**row.fields, **_stated(call, row.fields), **({"status": status} if status else {})}
    kept = Row(row.id, fields, status=fields["status"], number=row.number)
    return {KIND: call.store.put(call.collection(KIND), kept).fields}


def delete(call: Call) -> Answer:
    """``DELETE /v1/m2m/clients/{client_id}``: permanently; its id may be used again."""
    row = _find(call)
    call.store.remove(row)
    return {"client_id": row.id}


def rotate_start(call: Call) -> Answer:
    """``POST …/secrets/rotate/start``: the only answer with the next secret."""
    row, value = shown_once.start_rotation(call, KIND, _find(call))
    return {KIND: {**row.fields, "next_client_secret": value}}


def rotate(call: Call) -> Answer:
    """``POST …/secrets/rotate``."""
    return {KIND: shown_once.finish_rotation(call, KIND, _find(call)).fields}


def rotate_cancel(call: Call) -> Answer:
    """``POST …/secrets/rotate/cancel``."""
    return {KIND: shown_once.cancel_rotation(call, KIND, _find(call)).fields}


def _find(call: Call) -> Row:
    row = call.store.get(call.collection(KIND), call.path["client_id"])
    if row is None:  # An id that the client chose may look like an id of any environment.
        call.id("client_id")
        raise Refusal("m2m_client_not_found", "M2M client could not be found.")
    return row


def _stated(call: Call, before: Fields) -> Fields:
    """Return the fields in the request."""
    body, behaviour = call.body, call.behaviour
    stated: dict[str, Any] = {
        name: given(body, name, str, behaviour, f"m2m_client_invalid_{name}")
        for name in ("client_name", "client_description")
    }
    stated["scopes"] = _scopes(call)
    replaced = behaviour.m2m_metadata == "replaced" and body.get("trusted_metadata") is not None
    earlier = None if replaced else before.get("trusted_metadata")
    stated["trusted_metadata"] = metadata(earlier, body, "trusted_metadata", behaviour)
    return {name: value for name, value in stated.items() if value is not None}


def _scopes(call: Call) -> list[str] | None:
    scopes = texts(call.body, "scopes", call.behaviour, "invalid_m2m_client_scope")
    if scopes is None:
        return None
    if not all(scope and not any(character.isspace() for character in scope) for scope in scopes):
        raise Refusal("invalid_m2m_client_scope", "A scope must have characters, and no spaces.")
    most = call.behaviour.most_of_each
    if most and len(scopes) > most:
        raise Refusal("too_many_m2m_client_scopes", f"A client may have at most {most} scopes.")
    return ordered(list(dict.fromkeys(scopes)), call.behaviour)


def _id(call: Call) -> str:
    wanted: str | None = given(call.body, "client_id", str, call.behaviour, "m2m_client_invalid_client_id")
    if wanted is None:
        return call.new_id("m2m-client")
    if not wanted.strip() or len(wanted) > ID_LENGTH:
        raise Refusal("m2m_client_invalid_client_id", f"client_id must have 1 to {ID_LENGTH} characters.")
    if call.store.get(call.collection(KIND), wanted) is not None:
        raise Refusal("duplicate_m2m_client_id", "The provided client_id is already used by another client.")
    return wanted


def _secret(call: Call) -> str | None:
    wanted: str | None = given(call.body, "client_secret", str, call.behaviour, "m2m_client_invalid_client_secret")
    if wanted is None:
        return None
    shares = [count / len(wanted) for count in Counter(wanted).values()]
    bits = len(wanted) * -sum(share * math.log2(share) for share in shares)
    if len(wanted) < SECRET_LENGTH or bits < SECRET_BITS:
        raise Refusal("insecure_m2m_client_secret", "client_secret is too short or too easy to guess.")
    return wanted


def _room(call: Call) -> None:
    most = call.behaviour.most_of_each
    if most and call.store.count(call.collection(KIND)) >= most:
        raise Refusal("too_many_m2m_clients_for_billing_tier", f"There may be at most {most} M2M clients.")
