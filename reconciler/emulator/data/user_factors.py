"""Delete a user's factors one by one: an address, a phone number, a passkey, a password … [2.23]."""

from functools import partial

from reconciler.emulator.core.call import Answer, Call, Endpoint
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.store import Row
from reconciler.emulator.data.user_record import FACTORS, keep

PRIMARY = ("emails", "phone_numbers", "providers")
"""The factors for sign-in. A user has at least one of them."""


def delete_password(call: Call) -> Answer:
    """``DELETE /v1/users/passwords/{password_id}``."""
    row = _owner(call, call.id("password_id"), "password_not_found")
    return {"user_id": row.id, "user": keep(call, {**row.fields, "password": None}, row).fields}


def delete_factor(name: str, not_found: str) -> Endpoint:
    """Return the endpoint that removes a factor from the list ``name``, by the id in the path."""
    return partial(_delete_factor, name, not_found)


def _delete_factor(name: str, not_found: str, call: Call) -> Answer:
    parameter = FACTORS[name]
    id_ = call.id(parameter)
    row = _owner(call, id_, not_found)
    left = [factor for factor in row.fields[name] if factor[parameter] != id_]
    primary = sum(len(row.fields[each]) for each in PRIMARY)
    if name in PRIMARY and primary == 1 and call.behaviour.last_factor == "refused":
        raise Refusal("cannot_delete_last_primary_factor", "The user could not sign in without it.")
    return {"user_id": row.id, "user": keep(call, {**row.fields, name: left}, row).fields}


def _owner(call: Call, id: str, not_found: str) -> Row:
    found = call.store.named(call.collection("user"), f"factor:{id}")
    if not found:
        raise Refusal(not_found, "It could not be found.")
    return found[0]
