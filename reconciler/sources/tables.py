"""Tables that rules join and sets are made from: CSV, JSON or JSON lines → rows, each with its place."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from reconciler.config.read import Config
from reconciler.errors import Unreadable
from reconciler.model import Json, Problem, Table
from reconciler.sources.rows import elements, format_of, open_rows, refuse


def read_tables(config: Config) -> Mapping[str, Table]:
    """Read every table of an environment; raises ``Unreadable`` with the problems of all of them."""
    tables, problems = readable_tables(config)
    if problems:
        raise Unreadable(problems)
    return {name: table for name, table in tables.items() if table}


def readable_tables(config: Config) -> tuple[Mapping[str, Table | None], Sequence[Problem]]:
    """Return the tables of an environment, None for each that cannot be read, and why not."""
    tables: dict[str, Table | None] = dict.fromkeys(config.tables)
    problems: list[Problem] = []
    for name, source in config.tables.items():
        try:
            tables[name] = read_table(name, source.file, source.shown, source.rows)
        except Unreadable as error:
            problems.extend(error.problems)
    return tables, problems


def read_table(name: str, file: Path, shown: str, at_least: int | None = None) -> Table:
    """Read one table whole; ``at_least`` rows, and never none."""
    read = {"csv": _csv, "array": _array, "lines": _lines}[format_of(file, shown)]
    found = list(read(file, shown))
    if not found:
        refuse(shown, f"{shown} has no row", "an empty table is refused, because it could lead to deletes")
    if at_least is not None and len(found) < at_least:
        refuse(shown, f"{shown} has {len(found)} rows; expected at least {at_least}", "is it whole?", found[-1][0])
    rows = tuple(row for _line, _column, row in found)
    offsets = tuple(column for _line, column, _row in found) if any(column > 1 for _line, column, _row in found) else ()
    return Table(name, shown, rows, tuple(line for line, *_ in found), frozenset().union(*rows), offsets)


Row = tuple[int, int, dict[str, Json]]  # the line and column at which it begins, and what it holds


def _csv(file: Path, shown: str) -> Iterator[Row]:
    lines = csv_lines(file, shown)
    _line, header = next(lines)
    yield from ((line, 1, dict(zip(header, cells, strict=True))) for line, cells in lines)


def csv_lines(file: Path, shown: str) -> Iterator[tuple[int, list[Any]]]:
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
        content = stream.read()
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        refuse(shown, f"{shown} is not UTF-8", "save it as UTF-8", content.count(b"\n", 0, error.start) + 1)
    start = text.index("[") + 1
    first, before = text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start) - 1
    for line, column, value in elements(text[start : text.rindex("]")], shown, first, before):
        if not isinstance(value, dict):
            refuse(shown, "a row is a JSON object", "write an array of objects", line)
        yield line, column, value
