"""When an apply ends before its time: after a signal, a time limit or the loss of the lock no write begins.

A second signal ends the rest.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Final

INTERRUPTED: Final = "interrupted"  # why a change was not tried, or not waited for
TIME_LIMIT: Final = "time limit"  # as above
LOCK_LOST: Final = "lock lost"  # as above
GRACE: Final = 5.0  # seconds after that in which writes under way may wait: for the rate, a pause, an outage


class Stop:
    """What an apply is told while it runs. ``note`` may be called from a signal handler, ``wake`` from any thread.

    A signal raises ``KeyboardInterrupt`` where nothing is lost by that, and is only noted where it is ``endured``.
    """

    def __init__(self, limit: float = math.inf, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until = clock() + limit
        self._woken: SimpleQueue[None] = SimpleQueue()  # its put may interrupt a get in the same thread
        self._endured = 0.0  # signals that are only noted, before one raises
        self.is_lost: Callable[[], bool] = lambda: False  # whether somebody else may apply by now
        self.signals = 0

    @property
    def why(self) -> str:
        """Return why no new write may begin, "" while one may."""
        if self.signals:
            return INTERRUPTED
        if self.is_lost():
            return LOCK_LOST
        return TIME_LIMIT if self._clock() >= self._until else ""

    @property
    def waits_no_more(self) -> bool:
        """Return whether even writes under way are not waited for."""
        return self.signals > 1

    @property
    def left(self) -> float:
        """Return the seconds until the time limit."""
        return self._until - self._clock()

    def note(self) -> None:
        """Take a signal."""
        self.signals += 1
        self._woken.put(None)
        self._endured -= 1
        if self._endured < 0:
            self._endured = math.inf  # nothing interrupts what the first one has interrupted
            raise KeyboardInterrupt

    @contextmanager
    def enduring(self, signals: float = math.inf) -> Iterator[None]:
        """Only note so many signals meanwhile; with 0 each one that has come, or comes, raises."""
        before, self._endured = self._endured, signals
        try:
            if self.signals and not signals:
                raise KeyboardInterrupt
            yield
        finally:
            self._endured = before

    def wake(self) -> None:
        """End a ``wait``."""
        self._woken.put(None)

    def wait(self, seconds: float = math.inf) -> None:
        """Wait for a signal, for whoever wakes this thread, for the time limit, or for ``seconds``."""
        seconds = min(seconds, self.left) if self.left > 0 else seconds
        with suppress(Empty):
            self._woken.get(timeout=None if math.isinf(seconds) else max(seconds, 0))
