"""The journal of an apply: each intended write and its outcome, one line each, flushed before and after the write.

The journal is evidence, not state: losing it is harmless. ``unfinished`` reads back only what Stytch cannot tell: that
a run was cut short after a credential was given and before it was stored, or after a mark said that a member is being
deleted and before the delete. It lies outside git by default (``.reconciler/journal-….jsonl``), readable by its owner
alone, because it names people.

An ``intent`` is ended by the ``outcome`` of the same file and address, or by a line of any later file that names that
file under ``ends``: no clock says which came first.
"""

import errno
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final, Self
from urllib.parse import quote

import msgspec
from msgspec import Struct, structs

from reconciler.errors import Unreadable
from reconciler.files import FOLDER, existing_folder, own_folder, sync_names
from reconciler.model import Intent, Json
from reconciler.model.changes import Begun
from reconciler.schema.secret_names import is_name

STAMP: Final = r"\d{8}T\d{6}\.\d{6}Z-\d+\.jsonl"
ADDRESS: Final = re.compile(rb'"address":\s*("(?:[^"\\]|\\.)*")')
MANY: Final = re.compile(rb'"address":\s*"(?:Member|Organization)/')  # most lines; these have no credential
BUT: Final = (b'"delete"', b'"deleting"', b'"ends"')  # a line of those that matters all the same


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
    applied now ends them. ``sync`` returns once all that was written to a file is on the disk.
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
        self._gathering = _Batch()
        self.begun: Begun = begun or {}
        self.path: Path | None = None

    def write(self, event: str, body: Mapping[str, Json]) -> None:
        """Append one line and return once it is on the disk; raises ``OSError`` where that cannot be."""
        line = msgspec.json.encode({"at": self._now().isoformat(), "event": event, **body}) + b"\n"
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

    def _put(self, batch: _Batch) -> None:
        """Write the lines of a batch; a full disk may take some of them, and a part of one."""
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
        stamp = self._now().strftime("%Y%m%dT%H%M%S.%fZ")
        self.path = folder / f"{_begins(self._environment)}{stamp}-{os.getpid()}.jsonl"
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        file = os.fdopen(descriptor, "wb", buffering=0)
        sync_names(folder)
        return file

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
    last_four: str = ""
    marked_at: str = ""
    ends: list[str] = []

    @property
    def gives(self) -> bool:
        """Return whether Stytch may give a credential in the course of this: a create, or the renewal of one."""
        return self.action == "create" or any(is_name(field.get("after")) for field in self.fields)


class Unfinished(Struct, frozen=True):
    """What earlier runs began and never ended, by address, with what was noted of it.

    ``credentials`` are the writes that may have given a credential; ``deletes`` those of members, with the member's id.
    """

    credentials: Begun
    deletes: Begun


def unfinished(root: Path, environment: str) -> Unfinished:
    """Return what the journals of an environment leave open; each is read once.

    A line that was cut short itself counts as an intent of which nothing was noted. Raises ``Unreadable``.
    """
    intents = tuple(_never_ended(root, environment))
    deletes = _by_address(intent for intent in intents if intent.deletes and intent.id)
    return Unfinished(_by_address(intent for intent in intents if not intent.deletes), deletes)


def _by_address(intents: Iterable[Intent]) -> Begun:
    begun: dict[str, tuple[Intent, ...]] = {}
    for intent in intents:
        begun[intent.address] = (*begun.get(intent.address, ()), intent)
    return begun


def _never_ended(root: Path, environment: str) -> Iterator[Intent]:
    found: dict[tuple[str, str, bool], Intent] = {}
    over: set[tuple[str, str]] = set()
    ours = re.compile(re.escape(_begins(environment)) + STAMP)
    try:
        for path in sorted(path for path in existing_folder(root).glob("journal-*") if ours.fullmatch(path.name)):
            with path.open("rb") as lines:
                for text in lines:
                    _take(text, path.name, found, over)
    except OSError as error:
        hint = "make it readable, or remove it: without it, the leftovers of an interrupted run are unknown"
        raise Unreadable(f"a journal in {FOLDER} cannot be read: {error.strerror}", hint=hint) from None
    for (address, name, _), intent in found.items():
        if (address, name) not in over:
            yield intent


def _take(text: bytes, name: str, found: dict[tuple[str, str, bool], Intent], over: set[tuple[str, str]]) -> None:
    """Take one line of the journal ``name`` into what was found."""
    if MANY.search(text) and not any(part in text for part in BUT):
        return
    line = _read(text)
    deletes = (line.action == "delete" and line.address.startswith("Member/")) or line.event == "deleting"
    key = (line.address, name, deletes)
    intent = found.get(key) or Intent(address=line.address, journal=name)
    match line.event:
        case "intent" if line.gives or deletes:
            found[key] = Intent(address=line.address, journal=name, id=line.id, deletes=deletes)
        case "note":
            found[key] = structs.replace(intent, there=frozenset(line.there))
        case "made":
            given = intent.given | ({line.last_four} if line.last_four else set())
            found[key] = structs.replace(intent, made=line.id, given=given)
        case "deleting" if key in found:
            found[key] = structs.replace(intent, marked_at=line.marked_at)
        case "outcome":
            found.pop(key, None)
        case "torn" if line.address and not MANY.search(text):
            found[key] = intent
    over.update((line.address, journal) for journal in line.ends)


def _read(text: bytes) -> _Line:
    """Decode a line; of one that is incomplete, or ran into another, only its address."""
    try:
        return msgspec.json.decode(text, type=_Line)
    except msgspec.DecodeError:
        named = ADDRESS.search(text)
        try:
            return _Line("torn", msgspec.json.decode(named[1], type=str) if named else "")
        except msgspec.DecodeError:
            return _Line("torn")
