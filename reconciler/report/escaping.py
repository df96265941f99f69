"""Text from others → text that is harmless in a terminal, a build log, a page and JSON.

Names, metadata and file names may hold anything. Nothing of it may move a cursor, turn a line round, look like a
command to the machine that keeps the log, or become a link.
"""

import json
import re
from typing import Any, Final

import msgspec

from reconciler.model import spelled

# Printable by Unicode's tables, and nothing to be seen: joiners, fillers, selectors of variants.
_BLANK: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_BRACKETED: Final = re.compile(r"##(?=\w*\[)")  # Azure Pipelines, TeamCity, and GitHub of old, anywhere in a line
_MARKUP: Final = re.compile(
    r"[\\`*<>&~$@#\[\]]|(?<!\w)_|_(?!\w)|://|www\.|:\w+:|^[\s+=-]|^\d+[.)]|\s$|\bGH-\d", re.IGNORECASE
)
_BEYOND_ASCII: Final = re.compile(r"[^\x00-\x7f]+")
_BACKTICKS: Final = re.compile("`+")


def printable(text: str) -> str:
    """Escape what is not seen, or acts: control characters, line ends, changes of direction, blanks of no width."""
    if text.isprintable() and (text.isascii() or not _BLANK.search(text)):
        return text
    return "".join(char if char.isprintable() and not _BLANK.match(char) else _escaped(char) for char in text)


def inert(text: str) -> str:
    """Break up what a build takes for a command: ``##[…]``, ``##vso[…]``, ``::…::``; the escapes are those of JSON."""
    if "##" in text:
        text = _BRACKETED.sub(r"#\\u0023", text)
    if "::" in text:
        text = "\n".join(line.replace("::", r":\u003a") if line.count("::") > 1 else line for line in text.split("\n"))
    return text


def harmless(text: str) -> str:
    """Return a text as one line, in which nothing acts."""
    return inert(printable(text))


def in_markdown(text: str) -> str:
    """Return a line of Markdown outside any fence: as it stands where nothing in it is markup, else as code."""
    text = printable(text)
    return in_code(text) if _MARKUP.search(text) else text


def in_code(text: str) -> str:
    """Return a line as code, whatever backticks are in it."""
    text = printable(text)
    ticks = "`" * (max(map(len, _BACKTICKS.findall(text)), default=0) + 1)
    room = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{room}{text}{room}{ticks}"


def in_json(value: object) -> str:
    """Return a value as indented JSON that says the same and in which nothing acts; always valid, always UTF-8."""
    try:
        encoded = msgspec.json.encode(value, order="deterministic")
    except UnicodeEncodeError:  # a file name that is not UTF-8
        encoded = msgspec.json.encode(_whole(msgspec.to_builtins(value, order="deterministic")))
    text = msgspec.json.format(encoded, indent=1).decode()
    beyond = "" if text.isascii() else "".join(_BEYOND_ASCII.findall(text))  # few, of a plan of a hundred thousand
    if "\x7f" in text or printable(beyond) != beyond:
        text = "\n".join("".join(map(_in_json, line)) if printable(line) != line else line for line in text.split("\n"))
    return inert(text)


def _in_json(char: str) -> str:
    return char if char.isprintable() and not _BLANK.match(char) else json.dumps(char)[1:-1].replace("\x7f", r"\u007f")


def _escaped(char: str) -> str:
    return spelled(char) if "\ud800" <= char <= "\udfff" else char.encode("unicode_escape").decode()


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return spelled(value)
    if isinstance(value, list | tuple):
        return [_whole(inner) for inner in value]
    return {spelled(key): _whole(inner) for key, inner in value.items()} if isinstance(value, dict) else value
