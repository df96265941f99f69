"""A million changes in little memory: kept packed, some 50 bytes each, and unpacked a few at a time by who looks.

What is asked most of changes, which kind and action they are of and in which organization they lie, is known of each
chunk as a whole, so that it need not be unpacked for that.
"""

import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from heapq import merge
from itertools import accumulate, chain, groupby
from typing import Any, Final, Self, TypeVar, overload

import msgspec
from msgspec import Struct

from reconciler.model.changes import Change

Key = TypeVar("Key")
CHUNK: Final = 64  # changes that are packed together
RECENT: Final = 8  # chunks, more than are written side by side
MANY: Final = 4096  # changes that fit in memory as they are
FEW: Final = 4  # so many are smaller as they are
FAST: Final = 1  # as small as any other level, because so much is repeated
_encode: Final = msgspec.msgpack.Encoder().encode


@cache
def _decoder(action: type[Change]) -> Callable[[bytes], list[Any]]:
    return msgspec.msgpack.Decoder(list[action]).decode  # type: ignore[valid-type] # a type is a value here


class Chunk(Struct, frozen=True, gc=False):
    """Changes of one kind and action in one organization, the first and the last of them by address."""

    action: type[Change]
    kind: str
    namespace: str | None
    first: str
    last: str
    number: int
    ascending: bool  # by address
    content: bytes | tuple[Change, ...]

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)

    @property
    def changes(self) -> Sequence[Change]:
        """Return the changes."""
        content = self.content
        return content if isinstance(content, tuple) else _decoder(self.action)(zlib.decompress(content))


class Changes(Sequence[Change]):
    """Changes in an order, as any sequence of them, but packed."""

    __slots__ = ("_begins", "_recent", "chunks")

    def __init__(self, chunks: Iterable[Chunk] = ()) -> None:
        self.chunks: Final = tuple(chunks)
        self._begins: Final = tuple(accumulate((chunk.number for chunk in self.chunks), initial=0))
        self._recent: tuple[tuple[int, Sequence[Change]], ...] = ()  # replaced as a whole: threads may read it

    @classmethod
    def of(cls, changes: Iterable[Change]) -> Self:
        """Pack changes in the order in which they come; what is packed already stays as it is."""
        return changes if isinstance(changes, cls) else cls(_packed(changes))

    def __len__(self) -> int:
        return self._begins[-1]

    def __iter__(self) -> Iterator[Change]:
        return chain.from_iterable(self.chunks)

    @overload
    def __getitem__(self, index: int) -> Change: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Change, ...]: ...
    def __getitem__(self, index: int | slice) -> Change | tuple[Change, ...]:
        if isinstance(index, slice):
            return tuple(self)[index]
        place = range(len(self))[index]
        number = bisect_right(self._begins, place) - 1
        return self._unpacked(number)[place - self._begins[number]]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Changes | tuple | list):
            return NotImplemented
        return len(self) == len(other) and all(one == another for one, another in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # what is equal to a list has none

    def __repr__(self) -> str:
        return f"Changes({list(self)!r})"

    def _unpacked(self, number: int) -> Sequence[Change]:
        """Return the changes of a chunk; the latest stay unpacked for who asks for one change after another."""
        for each, changes in self._recent:
            if each == number:
                return changes
        changes = self.chunks[number].changes
        self._recent = ((number, changes), *self._recent[: RECENT - 1])
        return changes

    def only(self, *actions: type[Change], kind: str = "") -> Iterator[Change]:
        """Yield the changes of these actions, and of this kind; of all, where none is named."""
        for chunk in self.chunks:
            if (not actions or chunk.action in actions) and (not kind or chunk.kind == kind):
                yield from chunk

    def chosen(self, wanted: Callable[[Change], bool]) -> "Changes":
        """Return the changes that are wanted."""
        return self.sorted_into(wanted).get(True, Changes())

    def altered(self, alter: Callable[[Change], Change]) -> "Changes":
        """Return what becomes of each change, in the same order."""
        return Changes(chain.from_iterable(_altered(chunk, alter) for chunk in self.chunks))

    def sorted_into(self, key: Callable[[Change], Key]) -> dict[Key, "Changes"]:
        """Return the changes by a key, each in the same order."""
        found: dict[Key, list[Chunk]] = {}
        for chunk in self.chunks:
            changes = chunk.changes
            keys = list(map(key, changes))
            if keys.count(keys[0]) == len(keys):
                found.setdefault(keys[0], []).append(chunk)
                continue
            for each in dict.fromkeys(keys):
                part = (change for change, its in zip(changes, keys, strict=True) if its == each)
                found.setdefault(each, []).extend(_packed(part))
        return {each: Changes(chunks) for each, chunks in found.items()}

    def by_address(self) -> "Changes":
        """Return the same by address, and of one address by action."""
        return Changes(_by_address(self.chunks))

    def between(self, first: str, last: str) -> Iterator[Change]:
        """Yield what lies between two addresses, and some beside it; the changes must be in order of address."""
        begin = max(0, bisect_left(self.chunks, first, key=lambda chunk: chunk.first) - 1)
        end = bisect_right(self.chunks, last, lo=begin, key=lambda chunk: chunk.first)
        return chain.from_iterable(chunk for chunk in self.chunks[begin:end] if chunk.last >= first)


class Gathering:
    """Changes that come part by part, packed as soon as they are many: in no order then, but what is alike together."""

    def __init__(self) -> None:
        self._chunks: list[Chunk] = []
        self._loose: list[Change] = []

    def add(self, part: Iterable[Change]) -> None:
        """Take some more."""
        if isinstance(part, Changes):
            self._chunks += part.chunks
        else:
            self._loose += part
            if len(self._loose) >= MANY:
                self._pack()

    def all(self) -> Sequence[Change]:
        """Return what was taken."""
        if not self._chunks:
            return tuple(self._loose)
        self._pack()
        return Changes(self._chunks)

    def _pack(self) -> None:
        self._loose.sort(key=lambda change: (change.action, change.kind, change.namespace or "", change.name))
        self._chunks += _packed(self._loose)
        self._loose.clear()


def _packed(changes: Iterable[Change]) -> Iterator[Chunk]:
    for (action, kind, namespace), alike in groupby(changes, key=_place):
        while some := list(_up_to(CHUNK, alike)):
            yield _chunk(action, kind, namespace, some)


def _place(change: Change) -> tuple[type[Change], str, str | None]:
    return type(change), change.kind, change.namespace


def _up_to(number: int, changes: Iterator[Change]) -> Iterator[Change]:
    return (change for _, change in zip(range(number), changes, strict=False))


def _chunk(action: type[Change], kind: str, namespace: str | None, changes: Sequence[Change]) -> Chunk:
    addresses = [change.address for change in changes]
    in_order = sorted(addresses)
    content: bytes | tuple[Change, ...] = tuple(changes)
    if len(changes) > FEW:
        with suppress(OverflowError, UnicodeEncodeError):  # a long number, a file name that is not UTF-8: they stay
            content = zlib.compress(_encode(changes), FAST)
    return Chunk(action, kind, namespace, in_order[0], in_order[-1], len(changes), addresses == in_order, content)


def _altered(chunk: Chunk, alter: Callable[[Change], Change]) -> Iterable[Chunk]:
    before = chunk.changes
    after = list(map(alter, before))
    return (chunk,) if all(map(_is, before, after)) else _packed(after)


def _is(one: object, other: object) -> bool:
    return one is other


def _by_address(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """Yield chunks by address, those that overlap unpacked and merged."""
    overlapping: list[Chunk] = []
    last = ""
    for chunk in sorted(chain.from_iterable(map(_ascending, chunks)), key=lambda chunk: chunk.first):
        if overlapping and chunk.first > last:
            yield from _merged(overlapping)
            overlapping, last = [], ""
        overlapping.append(chunk)
        last = max(last, chunk.last)
    yield from _merged(overlapping)


def _ascending(chunk: Chunk) -> Iterable[Chunk]:
    return (chunk,) if chunk.ascending else _packed(sorted(chunk, key=_order))


def _merged(chunks: Sequence[Chunk]) -> Iterable[Chunk]:
    return chunks if len(chunks) == 1 else _packed(merge(*chunks, key=_order))


def _order(change: Change) -> tuple[str, str]:
    return change.address, change.action
