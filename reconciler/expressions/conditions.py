"""Comparisons and ``and or not`` over computed values: SQL's three-valued logic, without mixing types.

Each function takes functions from a scope to a value, and returns such a function.
"""

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from reconciler.expressions.values import NUMBERS, UNKNOWN, Mistyped, contained, kind_of, same

Scope = Mapping[str, object]
Run = Callable[[Scope], Any]

_ORDERINGS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def is_null(run: Run) -> Run:
    """Return ``== null``: a test of presence, never unknown."""
    return lambda scope: run(scope) is None


def equal(left: Run, right: Run) -> Run:
    """Return ``==``; unknown if either side is null."""

    def run(scope: Scope) -> object:
        one, other = left(scope), right(scope)
        return UNKNOWN if one is None or other is None else same(one, other)

    return run


def equal_to_text(left: Run, text: str) -> Run:
    """Return ``== "text"``, the most frequent comparison. A value of another type is never equal to a text."""

    def run(scope: Scope) -> object:
        value = left(scope)
        return UNKNOWN if value is None else value == text

    return run


def one_of_texts(item: Run, texts: frozenset[str]) -> Run:
    """Return ``in ["a", "b"]``, as a set lookup."""

    def run(scope: Scope) -> object:
        value = item(scope)
        return UNKNOWN if value is None else type(value) is str and value in texts

    return run


def within(item: Run, collection: Run, where: str) -> Run:
    """Return ``in`` a list or the keys of a map. ``where`` is the path of the right side, or ""."""

    def run(scope: Scope) -> object:
        value, many = item(scope), collection(scope)
        if many is None:
            return UNKNOWN
        if type(many) is list or type(many) is dict:
            return contained(value, many)
        subject = f"`{where}`" if where else "the right side"
        hint = "; contains(text, piece) looks into a string" if type(many) is str else ""
        raise Mistyped(f"`in` needs a list or a map on its right; {subject} is {kind_of(many)}{hint}")

    return run


def ordered(symbol: str, left: Run, right: Run) -> Run:
    """Return one of ``< <= > >=``, between two numbers or two strings (by code point)."""
    compare = _ORDERINGS[symbol]

    def run(scope: Scope) -> object:
        one, other = left(scope), right(scope)
        if one is None or other is None:
            return UNKNOWN
        if (type(one) is str and type(other) is str) or (type(one) in NUMBERS and type(other) in NUMBERS):
            return compare(one, other)
        raise Mistyped(f"`{symbol}` compares two numbers or two strings, not {kind_of(one)} with {kind_of(other)}")

    return run


def opposite(term: Run, where: str = "") -> Run:
    """Return ``not``. ``where`` is the path of its term, or ""."""

    def run(scope: Scope) -> object:
        value = term(scope)
        if value is True or value is False:
            return not value
        if value is UNKNOWN or value is None:
            return UNKNOWN
        raise _no_condition("not", where, value)

    return run


def junction(terms: tuple[tuple[Run, str], ...], *, decisive: bool) -> Run:
    """Return ``and`` (false decides) or ``or`` (true decides), from left to right. Each term has its path, or ""."""

    def run(scope: Scope) -> object:
        unknown = False
        for term, where in terms:
            value = term(scope)
            if value is decisive:
                return decisive
            if value is UNKNOWN or value is None:
                unknown = True
            elif type(value) is not bool:
                raise _no_condition("or" if decisive else "and", where, value)
        return UNKNOWN if unknown else not decisive

    return run


def _no_condition(word: str, where: str, value: object) -> Mistyped:
    subject = f"`{where}`" if where else "one of its terms"
    return Mistyped(f"`{word}` takes booleans; {subject} is {kind_of(value)}")
