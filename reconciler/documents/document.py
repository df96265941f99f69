"""A YAML document and the positions of its values: one packed number each, unpacked when a message needs it."""

from array import array
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Final

from msgspec import Struct
from yaml.events import ScalarEvent

from reconciler.model import Json, Path, Position
from reconciler.model.problems import nearest_place

_COLUMN_BITS: Final = 28
_PLAIN, _QUOTED, _BLOCK, _ELSE = range(4)  # how a value is written: decides whether a position inside it is known


class Positions(Mapping[Path, Position]):
    """The position of each value of a document, by path. Computed on demand, because most documents are valid.

    The position of a value is its first character, or its key if the value begins on a later line.
    """

    def __init__(self, file: str, body: Json, marks: "array[int]") -> None:
        self._file = file
        self._body = body
        self._marks = marks

    def __getitem__(self, path: Path) -> Position:
        key, value = self._all[path]
        return self._position(value if key is None or key >> _COLUMN_BITS + 2 == value >> _COLUMN_BITS + 2 else key)

    def __iter__(self) -> Iterator[Path]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def key(self, path: Path) -> Position:
        """Return the position of the key of the value at ``path``; for an item of a list, the position of the item."""
        key, value = self._all[path]
        return self._position(value if key is None else key)

    def inside(self, path: Path, text: str, offset: int) -> Position:
        """Return the position of character ``offset`` of the string ``text`` at ``path``, as exactly as it is known."""
        key, mark = self._all[path]
        start, style = self._position(mark), mark & 3
        if style in (_PLAIN, _QUOTED):
            return Position(start.file, start.line, start.column + style + offset)
        if style == _BLOCK:
            line = text.count("\n", 0, offset)
            column = offset - (text.rfind("\n", 0, offset) + 1)
            indent = self._position(key).column + 2 if key is not None else start.column + 2
            return Position(start.file, start.line + 1 + line, indent + column)
        return start

    @cached_property
    def _all(self) -> dict[Path, tuple[int | None, int]]:
        marks = iter(self._marks)
        found: dict[Path, tuple[int | None, int]] = {}
        waiting: list[tuple[Path, Json, bool]] = [((), self._body, False)]
        while waiting:
            path, value, keyed = waiting.pop()
            key = next(marks) if keyed else None
            found[path] = key, next(marks)
            if isinstance(value, dict):
                waiting.extend(((*path, name), inner, True) for name, inner in reversed(value.items()))
            elif isinstance(value, list):
                waiting.extend(((*path, str(i)), value[i], False) for i in reversed(range(len(value))))
        return found

    def _position(self, mark: int) -> Position:
        return Position(self._file, (mark >> _COLUMN_BITS + 2) + 1, ((mark >> 2) & (1 << _COLUMN_BITS) - 1) + 1)


def mark(event: Any) -> int:
    """Return the start and the style of a libyaml event, packed into one number."""
    start: Any = event.start_mark
    style = _ELSE
    if type(event) is ScalarEvent:
        if event.style == "|":
            style = _BLOCK
        elif start.line == getattr(event.end_mark, "line", None):
            style = _QUOTED if event.style else _PLAIN
    packed: int = (start.line << _COLUMN_BITS | start.column) << 2 | style
    return packed


def place_of(file: str, text: str, offset: int) -> Position:
    """Return the position of the character ``offset`` of a file's text."""
    return Position(file, text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1)


class Document(Struct, frozen=True):
    """One YAML document: its kind and name, everything in it, where it stands, and for which environments it is."""

    kind: str
    name: str
    body: dict[str, Json]
    position: Position
    positions: Positions
    environments: frozenset[str] = frozenset()

    def at(self, *path: str) -> Position:
        """Return the place of the value at ``path``, or of the nearest parent that has one."""
        return nearest_place(self.positions, path, self.position)

    def key_at(self, *path: str) -> Position:
        """Return the place of the key at ``path``, or of the nearest parent."""
        return self.positions.key(path) if path in self.positions else self.at(*path[:-1])

    def inside(self, path: Path, offset: int) -> Position:
        """Return the place of a character of the string at ``path``."""
        value: Json = self.body
        for key in path:
            value = value[int(key)] if isinstance(value, list) else value[key]
        return self.positions.inside(path, value, offset)
