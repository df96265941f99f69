"""Time, and rate limits: when a request may be sent, for all threads of one project together.

Stytch counts searches in minutes aligned to the clock and asks bulk callers to keep below a number of requests a
second (docs/stytch.md, "Limits"). Both are kept here at a share of what the vendor allows, because a project's limits
are shared with the log-ins of its users. A 429 stops every thread, not only the one that met it.
"""

import math
import random
import threading
import time
from collections.abc import Callable

from msgspec import Struct

from reconciler.errors import Ended

MINUTE = 60.0
TICK = 0.001  # seconds; a shorter sleep may be none at all
BURST = 0.1  # seconds' worth of requests that may follow one another at once, where others share the limits
BEFORE_THE_TURN, AFTER_THE_TURN = 0.5, 0.2  # seconds of a minute in which no search is sent: it takes a while to
# arrive, and our clock and the vendor's do not turn the minute together
NEAR = 2.0  # seconds that two clocks may differ and be taken for the same: a Date has whole ones, and is old on arrival
JITTER = 1.0  # seconds, at most, added to a pause so that not everybody comes back at once


class Waiting(Struct, frozen=True):
    """Why nothing is being sent, since when, and until when where that is known; moments are those of ``monotonic``."""

    reason: str
    since: float
    until: float | None = None


class Clock:
    """The machine's own time; once ``stop`` is called, nobody sleeps any more: it is ``Ended``.

    ``until`` is the moment, of ``monotonic``, after which nothing that would have to wait is sent any more.
    ``behind`` are the seconds by which this clock is behind Stytch's, as far as that has said what time it is.
    """

    def __init__(self) -> None:
        self.until = math.inf
        self.behind = 0.0
        self.stopped = False
        self._news = threading.Condition()

    def wall(self) -> float:
        """Return the seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return time.monotonic()

    def now(self) -> float:
        """Return the seconds since the epoch by Stytch's clock, or by this one where nothing else is known."""
        return self.wall() + self.behind

    def learn(self, moment: float) -> None:
        """Take note of what time it is by Stytch's clock."""
        behind = moment - self.wall()
        self.behind = behind if abs(behind) > NEAR else 0.0

    def sleep(self, seconds: float) -> None:
        """Wait, unless and until ``stop`` is called."""
        with self._news:
            stopped = self._news.wait_for(lambda: self.stopped, seconds)
        if stopped:
            raise Ended("the run is being ended")

    def wait(self, over: Callable[[], bool]) -> None:
        """Wait until something is ``over``, which ``wake`` announces, unless and until ``stop`` is called."""
        with self._news:
            self._news.wait_for(lambda: over() or self.stopped)
        if self.stopped:
            raise Ended("the run is being ended")

    def wake(self) -> None:
        """Let everybody look whether what they wait for is over."""
        with self._news:
            self._news.notify_all()

    def stop(self) -> None:
        """Wake everybody."""
        self.stopped = True
        self.wake()


class Pace:
    """Holds every request back until it may go: so many a second, and so many searches in one minute of the clock.

    Each request takes a place in a queue, which is a moment. A pause takes all places away that are left, so that who
    had one takes a new one after it. ``burst`` are the seconds whose requests may be made up for at once after a rest.
    """

    def __init__(
        self,
        requests_per_second: float,
        searches_per_minute: float,
        clock: Clock,
        rng: random.Random,
        burst: float = BURST,
    ) -> None:
        self._interval = 1 / requests_per_second
        self._burst = burst
        self._most_searches = max(1, math.floor(searches_per_minute))
        self._clock = clock
        self._rng = rng
        self._lock = threading.Lock()
        self._next_place = -math.inf  # monotonic
        self._pauses = 0
        self._pause = (-math.inf, -math.inf)  # its first and last moment
        self._searches: dict[int, int] = {}  # by the minute

    @property
    def pauses(self) -> int:
        """Return how many pauses there were so far."""
        return self._pauses

    @property
    def waiting(self) -> Waiting | None:
        """Return the pause that everybody obeys, if there is one."""
        began, until = self._pause
        return Waiting("Stytch asked for a pause", began, until) if until > self._clock.monotonic() else None

    def wait(self, *, search: bool) -> float:
        """Wait until the next request may be sent, and return the seconds that it took; ``Ended`` if too many."""
        began = self._clock.monotonic()
        while True:
            moment, pauses = self._place(search=search)
            if moment > self._clock.until:
                raise Ended("the time limit would be over before it could be sent")
            left = moment - self._clock.monotonic()
            if left > 0:
                self._clock.sleep(max(left, TICK))
            if pauses == self._pauses:
                return self._clock.monotonic() - began

    def pause(self, seconds: float | None, *, search: bool, repeated: bool) -> float:
        """Let nobody send for ``seconds``, or until the window ends in which a 429 was met. Return the seconds.

        A search's window is the minute. How long that of other requests is, is not published: it is taken for a
        second first and for a minute when that was too short (``repeated``).
        """
        if seconds is None:
            window = MINUTE if search or repeated else 1.0
            seconds = window - (self._clock.wall() + self._clock.behind) % window
        seconds += self._rng.uniform(0, JITTER)
        with self._lock:
            now = self._clock.monotonic()
            if now + seconds > self._pause[1]:
                self._pause = (now, now + seconds)
                self._next_place = now + seconds
                self._pauses += 1
        return seconds

    def _place(self, *, search: bool) -> tuple[float, int]:
        """Take the next place in the queue; return its moment, and the number of pauses so far.

        Where the minute has no room for a search, the moment is when to come again, and the number is none.
        """
        with self._lock:
            now = self._clock.monotonic()
            place = max(self._next_place, now - self._burst)
            wall = self._clock.wall() + self._clock.behind
            if search and (hold := self._hold(wall + max(place - now, 0.0))):
                return max(place, now) + hold, -1
            self._next_place = place + self._interval
            return place, self._pauses

    def _hold(self, wall: float) -> float:
        """Count a search that is sent at a time; or return the seconds from then to the minute that has room."""
        minute = math.floor(wall / MINUTE)
        left = (minute + 1) * MINUTE - wall
        if self._searches.get(minute, 0) >= self._most_searches or left < BEFORE_THE_TURN:
            return left + AFTER_THE_TURN
        # a pause may bring back a minute that had been left
        near = {each: count for each, count in self._searches.items() if abs(each - minute) <= 1}
        self._searches = {**near, minute: near.get(minute, 0) + 1}
        return 0.0
