"""Rate limits: when a request may be sent, for all threads of one project together.

Stytch counts searches in minutes aligned to the clock and asks bulk callers to keep below a number of requests a
second (docs/stytch.md, "Limits"). Both are kept here at a share of what the vendor allows, because a project's limits
are shared with the log-ins of its users. A 429 stops every thread, not only the one that met it.
"""

import math
import random
import threading
import time

from reconciler.errors import Unavailable

MINUTE = 60.0
TICK = 0.001  # seconds; a shorter sleep may be none at all
BURST = 0.1  # seconds' worth of requests that may follow one another at once
BEFORE_THE_TURN, AFTER_THE_TURN = 0.5, 0.2  # seconds of a minute in which no search is sent: it takes a while to
# arrive, and our clock and the vendor's do not turn the minute together
JITTER = 1.0  # seconds, at most, added to a pause so that not everybody comes back at once


class Clock:
    """The machine's own time; once ``stop`` is called, nobody sleeps any more: it is ``Unavailable``."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def wall(self) -> float:
        """Return the seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait, unless and until ``stop`` is called."""
        if self._stopped.wait(seconds):
            raise Unavailable("the run is being ended")

    def stop(self) -> None:
        """Wake everybody."""
        self._stopped.set()


class Pace:
    """Holds every request back until it may go: so many a second, and so many searches in one minute of the clock."""

    def __init__(
        self, requests_per_second: float, searches_per_minute: float, clock: Clock, rng: random.Random
    ) -> None:
        self._interval = 1 / requests_per_second
        self._searches = max(1, math.floor(searches_per_minute))
        self._clock = clock
        self._rng = rng
        self._lock = threading.Lock()
        self._next_slot = -math.inf  # monotonic
        self._paused_until = -math.inf  # monotonic
        self._minute = -1
        self._searched = 0

    def wait(self, *, search: bool) -> float:
        """Wait until the next request may be sent. Return the seconds that it took."""
        waited = 0.0
        while (hold := self._hold(search=search)) > 0:
            hold = max(hold, TICK)
            self._clock.sleep(hold)
            waited += hold
        slot = self._slot()
        if slot > 0:
            self._clock.sleep(slot)
        return waited + max(slot, 0.0)

    def pause(self, seconds: float | None, *, search: bool, repeated: bool) -> float:
        """Let nobody send for ``seconds``, or until the window ends in which a 429 was met. Return the seconds.

        A search's window is the minute. How long that of other requests is, is not published: it is taken for a
        second first and for a minute when that was too short (``repeated``).
        """
        if seconds is None:
            window = MINUTE if search or repeated else 1.0
            seconds = window - self._clock.wall() % window
        seconds += self._rng.uniform(0, JITTER)
        with self._lock:
            self._paused_until = max(self._paused_until, self._clock.monotonic() + seconds)
        return seconds

    def _hold(self, *, search: bool) -> float:
        """Return the seconds to wait before asking again; none when the request is admitted to its minute."""
        with self._lock:
            paused = self._paused_until - self._clock.monotonic()
            if paused > 0 or not search:
                return paused
            wall = self._clock.wall()
            minute = math.floor(wall / MINUTE)
            if minute != self._minute:
                self._minute, self._searched = minute, 0
            left = (minute + 1) * MINUTE - wall
            if self._searched >= self._searches or left < BEFORE_THE_TURN:
                return left + AFTER_THE_TURN
            self._searched += 1
            return 0.0

    def _slot(self) -> float:
        """Take the next place in the queue of requests. Return the seconds until it comes."""
        with self._lock:
            now = self._clock.monotonic()
            slot = max(self._next_slot, now - BURST)
            self._next_slot = slot + self._interval
            return slot - now
