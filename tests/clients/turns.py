"""Threads on one virtual clock: they take turns, and time passes only when all of them wait."""

import heapq
import threading
from collections.abc import Callable

from reconciler.clients.pacing import Clock
from reconciler.errors import Unavailable
from tests.connected import START


class _Sleeper:
    """A thread that waits for its turn."""

    def __init__(self, over: Callable[[], bool]) -> None:
        self.over = over
        self.turn = threading.Semaphore(0)


class Turns(Clock):
    """A clock whose threads run one at a time, always in the same order; ``run`` starts them."""

    def __init__(self, wall: float = START) -> None:
        super().__init__()
        self._started = wall
        self._now = 0.0
        self._asleep: list[tuple[float, int, _Sleeper]] = []
        self._waiting: list[_Sleeper] = []
        self._count = 0
        self._done = threading.Event()

    def wall(self) -> float:
        return self._started + self._now

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        sleeper = _Sleeper(lambda: False)
        heapq.heappush(self._asleep, (self._now + max(seconds, 0), self._next(), sleeper))
        self._hand_over(sleeper)

    def wait(self, over: Callable[[], bool]) -> None:
        if not over() and not self.stopped:
            sleeper = _Sleeper(over)
            self._waiting.append(sleeper)
            self._hand_over(sleeper)
        elif self.stopped:
            raise Unavailable("the run is being ended")

    def run(self, *work: Callable[[], object]) -> None:
        """Let several functions run side by side until all have ended; raises what any of them raised."""
        errors: list[BaseException] = []

        def turn(function: Callable[[], object], sleeper: _Sleeper) -> None:
            sleeper.turn.acquire()
            try:
                function()
            except BaseException as error:  # noqa: BLE001 # it is raised below
                errors.append(error)
            finally:
                self._give_turn()

        threads = []
        for function in work:
            sleeper = _Sleeper(lambda: False)
            heapq.heappush(self._asleep, (self._now, self._next(), sleeper))
            threads.append(threading.Thread(target=turn, args=(function, sleeper), daemon=True))
        for thread in threads:
            thread.start()
        self._done.clear()
        self._give_turn()
        assert self._done.wait(60), "nobody has a turn"
        for thread in threads:
            thread.join(60)
        if errors:
            raise errors[0]

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _hand_over(self, sleeper: _Sleeper) -> None:
        self._give_turn()
        sleeper.turn.acquire()
        if self.stopped:
            raise Unavailable("the run is being ended")

    def _give_turn(self) -> None:
        """Let whoever is first have a turn: one whose wait is over, or the one who sleeps shortest."""
        ready = next((each for each in self._waiting if each.over() or self.stopped), None)
        if ready:
            self._waiting.remove(ready)
            ready.turn.release()
        elif self._asleep:
            moment, _, sleeper = heapq.heappop(self._asleep)
            if not self.stopped:
                self._now = max(self._now, moment)
            sleeper.turn.release()
        else:
            assert not self._waiting, "everybody waits for somebody else"
            self._done.set()
