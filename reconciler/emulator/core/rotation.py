"""The rotation of a client's secret, for M2M clients and Connected Apps [2.16, 2.17].

During a rotation both secrets are valid. The new one is shown once.
"""

from dataclasses import replace
from typing import Final

from reconciler.emulator.core import shown_once
from reconciler.emulator.core.call import Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.store import Row

LAST_FOUR: Final = "client_secret_last_four"
NEXT_LAST_FOUR: Final = "next_client_secret_last_four"


def start(call: Call, kind: str, row: Row) -> tuple[Row, str]:
    """Return the client with a second secret, and that secret.

    Raises:
        Refusal: ``…_already_rotating_secret``.
    """
    if row.fields.get(NEXT_LAST_FOUR):
        raise Refusal(f"{kind}_already_rotating_secret", "The client's secret is being rotated already.")
    value = shown_once.new_value()
    shown_once.keep(call, kind, row, value, shown_once.NEXT)
    return _kept(call, kind, row, {NEXT_LAST_FOUR: value[-4:]}), value


def finish(call: Call, kind: str, row: Row) -> Row:
    """Return the client with its second secret only. Raises as ``cancel`` does."""
    following = _following(kind, row)
    shown_once.promote(call, kind, row)
    return _kept(call, kind, row, {LAST_FOUR: following, NEXT_LAST_FOUR: None})


def cancel(call: Call, kind: str, row: Row) -> Row:
    """Return the client with its first secret only.

    Raises:
        Refusal: ``…_not_rotating_secret``.
    """
    _following(kind, row)
    shown_once.drop(call, kind, row, shown_once.NEXT)
    return _kept(call, kind, row, {NEXT_LAST_FOUR: None})


def _following(kind: str, row: Row) -> str:
    last_four: str | None = row.fields.get(NEXT_LAST_FOUR)
    if not last_four:
        raise Refusal(f"{kind}_not_rotating_secret", "The client's secret is not being rotated.")
    return last_four


def _kept(call: Call, kind: str, row: Row, change: dict[str, str | None]) -> Row:
    return call.store.put(call.collection(kind), replace(row, fields={**row.fields, **change}))
