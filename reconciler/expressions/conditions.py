"""Comparisons and ``and or not`` over values already computed: SQL's three-valued logic, and no mixing of types."""

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
    """``== null``: a test of presence, never unknown."""
    return lambda scope: run(scope) is None


def equal(left: Run, right: Run) -> Run:
    """``==``; unknown if either side is null."""

    def run(scope: Scope) -> object:
        one, other = left(scope), right(scope)
        return UNKNOWN if one is None or other is None else same(one, other)

    return run


def equal_to_text(left: Run, text: str) -> Run:
    """``== "text"``, the commonest of all: a value of another type is not equal to it anyway."""

    def run(scope: Scope) -> object:
        value = left(scope)
        return UNKNOWN if value is None else value == text

    return run


def one_of_texts(item: Run, texts: frozenset[str]) -> Run:
    """``in ["a", "b"]``, without walking through the list."""

    def run(scope: Scope) -> object:
        value = item(scope)
        return UNKNOWN if value is None else type(value) is str and value in texts

    return run


def within(item: Run, collection: Run, where: str) -> Run:
    """``in`` a list or the keys of a map; ``where`` is the path of the right side, or ""."""

    def run(scope: Scope) -> object:
        value, many = item(scope), collection(scope)
        if many is None:
            return UNKNOWN
        if type(many) is list or type(many) is dict:
            return contained(value, many)
        subject = f"`{where}`" if where else "it"
        hint = "; contains(text, piece) looks into a string" if type(many) is str else ""
        raise Mistyped(f"`in` needs a list or a map on its right; {subject} is {kind_of(many)}{hint}")

    return run


def ordered(symbol: str, left: Run, right: Run) -> Run:
    """One of ``< <= > >=``, between two numbers or two strings (by code point)."""
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
    """``not``; ``where`` is the path of its term, or ""."""

    def run(scope: Scope) -> object:
        value = term(scope)
        if value is True or value is False:
            return not value
        if value is UNKNOWN or value is None:
            return UNKNOWN
        raise _no_condition("not", where, value)

    return run


def junction(terms: tuple[tuple[Run, str], ...], *, decisive: bool) -> Run:
    """``and``, which false decides, or ``or``, which true decides, from left to right; terms come with their paths."""

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
    subject = f"`{where}`" if where else "one of them"
    return Mistyped(f"`{word}` takes booleans; {subject} is {kind_of(value)}")
