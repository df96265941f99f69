"""Follow a search's cursors to the complete result, or raise ``Unreadable``.

Stytch promises no order and no snapshot while pages are read (docs/stytch.md, "Search"): rows may come twice, and rows
may be missing. An incomplete result is never used.
"""

import sys
from collections.abc import Callable, Iterator, Sized
from itertools import count
from typing import Any, Generic, TypeVar

from msgspec import Struct

from reconciler.clients.pages import Odd, Page
from reconciler.errors import Unreadable

PATIENCE = 3  # pages in a row that bring nothing new
SPARE_PAGES = 100  # that any search may have
FEWEST = 10  # rows of a page, on average, of a search that has more pages than those
MOST_PAGES = 10_000  # ten million rows

T = TypeVar("T")


class TooMany(Exception):
    """A search gives more rows than the caller wants to hold at once: at least ``rows``."""

    def __init__(self, rows: int) -> None:
        super().__init__(f"at least {rows} rows")
        self.rows = rows


class Found(Struct, Generic[T]):
    """Everything that a search found, each thing once."""

    rows: list[T]
    odd: list[Odd]


def follow(fetch: Callable[[str | None], Page[T]], what: str, seen: Sized) -> Iterator[Page[T]]:
    """Yield pages until there is no further cursor; raises ``Unreadable`` where that never comes.

    Cursors may lead in a circle, to nothing new, or always on to a few rows or to more rows than were reported.
    ``seen`` is what the caller has found so far, each thing once.
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
) -> Found[T]:
    """Read a search to its end, each row once; where rows are missing, once more; then it is ``Unreadable``.

    Whole means: the cursors ended, and there are at least as many rows as the smallest total that a page reported.
    Raises ``TooMany`` as soon as it is clear that there are more than ``most``.
    """
    for again in (True, False):
        rows: dict[object, T | Odd] = {}
        total = sys.maxsize
        for page in follow(fetch, what, rows):
            rows.update((key(row), row) for row in page.rows)
            rows.update((tuple(odd.ids.values()) or id(odd), odd) for odd in page.odd)
            total = smaller_total(total, page)
            if (known := max(len(rows), page.total)) > most:
                raise TooMany(known)
        if is_whole(len(rows), total, what, again=again):
            break
    return Found(
        [row for row in rows.values() if not isinstance(row, Odd)],
        [row for row in rows.values() if isinstance(row, Odd)],
    )


def stream_whole(
    fetch: Callable[[str | None], Page[T]],
    key: Callable[[T], object],
    what: str,
    uncounted: Callable[[], None] = lambda: None,
) -> Iterator[list[T]]:
    """As ``read_whole``, but yields the new rows of each page; what a second reading finds comes after the rest.

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
            total = smaller_total(total, page)
            yield fresh
        if is_whole(len(given), total, what, again=again):
            if total == sys.maxsize:
                uncounted()
            return


def smaller_total(total: int, page: Page[Any]) -> int:
    """Return the smaller of ``total`` and what a page reports, if it reports any."""
    return min(total, page.total) if page.total >= 0 else total


def is_whole(count: int, total: int, what: str, *, again: bool) -> bool:
    """Return whether there are as many rows as reported; if not, and it cannot be read again, it is ``Unreadable``."""
    if total == sys.maxsize or count >= total:
        return True
    if not again:
        raise Unreadable(
            f"the search for {what} gave {count:,} of {total:,} rows, twice",
            hint="Stytch's search lags behind writes: run again in a minute",
        )
    return False
