"""The values of expressions: plain JSON values and a third truth value; and their equality."""

import json
from collections.abc import Iterable
from enum import Enum
from typing import Final

LIMIT: Final = 64 * 1024  # bytes of UTF-8: the longest text of an expression, and the longest value


LEVELS: Final = 64  # levels of nested lists and maps, as in a manifest


class Unknown(Enum):
    """The third truth value of SQL. It is a type of its own, so that it cannot be mistaken for null or false."""

    UNKNOWN = "unknown"

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown.UNKNOWN


class ExpressionError(Exception):
    """A text that is not part of the language. Raised when the text is compiled, before any data is read.

    ``offset`` counts characters from the start of the compiled text. ``suggestion`` is a hint, or "".
    """

    def __init__(self, message: str, offset: int = 0, suggestion: str = "") -> None:
        super().__init__(f"{message}; {suggestion}" if suggestion else message)
        self.message = message
        self.offset = offset
        self.suggestion = suggestion


class Mistyped(Exception):
    """Data of the wrong type for an expression: a problem of that one user or row.

    The message names paths and types, never values. ``path`` is the path of the string inside a rendered ``Tree``.
    """

    code = "mistyped"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.path: tuple[str | int, ...] = ()


class NullInText(Mistyped):
    """A null in a place that needs a value: inside a longer string, or as an item of a list."""


NUMBERS: Final = frozenset({int, float})

_KINDS: Final = {
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "a boolean",
    list: "a list",
    dict: "a map",
    type(None): "null",
    Unknown: "unknown",
}


def kind_of(value: object) -> str:
    """Return the JSON type of ``value`` with its article: "a string", "a list"."""
    return _KINDS.get(type(value), "not a JSON value")


def known(value: object) -> object:
    """Return ``value``; null for unknown."""
    return None if value is UNKNOWN else value


def truth(value: object) -> bool | Unknown:
    """Return the truth value of a condition: null is unknown. Raises ``Mistyped`` for any value but a boolean."""
    if isinstance(value, bool | Unknown):
        return value
    if value is None:
        return UNKNOWN
    raise Mistyped(f"a condition must be true or false; this one is {kind_of(value)}")


def same(left: object, right: object) -> bool:
    """Return whether two values are equal and have the same JSON type: 1 equals 1.0, but not ``true`` or "1"."""
    if type(left) is dict:
        return (
            type(right) is dict
            and left.keys() == right.keys()
            and all(same(value, right[key]) for key, value in left.items())
        )
    if type(left) is list:
        return type(right) is list and len(left) == len(right) and all(map(same, left, right))
    if type(left) is bool or type(right) is bool:
        return left is right
    return left == right


def contained(item: object, collection: object) -> bool | Unknown:
    """Return ``item in collection`` as in SQL: unknown for a null item, and for a miss in a list that holds null.

    ``collection`` is a list (its items) or a map (its keys).
    """
    if item is None:
        return UNKNOWN
    if type(collection) is dict:
        return type(item) is str and item in collection
    if type(collection) is list:
        if any(same(item, member) for member in collection):
            return True
        return UNKNOWN if None in collection else False
    raise Mistyped(f"`in` needs a list or a map on its right, not {kind_of(collection)}")


def text_of(value: object) -> str:
    """Return a string, number or boolean as text (numbers and booleans as in JSON). Raises ``Mistyped`` for others."""
    if type(value) is str:
        return value
    if type(value) in NUMBERS or type(value) is bool:
        return _json(value)
    raise Mistyped(f"{kind_of(value)} cannot be part of a text")


def _is_deep(value: object) -> bool:
    layer = [value]
    for _ in range(LEVELS):
        layer = [inner for each in layer for inner in _inside(each)]
        if not layer:
            return False
    return True


def _inside(value: object) -> Iterable[object]:
    inner = value.values() if type(value) is dict else value if type(value) is list else ()
    return (each for each in inner if type(each) is dict or type(each) is list)


def within_limit(value: object) -> object:
    """Return ``value``. Raises ``Mistyped`` if its text or JSON exceeds 64 KiB, or if it is nested too deeply."""
    if type(value) is str:
        text = value
    elif type(value) is list or type(value) is dict:
        if _is_deep(value):
            raise Mistyped(f"the value is nested more than {LEVELS} levels deep")
        text = _json(value)
    else:
        return value
    if len(text) > LIMIT or (len(text) * 4 > LIMIT and len(text.encode(errors="surrogatepass")) > LIMIT):
        raise Mistyped("the value is longer than 64 KiB")
    return value


def _json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise Mistyped("JSON cannot hold the value") from error
