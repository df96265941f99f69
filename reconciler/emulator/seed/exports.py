"""Read the initial data: a Consumer export as Stytch's utility writes it, and an RBAC policy.

The utility writes pages [2.23]. In JSON, the pages are joined by commas in one array; an empty page leaves an extra
comma. In CSV, the header is repeated on every page, and nested values are JSON in a cell. JSON lines are read too.
"""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reconciler.emulator.core.store import Fields

LARGEST_CELL = 16 * 1024 * 1024


def read_users(path: Path) -> Iterator[Fields]:
    """Yield the users of an export, one by one.

    Raises:
        ValueError: with the file and the invalid line.
    """
    if path.suffix.lower() == ".csv":
        return _csv(path)
    with path.open(encoding="utf-8") as file:
        first = next((line.lstrip() for line in file if line.strip()), "")
    return _array(path) if first.startswith("[") else _lines(path)


def read_policy(path: Path) -> Any:
    """Return an RBAC policy: JSON, or YAML.

    Raises:
        ValueError: with the file, where it is neither JSON nor YAML.
    """
    import yaml

    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not JSON or YAML: {error}") from error


def _lines(path: Path) -> Iterator[Fields]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield _user(line, f"{path}:{number}")


def _array(path: Path) -> Iterator[Fields]:
    """Yield the items of one array, with any number of commas between them."""
    text = path.read_text(encoding="utf-8")
    decoder, blank = json.JSONDecoder(), re.compile(r"[\s,]*")
    place = blank.match(text, text.index("[") + 1).end()  # type: ignore[union-attr] # The pattern also matches an empty text.
    while place < len(text) and text[place] != "]":
        try:
            user, place = decoder.raw_decode(text, place)
        except ValueError as error:
            raise ValueError(f"{path}:{text.count(chr(10), 0, place) + 1}: not JSON: {error}") from error
        yield user
        place = blank.match(text, place).end()  # type: ignore[union-attr] # The pattern also matches an empty text.


def _csv(path: Path) -> Iterator[Fields]:
    csv.field_size_limit(LARGEST_CELL)
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file)
        header = next(rows, [])
        for row in rows:
            if row and row != header:
                yield {name: _cell(name, cell) for name, cell in zip(header, row, strict=False) if cell != ""}


def _cell(name: str, cell: str) -> Any:
    """Return the value of a cell: nested values are JSON; ids, status and times are plain texts."""
    if name in {"user_id", "status", "created_at", "external_id"} or cell[0] not in '[{"tfn':
        return cell
    try:
        return json.loads(cell)
    except ValueError:
        return cell


def _user(text: str, place: str) -> Fields:
    try:
        user = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{place}: not JSON: {error}") from error
    if not isinstance(user, dict):
        raise ValueError(f"{place}: a user must be a JSON object")  # noqa: TRY004 # every mistake in a file is a ValueError
    return user
