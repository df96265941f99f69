"""The three formats of a Consumer export, each read in batches of about a megabyte.

A batch is decoded at once. If that fails, something in it is odd (or two pages are joined by one comma too many), and
it is gone through record by record.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec

from reconciler.documents import nesting
from reconciler.errors import Unreadable
from reconciler.model import Json, Position
from reconciler.sources.rows import elements, open_rows, refuse
from reconciler.sources.tables import csv_lines
from reconciler.sources.user_records import Batch, Decoder, OddUser, User

CHUNK: Final = 1 << 20
LARGEST: Final = 16 << 20  # bytes in which at least one record must end
PAGE: Final = 1000  # CSV rows in a batch

_OPENING: Final = re.compile(rb'\s*(\{\s*"(?:[^"\\]|\\.)*")')


UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # the last: nested too deeply


def lines(file: Path, shown: str, decoder: Decoder) -> Iterator[Batch]:
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
            line += block.count(b"\n")


def _line_by_line(block: bytes, shown: str, first: int, decoder: Decoder) -> Iterator[User | OddUser]:
    for number, line in enumerate(block.split(b"\n"), first):
        if line and not line.isspace():
            yield decoder.text(line, Position(shown, number))


def array(file: Path, shown: str, decoder: Decoder) -> Iterator[Batch]:
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
                line += pending.count(b"\n", 0, cut)
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
        return [decoder.one(value, Position(shown, at)) for at, _, value in elements(fragment.decode(), shown, line)]
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
        if isinstance(record, OddUser) and record.user_id is None:
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


def table(file: Path, shown: str, decoder: Decoder) -> Iterator[Batch]:
    """Yield the users of a CSV file, whose header is repeated at every page; nested values are JSON in a cell."""
    rows = csv_lines(file, shown)
    _line, header = next(rows)
    if "user_id" not in header:
        refuse(shown, "the header names no column user_id", "export that column too")
    batch: list[User | OddUser] = []
    for line, cells in rows:
        if cells == header:
            continue
        batch.append(_from_cells(header, cells, Position(shown, line), decoder))
        if len(batch) == PAGE:
            yield batch
            batch = []
    yield batch


def _from_cells(header: list[str], cells: list[Any], position: Position, decoder: Decoder) -> User | OddUser:
    record: dict[str, Json] = {}
    for name, cell in zip(header, cells, strict=True):
        if cell and cell[0] in "[{":
            try:
                record[name] = json.loads(cell)
            except (ValueError, RecursionError):
                known = cells[header.index("user_id")]
                return OddUser(known, f"the cell {name} is not valid JSON", position)
        else:
            record[name] = _EMPTY.get(name) if cell is None else cell
    return decoder.one(record, position)


_EMPTY: Final[dict[str, Json]] = {"emails": [], "phone_numbers": []}  # what an empty cell of a list is
