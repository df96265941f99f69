"""A Consumer export → users, streamed: JSON, JSON lines or CSV as Stytch's export utility writes them (docs/stytch.md).

A million users pass through in a few megabytes; of each, only the top-level fields that somebody asked for are decoded.
A batch of some dozens is decoded at once. If that fails, something in it is malformed (or two pages are joined by
one comma too many), and it is gone through record by record.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn, NotRequired, TypedDict

import msgspec
from msgspec import Meta, Struct, structs

from reconciler.config.read import UsersSource
from reconciler.documents import nesting
from reconciler.errors import Unreadable
from reconciler.expressions.text import trimmed
from reconciler.model import Json, Position
from reconciler.sources.rows import csv_rows, elements, format_of, open_rows, refuse

ALWAYS: Final = frozenset({"user_id", "emails"})
CHUNK: Final = 1 << 16  # what a fast cache holds: larger ones cost more CPU
LARGEST: Final = 16 << 20  # bytes in which at least one record must end
PAGE: Final = 1000  # CSV rows in a batch
_EMPTY: Final[dict[str, Json]] = {"emails": [], "phone_numbers": []}  # what an empty cell of a list is

_OPENING: Final = re.compile(rb'\s*(\{\s*"(?:[^"\\]|\\.)*")')
UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # the last: nested too deeply

User = dict[str, Json]  # a Consumer user with the fields that were asked for, as far as the source has them


class Email(TypedDict):
    """An address of a user."""

    email_id: NotRequired[str]
    email: str
    verified: bool


class PhoneNumber(TypedDict):
    """A phone number of a user."""

    phone_id: NotRequired[str]
    phone_number: str
    verified: bool


_FIELDS: Final[dict[str, Any]] = {
    "user_id": Annotated[str, Meta(min_length=1)],
    "emails": list[Email],
    "phone_numbers": list[PhoneNumber],
    "name": dict[str, Any] | None,
    "trusted_metadata": dict[str, Any] | None,
    "untrusted_metadata": dict[str, Any] | None,
    "external_id": str | None,
    "status": str | None,
    "roles": list[str] | None,
    "created_at": str | None,
}


class MalformedUser(Struct, frozen=True):
    """A record that is not a valid user: whose it is, if known, and what is wrong with it."""

    user_id: str | None
    message: str
    position: Position


Batch = Iterable[User | MalformedUser]
_typed_dict: Final[Any] = TypedDict  # called for a type whose fields are known only at run time


class Decoder:
    """Turns the records of one source into users with just these top-level fields, ``user_id`` among them."""

    def __init__(self, fields: frozenset[str]) -> None:
        types = {name: NotRequired[_FIELDS.get(name, Any)] for name in sorted(fields)}
        types["user_id"] = _FIELDS["user_id"]
        user: Any = _typed_dict("User", types)
        self._user = user
        self.array: Callable[[bytes], list[User]] = msgspec.json.Decoder(list[user]).decode
        self.lines: Callable[[bytes], list[User]] = msgspec.json.Decoder(user).decode_lines

    def record(self, value: Json, position: Position) -> User | MalformedUser:
        """Return the user of a record that was parsed already."""
        try:
            user: User = msgspec.convert(value, self._user)
        except msgspec.ValidationError as error:
            user_id = value.get("user_id") if isinstance(value, dict) else None
            known = user_id if isinstance(user_id, str) and user_id else None
            return MalformedUser(known, f"not a valid user: {error}", position)
        return user

    def text(self, text: bytes, position: Position) -> User | MalformedUser:
        """Return the user of a record that is still JSON."""
        try:
            try:
                return self.record(msgspec.json.decode(text), position)
            except RecursionError:
                user = self.record(msgspec.json.decode(nesting.pruned(text)), position)
                known = user.user_id if isinstance(user, MalformedUser) else str(user["user_id"])
                return MalformedUser(known, "not a valid user: it is nested too deeply", position)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return MalformedUser(None, "not valid JSON", position)


class UserStream:
    """A source's users, to be gone through once; when that is done the rest is known.

    ``count`` counts records, malformed ones included. ``why_no_deletes`` says why a user who is not in this source
    need not be gone, "" where he is. ``lacking`` are fields that were asked for and that no record has: unknown, not
    empty. ``uncounted`` says that nothing told how many users there are, so that each who seems to be missing must be
    asked for.
    """

    def __init__(
        self,
        batches: Iterable[Batch],
        asked: frozenset[str] = frozenset(),
        *,
        why_no_deletes: str = "",
        shown: str = "the users",
    ) -> None:
        self.batches = batches
        self._shown = shown
        self.count = 0
        self.lacking = asked
        self.why_no_deletes = why_no_deletes
        self.uncounted = False

    def note_uncounted(self) -> None:
        """Note that nothing told how many users there are."""
        self.uncounted = True

    @property
    def permits_deletes(self) -> bool:
        """Return whether a user who is not in this source is known to be gone."""
        return not self.why_no_deletes

    def __iter__(self) -> Iterator[User | MalformedUser]:
        for batch in self.batches:
            for read in batch:
                self.count += 1
                if type(read) is dict:  # an exact type is asked for fastest, and there may be a million
                    user_id = read["user_id"]
                    if user_id.strip() == user_id and (
                        "external_id" not in read or not _is_padded(read["external_id"])
                    ):
                        if self.lacking:
                            self.lacking -= read.keys()
                        yield read
                        continue
                yield self._entered(read)

    def _entered(self, read: User | MalformedUser) -> User | MalformedUser:
        """Return a record as everything later compares it: ids without outer white space, and a blank one is none."""
        if isinstance(read, dict):
            record = self._trimmed(read)
        else:
            record = structs.replace(read, user_id=trimmed(read.user_id or "") or None)
        if isinstance(record, dict):
            self.lacking -= record.keys()
        elif record.user_id is None and not self.why_no_deletes:
            self.why_no_deletes = f"{record.position} has no valid user_id"
        return record

    def _trimmed(self, user: User) -> User | MalformedUser:
        external_id = user.get("external_id")
        user = {**user, "user_id": trimmed(user["user_id"])}
        if not user["user_id"]:
            message = f"record {self.count} is not a valid user: its user_id is blank"
            return MalformedUser(None, message, Position(self._shown, 1))
        if isinstance(external_id, str):
            user["external_id"] = trimmed(external_id) or None
        return user


def _is_padded(external_id: Json) -> bool:
    """Return whether an external id has white space around it, or is blank."""
    return external_id is not None and (external_id == "" or external_id.strip() != external_id)


def read_users(source: UsersSource, fields: frozenset[str]) -> UserStream:
    """Open a file of users; ``fields`` are the top-level fields to decode besides ``user_id`` and ``emails``.

    Raises ``Unreadable`` if the file cannot be opened or was cut short; going through the users raises it where the
    file turns out to be broken, to hold fewer users than ``source.rows``, or none.
    """
    if source.file is None:
        raise ValueError("this source is not a file")
    form = format_of(source.file, source.shown)
    asked = fields | ALWAYS
    read = {"lines": _lines, "array": _array, "csv": _table}[form]
    why = "a CSV export that was cut off between two pages looks complete" if form == "csv" else ""
    batches = read(source.file, source.shown, Decoder(asked))
    return UserStream(_counted(batches, source), asked, why_no_deletes=why, shown=source.shown)


def _counted(batches: Iterable[Batch], source: UsersSource) -> Iterator[Batch]:
    """Pass the batches on, and refuse a source that turns out to be empty or too short."""
    count = 0
    for batch in batches:
        records = batch if isinstance(batch, list) else list(batch)
        count += len(records)
        yield records
    if not count:
        refuse(
            source.shown, f"{source.shown} has no user", "an empty source is refused, because it could lead to deletes"
        )
    if source.rows is not None and count < source.rows:
        message = f"{source.shown} has {count:,} users; expected at least {source.rows:,}"
        refuse(source.shown, message, "is it whole?")


def _lines(file: Path, shown: str, decoder: Decoder) -> Iterator[Batch]:
    """Yield the users of a JSON lines file; a line that is no JSON is a record of nobody."""
    line, rest = 1, b""
    with open_rows(file) as stream:
        while chunk := stream.read(CHUNK):
            head, newline, rest_of_chunk = chunk.rpartition(b"\n")
            if not newline:
                rest += chunk
                if len(rest) > LARGEST:
                    refuse(shown, f"this line is longer than {LARGEST >> 20} MiB", "one user per line", line)
                continue
            block, rest = rest + head + newline, rest_of_chunk
            try:
                yield decoder.lines(block)
            except UNREADABLE:
                yield list(_line_by_line(block, shown, line, decoder))
            line += _newlines(block)


def _newlines(block: bytes) -> int:
    """Return the number of newlines: ``count`` looks at every byte, ``replace`` leaps from one to the next."""
    return len(block.replace(b"\n", b"\r\n")) - len(block)


def _line_by_line(block: bytes, shown: str, first: int, decoder: Decoder) -> Iterator[User | MalformedUser]:
    for number, line in enumerate(block.split(b"\n"), first):
        if line and not line.isspace():
            yield decoder.text(line, Position(shown, number))


def _array(file: Path, shown: str, decoder: Decoder) -> Iterator[Batch]:
    """Yield the users of a JSON array.

    The text is cut before the last record that has begun, found by how the first one begins; a cut that was none
    (the same bytes inside a record) does not decode and is put off until there is more.
    """
    with open_rows(file) as stream:
        first_chunk = stream.read(CHUNK)
        start = first_chunk.index(b"[") + 1
        line = 1 + first_chunk.count(b"\n", 0, start)
        pending = first_chunk[start:]
        found = _OPENING.match(pending)
        opening = found[1] if found else None
        while chunk := stream.read(CHUNK):
            pending += chunk
            cut = _cut(pending, opening)
            batch = _decoded(pending[:cut], shown, line, decoder) if cut else None
            if batch is not None:
                yield batch
                line += _newlines(pending[:cut])
                pending = pending[cut:]
            elif len(pending) > LARGEST:
                _refuse_where_broken(pending, shown, line)
        inside = pending.rstrip()[:-1]
        batch = _decoded(inside, shown, line, decoder)
        if batch is None:
            _refuse_where_broken(inside, shown, line)
        yield batch


def _cut(pending: bytes, opening: bytes | None) -> int:
    """Return where the last record begins that begins after another has ended, or 0."""
    cut = pending.rfind(opening) if opening else 0
    while cut > 0 and not pending[max(0, cut - 256) : cut].rstrip(b" \t\r\n,").endswith(b"}"):
        cut = pending.rfind(opening or b"", 0, cut)
    return max(cut, 0)


def _decoded(fragment: bytes, shown: str, line: int, decoder: Decoder) -> Batch | None:
    """Decode the records of a part of an array; None if it is not whole records."""
    try:
        return decoder.array(b"[" + fragment.strip(b" \t\r\n,") + b"]")
    except RecursionError:
        return _deep(fragment, shown, line, decoder)
    except UNREADABLE:
        pass
    try:
        return [decoder.record(value, Position(shown, at)) for at, _, value in elements(fragment.decode(), shown, line)]
    except (Unreadable, UnicodeDecodeError):
        return None


def _deep(fragment: bytes, shown: str, line: int, decoder: Decoder) -> Batch | None:
    """Decode the records of a part of an array one of which is nested deeply; None if they are not whole."""
    found = nesting.items(b"[" + fragment + b"]")
    if found is None:
        return None
    records = []
    for start, text in found:
        record = decoder.text(text, Position(shown, line + fragment.count(b"\n", 0, start)))
        if isinstance(record, MalformedUser) and record.user_id is None:
            return None
        records.append(record)
    return records


def _refuse_where_broken(fragment: bytes, shown: str, line: int) -> NoReturn:
    """Raise ``Unreadable`` at the first record that cannot be read."""
    try:
        text = fragment.decode()
    except UnicodeDecodeError as error:
        refuse(shown, f"{shown} is not UTF-8", "save it as UTF-8", line + fragment.count(b"\n", 0, error.start))
    for _element in elements(text, shown, line):
        pass
    refuse(shown, f"a record here is larger than {LARGEST >> 20} MiB", "write JSON lines, one user per line", line)


def _table(file: Path, shown: str, decoder: Decoder) -> Iterator[Batch]:
    """Yield the users of a CSV file, whose header is repeated at every page; nested values are JSON in a cell."""
    rows = csv_rows(file, shown)
    _line, header = next(rows)
    if "user_id" not in header:
        refuse(shown, "the header names no column user_id", "export that column too")
    batch: list[User | MalformedUser] = []
    for line, cells in rows:
        if cells == header:
            continue
        batch.append(_from_cells(header, cells, Position(shown, line), decoder))
        if len(batch) == PAGE:
            yield batch
            batch = []
    yield batch


def _from_cells(header: list[str], cells: list[Any], position: Position, decoder: Decoder) -> User | MalformedUser:
    record: dict[str, Json] = {}
    for name, cell in zip(header, cells, strict=True):
        if cell and cell[0] in "[{":
            try:
                record[name] = json.loads(cell)
            except (ValueError, RecursionError):
                known = cells[header.index("user_id")]
                return MalformedUser(known, f"the cell {name} is not valid JSON", position)
        else:
            record[name] = _EMPTY.get(name) if cell is None else cell
    return decoder.record(record, position)
