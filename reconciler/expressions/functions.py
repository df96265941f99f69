"""The functions of the language: an expression can call only these.

Only ``split`` accepts a null argument, and returns no pieces. For any other function a null argument gives null, or
unknown if the function is a predicate.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from msgspec import Struct

from reconciler.expressions.text import address_domain, fold, is_blank, raise_case, slugify
from reconciler.expressions.values import LIMIT, UNKNOWN, Mistyped, Unknown, contained, kind_of, text_of

_BUDGET: Final = 1 << 19  # bytes RE2 may use for one pattern: it refuses patterns that are slow to compile or run
_LONGEST: Final = 4096  # characters of a pattern

# RE2 folds these two letters to `s` and `k` under (?i). Here only ASCII letters ignore case, so these two must not
# match. Each is replaced by a letter of the same category that nothing folds to.
_IGNORES_CASE: Final = re.compile(r"\(\?[A-Za-z]*i")
_FOLDS_TO_ASCII: Final = {0x017F: 0x0138, 0x212A: 0x2102}


def _options() -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = _BUDGET
    return options


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Any:
    """Return the pattern, compiled by RE2. Raises ``Mistyped`` with RE2's reason where RE2 refuses it."""
    import re2

    if len(pattern) > _LONGEST:
        raise Mistyped("the regular expression is longer than 4,096 characters")
    try:
        return re2.compile(pattern, _options())
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if error.args else "not valid"
        raise Mistyped(f"RE2 refuses the regular expression: {reason}") from None
    except UnicodeEncodeError:
        raise Mistyped("the regular expression is not valid Unicode") from None


def whole_match(text: str, pattern: str) -> bool:
    """Return whether ``pattern`` matches the whole ``text``."""
    program = compiled(pattern)
    if not text.isascii() and pattern.isascii() and _IGNORES_CASE.search(pattern):
        text = text.translate(_FOLDS_TO_ASCII)
    try:
        octets = text.encode()
    except UnicodeEncodeError:
        raise Mistyped("the text is not valid Unicode") from None
    if len(octets) > LIMIT:
        raise Mistyped("the text is longer than 64 KiB")
    return program.fullmatch(octets) is not None


TEXT: Final = frozenset({str})
TEXT_OR_NULL: Final[frozenset[type[object]]] = frozenset({str, type(None)})
LIST: Final = frozenset({list})
SIZED: Final = frozenset({str, list, dict})
TEXT_OR_LIST: Final = frozenset({str, list})
ANY: Final = frozenset({str, list, dict, int, float, bool})

_SAID: Final = {
    TEXT: "a string",
    TEXT_OR_NULL: "a string",
    LIST: "a list",
    SIZED: "a string, a list or a map",
    TEXT_OR_LIST: "a string or a list",
    ANY: "any value",
}


class Function(Struct, frozen=True):
    """A function. ``call`` gets only values of the ``parameters``' types; a null that they refuse gives ``null``.

    ``vet`` checks a literal last argument when the text is compiled. It raises ``Mistyped``.
    """

    name: str
    call: Callable[..., Any]
    parameters: tuple[frozenset[type[object]], ...]
    null: object = None
    vet: Callable[[str], object] | None = None

    def unfit(self, position: int, value: object) -> str:
        """Return the problem of a literal as argument ``position`` (from 0), or ""."""
        if value is None or value is UNKNOWN or self.name == "default":
            return ""
        if type(value) not in self.parameters[position]:
            return self.refusal(position, value)
        if self.vet is not None and position == len(self.parameters) - 1:
            try:
                self.vet(str(value))
            except Mistyped as problem:
                return problem.message
        return ""

    def refusal(self, position: int, value: object, who: str = "") -> str:
        """Return the message that ``value`` cannot be argument ``position`` (from 0). ``who`` is its path, or ""."""
        ordinal = ("first", "second")[position] + " " if len(self.parameters) > 1 else ""
        subject = f"`{who}`" if who else f"its {ordinal}argument"
        return f"{self.name}() takes {_SAID[self.parameters[position]]}; {subject} is {kind_of(value)}"


def _separator(separator: str) -> str:
    if not separator:
        raise Mistyped("the separator is an empty string")
    return separator


def _split(text: str | None, separator: str) -> list[str]:
    return [piece for raw in (text or "").split(_separator(separator)) if (piece := raw.strip())]


def _join(pieces: list[object], separator: str) -> str:
    texts = [text for piece in pieces if piece is not None and (text := text_of(piece))]
    if sum(map(len, texts)) + len(separator) * (len(texts) - 1) > LIMIT:
        raise Mistyped("the result of join() is longer than 64 KiB")
    return separator.join(texts)


def _truths(values: list[object]) -> set[object]:
    for value in values:
        if value is not None and type(value) is not bool:
            raise Mistyped(f"the list must hold only booleans; one item is {kind_of(value)}")
    return set(values)


def _any(values: list[object]) -> bool | Unknown:
    truths = _truths(values)
    return True if True in truths else UNKNOWN if None in truths else False


def _all(values: list[object]) -> bool | Unknown:
    truths = _truths(values)
    return False if False in truths else UNKNOWN if None in truths else True


def _starts_with(text: str, piece: str) -> bool | Unknown:
    return UNKNOWN if is_blank(piece) else text.startswith(piece)


def _ends_with(text: str, piece: str) -> bool | Unknown:
    return UNKNOWN if is_blank(piece) else text.endswith(piece)


def _contains(whole: str | list[object], part: object) -> bool | Unknown:
    if isinstance(whole, list):
        return contained(part, whole)
    if isinstance(part, str):
        return UNKNOWN if is_blank(part) else part in whole
    raise Mistyped(f"contains() looks for a string in a string; its second argument is {kind_of(part)}")


def _default(_value: object, _fallback: object) -> object:
    raise AssertionError("default() is compiled, so that its fallback is computed only where it is needed")


FUNCTIONS: Final = {
    function.name: function
    for function in (
        Function("lower", fold, (TEXT,)),
        Function("upper", raise_case, (TEXT,)),
        Function("slugify", slugify, (TEXT,)),
        Function("domain", address_domain, (TEXT,)),
        Function("split", _split, (TEXT_OR_NULL, TEXT), vet=_separator),
        Function("join", _join, (LIST, TEXT)),
        Function("len", len, (SIZED,)),
        Function("any", _any, (LIST,), null=UNKNOWN),
        Function("all", _all, (LIST,), null=UNKNOWN),
        Function("starts_with", _starts_with, (TEXT, TEXT), null=UNKNOWN),
        Function("ends_with", _ends_with, (TEXT, TEXT), null=UNKNOWN),
        Function("contains", _contains, (TEXT_OR_LIST, ANY), null=UNKNOWN),
        Function("matches", whole_match, (TEXT, TEXT), null=UNKNOWN, vet=compiled),
        Function("default", _default, (ANY, ANY)),
    )
}
