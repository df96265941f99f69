"""Text on a terminal: coloured, and wrapped under its own indentation. In a pipe it is unchanged."""

import re
import textwrap
from typing import TYPE_CHECKING, BinaryIO, TextIO

from reconciler.errors import NotPrinted
from reconciler.report.escaping import inert

if TYPE_CHECKING:
    from rich.console import Console

_STYLES = (
    (r"^ *(\+ .*)", "green"),
    (r"^ *(- .*)", "red"),
    (r"^ *([~±] \w+ \S+)", "yellow"),
    (r"^ *(! .*)", "bold yellow"),
    (r"^ *(… and .*)", "dim"),
    (r"^  (\S+:\d+(?: .*)?)$", "dim"),
    (r"^(ok)   ", "green"),
    (r"^(wrong) ", "bold red"),
    (r"^(?!ok   |wrong )(\S.*)$", "bold"),
    (r"(?:^|: )(error|failed)\b", "bold red"),
    (r"(?:^|: )(problem|warning|withheld|skipped)\b", "yellow"),
    (r"^  (→ .*)", "cyan"),
    (r"(✓) ", "green"),
    (r"(✗) ", "red"),
)
_COMPILED = tuple((re.compile(pattern), style) for pattern, style in _STYLES)


def write(text: str, stream: TextIO, form: str = "text") -> None:
    """Write a report and see that it arrives; raises ``NotPrinted``.

    On a terminal, colour and width are the terminal's (NO_COLOR and COLUMNS are heeded). JSON and Markdown are UTF-8
    whatever the locale is; text is in the stream's encoding.
    """
    try:
        _write(inert(text), stream, form)
        stream.flush()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is closed"
        raise NotPrinted(reason, closed=isinstance(error, BrokenPipeError)) from error


def _write(text: str, stream: TextIO, form: str) -> None:
    binary: BinaryIO | None = getattr(stream, "buffer", None)
    if form != "text" and binary is not None:
        stream.flush()
        left = memoryview(text.encode("utf-8", "backslashreplace"))
        while left:  # what is not buffered may take a part at a time
            left = left[binary.write(left) :]
        binary.flush()
        return
    encoding = stream.encoding or "utf-8"  # a pipe may be plain ASCII, which has no arrow
    text = text.encode(encoding, "backslashreplace").decode(encoding)
    if form == "text" and stream.isatty():
        from rich.console import Console

        write_to(Console(file=stream, highlight=False), text)
    else:
        stream.write(text)


def write_to(console: "Console", text: str) -> None:
    """Write a report to a terminal."""
    from rich.text import Text

    for line in text.splitlines():
        coloured = Text()
        for number, piece in enumerate(_wrapped(line, console.width)):
            coloured.append("\n" if number else "").append(piece)
        for pattern, style in _COMPILED:
            if found := pattern.search(line):
                start, end = found.span(1)
                coloured.stylize(style, start, len(coloured.plain) if end == len(line) else end)
        console.print(coloured, soft_wrap=True)


def _wrapped(line: str, width: int) -> list[str]:
    if len(line) <= width:
        return [line]
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.wrap(
        line, width, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False, drop_whitespace=True
    )
