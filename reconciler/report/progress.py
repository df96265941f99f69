"""The progress of a command on standard error: a live line on a terminal, a plain line every ten seconds in a pipe.

It says how long the rest takes, going by the last minute, and what a run waits for when nothing is sent.
"""

import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Final, TextIO, get_args

from reconciler.model import Change, Outcome, Plan, Result
from reconciler.report.formats import FORMATS
from reconciler.report.values import counted

if TYPE_CHECKING:
    from reconciler.clients.b2b import Client
    from reconciler.clients.pacing import Waiting

TICK: Final = 1.0  # seconds between two looks
EVERY: Final = 10.0  # seconds between two plain lines
RECENT: Final = 60.0  # seconds that the time left is taken from
_MINUTE = 60

AskWaiting = Callable[[], "Waiting | None"]


class Estimate:
    """How much of an apply is done, and how long the rest takes; safe between threads.

    What counts are the requests that a change takes. The rate is that of the last minute in which nothing kept the run
    waiting: a pause says nothing about what comes after it.
    """

    def __init__(self, changes: Iterable[Change], writes_of: Callable[[Change], int]) -> None:
        self._lock = threading.Lock()
        self._results: Counter[str] = Counter()
        self._writes: Counter[tuple[str, str]] = Counter()  # by kind and action
        numbers: Counter[tuple[str, str]] = Counter()
        self.total = 0
        for change in changes:
            self.total += 1
            if not change.withheld_by:
                self._writes[change.kind, change.action] += writes_of(change)
                numbers[change.kind, change.action] += 1
        self._each = {step: self._writes[step] / number for step, number in numbers.items()}
        self._left: float = self._writes.total()
        self._busy = 0.0  # seconds in which nothing kept the run waiting
        # at which of those how much was left, and how many changes were done
        self._seen: deque[tuple[float, float, int]] = deque([(0.0, self._left, 0)])

    def advance(self, outcome: Outcome) -> None:
        """Count one more."""
        with self._lock:
            self._results[outcome.result] += 1
            if outcome.result != "withheld":
                self._left -= self._each.get((outcome.kind, outcome.action), 0)

    def pass_time(self, seconds: float) -> None:
        """Note that the run was busy for so long."""
        with self._lock:
            self._busy += seconds
            if not seconds:
                self._seen.pop()
            self._seen.append((self._busy, self._left, self._results.total()))
            while self._busy - self._seen[0][0] > RECENT:
                self._seen.popleft()

    @property
    def done(self) -> str:
        """Return ``1,200 of 5,000 changes, 3 failed``."""
        return f"{self._results['applied']:,} of {counted(self.total, 'change')}{others(self._results)}"

    @property
    def pace(self) -> str:
        """Return ``32.0/s, 2 min left``; "" where nothing was done of late."""
        with self._lock:
            (began, left, done), (now, still_left, done_now) = self._seen[0], self._seen[-1]
        if now <= began or done_now == done:
            return ""
        rate, writes = (done_now - done) / (now - began), (left - still_left) / (now - began)
        return f"{rate:.1f}/s" + (f", {time_left(max(still_left, 0) / writes)} left" if writes > 0 else "")


class Ticker:
    """Looks at a run once a second, on a thread of its own: ``show`` gets the line to show, in a pipe every ten."""

    def __init__(
        self,
        describe: Callable[[float], str],
        show: Callable[[str], None],
        waiting: AskWaiting,
        clock: Callable[[], float] = time.monotonic,
        every: float = EVERY,
    ) -> None:
        self._describe = describe  # given the busy seconds since it was asked last
        self._show = show
        self._waiting = waiting
        self._clock = clock
        self._every = every
        self._last = self._told = clock()
        self._over = threading.Event()

    def look(self) -> None:
        """Look once, and say so if it is time."""
        now, waiting = self._clock(), self._waiting()
        passed, self._last = now - self._last, now
        said = self._describe(0.0 if waiting else passed)
        if now - self._told >= self._every:
            self._told = now
            with suppress(OSError, ValueError):  # nobody may be reading; the work goes on
                self._show(f"{said}{_waits(waiting, now)}")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Look now and then while the block runs."""
        thread = threading.Thread(target=self._run, name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join(TICK)

    def _run(self) -> None:
        while not self._over.wait(TICK):
            self.look()


def _waits(waiting: "Waiting | None", now: float) -> str:
    """Return for how long a run waits, and why."""
    if waiting is None:
        return ""
    more = f", {time_left(waiting.until - now)} more" if waiting.until is not None and waiting.until > now else ""
    return f", waiting for {time_left(now - waiting.since)}{more}: {waiting.reason}"


def others(results: Mapping[str, int]) -> str:
    """Return ``, 2 failed, 5 withheld``: what became of changes that were not applied."""
    found = ((result, results.get(result, 0)) for result in get_args(Result) if result != "applied")
    return "".join(f", {number:,} {result}" for result, number in found if number)


def time_left(seconds: float) -> str:
    """Return a time as a person waits it."""
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    if seconds >= 10 * _MINUTE:
        return f"{seconds / _MINUTE:,.0f} min"
    minutes, left = divmod(round(seconds, -1), _MINUTE)
    return f"{minutes:.0f} min" + (f" {left:.0f} s" if left else "")


def _line(stream: TextIO, text: str) -> None:
    stream.write(f"{text}\n")
    stream.flush()


@contextmanager
def reading(form: str, client: "Client", stream: TextIO | None = None) -> Iterator[None]:
    """Show that both sides are being read, with how many requests."""
    stream = stream or sys.stderr
    if FORMATS[form].whole:
        yield
        return
    clock = time.monotonic
    began = clock()

    def describe(_busy: float) -> str:
        return f"reading: {counted(client.statistics.requests, 'request')}, {time_left(clock() - began)}"

    waiting = partial(getattr, client, "waiting")
    if not stream.isatty():
        with Ticker(describe, partial(_line, stream), waiting, clock).running():
            yield
        return
    from rich.console import Console

    with Console(file=stream).status("Reading manifests, users and Stytch …") as status:

        def show(text: str) -> None:
            status.update(f"Reading manifests, users and Stytch … {text.removeprefix('reading: ')}")

        with Ticker(describe, show, waiting, clock, every=TICK).running():
            yield


@contextmanager
def applying(
    plan: Plan, form: str, client: "Client", stream: TextIO | None = None
) -> Iterator[Callable[[Outcome], None]]:
    """Yield the function that counts each outcome while a plan is applied."""
    stream = stream or sys.stderr
    total = len(plan.changes)
    if FORMATS[form].whole or not total:
        yield lambda _: None
        return
    from reconciler.plan.order import writes_of

    estimate, waiting = Estimate(plan.changes, writes_of), partial(getattr, client, "waiting")

    def describe(busy: float) -> str:
        estimate.pass_time(busy)
        return ", ".join(filter(None, (estimate.done, estimate.pace)))

    if not stream.isatty():
        ticker = Ticker(lambda busy: f"applied {describe(busy)}", partial(_line, stream), waiting)
        with ticker.running():
            yield estimate.advance
        return
    from rich import progress
    from rich.console import Console

    columns = (progress.TextColumn("Applying"), progress.BarColumn(), progress.TextColumn("{task.fields[said]}"))
    with progress.Progress(*columns, console=Console(file=stream), transient=True) as bar:
        task = bar.add_task("apply", total=total, said="")

        def on_outcome(outcome: Outcome) -> None:
            estimate.advance(outcome)
            bar.update(task, advance=1)

        show = partial(bar.update, task)
        with Ticker(describe, lambda said: show(said=said), waiting, every=TICK).running():
            yield on_outcome
            bar.update(task, said=estimate.done)
