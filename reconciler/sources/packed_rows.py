"""A million rows in little memory: the cells of each as MessagePack, unpacked when a row is asked for."""

from array import array
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, overload

import msgspec

from reconciler.model import Json

_REMEMBERED: Final = 256  # rows: what finds a row also reads it

Row = dict[str, Json]  # column → cell


class PackedRows(Sequence[Row]):
    """Rows, filled one by one. What MessagePack cannot hold (a number of 30 digits) is kept as it is.

    Nobody changes a row that an access gives.
    """

    def __init__(self) -> None:
        self._encode_into = msgspec.msgpack.Encoder().encode_into
        self._decode = msgspec.msgpack.Decoder(list[Json]).decode
        self._cells = bytearray()
        self._ends = array("Q", [0])
        self._headers: dict[tuple[str, ...], int] = {}
        self._named: list[tuple[str, ...]] = []  # the headers by their numbers
        self._kept: dict[int, Row] = {}
        self._row = lru_cache(maxsize=_REMEMBERED)(self._unpacked)

    def append(self, row: Row) -> None:
        """Add a row."""
        header = tuple(row)
        number = self._headers.get(header)
        if number is None:
            number = self._headers[header] = len(self._named)
            self._named.append(header)
        end = len(self._cells)
        try:
            self._encode_into([number, *row.values()], self._cells, -1)
        except (OverflowError, UnicodeEncodeError, RecursionError):
            del self._cells[end:]
            self._kept[len(self)] = row
        self._ends.append(len(self._cells))

    @property
    def columns(self) -> frozenset[str]:
        """Return every column that some row has."""
        return frozenset().union(*self._named)

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, at: int) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Row]: ...
    def __getitem__(self, at: int | slice) -> Row | Sequence[Row]:
        if isinstance(at, slice):
            return [self[each] for each in range(*at.indices(len(self)))]
        if at < 0:
            at += len(self)
        if not 0 <= at < len(self):
            raise IndexError(at)
        return self._row(at)

    def _unpacked(self, at: int) -> Row:
        if at in self._kept:
            return self._kept[at]
        number, *cells = self._decode(self._cells[self._ends[at] : self._ends[at + 1]])
        return dict(zip(self._named[number], cells, strict=True))
