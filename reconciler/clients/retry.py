"""How often a request is tried, and how long that may take.

Only what is sure not to have happened, or harmless to repeat, is tried again: reads, refused connections and a 429 of
Stytch's own. After a write whose answer was lost there is a wait too, because whoever asked may send it again.
Waits grow with full jitter (``reconciler.clients.outage``). What Stytch answers wrongly is tried a few times; where
nothing but time is needed, only time ends it. Nobody's tries are anybody else's.
"""

import math
import random
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

from msgspec import Struct, field

from reconciler.clients.outage import Outage, back_off
from reconciler.clients.pacing import Clock, Pace, Waiting
from reconciler.clients.redact import mask
from reconciler.clients.responses import (
    REDIRECTS,
    TOO_MANY,
    Answer,
    Unanswered,
    decoded,
    error_response,
    moment_of,
    no_response,
    retry_after,
)
from reconciler.errors import Ambiguous, Ended, Fault, Rejected, Unavailable
from reconciler.model.secret import Revealed, Sealed

DEADLINE = 120.0  # seconds of trying and backing off, less those in which nobody may send; then no new try begins
TRIES = 6  # of what is answered wrongly
LONGEST_PAUSE = 300.0  # seconds; who asks for more is not waited for, unless a time limit allows it
NOT_REACHED: Final = frozenset({502, 503, 504, *range(520, 525)})  # what gateways say of a server behind them

T = TypeVar("T")


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
        self,
        pace: Pace,
        outage: Outage,
        clock: Clock,
        rng: random.Random,
        statistics: Statistics,
        password: Sealed | None = None,
    ) -> None:
        self._pace = pace
        self._outage = outage
        self._clock = clock
        self._rng = rng
        self._statistics = statistics
        self._passwords = (password.reveal(),) if password else ()
        self._lock = threading.Lock()
        self._date = ""  # of the last answer
        self._lost = threading.local()  # how many writes in a row had no answer, thread by thread

    @property
    def waiting(self) -> Waiting | None:
        """Return what keeps every request from being sent, if anything does."""
        return self._outage.waiting or self._pace.waiting

    def ask(
        self,
        operation: Operation,
        send: Callable[[], Answer],
        decode: Callable[[bytes], T],
        renew: Callable[[], object] | None = None,
    ) -> T:
        """Send until there is an answer that ``decode`` understands, as often as is safe; else raise the ``Fault``.

        ``send`` makes one exchange and raises ``Unanswered`` where nothing came back; ``decode`` raises msgspec's
        ``DecodeError`` for a body that is not what the operation answers with. ``renew`` is called before ``send``
        where an outage, a pause or another try came between: what is sent may start from what was live before it.
        """
        spent, tried = 0.0, 0
        last: Unavailable | None = None
        while True:
            self._wait(operation, last, renew)
            began = self._clock.monotonic()
            try:
                result = self._exchange(operation, send, decode, again=tried > 0)
            except Ambiguous:
                lost = getattr(self._lost, "writes", 0)
                self._lost.writes = lost + 1
                with suppress(Unavailable):  # the run is being ended, which does not undo the write
                    self._rest(back_off(self._rng, lost))
                raise
            except Unavailable as fault:
                pause = back_off(self._rng, tried)
                spent += self._clock.monotonic() - began + pause
                tried += 1
                if spent > DEADLINE or (tried >= TRIES and not _needs_time(fault)):
                    raise
                self._rest(pause)
                last = fault
            else:
                if operation.write:
                    self._lost.writes = 0
                return result

    def _wait(self, operation: Operation, last: Unavailable | None, renew: Callable[[], object] | None) -> None:
        """Wait until a request may be sent, and count it; what it ended with ``last`` is raised if that never comes."""
        began = self._clock.monotonic()
        was_held = last is not None
        while True:
            pauses, was_held = self._pace.pauses, was_held or self.waiting is not None
            try:
                self._outage.wait()
                self._pace.wait(search=operation.search)
            except Ended as fault:
                raise Ended(f"{mask(operation.name)} was not sent: {last or fault}") from None
            except Unavailable as fault:
                raise last or Unavailable(f"{mask(operation.name)} was not sent: {fault}") from None
            if self._outage.is_on:
                continue
            if renew is None or not (was_held or pauses != self._pace.pauses):
                break
            renew()
            was_held = False
        with self._lock:
            self._statistics.requests += 1
            self._statistics.by_operation[operation.name] += 1
            self._statistics.retries += last is not None
            self._statistics.waited += self._clock.monotonic() - began

    def _rest(self, seconds: float) -> None:
        """Wait before another try; in an outage, the waits of those who ask for everybody are enough."""
        if not self._outage.is_on:
            self._clock.sleep(seconds)

    def _exchange(
        self, operation: Operation, send: Callable[[], Answer], decode: Callable[[bytes], T], *, again: bool
    ) -> T:
        """Make one exchange; everybody waits after a 429, and where several in a row get no answer."""
        name = mask(operation.name)  # a path may hold an address
        began = self._clock.monotonic()
        try:
            answer = send()
        except Unanswered as unanswered:
            if unanswered.again:
                self._outage.failed(str(unanswered), began)
            raise no_response(name, unanswered, write=operation.write) from None
        if answer.status in NOT_REACHED:
            self._outage.failed(f"Stytch answered {answer.status}", began)
            if (seconds := self._asked_for(answer)) is not None and seconds <= self._longest_pause():
                self._pace.pause(seconds, search=operation.search, repeated=again)
        else:
            self._outage.answered(began)
        self._learn_time(answer)
        secrets = (*self._passwords, *operation.secrets)
        if answer.status == TOO_MANY:
            with self._lock:
                self._statistics.throttled += 1
            seconds = self._asked_for(answer)
            if seconds is not None and seconds > self._longest_pause():
                fault = error_response(name, answer, write=operation.write, secrets=secrets)
                if isinstance(fault, Ambiguous):  # a proxy says so, and may have passed the write on
                    raise fault
                raise Rejected(f"{name} accepts requests again in {seconds:.0f} s", status=TOO_MANY)
            self._pace.pause(seconds, search=operation.search, repeated=again)
        return decoded(name, answer, decode, write=operation.write, secrets=secrets)

    def _asked_for(self, answer: Answer) -> float | None:
        """Return the seconds that an answer asks everybody to wait, if it does."""
        return retry_after(answer.headers, self._clock.wall() + self._clock.behind)

    def _longest_pause(self) -> float:
        """Return the longest pause that is waited for: with a time limit, what is left of it."""
        left = self._clock.until - self._clock.monotonic()
        return LONGEST_PAUSE if math.isinf(left) else max(LONGEST_PAUSE, left)

    def _learn_time(self, answer: Answer) -> None:
        """Set the clock by an answer, at most once a second."""
        date = answer.headers.get("date", "")
        if date != self._date and answer.status < REDIRECTS:
            self._date = date
            if (moment := moment_of(date)) is not None:
                self._clock.learn(moment)


def _needs_time(fault: Fault) -> bool:
    """Return whether it is known that nothing is wrong with a request: it came too early."""
    return not fault.status or fault.status == TOO_MANY or fault.status in NOT_REACHED


def is_answer(send: Callable[[], Answer]) -> bool:
    """Return whether a request is answered, whatever the answer says."""
    try:
        return send().status not in NOT_REACHED
    except Unanswered as unanswered:
        return not unanswered.again
    except Rejected:  # it is not trusted; who asks for more than that is told so
        return True
