"""The text of a dotenv file: which lines assign what, and how a value is written so that all readers agree on it.

Shells and the many parsers of dotenv files differ in what they make of quotes inside quotes and of backslashes. What
all of them read alike is a value as it stands, of harmless characters, or between two quotes of one sort, without any
of the characters that mean something there. Only what fits neither is written in the way of the shell alone.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

HARMLESS: Final = re.compile(r"[A-Za-z0-9_.,:/@%+=-]+")
IN_SINGLE_QUOTES: Final = re.compile(r"(?:[^'\\]|\\(?![\\']|\Z))*")  # some parsers read \\ and \' as one character
IN_DOUBLE_QUOTES: Final = re.compile(r'[^"$`\\]*')

BEGINS: Final = re.compile(r"[ \t]*(?P<export>export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)=")
# What a shell makes one word of: text in quotes, escaped characters, plain ones, and what it puts something else for.
PIECE: Final = re.compile(
    r"""
    '(?P<single>[^']*)' | "(?P<double>(?:[^"\\]|\\.)*)" | \\(?P<escaped>[^\n])
    | (?P<plain>[A-Za-z0-9_.,:/@%+=!^{}*?\]\[-] | [^\x00-\x7f\s] | (?<=[^\s=])\#) | (?P<replaced>[$`~])
    """,
    re.VERBOSE | re.DOTALL,
)
ENDS: Final = re.compile(r"[ \t]*(?:[ \t]\#[^\n]*)?(?:\r?\n|\Z)")
IN_DOUBLE: Final = re.compile(r'\\([\\"$`])|\\\n|(?P<replaced>[$`])')


class Unclosed(Exception):
    """A quote is opened but not closed, so the meaning of the lines after it is unknown."""


class Line(Struct, frozen=True):
    """A piece of the file as it stands, mostly one line: what it assigns to which name, if known."""

    text: str
    name: str = ""
    value: str | None = None
    exported: bool = False


def lines_of(text: str) -> Iterator[Line]:
    """Take a file apart; the texts of all lines together are the file."""
    at = 0
    while at < len(text):
        line = _line_at(text, at)
        yield line
        at += len(line.text)


def values_of(text: str) -> dict[str, str | None]:
    """Return what a file assigns, the last assignment of a name counting; None where only a shell could tell."""
    return {line.name: line.value for line in lines_of(text) if line.name}


def with_values(text: str, values: Mapping[str, str | None]) -> str:
    """Return the file with each name assigned its value in its first place, or at the end; None removes the name."""
    left = dict(values)
    kept = []
    for line in lines_of(text):
        if line.name not in values:
            kept.append(line.text)
        elif (value := left.pop(line.name, None)) is not None:
            kept.append(f"{'export ' if line.exported else ''}{line.name}={quoted(value)}\n")
    added = [f"{name}={quoted(value)}\n" for name, value in left.items() if value is not None]
    if added and kept and not kept[-1].endswith("\n"):
        kept.append("\n")
    return "".join((*kept, *added))


def quoted(value: str) -> str:
    """Write a value, of printable characters, as all readers of dotenv files understand it, wherever there is a way."""
    if HARMLESS.fullmatch(value):
        return value
    if IN_SINGLE_QUOTES.fullmatch(value):
        return f"'{value}'"
    if IN_DOUBLE_QUOTES.fullmatch(value):
        return f'"{value}"'
    return "'" + value.replace("'", "'\\''") + "'"


def _line_at(text: str, at: int) -> Line:
    begins = BEGINS.match(text, at)
    if begins is None:
        return Line(_rest_of_line(text, at))
    name, exported, end = begins["name"], bool(begins["export"]), begins.end()
    meanings: list[str | None] = []
    while piece := PIECE.match(text, end):
        meanings.append(_meaning(piece))
        end = piece.end()
    if ends := ENDS.match(text, end):
        known = [meaning for meaning in meanings if meaning is not None]
        value = "".join(known) if len(known) == len(meanings) else None
        return Line(text[at : ends.end()], name, value, exported)
    if text[end] in "'\"":
        raise Unclosed(f"line {text.count(chr(10), 0, end) + 1} opens a quote that is not closed")
    return Line(text[at:end] + _rest_of_line(text, end), name, None, exported)


def _rest_of_line(text: str, at: int) -> str:
    end = text.find("\n", at)
    return text[at:] if end < 0 else text[at : end + 1]


def _meaning(piece: re.Match[str]) -> str | None:
    """Return what a shell reads a piece as, None if that depends on more than the file."""
    if piece["double"] is None:
        return next((part for part in piece.group("single", "escaped", "plain") if part is not None), None)
    if any(found["replaced"] for found in IN_DOUBLE.finditer(piece["double"])):
        return None
    return IN_DOUBLE.sub(lambda found: found[1] or "", piece["double"])
