"""Outages: while a server does not answer, everybody holds still, and one asks now and then whether it does again.

A request that is held back uses up none of its tries. After some failures in a row nobody sends any more; one of those
who wait asks for something harmless after waits that grow with full jitter, and with the first answer all go on. Where
their requests fail again, the outage has not ended: the waits go on growing, and patience counts from its beginning.
"""

import math
import random
import threading
from collections.abc import Callable

from msgspec import Struct

from reconciler.clients.pacing import Clock, Waiting
from reconciler.errors import Ended, Unavailable

IN_A_ROW = 3  # failures without an answer in between that make an outage; single ones are for each request to overcome
FIRST_WAIT, LONGEST_WAIT = 0.5, 60.0  # seconds, at most, before the second try and before any
LONGEST_PROBE_WAIT = 10.0  # the same while one asks for everybody: that is no load for whoever comes back
READING, APPLYING = 120.0, 900.0  # seconds that an outage may last before a plan, and an apply, gives up
FIRST_CONTACT = 10.0  # seconds, for a server that has not answered in this run: its address may be wrong


class Patience(Struct):
    """How many seconds of an outage are waited for, from its beginning."""

    seconds: float = READING


def back_off(rng: random.Random, tried: int, longest: float = LONGEST_WAIT) -> float:
    """Return the seconds to wait after so many tries: ``random(0, min(longest, first * 2**n))``."""
    return rng.uniform(0, min(longest, FIRST_WAIT * 2 ** min(tried, 16)))


class Outage:
    """Whether one server answers; ``answers`` asks it for something harmless."""

    def __init__(self, clock: Clock, rng: random.Random, patience: Patience, answers: Callable[[], bool]) -> None:
        self._clock = clock
        self._rng = rng
        self._patience = patience
        self._answers = answers
        self._lock = threading.Lock()
        self._is_on = False
        self._is_probed = False  # somebody asks, or is about to
        self._failures = 0  # in a row
        self._probes = 0  # since it began
        self._since = 0.0
        self._reason = ""
        self._answered = -math.inf  # when the latest request began that was answered

    @property
    def is_on(self) -> bool:
        """Return whether nobody may send."""
        return self._is_on

    @property
    def waiting(self) -> Waiting | None:
        """Return what everybody waits for, if they do."""
        return Waiting(self._reason, self._since) if self._is_on else None

    def answered(self, began: float) -> None:
        """Note that a request that ``began`` at a moment was answered; one from before the failures is no sign."""
        with self._lock:
            self._answered = max(self._answered, began)
            if self._failures and began < self._since:
                return
            self._failures = self._probes = 0
            was_on, self._is_on = self._is_on, False
        if was_on:
            self._clock.wake()

    def failed(self, reason: str, began: float) -> None:
        """Note that a request that ``began`` at a moment was not answered; one that began before an answer is old."""
        with self._lock:
            if self._is_on or began < self._answered:
                return
            if not self._failures:
                self._since = began
            self._failures += 1
            self._reason = reason
            self._is_on = self._failures >= IN_A_ROW

    def wait(self) -> None:
        """Return as soon as there is no outage; raises ``Unavailable`` when it lasts too long."""
        while self._is_on:
            with self._lock:
                probes = not self._is_probed
                self._is_probed = True
            if not probes:
                self._clock.wait(lambda: not (self._is_on and self._is_probed))
                continue
            try:
                self._probe()
            finally:
                self._is_probed = False
                self._clock.wake()

    def _probe(self) -> None:
        """Ask until there is an answer; raises ``Unavailable`` when patience is at its end."""
        while self._is_on:
            pause = back_off(self._rng, self._probes, LONGEST_PROBE_WAIT)
            self._probes += 1
            end = min(self._since + self._seconds(), self._clock.until)
            left = end - self._clock.monotonic()
            if left <= 0:
                given_up = Ended if end == self._clock.until else Unavailable
                raise given_up(f"{self._reason}; nothing was sent any more after {end - self._since:.0f} s")
            self._clock.sleep(min(pause, left))
            if not self.is_on:
                return
            began = self._clock.monotonic()
            if self._answers():
                with self._lock:
                    self._failures = IN_A_ROW - 1  # the next failure goes on with this outage
                    self._answered = began
                    self._is_on = False

    def _seconds(self) -> float:
        never = self._answered == -math.inf
        return min(FIRST_CONTACT, self._patience.seconds) if never else self._patience.seconds
