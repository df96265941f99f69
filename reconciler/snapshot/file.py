"""A snapshot in a file: written line by line, and read back as what anybody may have written."""

import hashlib
import tempfile
import zlib
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final, NoReturn, TypeVar

import msgspec

from reconciler.errors import InvalidInput
from reconciler.expressions.nodes import ReadPath
from reconciler.snapshot.lines import FORMAT, End, Head, Line, Members, Row, Thing, Users

LONGEST: Final = 16 << 20  # bytes of a line
LARGEST: Final = 4 << 30  # bytes of all lines
BLOCK: Final = 1 << 18
GZIP: Final = 31  # zlib's way to say that a file has gzip's head
HINT: Final = "take one with `reconciler snapshot -o FILE`"

T = TypeVar("T", Row, Thing, Members, Users)

_ENCODE: Final = msgspec.json.Encoder()
_DECODE: Final = msgspec.json.Decoder(Line)


def compressed(lines: Iterable[Line]) -> Iterator[bytes]:
    """Yield the bytes of a snapshot of these lines, its end added; only a few lines are in memory at a time."""
    packer = zlib.compressobj(6, zlib.DEFLATED, GZIP)
    digest, count = hashlib.sha256(), 0
    for line in lines:
        text = _ENCODE.encode(line) + b"\n"
        digest.update(text)
        count += 1
        yield packer.compress(text)
    yield packer.compress(_ENCODE.encode(End(count, f"sha256:{digest.hexdigest()}")) + b"\n")
    yield packer.flush()


class OpenSnapshot:
    """A snapshot that was read whole and checked; its lines are read again as they are needed.

    ``digest`` is that of its content. The members of an organization are found by where their lines begin.
    """

    def __init__(self, file: IO[bytes], shown: str) -> None:
        self._file, self._shown = file, shown
        self._members: dict[str, array[int]] = {}
        self._users: array[int] = array("Q")
        self._rows: array[int] = array("Q")
        self._things: array[int] = array("Q")
        self.head, self.digest = self._indexed()

    def rows(self) -> Iterator[Row]:
        """Yield the rows of all tables."""
        return self._at(self._rows, Row)

    def things(self) -> Iterator[Thing]:
        """Yield everything live but members."""
        return self._at(self._things, Thing)

    def users(self) -> Iterator[Users]:
        """Yield the users."""
        return self._at(self._users, Users)

    def members(self, organization_id: str) -> Iterator[Members]:
        """Yield the members of an organization, none where the snapshot does not know it."""
        return self._at(self._members.get(organization_id, array("Q")), Members)

    def has_members(self, organization_id: str) -> bool:
        """Return whether the members of an organization were read."""
        return organization_id in self._members

    def _at(self, places: "array[int]", sort: type[T]) -> Iterator[T]:
        for place in places:
            self._file.seek(place)
            yield msgspec.json.decode(self._file.readline(), type=sort)

    def _indexed(self) -> tuple[Head, str]:
        """Look at every line once; raises ``InvalidInput`` unless all are there and as they were written."""
        digest = hashlib.sha256()
        head: Head | None = None
        end: End | None = None
        count = at = 0
        self._file.seek(0)
        while text := self._file.readline(LONGEST):
            line = self._decoded(text, count + 1)
            if end or (head is None) != isinstance(line, Head):
                refuse(self._shown, f"line {count + 1} is not what stands there", HINT)
            if isinstance(line, End):
                end = line
                continue
            if isinstance(line, Head):
                head = line
            else:
                self._note(line, at)
            digest.update(text)
            count += 1
            at += len(text)
        if head is None or end is None:
            refuse(self._shown, "it is not whole: its end is missing", HINT)
        if (end.lines, end.digest) != (count, f"sha256:{digest.hexdigest()}"):
            refuse(self._shown, "its digest does not match: it was changed", HINT)
        if head.format != FORMAT:
            refuse(self._shown, f"it has format {head.format}, this version reads {FORMAT}", "take it again")
        if not _is_moment(head.taken_at):
            refuse(self._shown, "it does not say when it was taken", HINT)
        if not all(_is_of_users(path) for path in head.users or ()):
            refuse(self._shown, "it does not say what it has of the users", HINT)
        return head, end.digest

    def _note(self, line: Line, at: int) -> None:
        """Note where a line begins."""
        match line:
            case Members(organization_id=name):
                self._members.setdefault(name, array("Q")).append(at)
            case Users():
                self._users.append(at)
            case Row():
                self._rows.append(at)
            case Thing():
                self._things.append(at)

    def _decoded(self, text: bytes, number: int) -> Line:
        try:
            line: Line = _DECODE.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            refuse(self._shown, f"line {number} is not what a snapshot holds", HINT)
        return line


def _is_moment(text: str) -> bool:
    """Return whether a text is a moment, with its time zone."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.tzinfo is not None and moment.astimezone(UTC) is not None
    except (ValueError, OverflowError):
        return False


def _is_of_users(path: ReadPath) -> bool:
    """Return whether a path is one of a field of users."""
    return len(path) > 1 and path[0] == "user" and isinstance(path[1], str)


@contextmanager
def opened(path: Path) -> Iterator[OpenSnapshot]:
    """Read a snapshot whole, and keep its lines in a file that nobody else can read; raises ``InvalidInput``."""
    with tempfile.TemporaryFile() as file:
        try:
            with path.open("rb") as packed:
                _unpack(packed, file, str(path))
        except OSError as error:
            refuse(str(path), f"it cannot be read: {error.strerror}", HINT)
        yield OpenSnapshot(file, str(path))


def _unpack(packed: IO[bytes], file: IO[bytes], shown: str) -> None:
    """Write what is in a compressed file to another, and no more than a snapshot may hold."""
    unpacker = zlib.decompressobj(GZIP)
    size = 0
    try:
        while block := packed.read(BLOCK):
            while block and not unpacker.eof:
                text = unpacker.decompress(block, BLOCK)
                size += file.write(text)
                if size > LARGEST:
                    refuse(shown, f"it holds more than {LARGEST >> 30} GiB", HINT)
                block = unpacker.unconsumed_tail
    except zlib.error:
        pass  # said below
    if not unpacker.eof:
        refuse(shown, "it is not a whole snapshot", HINT)


def refuse(shown: str, why: str, hint: str) -> NoReturn:
    """Raise ``InvalidInput`` about a snapshot."""
    raise InvalidInput(f"the snapshot {shown} cannot be used: {why}", hint=hint)
