"""A file of rows → a table, which rules join and sets are made from: each row with its place."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from reconciler.config.read import RowsSource
from reconciler.errors import Unreadable
from reconciler.model import Json, Problem, Table
from reconciler.sources.rows import csv_rows, elements, format_of, open_rows, refuse

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
    found = list(read(file, shown))
    if not found:
        refuse(shown, f"{shown} has no row", "an empty table is refused, because it could lead to deletes")
    if source.rows is not None and len(found) < source.rows:
        refuse(shown, f"{shown} has {len(found)} rows; expected at least {source.rows}", "is it whole?", found[-1][0])
    lines, columns, rows = zip(*found, strict=True)
    return Table(name, shown, rows, lines, frozenset().union(*rows), columns if max(columns) > 1 else ())


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
