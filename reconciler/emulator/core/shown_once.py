"""Values that are shown once: client secrets and SCIM tokens. Only their digests are stored [2.16, 2.17, 2.22].

During a rotation both of a client's secrets are valid, and the new one is shown once.
"""

import secrets
from dataclasses import replace
from hashlib import sha256
from typing import Final

from reconciler.emulator.core.call import Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.store import Row

CURRENT: Final = "current"
NEXT: Final = "next"

LAST_FOUR: Final = "client_secret_last_four"
NEXT_LAST_FOUR: Final = "next_client_secret_last_four"


def new_value() -> str:
    """Return a new value."""
    return secrets.token_urlsafe(32)


def keep(call: Call, kind: str, owner: Row, value: str, place: str = CURRENT) -> None:
    """Store the value as its owner's current or next one. It is deleted with the owner."""
    _put(call, kind, owner, place, sha256(value.encode()).hexdigest())


def promote(call: Call, kind: str, owner: Row) -> None:
    """Make the next value the current one. The former current value is no longer valid."""
    following = call.store.get(_collection(call, kind), f"{NEXT} {owner.id}")
    if following is not None:
        _put(call, kind, owner, CURRENT, following.fields["digest"])
        call.store.remove(following)


def drop(call: Call, kind: str, owner: Row, *places: str) -> None:
    """Delete the values at these places, so that they are no longer valid."""
    for place in places:
        row = call.store.get(_collection(call, kind), f"{place} {owner.id}")
        if row is not None:
            call.store.remove(row)


def counts(call: Call, kind: str, owner_id: str, value: str) -> bool:
    """Return whether the value is the owner's current or next one."""
    digest = sha256(value.encode()).hexdigest()
    rows = (call.store.get(_collection(call, kind), f"{place} {owner_id}") for place in (CURRENT, NEXT))
    return any(row is not None and row.fields["digest"] == digest for row in rows)


def start_rotation(call: Call, kind: str, row: Row) -> tuple[Row, str]:
    """Return the client with a second secret, and that secret.

    Raises:
        Refusal: ``…_already_rotating_secret``.
    """
    if row.fields.get(NEXT_LAST_FOUR):
        raise Refusal(f"{kind}_already_rotating_secret", "The client's secret is being rotated already.")
    value = new_value()
    keep(call, kind, row, value, NEXT)
    return _kept(call, kind, row, {NEXT_LAST_FOUR: value[-4:]}), value


def finish_rotation(call: Call, kind: str, row: Row) -> Row:
    """Return the client with its second secret only. Raises as ``cancel_rotation`` does."""
    following = _following(kind, row)
    promote(call, kind, row)
    return _kept(call, kind, row, {LAST_FOUR: following, NEXT_LAST_FOUR: None})


def cancel_rotation(call: Call, kind: str, row: Row) -> Row:
    """Return the client with its first secret only.

    Raises:
        Refusal: ``…_not_rotating_secret``.
    """
    _following(kind, row)
    drop(call, kind, row, NEXT)
    return _kept(call, kind, row, {NEXT_LAST_FOUR: None})


def _put(call: Call, kind: str, owner: Row, place: str, digest: str) -> None:
    collection, id_ = _collection(call, kind), f"{place} {owner.id}"
    row = call.store.get(collection, id_)
    fields, number = {"digest": digest}, row.number if row else 0
    call.store.put(collection, Row(id_, fields, parent=owner.parent or owner.number, number=number))


def _collection(call: Call, kind: str) -> int:
    return call.collection(f"{kind}_secret")


def _following(kind: str, row: Row) -> str:
    last_four: str | None = row.fields.get(NEXT_LAST_FOUR)
    if not last_four:
        raise Refusal(f"{kind}_not_rotating_secret", "The client's secret is not being rotated.")
    return last_four


def _kept(call: Call, kind: str, row: Row, change: dict[str, str | None]) -> Row:
    return call.store.put(call.collection(kind), replace(row, fields={**row.fields, **change}))
