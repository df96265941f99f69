"""What expressions compute with: plain JSON values, the third truth value, and what "the same" means."""

import json
from collections.abc import Iterable
from enum import Enum
from typing import Final

LIMIT: Final = 64 * 1024  # bytes of UTF-8, of an expression's text and of every value it gives


LEVELS: Final = 64  # lists and maps inside one another, as many as a manifest may have


class Unknown(Enum):
    """The third truth value of SQL; a type of its own, so that nobody mistakes it for null or false."""

    UNKNOWN = "unknown"

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown.UNKNOWN


class ExpressionError(Exception):
    """A text that is not part of the language; found before any user is looked at.

    ``offset`` counts characters from the start of the text that was compiled; ``suggestion`` is a sentence on what was
    probably meant, or "".
    """

    def __init__(self, message: str, offset: int = 0, suggestion: str = "") -> None:
        super().__init__(f"{message}; {suggestion}" if suggestion else message)
        self.message = message
        self.offset = offset
        self.suggestion = suggestion


class Mistyped(Exception):
    """Data that an expression cannot be applied to: a problem of that one user or row.

    The message names paths and types, never values. ``path`` leads to the string inside a ``Tree`` that was rendered.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.path: tuple[str | int, ...] = ()


class NullInText(Mistyped):
    """A null where only text will do: inside a longer string, or as an item of a list."""


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
    """The JSON type of ``value`` as a person says it: "a string", "a list"."""
    return _KINDS.get(type(value), "no JSON value")


def known(value: object) -> object:
    """``value`` where a value is needed: there, unknown is null."""
    return None if value is UNKNOWN else value


def truth(value: object) -> bool | Unknown:
    """What ``value`` says as a condition: null is unknown, and ``Mistyped`` what is no condition."""
    if isinstance(value, bool | Unknown):
        return value
    if value is None:
        return UNKNOWN
    raise Mistyped(f"a condition is true or false; this one gives {kind_of(value)}")


def same(left: object, right: object) -> bool:
    """Whether two values are equal and of one JSON type: 1 is 1.0, but neither ``true`` nor "1"."""
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
    """``item in collection`` as SQL has it: a null on the left is unknown, and so is a miss in a list with a null.

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
    raise Mistyped(f"`in` needs a list or a map on its right, which is {kind_of(collection)}")


def text_of(value: object) -> str:
    """A string, number or boolean as it stands inside a longer text (numbers and booleans as in JSON)."""
    if type(value) is str:
        return value
    if type(value) in NUMBERS or type(value) is bool:
        return _json(value)
    raise Mistyped(f"{kind_of(value)} cannot stand inside a text")


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
    """``value`` itself, unless it is longer than 64 KiB (as UTF-8, lists and maps as JSON), or nested too deeply."""
    if type(value) is str:
        text = value
    elif type(value) is list or type(value) is dict:
        if _is_deep(value):
            raise Mistyped(f"the value is nested more than {LEVELS} deep")
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
        raise Mistyped("the value is not one that JSON can hold") from error
