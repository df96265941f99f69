"""The search index, and the pages and the order in which it is read [1.3, 7.20]."""

import base64
import hashlib
import json
import random
import secrets
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from reconciler.emulator.core.behaviour import Behaviour
from reconciler.emulator.core.call import Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.store import Store, Write

SIZES = (100, 1000)
"""The default and the largest size of a page."""
KEPT = 64

T = TypeVar("T")
_DRAW: Final = random.SystemRandom()


Found = tuple[int, int, str]
"""A row's parent, number and text; the first two are also its place."""


class Index:
    """The index that searches read. ``catch_up`` is called at the beginning of each request."""

    def __init__(self, store: Store, behaviour: Behaviour, clock: Callable[[], float]) -> None:
        self._truth = store
        self._behaviour = behaviour
        self._clock = clock
        self._requests = 0
        self._pending: deque[tuple[int, float, Write]] = deque()
        self._lags = behaviour.search_lag_ms > 0 or behaviour.search_lag_requests > 0
        self.store = store.copy() if self._lags else store
        if self._lags:
            store.follower = self._follow

    def catch_up(self) -> None:
        """Apply the writes that are due."""
        self._requests += 1
        now = self._clock()
        while self._pending and self._pending[0][0] < self._requests and self._pending[0][1] <= now:
            self.store.repeat(self._pending.popleft()[2])

    def refresh(self) -> None:
        """Copy the complete store, as after a bulk load."""
        if self._lags:
            self.store.close()
            self.store = self._truth.copy()
            self._pending.clear()

    def close(self) -> None:
        """Close the copy."""
        if self._lags:
            self.store.close()

    def _follow(self, write: Write) -> None:
        due = self._requests + self._behaviour.search_lag_requests
        self._pending.append((due, self._clock() + self._behaviour.search_lag_ms / 1000, write))


@dataclass(frozen=True, slots=True)
class Selection:
    """The objects that a search looks for: the parents, and an SQL condition with its values by name."""

    collection: int
    parents: tuple[int, ...]
    where: str
    values: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """One page: the objects' texts, the numbers of their parents, ``results_metadata`` as text, the next cursor."""

    texts: Sequence[str]
    parents: Sequence[int]
    metadata: str
    cursor: str | None


def page(call: Call, selection: Selection, kind: str, sizes: tuple[int, int] = SIZES) -> Page:
    """Return the page of the request's ``cursor`` and ``limit``.

    Raises:
        Refusal: for an invalid cursor or limit.
    """
    limit, cursor = _limit(call, kind, *sizes), _cursor(call, kind)
    if call.behaviour.search_order == "insertion":
        rows, after = _inserted(call.index, selection, cursor, limit)
    else:
        rows, after = _arranged(call, selection, cursor, limit)
    total = count(call.index, selection)
    rows = _disturbed(call, rows)
    following = after and base64.urlsafe_b64encode(json.dumps(after).encode()).decode()
    metadata = _metadata(call, total, following)
    return Page([row[2] for row in rows], [row[0] for row in rows], metadata, following)


def count(index: Store, selection: Selection) -> int:
    """Return the number of matching objects. It is cached until the index changes."""
    version, totals = index.totals
    if version != index.version or len(totals) > KEPT:
        totals = {}
        index.totals = (index.version, totals)
    if selection not in totals:
        sql = f"SELECT count(*) FROM object WHERE parent = :parent AND collection = :collection AND {selection.where}"  # noqa: S608 # its parts are written in this package; values are bound
        values = dict(selection.values) | {"collection": selection.collection}
        totals[selection] = sum(
            index.connection.execute(sql, values | {"parent": parent}).fetchone()[0] for parent in selection.parents
        )
    return totals[selection]


def arranged(items: Iterable[T], behaviour: Behaviour, key: Callable[[T], Any] = str) -> list[T]:
    """Return items, given in the order of insertion, in the order of the answer. ``key`` returns an item's id."""
    result = list(items)
    if behaviour.search_order == "id":
        result.sort(key=key)
    elif behaviour.search_order == "random":
        _DRAW.shuffle(result)
    return result


def _inserted(index: Store, selection: Selection, cursor: Any, limit: int) -> tuple[list[Found], Any]:
    """Return rows in the order of insertion, organization by organization, and the next cursor."""
    at, number = cursor or (0, 0)
    sql = (
        "SELECT parent, number, text FROM object WHERE parent = :parent AND collection = :collection"  # noqa: S608 # its parts are written in this package; values are bound
        f" AND number > :number AND {selection.where} ORDER BY number LIMIT :limit"
    )
    values = dict(selection.values) | {"collection": selection.collection}
    rows: list[Found] = []
    for parent in selection.parents:
        if parent < at:
            continue
        place = {"parent": parent, "number": number if parent == at else 0, "limit": limit + 1 - len(rows)}
        rows += index.connection.execute(sql, values | place)
        if len(rows) > limit:
            return rows[:limit], rows[limit - 1][:2]
    return rows, None


def _arranged(call: Call, selection: Selection, cursor: Any, limit: int) -> tuple[list[Found], Any]:
    """Return rows by id, or in a random order for each search, and the next cursor, which keeps the order."""
    salt, start = cursor or (secrets.token_hex(4), 0)
    sql = f"SELECT id, number FROM object WHERE parent = :parent AND collection = :collection AND {selection.where}"  # noqa: S608 # its parts are written in this package; values are bound
    values = dict(selection.values) | {"collection": selection.collection}
    rows = [
        row for parent in selection.parents for row in call.index.connection.execute(sql, values | {"parent": parent})
    ]
    if call.behaviour.search_order == "random":
        rows.sort(key=lambda row: hashlib.blake2b(f"{salt} {row[0]}".encode(), digest_size=8).digest())
    else:
        rows.sort()
    by_number = "SELECT parent, number, text FROM object WHERE number = ?"
    chosen = [
        call.index.connection.execute(by_number, (number,)).fetchone() for _, number in rows[start : start + limit]
    ]
    return chosen, [salt, start + limit] if start + limit < len(rows) else None


def _disturbed(call: Call, rows: list[Found]) -> list[Found]:
    """Return the page without a row, or with one row twice in place of another, as concurrent writes may cause."""
    if call.disturbance == "short_page":
        return rows[: len(rows) // 2]
    if call.disturbance == "moved_rows" and len(rows) > 1:
        return [*rows[:-1], rows[0]]
    return rows


def _limit(call: Call, kind: str, unsaid: int, most: int) -> int:
    limit = call.body.get("limit")
    if limit is None:
        return unsaid
    if isinstance(limit, bool) or not isinstance(limit, int) or not 0 < limit <= most:
        raise Refusal("user_search_invalid_limit" if kind == "user" else "bad_request", f"limit must be 1 to {most}.")
    return limit


def _cursor(call: Call, kind: str) -> Any:
    cursor = call.body.get("cursor")
    if cursor in (None, ""):
        return None
    try:
        first, second = json.loads(base64.urlsafe_b64decode(cursor))
        if isinstance(first, str) == (call.behaviour.search_order != "insertion") and isinstance(second, int):
            return first, second
    except (TypeError, ValueError):
        pass
    raise Refusal("user_search_invalid_cursor" if kind == "user" else "bad_request", "The cursor is invalid.")


def _metadata(call: Call, total: int, following: str | None) -> str:
    answer: dict[str, Any] = {"total": total if call.behaviour.total == "exact" else -1}
    if following is not None:
        answer["next_cursor"] = following
    elif call.behaviour.last_cursor == "null":
        answer["next_cursor"] = None
    return json.dumps(answer)
