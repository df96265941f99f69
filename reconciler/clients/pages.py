"""Pages of searches → records.

Pages are decoded at once, straight into what we look at; only where that fails record by record, so that one odd
record costs one record.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Raw, Struct, defstruct

from reconciler import nesting
from reconciler.model import Json

LIMIT = 1000  # rows a page, the most that Stytch gives

T = TypeVar("T")


class Odd(Struct, frozen=True):
    """A record that is not shaped as Stytch describes it: its ids, where they can be read, and what is wrong.

    ``record`` is what is there, with null in the place of what is nested too deeply.
    """

    ids: Mapping[str, str]
    reason: str
    record: Json = None


class ResultsMetadata(Struct):
    """How a page of a search says how many rows there are, -1 where it does not know, and where to go on."""

    total: int | None = None
    next_cursor: str | None = None


class Page(Struct, Generic[T]):
    """One decoded page."""

    rows: list[T]
    odd: list[Odd]
    total: int
    next_cursor: str | None


def page_decoder(key: str, row_type: type[T], ids: tuple[str, ...]) -> Callable[[bytes], Page[T]]:
    """Make a decoder of pages whose rows are under ``key``; it raises ``DecodeError`` where a body is no page at all.

    ``ids`` are the fields that name a record where the rest of it cannot be read.
    """
    metadata = ("results_metadata", ResultsMetadata)
    # A name of ours for the rows, whatever Stytch calls them; an empty page's may be null.
    whole = msgspec.json.Decoder(
        defstruct("Rows", [("rows", list[row_type] | None), metadata], rename={"rows": key})  # type: ignore[valid-type] # msgspec needs the type itself
    )
    loose = msgspec.json.Decoder(defstruct("RawRows", [("rows", list[Raw] | None), metadata], rename={"rows": key}))
    row = msgspec.json.Decoder(row_type)

    def decode(body: bytes) -> Page[T]:
        odd: list[Odd] = []
        try:
            page: Any = whole.decode(body)
            rows: list[T] = page.rows or []
        except (msgspec.ValidationError, RecursionError):
            page, raws = _apart(body, key, loose)
            rows = []
            for raw in raws:
                try:
                    rows.append(raw if row_type is Raw else row.decode(raw))  # type: ignore[arg-type] # Raw is T then
                except msgspec.ValidationError as error:
                    odd.append(_odd(raw, ids, str(error)))
                except RecursionError:
                    odd.append(_odd(raw, ids, "it is nested too deeply"))
        total = page.results_metadata.total
        return Page(rows, odd, -1 if total is None else total, page.results_metadata.next_cursor or None)

    return decode


def _apart(body: bytes, key: str, loose: msgspec.json.Decoder[Any]) -> tuple[Any, Iterable[Raw]]:
    """Decode a page but for its rows, and give each of them as it stands."""
    try:
        page = loose.decode(body)
    except RecursionError:
        rest, rows = nesting.without(body, key)
        return loose.decode(rest), [Raw(row) for _, row in nesting.items(rows) or ()]
    return page, page.rows or ()


def _odd(raw: Raw, names: tuple[str, ...], reason: str) -> Odd:
    try:
        record = msgspec.json.decode(raw)
    except RecursionError:
        record = msgspec.json.decode(nesting.pruned(bytes(raw)))
    known = record if isinstance(record, dict) else {}
    return Odd({name: known[name] for name in names if isinstance(known.get(name), str)}, reason, record)
