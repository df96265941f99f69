"""``/v1/connected_apps/clients`` [2.17]."""

from dataclasses import replace
from typing import Final

from reconciler.emulator.core import rotation, shown_once
from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import choice
from reconciler.emulator.core.store import Fields, Row
from reconciler.emulator.data.connected_app_fields import DEFAULTS, TYPES, sent

KIND: Final = "connected_app"


def create(call: Call) -> Answer:
    """``POST /v1/connected_apps/clients``: the only answer with the secret of an app (public apps have none)."""
    client_type = choice(call.body, "client_type", TYPES, call.behaviour, "invalid_connected_app_type")
    if not client_type:
        raise Refusal("invalid_connected_app_type", "client_type is required.")
    most = call.behaviour.most_of_each
    if most and call.store.count(call.collection(KIND)) >= most:
        raise Refusal("too_many_connected_apps", f"There may be at most {most} Connected Apps.")
    fields = {"client_id": call.new_id("connected-app"), "client_type": client_type, **DEFAULTS}
    fields |= sent(call.body, client_type, call.behaviour)
    value = "" if _is_public(client_type) else shown_once.new_value()
    if value:
        fields["client_secret_last_four"] = value[-4:]
    row = call.store.put(call.collection(KIND), Row(fields["client_id"], fields))
    if not value:
        return {KIND: _brief(row.fields)}
    shown_once.keep(call, KIND, row, value)
    return {KIND: {**_brief(row.fields), "client_secret": value}}


def get(call: Call) -> Answer:
    """``GET /v1/connected_apps/clients/{client_id}``."""
    return {KIND: _find(call).fields}


def update(call: Call) -> Answer:
    """``PUT /v1/connected_apps/clients/{client_id}``: changes only the fields that are sent, never the type."""
    row = _find(call)
    fields = {**row.fields, **sent(call.body, row.fields["client_type"], call.behaviour)}
    return {KIND: call.store.put(call.collection(KIND), replace(row, fields=fields)).fields}


def delete(call: Call) -> Answer:
    """``DELETE /v1/connected_apps/clients/{client_id}``: permanently."""
    row = _find(call)
    call.store.remove(row)
    return {"client_id": row.id}


def rotate_start(call: Call) -> Answer:
    """``POST …/secrets/rotate/start``: the only answer with the next secret."""
    row, value = rotation.start(call, KIND, _confidential(call))
    return {KIND: {**_brief(row.fields), "next_client_secret": value}}


def rotate(call: Call) -> Answer:
    """``POST …/secrets/rotate``."""
    return {KIND: rotation.finish(call, KIND, _confidential(call)).fields}


def rotate_cancel(call: Call) -> Answer:
    """``POST …/secrets/rotate/cancel``."""
    return {KIND: rotation.cancel(call, KIND, _confidential(call)).fields}


def find(call: Call, id: str) -> Row:
    """Return the app with this id.

    Raises:
        Refusal: ``connected_app_not_found``.
    """
    row = call.store.get(call.collection(KIND), call.own(id))
    if row is None:
        raise Refusal("connected_app_not_found", "Connected App could not be found.")
    return row


def _find(call: Call) -> Row:
    return find(call, call.path["client_id"])


def _confidential(call: Call) -> Row:
    row = _find(call)
    if _is_public(row.fields["client_type"]):
        raise Refusal("public_connected_apps_do_not_have_secrets", "A public Connected App has no secret.")
    return row


def _is_public(client_type: str) -> bool:
    return client_type.endswith("_public")


def _brief(fields: Fields) -> Fields:
    """Return the fields of an answer that holds a secret: without those on how the app was made."""
    return {name: value for name, value in fields.items() if name != "creation_method"}
