"""``…/connection/{connection_id}/rotate``: both tokens are valid during a rotation [2.22]."""

from reconciler.emulator.core import shown_once
from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.store import Fields, Row
from reconciler.emulator.data.scim_record import KIND, NEXT_TOKEN, TOKEN, find, keep, token, without

NO_NEXT: Fields = {f"{NEXT_TOKEN}_last_four": "", f"{NEXT_TOKEN}_expires_at": None}


def start(call: Call) -> Answer:
    """``POST …/rotate/start``: the only answer with the next token. The token of an earlier start is lost."""
    organization, row = find(call)
    value = shown_once.new_value()
    shown_once.keep(call, KIND, row, value, shown_once.NEXT)
    kept = keep(call, organization, {**row.fields, **token(call, NEXT_TOKEN, value)}, row)
    return {"connection": {**without(kept, f"{NEXT_TOKEN}_last_four"), NEXT_TOKEN: value}}


def complete(call: Call) -> Answer:
    """``POST …/rotate/complete``: the next token stays valid, the former one does not."""
    organization, row = _rotating(call)
    shown_once.promote(call, KIND, row)
    moved = {f"{TOKEN}{part}": row.fields[f"{NEXT_TOKEN}{part}"] for part in ("_last_four", "_expires_at")}
    return {"connection": keep(call, organization, {**row.fields, **moved, **NO_NEXT}, row).fields}


def cancel(call: Call) -> Answer:
    """``POST …/rotate/cancel``: the next token is no longer valid."""
    organization, row = _rotating(call)
    shown_once.drop(call, KIND, row, shown_once.NEXT)
    return {"connection": keep(call, organization, {**row.fields, **NO_NEXT}, row).fields}


def _rotating(call: Call) -> tuple[Row, Row]:
    organization, row = find(call)
    if not row.fields[f"{NEXT_TOKEN}_last_four"]:
        raise Refusal("scim_connection_not_rotating_token", "The connection's token is not being rotated.")
    return organization, row
