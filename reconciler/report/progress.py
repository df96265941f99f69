"""The progress of a command on standard error: a live line on a terminal, plain lines in a pipe."""

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TextIO, get_args

from reconciler.model import Outcome, Plan, Result
from reconciler.report.formats import FORMATS
from reconciler.report.values import counted

EVERY = 10.0  # seconds between two plain lines
_MINUTE = 60


class PlainProgress:
    """Writes ``applied 1,200 of 5,000 changes, 3 failed, 32/s, 2 min left`` every ten seconds; safe between threads."""

    def __init__(
        self, total: int, stream: TextIO, *, clock: Callable[[], float] = time.monotonic, every: float = EVERY
    ) -> None:
        self._total = total
        self._stream = stream
        self._clock = clock
        self._every = every
        self._lock = threading.Lock()
        self._results: Counter[str] = Counter()
        self._started = self._told = clock()

    def advance(self, outcome: Outcome) -> None:
        """Count one more, and say so if it is time."""
        with self._lock:
            self._results[outcome.result] += 1
            done = self._results.total()
            now = self._clock()
            if now - self._told >= self._every:
                self._told = now
                rate = done / (now - self._started)
                left = time_left((self._total - done) / rate)
                total = counted(self._total, "change")
                with suppress(OSError, ValueError):  # nobody may be reading; the work goes on
                    so_far = f"applied {self._results['applied']:,} of {total}{others(self._results)}"
                    self._stream.write(f"{so_far}, {rate:.1f}/s, {left} left\n")
                    self._stream.flush()


def others(results: Mapping[str, int]) -> str:
    """Return ``, 2 failed, 5 withheld``: what became of changes that were not applied."""
    found = ((result, results.get(result, 0)) for result in get_args(Result) if result != "applied")
    return "".join(f", {number:,} {result}" for result, number in found if number)


def time_left(seconds: float) -> str:
    """Return a time as a person waits it."""
    return f"{seconds:.0f} s" if seconds < 2 * _MINUTE else f"{seconds / _MINUTE:.0f} min"


@contextmanager
def reading(form: str, stream: TextIO | None = None) -> Iterator[None]:
    """Show on a terminal that both sides are being read; say nothing in a pipe."""
    stream = stream or sys.stderr
    if FORMATS[form].whole or not stream.isatty():
        yield
        return
    from rich.console import Console

    with Console(file=stream).status("Reading manifests, users and Stytch …"):
        yield


@contextmanager
def applying(plan: Plan, form: str, stream: TextIO | None = None) -> Iterator[Callable[[Outcome], None]]:
    """Yield the function that shows each outcome while a plan is applied."""
    stream = stream or sys.stderr
    total = len(plan.changes)
    if FORMATS[form].whole or not total:
        yield lambda _: None
        return
    if not stream.isatty():
        plain = PlainProgress(total, stream)
        yield plain.advance
        return
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("Applying"),
        progress.BarColumn(),
        progress.TextColumn("{task.fields[applied]}/{task.total:.0f}{task.fields[others]}"),
        progress.TextColumn("{task.fields[rate]}"),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=Console(file=stream), transient=True) as bar:
        task = bar.add_task("apply", total=total, rate="", applied=0, others="")
        results: Counter[str] = Counter()

        def on_outcome(outcome: Outcome) -> None:
            results[outcome.result] += 1
            speed = bar.tasks[0].speed  # None until there are two moments to compare
            rate = f"{speed:.0f}/s" if speed else ""
            bar.update(task, advance=1, rate=rate, applied=results["applied"], others=others(results))

        yield on_outcome
