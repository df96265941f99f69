"""Follow a search's cursors to the complete result, or raise ``Unreadable``.

Stytch promises no order and no snapshot while pages are read (docs/stytch.md, "Search"): rows may come twice, and rows
may be missing. An incomplete result is never used.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from itertools import count
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Raw, Struct, defstruct

from reconciler.documents import nesting
from reconciler.errors import Unreadable
from reconciler.model import Json

LIMIT = 1000  # rows a page, the most that Stytch gives
PATIENCE = 3  # pages in a row that bring nothing new
SPARE_PAGES = 100  # that any search may have
FEWEST = 10  # rows of a page, on average, of a search that has more pages than those
MOST_PAGES = 10_000  # ten million rows

T = TypeVar("T")


class MalformedRecord(Struct, frozen=True):
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
    malformed: list[MalformedRecord]
    total: int
    next_cursor: str | None


def page_decoder(key: str, row_type: type[T], ids: tuple[str, ...]) -> Callable[[bytes], Page[T]]:
    """Return a decoder of pages whose rows are under ``key``, which raises ``DecodeError`` where a body is no page.

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
        malformed: list[MalformedRecord] = []
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
                    malformed.append(_malformed(raw, ids, str(error)))
                except RecursionError:
                    malformed.append(_malformed(raw, ids, "it is nested too deeply"))
        total = page.results_metadata.total
        return Page(rows, malformed, -1 if total is None else total, page.results_metadata.next_cursor or None)

    return decode


def _apart(body: bytes, key: str, loose: msgspec.json.Decoder[Any]) -> tuple[Any, Iterable[Raw]]:
    """Return a page decoded but for its rows, and each of these as it stands."""
    try:
        page = loose.decode(body)
    except RecursionError:
        rest, rows = nesting.without(body, key)
        return loose.decode(rest), [Raw(row) for _, row in nesting.items(rows) or ()]
    return page, page.rows or ()


def _malformed(raw: Raw, names: tuple[str, ...], reason: str) -> MalformedRecord:
    try:
        record = msgspec.json.decode(raw)
    except RecursionError:
        record = msgspec.json.decode(nesting.pruned(bytes(raw)))
    known = record if isinstance(record, dict) else {}
    return MalformedRecord({name: known[name] for name in names if isinstance(known.get(name), str)}, reason, record)


class TooMany(Exception):
    """A search gives more rows than the caller wants to hold at once: at least ``rows``."""

    def __init__(self, rows: int) -> None:
        super().__init__(f"at least {rows} rows")
        self.rows = rows


class SearchResult(Struct, Generic[T]):
    """Everything that a search found, each row once."""

    rows: list[T]
    malformed: list[MalformedRecord]


def follow(fetch: Callable[[str | None], Page[T]], what: str, seen: Sized) -> Iterator[Page[T]]:
    """Yield pages until there is no further cursor; raises ``Unreadable`` where that never comes.

    Cursors may lead in a circle, to nothing new, or always on to a few rows or to more rows than were reported.
    ``seen`` is what the caller has found so far, each row once.
    """
    cursors: set[str] = set()
    cursor: str | None = None
    fruitless, reported = 0, -1
    for pages in count(1):
        before = len(seen)
        page = fetch(cursor)
        yield page
        cursor = page.next_cursor
        if cursor is None:
            return
        fruitless = 0 if len(seen) > before else fruitless + 1
        if cursor in cursors or fruitless >= PATIENCE:
            raise Unreadable(f"the search for {what} does not end: its cursors return no new rows")
        cursors.add(cursor)
        reported = max(reported, page.total)
        if pages >= min(MOST_PAGES, SPARE_PAGES + (len(seen) if reported < 0 else reported) // FEWEST):
            rows = f"{pages:,} pages with {len(seen):,} rows"
            raise Unreadable(f"the search for {what} does not end: after {rows} there is another page")


def read_whole(
    fetch: Callable[[str | None], Page[T]], key: Callable[[T], str], what: str, most: int = sys.maxsize
) -> SearchResult[T]:
    """Return a search read to its end, each row once. Where rows are missing twice, raise ``Unreadable``.

    Whole means: the cursors ended, and there are at least as many rows as the smallest total that a page reported.
    Raises ``TooMany`` as soon as it is clear that there are more than ``most``.
    """
    for again in (True, False):
        rows: dict[object, Any] = {}  # the malformed ones too, until all are there
        malformed: dict[object, MalformedRecord] = {}
        total = sys.maxsize
        for page in follow(fetch, what, rows):
            rows.update(zip(map(key, page.rows), page.rows, strict=True))
            malformed.update((tuple(record.ids.values()) or id(record), record) for record in page.malformed)
            rows |= malformed
            total = _smaller_total(total, page)
            if (known := max(len(rows), page.total)) > most:
                raise TooMany(known)
        if _is_whole(len(rows), total, what, again=again):
            break
    for name in malformed:
        del rows[name]
    return SearchResult([*rows.values()], [*malformed.values()])


def stream_whole(
    fetch: Callable[[str | None], Page[T]],
    key: Callable[[T], object],
    what: str,
    uncounted: Callable[[], None] = lambda: None,
) -> Iterator[list[T]]:
    """Yield what ``read_whole`` returns, page by page; what a second reading finds comes after the rest.

    ``uncounted`` is called at the end where no page reported a total, so that rows may be missing unseen.
    """
    given: set[object] = set()
    for again in (True, False):
        seen = given if again else set()  # in a second reading, what was given already is no sign of a circle
        total = sys.maxsize
        for page in follow(fetch, what, seen):
            rows = {key(row): row for row in page.rows}
            fresh = [row for name, row in rows.items() if name not in given]
            seen.update(rows)
            given.update(rows)
            total = _smaller_total(total, page)
            yield fresh
        if _is_whole(len(given), total, what, again=again):
            if total == sys.maxsize:
                uncounted()
            return


def _smaller_total(total: int, page: Page[Any]) -> int:
    """Return the smaller of ``total`` and what a page reports, if it reports any."""
    return min(total, page.total) if page.total >= 0 else total


def _is_whole(count: int, total: int, what: str, *, again: bool) -> bool:
    """Return whether there are as many rows as reported; if not, and it cannot be read again, it is ``Unreadable``."""
    if total == sys.maxsize or count >= total:
        return True
    if not again:
        raise Unreadable(
            f"the search for {what} gave {count:,} of {total:,} rows, twice",
            hint="Stytch's search lags behind writes: run again in a minute",
        )
    return False
