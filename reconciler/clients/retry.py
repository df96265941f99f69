"""How often a request is tried, and how long that may take.

Only what is sure not to have happened, or harmless to repeat, is tried again: reads, refused connections and a 429 of
Stytch's own. After a write whose answer was lost there is a wait too, because whoever asked may send it again.
Waits grow with full jitter (``random(0, min(longest, first * 2**n))``); every retry costs a token of a budget that
successes fill again, so that an outage ends a run instead of being hammered.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct, field

from reconciler.clients.pacing import Clock, Pace
from reconciler.clients.redact import mask
from reconciler.clients.responses import TOO_MANY, Answer, Unanswered, decoded, error_response, no_response, retry_after
from reconciler.errors import Ambiguous, Rejected, Unavailable
from reconciler.model.secret import Revealed, Sealed

RESERVE = 50.0  # retries a run may make before it has had a success: more than are ever in flight at once
EARNED = 0.1  # of a retry, by every request
CONNECT_TIMEOUT = 5.0  # seconds
READ_TIMEOUT = 30.0  # seconds of silence; searches are documented to take up to 9
DEADLINE = 120.0  # seconds of trying and backing off, less those in which nobody may send; then no new try begins
TRIES = 6
FIRST_WAIT, LONGEST_WAIT = 0.5, 60.0  # seconds, at most, before the second try and before any
LONGEST_PAUSE = 300.0  # seconds; who asks for more is not waited for

T = TypeVar("T")


class Budget:
    """Retries that may still be made; those that led to a success are given back."""

    def __init__(self) -> None:
        self._tokens = RESERVE
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Spend one, if there is one."""
        with self._lock:
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True

    def give(self, retries: int) -> None:
        """Note a success that took so many retries."""
        with self._lock:
            self._tokens = min(RESERVE, self._tokens + retries + EARNED)


class Statistics(Struct):
    """What was asked of Stytch: ``requests`` with every try counted, by operation, and what became of them."""

    requests: int = 0
    by_operation: Counter[str] = field(default_factory=Counter)
    retries: int = 0
    throttled: int = 0  # answers 429
    waited: float = 0.0  # seconds, all threads together, in which a request was ready and held back


class Operation(Struct, frozen=True):
    """One thing that can be asked: its name for people, the sort of request it is, and the secrets that it sends."""

    name: str
    write: bool = False
    search: bool = False
    secrets: tuple[Revealed, ...] = ()


class Requester:
    """The way to one project: paced, retried and counted; safe to use from many threads. ``password`` opens it."""

    def __init__(
        self, pace: Pace, clock: Clock, rng: random.Random, statistics: Statistics, password: Sealed | None = None
    ) -> None:
        self._pace = pace
        self._clock = clock
        self._rng = rng
        self._statistics = statistics
        self._passwords = (password.reveal(),) if password else ()
        self._budget = Budget()
        self._lock = threading.Lock()
        self._lost = threading.local()  # how many writes in a row had no answer, thread by thread

    def ask(self, operation: Operation, send: Callable[[], Answer], decode: Callable[[bytes], T]) -> T:
        """Send until there is an answer that ``decode`` understands, as often as is safe; else raise the ``Fault``.

        ``send`` makes one exchange and raises ``Unanswered`` where nothing came back; ``decode`` raises msgspec's
        ``DecodeError`` for a body that is not what the operation answers with.
        """
        spent = 0.0
        for tried in range(TRIES):
            waited = self._pace.wait(search=operation.search)
            self._count(operation, waited, retry=tried > 0)
            began = self._clock.monotonic()
            try:
                result = self._exchange(operation, send, decode, again=tried > 0)
            except Ambiguous:
                lost = getattr(self._lost, "writes", 0)
                self._lost.writes = lost + 1
                self._clock.sleep(self._back_off(lost))
                raise
            except Unavailable:
                back_off = self._back_off(tried)
                spent += self._clock.monotonic() - began + back_off
                if tried == TRIES - 1 or spent > DEADLINE or not self._budget.take():
                    raise
                self._clock.sleep(back_off)
            else:
                self._budget.give(tried)
                if operation.write:
                    self._lost.writes = 0
                return result
        raise AssertionError  # the last try returned or raised

    def _back_off(self, tried: int) -> float:
        return self._rng.uniform(0, min(LONGEST_WAIT, FIRST_WAIT * 2**tried))

    def _exchange(
        self, operation: Operation, send: Callable[[], Answer], decode: Callable[[bytes], T], *, again: bool
    ) -> T:
        """Make one exchange; a 429 makes everybody wait."""
        name = mask(operation.name)  # a path may hold an address
        try:
            answer = send()
        except Unanswered as unanswered:
            raise no_response(name, unanswered, write=operation.write) from None
        secrets = (*self._passwords, *operation.secrets)
        if answer.status == TOO_MANY:
            with self._lock:
                self._statistics.throttled += 1
            seconds = retry_after(answer.headers, self._clock.wall())
            if seconds is not None and seconds > LONGEST_PAUSE:
                fault = error_response(name, answer, write=operation.write, secrets=secrets)
                if isinstance(fault, Ambiguous):  # a proxy says so, and may have passed the write on
                    raise fault
                raise Rejected(f"{name} accepts requests again in {seconds:.0f} s", status=TOO_MANY)
            self._pace.pause(seconds, search=operation.search, repeated=again)
        return decoded(name, answer, decode, write=operation.write, secrets=secrets)

    def _count(self, operation: Operation, waited: float, *, retry: bool) -> None:
        with self._lock:
            self._statistics.requests += 1
            self._statistics.by_operation[operation.name] += 1
            self._statistics.retries += retry
            self._statistics.waited += waited
