"""The rows of a table by their texts in some columns: 8 bytes a row, which the row itself then confirms."""

from array import array
from bisect import bisect_left
from collections.abc import Container, Iterator, Mapping
from typing import Final

from reconciler.expressions.text import domain_label, joined_text
from reconciler.expressions.values import Mistyped, text_of
from reconciler.model import Json, Table

_PARTS: Final = 256  # each sorted by itself, which needs less memory than all at once
_WORD: Final = (1 << 64) - 1


class RowIndex:
    """Which rows have which texts in ``columns``, of which some hold ``domains``, which compare as such.

    ``odd`` names the cells (row, column) that hold no text to join by. An entry is a part of the hash of the texts, and
    the row's number in the bits that are left.
    """

    def __init__(self, table: Table, columns: tuple[str, ...], domains: Container[str] = ()) -> None:
        self.odd: list[tuple[int, str]] = []
        self._table, self._columns, self._domains = table, columns, domains
        self._bits = len(table.rows).bit_length()
        parts = [array("Q") for _ in range(_PARTS)]
        for number, row in enumerate(table.rows):
            try:
                texts = self._texts(row)
            except OddCell as odd:
                self.odd.append((number, odd.column))
                continue
            if texts:
                entry = self._first(texts) | number
                parts[entry >> 56].append(entry)
        self._parts = [array("Q", sorted(part)) for part in parts]

    def numbers(self, texts: tuple[str, ...]) -> Iterator[int]:
        """Yield the rows that have just these texts, in the table's order."""
        first = self._first(texts)
        part = self._parts[first >> 56]
        for at in range(bisect_left(part, first), len(part)):
            if part[at] >> self._bits != first >> self._bits:
                return
            number = part[at] - first
            if self._texts(self._table.rows[number]) == texts:  # others may share the part of the hash
                yield number

    def _first(self, texts: tuple[str, ...]) -> int:
        """Return the first entry that some texts may have."""
        return hash(texts) << self._bits & _WORD

    def _texts(self, row: Mapping[str, Json]) -> tuple[str, ...]:
        """Return the texts that a row joins by, none if one is empty; raises ``OddCell`` if one is no text."""
        texts: list[str] = []
        for column in self._columns:
            cell = row.get(column)
            if cell is None or cell in ([], {}):
                return ()
            try:
                text = (domain_in(cell) if column in self._domains else None) or joined_text(text_of(cell))
            except Mistyped:
                raise OddCell(column) from None
            if not text:
                return ()
            texts.append(text)
        return tuple(texts)


class OddCell(Exception):
    """A cell with a list or a map, where a text is needed."""

    def __init__(self, column: str) -> None:
        super().__init__(column)
        self.column = column


def domain_in(cell: Json) -> str | None:
    """Return the A-label of the domain in a cell."""
    return domain_label(cell) if isinstance(cell, str) else None
