"""SIGINT and SIGTERM. The first interrupts, and a second one ends the program at once, whatever it waits for.

Whoever has something to say before the end takes them with ``given_to``.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from reconciler.apply.stop import Stop

HANDLED: Final = (signal.SIGINT, signal.SIGTERM)
BY_SIGNAL: Final = 128  # and the signal's number: what a shell says of a program that a signal ended
SAID: Final = b"interrupted\n"


class Signals:
    """Those that came, and who takes them."""

    def __init__(self) -> None:
        self._came: list[int] = []
        self._stop: Stop | None = None
        self._is_said = False

    @property
    def came(self) -> bool:
        """Return whether there was one."""
        return bool(self._came)

    @property
    def exit_code(self) -> int:
        """Return that of a program that the first signal ended."""
        return BY_SIGNAL + (self._came or [signal.SIGINT])[0]

    def arrived(self, number: int, _frame: FrameType | None) -> None:
        """Handle one."""
        self._came.append(number)
        if self._stop is not None:
            self._stop.note()
        elif len(self._came) == 1:
            raise KeyboardInterrupt
        else:
            self.end(self.interrupted())

    @contextmanager
    def given_to(self, stop: "Stop") -> Iterator[None]:
        """Give each signal to somebody meanwhile."""
        self._stop = stop
        try:
            yield
        finally:
            self._stop = None

    def interrupted(self) -> int:
        """Say so, once, and return the exit code."""
        if not self._is_said:
            self._is_said = True
            with suppress(OSError):
                os.write(2, SAID)
        return self.exit_code

    def end(self, code: int) -> None:
        """End the program without waiting for threads, if there was a signal; what was printed is flushed."""
        if self._came:
            os._exit(code)


SIGNALS: Final = Signals()
