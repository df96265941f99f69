"""A report before it has a format: what programs read, and the headings, blocks and lines that people read.

A line knows what it is (added, a hint, the place of a cause), so that no format has to guess it from the text.
"""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Literal

from msgspec import Struct

Style = Literal[
    "title", "added", "removed", "changed", "alarm", "more", "place", "hint", "ok", "wrong", "error", "warning"
]  # fmt: skip


class Line(Struct, frozen=True):
    """One line, and the styles of its parts: each from a column to another one, None for the end."""

    text: str
    styles: tuple[tuple[Style, int, int | None], ...] = ()

    def __str__(self) -> str:
        return self.text

    def below(self, indent: str, text: str = "") -> "Line":
        """Return the line behind an indent; ``text`` takes the place of its own where that was escaped."""
        by = len(indent)
        styles = tuple((style, start + by, None if end is None else end + by) for style, start, end in self.styles)
        return Line(f"{indent}{text or self.text}", styles)


Lines = tuple[Line | str, ...]


def styled(text: str, style: Style, start: int = 0, end: int | None = None) -> Line:
    """Return a line of which one part, or all of it, has a style."""
    return Line(text, ((style, start, end),))


def few(lines: Iterable[Line | str], number: int, limit: int) -> tuple[Line, ...]:
    """Return at most ``limit`` of ``lines`` and, where there are ``number`` and that is more, a count of the rest."""
    more = (styled(f"… and {number - limit:,} more", "more"),) if number > limit else ()
    return (*(line if isinstance(line, Line) else Line(line) for line in islice(lines, limit)), *more)


class Item(Struct, frozen=True):
    """One change: a sign for its action, what is done to which resource, and lines for its fields."""

    symbol: str
    what: str
    note: str = ""
    fields: Lines = ()

    @property
    def line(self) -> str:
        """Return the line that names the change."""
        return f"{self.what}{self.note}"


class Block(Struct, frozen=True):
    """A run of alike changes under its causes, which are "" where they are those of the run before."""

    causes: str
    items: tuple[Item, ...]
    more: str = ""


class Part(Struct, frozen=True):
    """One heading and what stands under it; ``hints`` say what to do next about it."""

    title: str
    blocks: tuple[Block, ...] = ()
    lines: Lines = ()
    hints: tuple[str, ...] = ()


class View(Struct, frozen=True):
    """Everything that is printed of a plan, an apply or a user, from top to bottom."""

    title: str
    highlights: Lines = ()
    first: tuple[Part, ...] = ()  # what must be read before the changes
    groups: tuple[Part, ...] = ()
    folded: str = ""
    parts: tuple[Part, ...] = ()
    footer: tuple[str, ...] = ()


class Listing(Struct, frozen=True):
    """Lines, and one that sums them up, "" where none does."""

    lines: Lines
    summary: str = ""


class Report(Struct, frozen=True):
    """What a format is made of: ``data`` returns what programs read, ``views`` what people read."""

    data: Callable[[], Any]
    views: Callable[[], Iterable[View | Listing]]
