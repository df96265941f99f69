"""An environment's secrets and public tokens over the management API [2.3, 2.4, 1.5]."""

from typing import Final

from reconciler.emulator.core import keys
from reconciler.emulator.core.call import Answer, Call, Routes
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.search import arranged
from reconciler.emulator.core.store import Fields, Row

MOST: Final = 50


def create_secret(call: Call) -> Answer:
    """``POST …/secrets``: the only answer with the value."""
    if call.store.count(call.collection("secret")) >= MOST:
        raise Refusal("too_many_secrets", f"An environment may have at most {MOST} secrets.")
    value = keys.new_secret(call.environment.type)
    row = keys.add_secret(call.store, call.environment, value, call.now())
    return {"secret": {"secret_id": row.id, "secret": value, "created_at": row.fields["created_at"]}}


def list_secrets(call: Call) -> Answer:
    """``GET …/secrets``."""
    return {"secrets": [_masked(call, row) for row in _rows(call, "secret")]}


def get_secret(call: Call) -> Answer:
    """``GET …/secrets/{secret_id}``."""
    return {"secret": _masked(call, _secret(call))}


def delete_secret(call: Call) -> Answer:
    """``DELETE …/secrets/{secret_id}``: the secret no longer works."""
    keys.remove_secret(call.workspace, call.project, call.environment, _secret(call))
    return {}


def create_public_token(call: Call) -> Answer:
    """``POST …/public_tokens``."""
    if call.store.count(call.collection("public_token")) >= MOST:
        raise Refusal("too_many_public_tokens", f"An environment may have at most {MOST} public tokens.")
    return {"public_token": keys.add_public_token(call.store, call.environment, call.now()).fields}


def list_public_tokens(call: Call) -> Answer:
    """``GET …/public_tokens``."""
    return {"public_tokens": [row.fields for row in _rows(call, "public_token")]}


def get_public_token(call: Call) -> Answer:
    """``GET …/public_tokens/{public_token}``."""
    return {"public_token": _public_token(call).fields}


def delete_public_token(call: Call) -> Answer:
    """``DELETE …/public_tokens/{public_token}``: refused for the last one."""
    row = _public_token(call)
    if call.store.count(call.collection("public_token")) == 1:
        raise Refusal("unable_to_delete_last_public_token", "The last public token cannot be deleted.")
    call.store.remove(row)
    return {}


def _rows(call: Call, kind: str) -> list[Row]:
    return arranged(call.store.children(call.collection(kind)), call.behaviour, lambda row: row.id)


def _secret(call: Call) -> Row:
    row = call.store.get(call.collection("secret"), call.path["secret_id"])
    if row is None:
        raise Refusal("secret_not_found", "The secret could not be found.")
    return row


def _public_token(call: Call) -> Row:
    row = call.store.get(call.collection("public_token"), call.path["public_token"])
    if row is None:
        raise Refusal("public_token_not_found", "The public token could not be found.")
    return row


def _masked(call: Call, row: Row) -> Fields:
    return call.store.clean({**row.fields, "used_at": keys.used_at(call.store, call.environment, row)})


ROUTES: Final[Routes] = (
    ("POST", "secrets", "secrets_create", create_secret),
    ("GET", "secrets", "secrets_list", list_secrets),
    ("GET", "secrets/{secret_id}", "secrets_get", get_secret),
    ("DELETE", "secrets/{secret_id}", "secrets_delete", delete_secret),
    ("POST", "public_tokens", "public_tokens_create", create_public_token),
    ("GET", "public_tokens", "public_tokens_list", list_public_tokens),
    ("GET", "public_tokens/{public_token}", "public_tokens_get", get_public_token),
    ("DELETE", "public_tokens/{public_token}", "public_tokens_delete", delete_public_token),
)
