"""The formats of reports, each an entry here and a file of its name, and where a report is printed."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO, Final, TextIO

from msgspec import Struct

from reconciler.errors import NotPrinted, ReconcilerError

if TYPE_CHECKING:
    from reconciler.report.view import Line, Report


class Format(Struct, frozen=True):
    """What a command must know of a format: a file of its name with ``render`` and, if it is for people, ``lines``.

    At a terminal a format ``for_people`` has colours, progress, errors on standard error, and what is found as soon as
    it is found; others are UTF-8 in any locale. ``whole``: a command prints exactly one report, without interim lines.
    """

    for_people: bool = False
    whole: bool = False


FORMATS: Final = {
    "text": Format(for_people=True),
    "json": Format(whole=True),
    "markdown": Format(),
}


def render(report: "Report", form: str = "text") -> str:
    """Return a report in one of ``FORMATS``."""
    text: str = import_module(f"reconciler.report.{form}").render(report)
    return text


def show(report: "Report", form: str, stream: TextIO | None = None, *, end: str = "") -> None:
    """Print a report and see that it arrives; raises ``NotPrinted``.

    On a terminal, colour and width are the terminal's (NO_COLOR and COLUMNS are heeded).
    """
    stream = stream or sys.stdout
    with _arriving(stream):
        if FORMATS[form].for_people and stream.isatty():
            from rich.console import Console

            from reconciler.report.text import write_to

            lines = import_module(f"reconciler.report.{form}").lines(report)
            found = (line.below("", _encodable(line.text, stream)) for line in lines)
            write_to(Console(file=stream, highlight=False), found)
            stream.write(end)
            return
    module = import_module(f"reconciler.report.{form}")
    for piece in chain(module.pieces(report) if FORMATS[form].whole else (module.render(report),), (end,)):
        write(piece, stream, form)


def show_error(error: ReconcilerError, form: str) -> None:
    """Print what stopped a command: on standard error for people, else where programs look."""
    from reconciler.report.problems import problems_report

    show(problems_report(error.problems), form, sys.stderr if FORMATS[form].for_people else sys.stdout)


def show_lines(lines: Iterable["Line | str"], stream: TextIO | None = None) -> None:
    """Print lines as text, escaped where that is needed."""
    from reconciler.report.view import Listing, Report

    listing = Listing(tuple(lines))
    show(Report(lambda: None, lambda: [listing]), "text", stream)


def write(text: str, stream: TextIO, form: str = "text", *, acts: bool = False) -> None:
    """Write a text and see that it arrives; raises ``NotPrinted``. Text is in the stream's encoding, the rest UTF-8.

    What a build takes for a command is broken up in it, unless it ``acts``: then it is one of ours.
    """
    from reconciler.report.escaping import inert

    text = text if acts else inert(text)
    with _arriving(stream):
        binary: BinaryIO | None = getattr(stream, "buffer", None)
        if FORMATS[form].for_people or binary is None:
            stream.write(_encodable(text, stream))
            return
        stream.flush()
        left = memoryview(text.encode("utf-8", "backslashreplace"))
        while left:  # what is not buffered may take a part at a time
            left = left[binary.write(left) :]
        binary.flush()


@contextmanager
def _arriving(stream: TextIO) -> Iterator[None]:
    try:
        yield
        stream.flush()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is closed"
        raise NotPrinted(reason, closed=isinstance(error, BrokenPipeError)) from error


def _encodable(text: str, stream: TextIO) -> str:
    """Return a text as the stream can take it: a pipe may be plain ASCII, which has no arrow."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
