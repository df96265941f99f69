"""Values → YAML as a person writes it: short values on one line, long texts as blocks, quotes where they are needed.

``reconciler.documents.yaml_reader`` reads the same value back. YAML 1.1 parsers read every text as a text, too.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from reconciler.model import Json

WIDTH: Final = 100  # characters of a line that holds several values
STEP: Final = "  "

_PLAIN: Final = re.compile(r"[\w./+](?:[\w./+@=?&%;()-]|:(?=\S)| (?=[^\s#:]))*")
# Texts that some YAML parser does not read as a text: null, booleans, numbers, times, dates.
_NO_TEXT: Final = re.compile(
    r"(?i:null|true|false|yes|no|on|off|y|n|=|<<)|[-+]?\.(?i:inf|nan)"
    r"|[-+.]?[0-9][0-9A-Fa-f_.,:xXoOeE+-]*([T ][0-9:.Zz+ -]+)?"
)
# Characters that a block does not preserve: those that YAML forbids, and line breaks other than \n.
_NO_BLOCK: Final = re.compile(
    r"[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_ESCAPED: Final = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


def documents_text(documents: Iterable[Mapping[str, Json]]) -> str:
    """Return the documents as the text of one YAML file."""
    return "---\n".join(block(document) for document in documents)


def block(value: Mapping[str, Json], depth: int = 0) -> str:
    """Return a map that is not empty as YAML, with each key on a line of its own."""
    indent = STEP * depth
    return "".join(f"{indent}{scalar(key)}:{_after(inner, depth, len(str(key)))}" for key, inner in value.items())


def _after(value: Json, depth: int, used: int) -> str:
    """Return the text after a key's colon, up to the end of the value's last line."""
    if (line := one_line(value)) is not None and _may_be_one(value, depth * len(STEP) + used + len(line)):
        return f" {line}\n"
    if isinstance(value, Mapping):
        return f"\n{block(value, depth + 1)}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "\n" + "".join(_item(item, depth + 1) for item in value)
    return f" {_lines(value, depth + 1)}\n"


def _item(value: Json, depth: int) -> str:
    """Return an item of a list as YAML, at this depth."""
    indent = STEP * depth
    if (line := one_line(value)) is not None and _may_be_one(value, len(indent) + len(line)):
        return f"{indent}- {line}\n"
    if isinstance(value, Mapping):
        return f"{indent}- {block(value, depth + 1).removeprefix(indent + STEP)}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        inside = "".join(_item(item, depth + 1) for item in value)
        return f"{indent}- {inside.removeprefix(indent + STEP)}"
    return f"{indent}- {_lines(value, depth + 1)}\n"


def _may_be_one(value: Json, width: int) -> bool:
    """Return whether a value may be on one line of this width. Only maps and lists have a limit."""
    return width <= WIDTH or not isinstance(value, Mapping | list | tuple)


def one_line(value: Json, *, flow: bool = False) -> str | None:
    """Return a value on one line (a scalar, or a collection of scalars); None where it needs several lines."""
    if isinstance(value, Mapping):
        inner = {key: one_line(each, flow=True) for key, each in value.items()}
        if any(line is None or _is_full(each) for each, line in zip(value.values(), inner.values(), strict=True)):
            return None
        return "{" + ", ".join(f"{scalar(key, flow=True)}: {line}" for key, line in inner.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        lines = [one_line(each, flow=True) for each in value]
        if any(line is None or _is_full(each) for each, line in zip(value, lines, strict=True)):
            return None
        return f"[{', '.join(str(line) for line in lines)}]"
    return None if isinstance(value, str) and "\n" in value else scalar(value, flow=flow)


def _is_full(value: Json) -> bool:
    """Return whether a value holds collections that are not empty: one line has at most two levels of them."""
    inside = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return any(isinstance(each, Mapping | list | tuple) and each for each in inside)


def scalar(value: Json, *, flow: bool = False) -> str:
    """Return a scalar as YAML. Inside brackets (``flow``), a text with a question mark is quoted for some parsers."""
    if not isinstance(value, str):
        return json.dumps(value)
    plain = _PLAIN.fullmatch(value) and not _NO_TEXT.fullmatch(value) and not (flow and "?" in value)
    return value if plain else _quoted(value)


def _quoted(text: str) -> str:
    """Return a text in quotes: single quotes where it holds double quotes or backslashes, which would need escapes."""
    if ('"' in text or "\\" in text) and "\n" not in text and "\t" not in text and not _NO_BLOCK.search(text):
        return "'" + text.replace("'", "''") + "'"
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))


def _lines(text: str, depth: int) -> str:
    """Return a text of several lines as a block; in quotes where a block would not preserve it."""
    lines = text.split("\n")
    first = next(filter(None, lines), " ")
    if _NO_BLOCK.search(text) or first[0] in " \t":
        return _quoted(text)
    body = text.rstrip("\n")
    ending = len(text) - len(body)
    chomping = {0: "-", 1: ""}.get(ending, "+")
    indent = STEP * depth
    kept = body + "\n" * max(0, ending - 1)
    return f"|{chomping}\n" + "\n".join(f"{indent}{line}" if line else "" for line in kept.split("\n"))
