"""Two values that differ, written so that the difference is seen.

Texts may differ in what nobody sees: a letter of another alphabet that looks the same, an accent that is a character
of its own, a blank at the end of a line. Long texts differ in a few of many lines.
"""

import difflib
import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from reconciler.report.escaping import printable

LONGEST: Final = 160  # characters of one value, or line; a plan file holds all of it
_MOST_LINES: Final = 5_000  # that are compared
_SHOWN: Final = 60  # lines of a difference
_FEW_LINES: Final = 2  # that are as well shown on one
_AROUND: Final = 2  # lines that are the same, shown around one that is not
_PIECE: Final = re.compile(r".+?(?:[>;,.}]\s*|$)")  # where a line that is too long may be broken
_BLANKS: Final = re.compile(r"\s+")
_UNSEEN_BLANKS: Final = re.compile(r"^ +| +$|(?<= ) +| +(?= )")
# Letters of other alphabets, dashes and quotation marks that look like ASCII.
_LIKE_ASCII: Final = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0501\u04bb\u051b\u051d\u04cf\u043a"
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u0406\u0408\u0405\u04c0"
    "\u03bf\u03bd\u03b1\u03c1\u03b9\u03ba\u03c5\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7"
    "\u0131\u0261\u2010\u2011\u2012\u2013\u2014\u2212\u2018\u2019\u02bc\u2032\u201c\u201d",
    "aeopcyxijsdhqwlkABEKMHOPCTYXIJSlovapikuABEZHIKMNOPTYXig------''''\"\"",
)


def told_apart(before: str, after: str) -> tuple[str, str]:
    """Give two texts that differ; if they look alike, with what is not ASCII, and every unseen blank, escaped."""
    if before == after or _look(before) != _look(after):
        return before, after
    return revealed(before), revealed(after)


def revealed(text: str) -> str:
    """Escape whatever may not be what it looks like."""
    text = _UNSEEN_BLANKS.sub(lambda found: r"\u0020" * len(found[0]), text)
    return "".join(char if char.isascii() else json.dumps(char)[1:-1] for char in text)


def is_long(text: object) -> bool:
    """Tell whether a value is a text that is better shown line by line."""
    return isinstance(text, str) and (text.count("\n") > _FEW_LINES or len(text) > LONGEST)


def unified(before: str, after: str) -> tuple[str, ...]:
    """Write what differs between two long texts as a unified diff; () where that would not show it."""
    old, new = list(_lines(before)), list(_lines(after))
    if len(old) + len(new) > _MOST_LINES:
        return ()
    found = list(difflib.unified_diff(old, new, lineterm="", n=_AROUND))[2:]
    gone = {_look(line[1:]) for line in found if line.startswith("-")}
    come = {_look(line[1:]) for line in found if line.startswith("+")}
    written = [_line(line, alike=_look(line[1:]) in gone & come) for line in found]
    cut = [line for line in written if len(line) == LONGEST and line.endswith("…")]
    if {line[1:] for line in cut if line[0] == "-"} & {line[1:] for line in cut if line[0] == "+"}:
        return ()  # what differs is past the cut
    more = len(written) - _SHOWN
    return (*written[:_SHOWN], *([f"… and {more:,} more lines"] if more > 0 else []))


def _lines(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        yield from _PIECE.findall(line) if len(line) > LONGEST else [line]


def _line(line: str, *, alike: bool) -> str:
    sign, text = line[:1], line[1:]
    if sign != "@":
        text = revealed(text) if alike else re.sub(r" +$", lambda found: r"\u0020" * len(found[0]), text)
    shown = printable(f"{sign}{text}")
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"


def _look(text: str) -> str:
    """Give what a text looks like: two that give the same are easily taken for one another."""
    return _BLANKS.sub(" ", unicodedata.normalize("NFKC", text).translate(_LIKE_ASCII)).strip()
