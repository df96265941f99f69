"""What an apply was about to do and what became of it, line by line, flushed before and after each write.

The journal is evidence, not state: nothing ever reads it back to decide, so losing it is harmless. It lies outside git
by default (``.reconciler/journal-….jsonl``), readable by its owner alone, because it names people.
"""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Self

import msgspec

from reconciler.model import Json

FOLDER = ".reconciler"


class Journal:
    """An append-only file of JSON lines, made when the first is written; ``path`` is None until then."""

    def __init__(self, root: Path, environment: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._folder = root / FOLDER
        self._environment = environment
        self._now = now
        self._file: BinaryIO | None = None
        self.path: Path | None = None

    def write(self, event: str, body: Mapping[str, Json]) -> None:
        """Append one line and return once it is on the disk; raises ``OSError`` where that cannot be."""
        if self._file is None:
            self._file = self._open()
        line = msgspec.json.encode({"at": self._now().isoformat(), "event": event, **body})
        self._file.write(line + b"\n")
        os.fsync(self._file.fileno())

    def _open(self) -> BinaryIO:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        (self._folder / ".gitignore").write_text("*\n", encoding="utf-8")
        stamp = self._now().strftime("%Y%m%dT%H%M%S.%fZ")
        self.path = self._folder / f"journal-{self._environment}-{stamp}-{os.getpid()}.jsonl"
        return os.fdopen(
            os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600), "wb", buffering=0
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
