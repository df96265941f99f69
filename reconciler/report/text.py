"""The format ``text``: lines, coloured and wrapped on a terminal, as they are in a pipe."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from reconciler.report.escaping import harmless
from reconciler.report.view import Block, Line, Listing, Part, Report, Style, View, styled

if TYPE_CHECKING:
    from rich.console import Console

_LOOKS: Final[dict[Style, str]] = {
    "title": "bold",
    "added": "green",
    "removed": "red",
    "changed": "yellow",
    "alarm": "bold yellow",
    "more": "dim",
    "place": "dim",
    "hint": "cyan",
    "ok": "green",
    "wrong": "bold red",
    "error": "bold red",
    "warning": "yellow",
}
_OF_SYMBOLS: Final[dict[str, Style]] = {"+": "added", "-": "removed", "~": "changed", "±": "changed"}


def render(report: Report) -> str:
    """Return a report as text."""
    return "".join(f"{line.text}\n" for line in lines(report))


def lines(report: Report) -> Iterator[Line]:
    """Yield the lines of a report, whatever is in them harmless."""
    for number, view in enumerate(report.views()):
        if number:
            yield Line("")
        yield from _listing(view) if isinstance(view, Listing) else _view(view)


def _listing(listing: Listing) -> Iterator[Line]:
    yield from _below("", listing.lines)
    if listing.summary:
        yield _line(styled(listing.summary, "title"))


def _view(view: View) -> Iterator[Line]:
    yield _line(styled(view.title, "title"))
    yield from _below("  ", view.highlights)
    for part in view.first:
        yield from _part(part)
    for group in view.groups:
        yield from _part(group)
    if view.folded:
        yield Line("")
        yield _line(styled(view.folded, "more"))
    for part in view.parts:
        yield from _part(part)
    if view.footer:
        yield Line("")
        yield from _below("", [styled(text, "title") for text in view.footer])


def _part(part: Part) -> Iterator[Line]:
    yield Line("")
    yield _line(styled(part.title, "title"))
    yield from _below("  ", part.lines)
    for block in part.blocks:
        yield from _block(block)
    yield from _below("  ", [styled(f"→ {hint}", "hint") for hint in part.hints])


def _block(block: Block) -> Iterator[Line]:
    if block.causes:
        yield _line(styled(block.causes, "place"), "  ")
    for item in block.items:
        text = f"{item.symbol} {item.line}"
        style = _OF_SYMBOLS[item.symbol]
        end = len(f"{item.symbol} {item.what}") if style == "changed" else None
        yield _line(styled(text, style, 0, end), "    ")
        yield from _below("        ", item.fields)
    if block.more:
        yield _line(styled(block.more, "more"), "    ")


def _below(indent: str, found: Iterable[Line | str]) -> Iterator[Line]:
    return (_line(line, indent) for line in found)


def _line(line: Line | str, indent: str = "") -> Line:
    return (line if isinstance(line, Line) else Line(line)).below(indent, harmless(str(line)))


def write_to(console: "Console", found: Iterable[Line]) -> None:
    """Write lines to a terminal: coloured, and wrapped under their own indentation."""
    from rich.text import Text

    for line in found:
        coloured = Text()
        for number, piece in enumerate(_wrapped(line.text, console.width)):
            coloured.append("\n" if number else "").append(piece)
        for style, start, end in line.styles:
            coloured.stylize(_LOOKS[style], start, len(coloured.plain) if end is None else end)
        console.print(coloured, soft_wrap=True)


def _wrapped(line: str, width: int) -> list[str]:
    if len(line) <= width:
        return [line]
    import textwrap

    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.wrap(
        line, width, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False, drop_whitespace=True
    )
