"""The journal of an apply: each intended write and its outcome, one line each, flushed before and after the write.

The journal is evidence, not state: losing it is harmless. ``reconciler.apply.earlier`` reads back only what Stytch
cannot tell: that a run was cut short after a credential was given and before it was stored, or after a mark said that a
member is being deleted and before the delete. It lies outside git by default (``.reconciler/journal-….jsonl``),
readable by its owner alone, because it names people.
"""

import errno
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Self

import msgspec
from msgspec import structs

from reconciler.apply.earlier import STAMP, Summary, begins, summary_of
from reconciler.files import own_folder, sync_names
from reconciler.model import Json
from reconciler.model.changes import Begun


class _Batch:
    """Lines that go to the disk together: the first ``sure`` of them are there, ``error`` kept the others from it."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.sure = 0
        self.error = OSError(errno.EINTR, os.strerror(errno.EINTR))  # of a write that something else broke off
        self.over = False


class Journal:
    """An append-only file of JSON lines, made when the first is written; ``path`` is None until then.

    Threads write side by side: while one waits for the disk the lines of the others gather, and the next one of them
    writes them all. ``begun`` are the intents of earlier runs that never ended, by address: the outcome of one that is
    applied now ends them. ``sync`` returns once all that was written to a file is on the disk. ``summary`` is what the
    lines say, once the journal is closed.
    """

    def __init__(
        self,
        root: Path,
        environment: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        begun: Begun | None = None,
        sync: Callable[[int], None] = os.fsync,
    ) -> None:
        self._root = root
        self._environment = environment
        self._now = now
        self._sync = sync
        self._file: BinaryIO | None = None
        self._torn = False
        self._turn = threading.Condition()
        self._busy = False  # somebody writes to the file
        self._closed = False
        self._gathering = _Batch()
        self.begun: Begun = begun or {}
        self.path: Path | None = None
        self.summary: Summary | None = None

    def write(self, event: str, body: Mapping[str, Json]) -> None:
        """Append one line and return once it is on the disk; raises ``OSError`` where that cannot be."""
        line = self._line(event, body)
        with self._turn:
            batch = self._gathering
            batch.lines.append(line)
            place = len(batch.lines)
            self._turn.wait_for(lambda: batch.over or not self._busy)
            leads = not batch.over
            if leads:
                self._busy, self._gathering = True, _Batch()
        if leads:
            try:
                self._put(batch)
            finally:
                with self._turn:
                    batch.over, self._busy = True, False
                    self._turn.notify_all()
        if place > batch.sure:
            raise OSError(batch.error.errno, batch.error.strerror) from batch.error

    def _line(self, event: str, body: Mapping[str, Json]) -> bytes:
        return msgspec.json.encode({"at": self._now().isoformat(), **body, "event": event}) + b"\n"

    def _put(self, batch: _Batch) -> None:
        """Write the lines of a batch; a full disk may take some of them, and a part of one."""
        if self._closed:
            batch.error = OSError(errno.EBADF, os.strerror(errno.EBADF))
            return
        try:
            self._file = self._file or self._open()
            torn, self._torn = self._torn, True  # until all of it is there
            text = b"\n" * torn + b"".join(batch.lines)
            left = memoryview(text)
            try:
                while left:
                    left = left[self._file.write(left) or 0 :]
            except OSError as error:
                batch.error = error
            self._sync(self._file.fileno())
        except OSError as error:
            batch.error = error
        else:
            self._torn = bool(left)
            batch.sure = text[: len(text) - len(left)].count(b"\n") - torn

    def end(self, address: str) -> None:
        """Note that what earlier runs began at an address is finished."""
        self.write("ended", {"address": address, "ends": self.ends(address)})

    def ends(self, address: str) -> Sequence[str]:
        """Name the earlier journals in which something at an address was begun and never ended."""
        return sorted({intent.journal for intent in self.begun.get(address, ())})

    def _open(self) -> BinaryIO:
        folder = own_folder(self._root)
        stamp = self._now().strftime(STAMP)
        self.path = folder / f"{begins(self._environment)}{stamp}-{os.getpid()}.jsonl"
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        file = os.fdopen(descriptor, "wb", buffering=0)
        sync_names(folder)
        return file

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Sum the lines up in one more, as far as that can be: without it the next run reads all of them."""
        with self._turn:
            self._turn.wait_for(lambda: not self._busy)
            self._busy = True
        try:
            if self._file is not None and self.path is not None:
                with suppress(OSError), closing(self._file):
                    self.summary = summary_of(self.path, whole=True)
                    last = _Batch()
                    last.lines.append(self._line("closed", structs.asdict(self.summary)))
                    self._put(last)
        finally:
            with self._turn:
                self._busy, self._closed = False, True
                self._turn.notify_all()
