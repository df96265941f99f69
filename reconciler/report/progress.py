"""How far a command is, on standard error: a live line on a terminal, a plain one now and then in a pipe."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from reconciler.model import Outcome, Plan
from reconciler.report.values import counted

EVERY = 10.0  # seconds between two plain lines
_MINUTE = 60


class PlainProgress:
    """Writes ``applied 1,200 of 5,000 changes, 32/s, 2 min left`` at most every ten seconds; safe between threads."""

    def __init__(
        self, total: int, stream: TextIO, *, clock: Callable[[], float] = time.monotonic, every: float = EVERY
    ) -> None:
        self._total = total
        self._stream = stream
        self._clock = clock
        self._every = every
        self._lock = threading.Lock()
        self._done = 0
        self._started = self._told = clock()

    def advance(self) -> None:
        """Count one more, and say so if it is time."""
        with self._lock:
            self._done += 1
            now = self._clock()
            if now - self._told >= self._every:
                self._told = now
                rate = self._done / (now - self._started)
                left = time_left((self._total - self._done) / rate)
                total = counted(self._total, "change")
                with suppress(OSError, ValueError):  # nobody may be reading; the work goes on
                    self._stream.write(f"applied {self._done:,} of {total}, {rate:.1f}/s, {left} left\n")
                    self._stream.flush()


def time_left(seconds: float) -> str:
    """Write a time as a person waits it."""
    return f"{seconds:.0f} s" if seconds < 2 * _MINUTE else f"{seconds / _MINUTE:.0f} min"


@contextmanager
def reading(form: str, stream: TextIO | None = None) -> Iterator[None]:
    """Show on a terminal that both sides are being read; say nothing in a pipe."""
    stream = stream or sys.stderr
    if form == "json" or not stream.isatty():
        yield
        return
    from rich.console import Console

    with Console(file=stream).status("Reading manifests, users and Stytch …"):
        yield


@contextmanager
def applying(plan: Plan, form: str, stream: TextIO | None = None) -> Iterator[Callable[[Outcome], None]]:
    """Give what is to be told of every outcome while a plan is applied."""
    stream = stream or sys.stderr
    total = len(plan.changes)
    if form == "json" or not total:
        yield lambda _: None
        return
    if not stream.isatty():
        plain = PlainProgress(total, stream)
        yield lambda _: plain.advance()
        return
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("Applying"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[rate]}"),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=Console(file=stream), transient=True) as bar:
        task = bar.add_task("apply", total=total, rate="")

        def tell(_: Outcome) -> None:
            speed = bar.tasks[0].speed  # None until there are two moments to compare
            bar.update(task, advance=1, rate=f"{speed:.0f}/s" if speed else "")

        yield tell
