"""What is live of a kind, read once for all who ask: no list is read again for each resource that is written."""

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import count
from typing import Final, TypeVar

from reconciler.model import Live

WORKERS: Final = 32  # enough for 32 requests/s at a second's latency; the client paces them
LASTS: Final = 60.0  # seconds: so old a look may be before a create; what came since, a look after it shows
HOLDS: Final = 5.0  # seconds: so long what is written whole may start from a look, as nothing shows what came since

T = TypeVar("T")
R = TypeVar("R")


class Look:
    """What was live when it was read; ``began`` says after which other looks, and requests for one, that was."""

    def __init__(self, rows: Sequence[Live], began: int, at: float, took: float) -> None:
        self.rows = rows
        self.began = began
        self.at = at
        self.took = took

    @property
    def holds(self) -> float:
        """Return until when what is written whole may start from it: as much time goes into writes as into looks."""
        return self.at + max(HOLDS, 2 * self.took)

    @cached_property
    def ids(self) -> frozenset[str]:
        """Return the ids of all that is live."""
        return frozenset(live.id for live in self.rows)

    def named(self, name: str) -> Sequence[Live]:
        """Return what has a name, but for the blanks around it."""
        return self._by_name.get(name.strip(), ())

    @cached_property
    def _by_name(self) -> Mapping[str, Sequence[Live]]:
        found: dict[str, list[Live]] = {}
        for live in self.rows:
            found.setdefault(live.name.strip(), []).append(live)
        return found


class Looks:
    """The latest look at each kind, shared by the threads of an apply; ``now`` is a clock's seconds."""

    def __init__(self) -> None:
        self._latest: dict[str, Look] = {}
        self._turns: dict[str, threading.Lock] = {}
        self._numbers = count()

    def recent(self, kind: str, read: Callable[[], Iterable[Live]], now: Callable[[], float]) -> Look:
        """Return a look that is not old, to be taken before a write."""
        with self._turn(kind):
            latest = self._latest.get(kind)
            return latest if latest and now() - latest.at < LASTS else self._read(kind, read, now)

    def current(self, kind: str, read: Callable[[], Iterable[Live]], now: Callable[[], float]) -> Look:
        """Return a look that has just been taken, to start from where something is written whole."""
        with self._turn(kind):
            latest = self._latest.get(kind)
            return latest if latest and now() < latest.holds else self._read(kind, read, now)

    def fresh(self, kind: str, read: Callable[[], Iterable[Live]], now: Callable[[], float]) -> Look:
        """Return a look that begins from now on, to be taken after a write: one serves all who wait for theirs."""
        asked = next(self._numbers)
        with self._turn(kind):
            latest = self._latest.get(kind)
            return latest if latest and latest.began > asked else self._read(kind, read, now)

    def _read(self, kind: str, read: Callable[[], Iterable[Live]], now: Callable[[], float]) -> Look:
        began, at = next(self._numbers), now()
        rows = tuple(read())
        look = self._latest[kind] = Look(rows, began, at, now() - at)
        return look

    def _turn(self, kind: str) -> threading.Lock:
        return self._turns.setdefault(kind, threading.Lock())


def side_by_side(ask: Callable[[T], R], those: Collection[T]) -> Iterator[R]:
    """Yield what each is asked for, in their order; several are asked at a time."""
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(min(WORKERS, max(1, len(those))), thread_name_prefix="read")
    try:
        yield from pool.map(ask, those)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # who is interrupted does not wait for a pause to end
