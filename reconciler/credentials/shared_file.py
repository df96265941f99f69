"""A file that threads and processes share: worked out again only after somebody else changed it.

Threads that change it at the same time are written together, so that a slow disk holds up none of them for long.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Generic, TypeVar

from msgspec import Struct

from reconciler.files import OWNER_ONLY, locked, read_whole, write_whole

YOUNG: Final = 1_000_000_000  # ns: within so short a time two changes may leave the same traces

Changes = Mapping[str, str | None]  # None takes a name out
Traces = tuple[int, ...]
T = TypeVar("T")


class Format(Struct, Generic[T], frozen=True):
    """What content means (None: there is no file), what changes make of that, and the content that means so.

    ``changed`` returns the very same value where nothing changes.
    """

    meaning: Callable[[bytes | None], T]
    changed: Callable[[T, Changes], T]
    content: Callable[[T], bytes]
    mode: int = OWNER_ONLY


class _Waiting:
    def __init__(self, changes: Changes) -> None:
        self.changes = changes
        self.is_written = False


class SharedFile(Generic[T]):
    """``lock`` makes, and names, the file that whoever writes holds a lock on."""

    def __init__(self, path: Path, form: Format[T], lock: Callable[[], Path]) -> None:
        self._path = path
        self._form = form
        self._lock = lock
        self._reading = threading.Lock()
        self._writing = threading.Lock()
        self._waiting: deque[_Waiting] = deque()
        self._seen: Callable[[], tuple[Traces, bytes | None, T]] | None = None  # whatever lists attributes shows none

    def read(self, *, surely: bool = False) -> T:
        """Return what the file means now; ``surely``: by its content, and not by the traces that a change leaves."""
        with self._reading:
            now, traces = time.time_ns(), traces_of(self._path)
            seen = self._seen() if self._seen else None
            if seen and seen[0] == traces and not surely:
                return seen[2]
            content = read_whole(self._path, private=self._form.mode == OWNER_ONLY)
            meaning = seen[2] if seen and seen[1] == content else self._form.meaning(content)
            self._remember(traces if are_old(traces, now) else (), content, meaning)
            return meaning

    def change(self, changes: Changes) -> None:
        """Return once the changes are on the disk: with those of all who wait; raises what keeps them from it."""
        mine = _Waiting(changes)
        self._waiting.append(mine)
        with self._writing:
            if mine.is_written:
                return
            together = [self._waiting.popleft() for _ in range(len(self._waiting))]
            try:
                self._write([each.changes for each in together])
            except BaseException:  # the next of the others tries again
                self._waiting.extendleft(each for each in reversed(together) if each is not mine)
                raise
            for each in together:
                each.is_written = True

    def _write(self, together: list[Changes]) -> None:
        with locked(self._lock()):
            before = after = self.read(surely=True)
            for changes in together:
                after = self._form.changed(after, changes)
            if after is not before:
                content = self._form.content(after)
                write_whole(self._path, content, self._form.mode)
                with self._reading:
                    self._remember((), content, after)

    def _remember(self, traces: Traces, content: bytes | None, meaning: T) -> None:
        self._seen = lambda: (traces, content, meaning)


def traces_of(path: Path) -> Traces:
    """Return what a change of a file, or of the names in a folder, leaves besides its content; (0,): not there."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return (0,)
    return found.st_dev, found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def are_old(traces: Traces, now: int) -> bool:
    """Return whether the next change is certain to leave others."""
    return all(now - each > YOUNG for each in traces[-2:])
