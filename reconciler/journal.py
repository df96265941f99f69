"""What an apply was about to do and what became of it, line by line, flushed before and after each write.

The journal is evidence, not state: losing it is harmless. It is read back only for what Stytch cannot tell: that a run
was cut short between a credential's being given and its being kept (``unfinished``), or between a mark that says that
we delete a member and the delete (``unfinished_deletes``). It lies outside git by
default (``.reconciler/journal-….jsonl``), readable by its owner alone, because it names people.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final, Self
from urllib.parse import quote

import msgspec
from msgspec import Struct

from reconciler.model import Json
from reconciler.named_secrets import is_name
from reconciler.private_files import FOLDER, own_folder

STAMP: Final = r"\d{8}T\d{6}\.\d{6}Z-\d+\.jsonl"


class Journal:
    """An append-only file of JSON lines, made when the first is written; ``path`` is None until then."""

    def __init__(self, root: Path, environment: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._root = root
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
        folder = own_folder(self._root)
        stamp = self._now().strftime("%Y%m%dT%H%M%S.%fZ")
        self.path = folder / f"{_begins(self._environment)}{stamp}-{os.getpid()}.jsonl"
        return os.fdopen(
            os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600), "wb", buffering=0
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


def _begins(environment: str) -> str:
    return f"journal-{quote(environment, safe='')}-"


class _Line(Struct):
    event: str
    address: str = ""
    action: str = ""
    id: str | None = None
    fields: list[dict[str, Json]] = []
    there: list[str] = []

    @property
    def gives(self) -> bool:
        """Tell whether Stytch may give a credential in the course of this: a create, or the renewal of one."""
        return self.action == "create" or any(is_name(field.get("after")) for field in self.fields)


def unfinished(root: Path, environment: str) -> Mapping[str, frozenset[str]]:
    """Give what may have given a credential and never ended, by address, with the ids that were noted before it began.

    A line that cannot be read was cut short itself, and says nothing.
    """
    begun: dict[str, frozenset[str]] = {}
    for line in _lines(root, environment):
        if (line.event == "intent" and line.gives) or line.event == "note":
            begun[line.address] = frozenset(line.there) | begun.get(line.address, frozenset())
        elif line.event == "outcome":
            begun.pop(line.address, None)
    return begun


def unfinished_deletes(root: Path, environment: str) -> frozenset[str]:
    """Give the ids of the members whose delete was begun and never ended."""
    begun: set[str] = set()
    for line in _lines(root, environment):
        if line.id and line.action == "delete" and line.address.startswith("Member/"):
            (begun.discard if line.event == "outcome" else begun.add)(line.id)
    return frozenset(begun)


def _lines(root: Path, environment: str) -> Iterator[_Line]:
    """Yield the lines of an environment's journals, run after run."""
    ours = re.compile(re.escape(_begins(environment)) + STAMP)
    for path in sorted(path for path in (root / FOLDER).glob("journal-*") if ours.fullmatch(path.name)):
        with path.open("rb") as lines:
            for text in lines:
                with suppress(msgspec.DecodeError):
                    yield msgspec.json.decode(text, type=_Line)
