"""The threads that write the changes of a plan: as many side by side as its order allows and the rate needs.

By Little's law a rate is held while rate × latency requests are under way. As nobody knows the latency before, there
are few threads at first, and more as long as none of them is held back by the rate.
"""

import math
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from reconciler.apply.stop import GRACE, INTERRUPTED, Stop
from reconciler.apply.turns import Turns
from reconciler.clients.b2b import Client
from reconciler.clients.credentials import Rates
from reconciler.model import Change, Outcome, Outcomes

LEAST, FIRST_SHARE = 8, 0.5  # so many threads, and such a share of those that there may be, are there at first
EVERY = 0.25  # seconds between two looks at whether there are enough
HELD_BACK = 0.1  # of their time: where threads wait more for the rate, there are enough

OnOutcome = Callable[[Outcome], None]


class Workers:
    """Write ``changes``, each by ``write``, with at most as many threads as ``rates`` need."""

    def __init__(
        self,
        changes: Sequence[Change],
        write: Callable[[Change], Outcome],
        on_outcome: OnOutcome,
        client: Client,
        stop: Stop,
        rates: Rates,
    ) -> None:
        self._changes = changes
        self._write = write
        self._on_outcome = on_outcome
        self._client = client
        self._stop = stop
        self._most = min(rates.in_flight, len(changes))
        self._turns = Turns(changes)
        self._outcomes = Outcomes()
        self._under_way: set[int] = set()  # places of changes
        self._changed = threading.Condition()
        self._number = self._idle = 0  # of threads
        self._looked, self._waited = client.clock.monotonic(), client.statistics.waited
        self._error: BaseException | None = None
        self._left = False  # nobody waits for the threads any more

    def run(self) -> Outcomes:
        """Write everything, and return what became of each change, in the order of the plan.

        Once no new write may begin, those under way are waited for; those that only wait themselves, not for long.
        """
        with self._changed:
            self._add(max(LEAST, math.ceil(self._most * FIRST_SHARE)))
        ends, clock = math.inf, self._client.clock
        while self._number and not self._stop.waits_no_more:
            if self._stop.why and math.isinf(ends):
                ends = clock.monotonic() + GRACE
            if ends <= clock.monotonic():
                ends = -math.inf
                clock.stop()
            try:
                self._stop.wait(max(ends - clock.monotonic(), 0) if ends > 0 else math.inf)
            except KeyboardInterrupt:  # where nobody else takes signals
                with suppress(KeyboardInterrupt):
                    self._stop.note()
        with self._changed:
            self._left = True
            self._changed.notify_all()
            if self._error:
                raise self._error
            for place, change in enumerate(self._changes) if len(self._outcomes) < len(self._changes) else ():
                if not self._outcomes.has(place):
                    self._outcomes.note(place, self._not_done(place, change))
            return self._outcomes

    def _not_done(self, place: int, change: Change) -> Outcome:
        """Return what became of a change that nobody waited for any longer, or whose turn did not come."""
        if place in self._under_way:
            return Outcome.of(change, "failed", f"{INTERRUPTED} during this write: the write may have happened")
        return Outcome.of(change, "skipped", self._stop.why)

    def _add(self, number: int) -> None:
        for _ in range(min(number, self._most - self._number)):
            self._number += 1
            threading.Thread(target=self._work, name=f"apply-{self._number}", daemon=True).start()

    def _work(self) -> None:
        try:
            while (place := self._next()) is not None:
                outcome = self._write(self._changes[place])
                self._done(place, outcome)
                with suppress(Exception):  # whoever follows may be gone; the outcome is said at the end
                    self._on_outcome(outcome)
        except BaseException as error:  # noqa: BLE001 # raised where the run is waited for
            with self._changed:
                self._error = error
                self._changed.notify_all()
        with self._changed:
            self._number -= 1
        self._stop.wake()

    def _next(self) -> int | None:
        with self._changed:
            while not (self._error or self._left or self._turns.are_over):
                if (place := self._turns.take()) is not None:
                    self._under_way.add(place)
                    return place
                self._idle += 1
                self._changed.wait()
                self._idle -= 1
            return None

    def _done(self, place: int, outcome: Outcome) -> None:
        with self._changed:
            if self._left:
                return
            self._under_way.discard(place)
            self._outcomes.note(place, outcome)
            if self._turns.done(place):
                self._changed.notify_all()
            if not self._idle and self._number < self._most:
                self._look_for_more()

    def _look_for_more(self) -> None:
        """Add threads where those that are there are not held back by the rate."""
        now, waited = self._client.clock.monotonic(), self._client.statistics.waited
        if now - self._looked < EVERY:
            return
        held_back = (waited - self._waited) / ((now - self._looked) * self._number)
        self._looked, self._waited = now, waited
        if held_back < HELD_BACK:
            self._add(1 + self._number // 2)
