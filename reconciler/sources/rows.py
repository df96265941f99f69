"""Files of rows → tables, which rules join and sets are made of: CSV, JSON and JSON lines, read whole or not at all.

A file that was cut short looks like a smaller table, so its end is checked before its first row is used.
"""

import codecs
import csv
import json
import os
import re
from array import array
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final, Literal, NoReturn

import msgspec

from reconciler.config.read import RowsSource
from reconciler.errors import Unreadable
from reconciler.model import Json, Position, Problem, Table, problem
from reconciler.sources.packed_rows import PackedRows

Format = Literal["csv", "array", "lines"]

CHUNK: Final = 1 << 16  # bytes that are read at once
_TAIL: Final = 4096
_BOM: Final = b"\xef\xbb\xbf"
_BETWEEN: Final = re.compile(r"[\s,]*")


def refuse(shown: str, message: str, hint: str = "", line: int = 1) -> NoReturn:
    """Raise ``Unreadable`` about a line of a file."""
    raise Unreadable([problem("unreadable", message, hint, Position(shown, line))])


def format_of(file: Path, shown: str) -> Format:
    """Return the format of a file of rows that is not empty and ends as a whole file of that format does.

    Raises ``Unreadable`` if it cannot be opened, or is not such a file.
    """
    try:
        if file.exists() and not file.is_file() and not file.is_dir():  # opening a pipe would wait for ever
            refuse(shown, f"{shown} is not a plain file")
        with file.open("rb") as stream:
            return _format(stream, file, shown)
    except (OSError, ValueError) as error:  # a name with a character that no file's name can have
        why = getattr(error, "strerror", None) or str(error)
        refuse(shown, f"{shown} cannot be read: {why}", "paths are relative to the repository's root")


def open_rows(file: Path) -> IO[bytes]:
    """Open a file after its byte order mark."""
    stream = file.open("rb")
    if stream.read(len(_BOM)) != _BOM:
        stream.seek(0)
    return stream


def _format(stream: IO[bytes], file: Path, shown: str) -> Format:
    head = stream.read(_TAIL)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        refuse(shown, f"{shown} is UTF-16, not UTF-8", "save it as UTF-8")
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - _TAIL))
    tail = stream.read()
    start = len(_BOM) if head.startswith(_BOM) else 0
    if not head[start:].strip():
        refuse(shown, f"{shown} is empty", "an empty file is refused, because it could lead to deletes")
    if file.suffix.lower() == ".csv":
        _ends_with_newline(tail, shown)
        return "csv"
    first = head[start:].lstrip()[:1]
    if first == b"[":
        if not tail.rstrip().endswith(b"]"):
            refuse(shown, f"{shown} is incomplete: it has no closing bracket", "write the complete file again")
        return "array"
    if first == b"{":
        _ends_with_newline(tail, shown)
        return "lines"
    refuse(shown, f"{shown} is neither JSON nor JSON lines", "a CSV file needs the suffix .csv")


def _ends_with_newline(tail: bytes, shown: str) -> None:
    if not tail.endswith(b"\n"):
        refuse(shown, f"{shown} is incomplete: its last line has no newline", "write the complete file again")


def csv_rows(file: Path, shown: str) -> Iterator[tuple[int, list[Any]]]:
    """Yield the header and then each row of a CSV file with the line on which it begins; an empty cell is None.

    Raises ``Unreadable`` where the header is not sensible, a row has more or fewer cells, or a quote is not closed.
    """
    begins = 1
    header: list[str] | None = None
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.reader(text, strict=True)
            for cells in reader:
                line, begins = begins, reader.line_num + 1
                if header is None:
                    header = _header(cells, shown)
                    yield line, header
                elif len(cells) == len(header):
                    yield line, [cell or None for cell in cells]
                elif cells:
                    message = f"this row has {len(cells)} cells; the header has {len(header)}"
                    refuse(shown, message, "quote a cell that contains a comma or a quote", line)
    except csv.Error as error:
        refuse(shown, f"{shown} is not valid CSV from here on: {error}", "write the complete file again", begins)
    except UnicodeDecodeError:
        refuse(shown, f"{shown} is not UTF-8", "save it as UTF-8", _undecodable(file))


def _undecodable(file: Path) -> int:
    """Return the first line that is not UTF-8."""
    with file.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 1


def _header(cells: list[str], shown: str) -> list[str]:
    names = [cell.strip() for cell in cells]
    if "" in names:
        refuse(shown, f"column {names.index('') + 1} of the header has no name", "name every column")
    twice = next((name for at, name in enumerate(names) if name in names[:at]), None)
    if twice is not None:
        refuse(shown, f"the header names the column {twice} twice", "rename one of the two")
    return names


def elements(
    text: str, shown: str, line: int = 1, before: int = 0, more: Callable[[int], str] = lambda _size: ""
) -> Iterator[tuple[int, int, Any]]:
    """Yield the values of a JSON array's inside with the line and column at which each begins.

    ``text`` is without the array's brackets, and begins on ``line`` after ``before`` characters; commas may be doubled
    or missing. ``more`` gives about so many characters that follow, "" at the end. Raises ``Unreadable`` at what is no
    JSON.
    """
    position, counted, begins = 0, 0, -before
    while True:
        position = _end_of_blanks(text, position)
        if passed := text.count("\n", counted, position):
            line += passed
            begins = text.rfind("\n", counted, position) + 1
        counted, column = position, position - begins + 1
        value, end, wrong = None, position, None
        try:
            if position < len(text):
                value, end = _DECODER.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            wrong = line + text.count("\n", counted, getattr(error, "pos", position))
        if (wrong or end == len(text)) and (piece := more(max(CHUNK, len(text)))):  # what is cut off may go on there
            text, begins, position, counted = text[position:] + piece, begins - position, 0, 0
            continue
        if wrong:
            refuse(shown, f"{shown} is not valid JSON from here on", "write the complete file again", wrong)
        if position == len(text):
            return
        yield line, column, value
        position = end


def _end_of_blanks(text: str, position: int) -> int:
    found = _BETWEEN.match(text, position)
    return found.end() if found else position


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


_DECODER: Final = json.JSONDecoder(parse_constant=_no_constant)


Row = tuple[int, int, dict[str, Json]]  # the line and column at which it begins, and what it holds


def read_tables(sources: Mapping[str, RowsSource]) -> tuple[Mapping[str, Table | None], Sequence[Problem]]:
    """Return every table, None for each that cannot be read, and why not."""
    tables: dict[str, Table | None] = dict.fromkeys(sources)
    problems: list[Problem] = []
    for name, source in sources.items():
        try:
            tables[name] = read_table(name, source)
        except Unreadable as error:
            problems.extend(error.problems)
    return tables, problems


def read_table(name: str, source: RowsSource) -> Table:
    """Return a table, whole. Raises ``Unreadable`` if it has fewer rows than it must have, or none."""
    file, shown = source.file, source.shown
    read = {"csv": _csv, "array": _array, "lines": _lines}[format_of(file, shown)]
    rows, lines, offsets = PackedRows(), array("I"), array("I")
    for line, column, row in read(file, shown):
        rows.append(row)
        lines.append(line)
        offsets.append(column)
    if not rows:
        refuse(shown, f"{shown} has no row", "an empty table is refused, because it could lead to deletes")
    if source.rows is not None and len(rows) < source.rows:
        refuse(shown, f"{shown} has {len(rows)} rows; expected at least {source.rows}", "is it whole?", lines[-1])
    return Table(name, shown, rows, lines, rows.columns, offsets if max(offsets) > 1 else ())


def _csv(file: Path, shown: str) -> Iterator[Row]:
    lines = csv_rows(file, shown)
    _line, header = next(lines)
    yield from ((line, 1, dict(zip(header, cells, strict=True))) for line, cells in lines)


def _lines(file: Path, shown: str) -> Iterator[Row]:
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    with open_rows(file) as stream:
        for number, line in enumerate(stream, 1):
            if line.isspace():
                continue
            try:
                yield number, 1, decode(line)
            except msgspec.ValidationError:
                refuse(shown, "a row is a JSON object", "write one object per line", number)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                refuse(shown, "this line is not valid JSON", "write one complete object per line", number)


def _array(file: Path, shown: str) -> Iterator[Row]:
    with open_rows(file) as stream:
        inside = _inside(stream)
        try:
            head = next(inside)
            start = head.index("[") + 1
            line, before = head.count("\n", 0, start) + 1, start - head.rfind("\n", 0, start) - 1
            for at, column, value in elements(head[start:], shown, line, before, inside.send):
                if not isinstance(value, dict):
                    refuse(shown, "a row is a JSON object", "write an array of objects", at)
                yield at, column, value
        except UnicodeDecodeError:
            refuse(shown, f"{shown} is not UTF-8", "save it as UTF-8", _undecodable(file))


def _inside(stream: IO[bytes]) -> Generator[str, int, None]:
    """Yield the text of an array without its last bracket in pieces as long as was sent; "" where it ends."""
    decode = codecs.getincrementaldecoder("utf-8")().decode
    held, size = "", CHUNK
    while piece := stream.read(size):
        held += decode(piece)
        bare = held.rstrip()
        given = bare[:-1] if bare.endswith("]") else held  # nothing but blanks follows the last one
        held = held[len(given) :]
        if given:
            size = yield given
    decode(b"", final=True)
    while True:
        yield ""
