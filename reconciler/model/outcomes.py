"""What became of a million changes, in little memory: noted in any order, packed once their neighbours are there."""

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final, overload

import msgspec

from reconciler.model.changes import Outcome
from reconciler.model.packed import FAST

BLOCK: Final = 64  # outcomes that are packed together
_encode: Final = msgspec.msgpack.Encoder().encode


class Outcomes(Sequence[Outcome]):
    """The outcomes of changes, by the places that these have in a plan."""

    __slots__ = ("_blocks", "_length")

    def __init__(self, outcomes: Iterable[Outcome] = ()) -> None:
        self._blocks: Final[dict[int, dict[int, Outcome] | bytes]] = {}
        self._length = 0
        for place, outcome in enumerate(outcomes):
            self.note(place, outcome)

    def note(self, place: int, outcome: Outcome) -> None:
        """Note what became of the change at a place, of which nothing was noted."""
        number, at = divmod(place, BLOCK)
        block = self._blocks.setdefault(number, {})
        if not isinstance(block, dict) or at in block:
            raise KeyError(place)
        block[at] = outcome
        self._length += 1
        if len(block) == BLOCK:
            with suppress(UnicodeEncodeError):  # a file name that is not UTF-8
                self._blocks[number] = zlib.compress(_encode([block[each] for each in range(BLOCK)]), FAST)

    def has(self, place: int) -> bool:
        """Return whether it is noted what became of the change at a place."""
        number, at = divmod(place, BLOCK)
        block = self._blocks.get(number, {})
        return not isinstance(block, dict) or at in block

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Outcome]:
        for number in sorted(self._blocks):
            block = _unpacked(self._blocks[number])
            yield from (block[at] for at in sorted(block))

    @overload
    def __getitem__(self, index: int) -> Outcome: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Outcome, ...]: ...
    def __getitem__(self, index: int | slice) -> Outcome | tuple[Outcome, ...]:
        return tuple(self)[index]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Outcomes | tuple | list):
            return NotImplemented
        return len(self) == len(other) and all(one == another for one, another in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # what is equal to a list has none

    def __repr__(self) -> str:
        return f"Outcomes({list(self)!r})"


def _unpacked(block: dict[int, Outcome] | bytes) -> Mapping[int, Outcome]:
    if isinstance(block, dict):
        return block
    return dict(enumerate(msgspec.msgpack.decode(zlib.decompress(block), type=list[Outcome])))
