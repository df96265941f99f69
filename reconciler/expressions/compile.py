"""Nodes → nested closures. They are built once and run for every user."""

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, TypeGuard

from reconciler.expressions.nodes import (
    And,
    Call,
    Compare,
    ListOf,
    Literal,
    Lookup,
    MapOf,
    Node,
    Not,
    Or,
    Read,
    ReadPath,
    spell,
)
from reconciler.expressions.values import NUMBERS, UNKNOWN, Mistyped, contained, kind_of, known, same

Scope = Mapping[str, object]
Run = Callable[[Scope], Any]


class Adapt(Protocol):
    """Makes another node of a parsed one; ``inside`` says that its value becomes a part of a longer text."""

    def __call__(self, node: Node, *, inside: bool = False) -> Node:  # noqa: D102 # the class says it
        ...


def as_it_is(node: Node, *, inside: bool = False) -> Node:  # noqa: ARG001 # as ``Adapt`` is called
    """Return the very node."""
    return node


_ORDERINGS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def compiled_node(node: Node) -> Run:
    """Return a function from a scope to the node's value. The value of a condition may be ``UNKNOWN``."""
    match node:
        case Literal(value=value):
            return lambda _scope: value
        case Read(path=path):
            return _read(path)
        case Lookup(of=of, key=key):
            return _lookup(of, key)
        case Compare():
            return _compare(node)
        case And(terms=terms):
            return _junction(tuple((compiled_node(term), described(term)) for term in terms), decisive=False)
        case Or(terms=terms):
            return _junction(tuple((compiled_node(term), described(term)) for term in terms), decisive=True)
        case Not(term=term):
            return _opposite(compiled_node(term), described(term))
        case Call(function=function, arguments=arguments) if function.name == "default":
            return _default(*map(_value, arguments))
        case Call():
            return _call(node)
        case ListOf(items=items):
            runs = tuple(map(_value, items))
            return lambda scope: [run(scope) for run in runs]
        case MapOf(keys=keys, items=items):
            pairs = tuple(zip(keys, map(_value, items), strict=True))
            return lambda scope: {key: run(scope) for key, run in pairs}
    raise AssertionError(node)


def described(node: Node) -> str:
    """Return the path that a node reads, or "". Messages name paths, never values."""
    return spell(node.path) if isinstance(node, Read) else ""


def step(value: object, key: object, where: str = "") -> object:
    """Return the item of ``value`` under ``key``; null if ``value`` has no such key or is null."""
    if key is not None and type(key) is not str and type(key) is not int:
        raise Mistyped(f"a key must be a string or a whole number, not {kind_of(key)}")
    if value is None or key is None:
        return None
    subject = f"`{where}`" if where else "the value before the key"
    if type(value) is dict:
        if type(key) is str:
            return value.get(key)
        raise Mistyped(f"{subject} is a map: its keys are strings, not {kind_of(key)}")
    if type(value) is list:
        if type(key) is int:
            return value[key] if -len(value) <= key < len(value) else None
        raise Mistyped(f"{subject} is a list: its indexes are whole numbers, not {kind_of(key)}")
    raise Mistyped(f"{subject} is {kind_of(value)}: only maps and lists have keys")


def _value(node: Node) -> Run:
    """Return a function as ``compiled_node`` does, for a place that takes a value: unknown becomes null."""
    run = compiled_node(node)
    predicate = isinstance(node, Call) and node.function.null is UNKNOWN
    if not predicate and not isinstance(node, Compare | And | Or | Not | Literal):
        return run

    return lambda scope: known(run(scope))


def _read(path: ReadPath) -> Run:
    root, keys = str(path[0]), path[1:]

    def read(scope: Scope) -> object:
        value = scope.get(root)
        for depth, key in enumerate(keys, 1):
            if type(value) is dict and type(key) is str:
                value = value.get(key)
            elif type(value) is list and type(key) is int:
                value = value[key] if -len(value) <= key < len(value) else None
            elif value is None:
                return None
            else:
                return step(value, key, spell(path[:depth]))  # raises with the path
        return value

    match keys:
        case str(outer), str(inner):
            return _read_at_once(root, outer, inner, read)
    return read


def _read_at_once(root: str, outer: str, inner: str, read: Run) -> Run:
    """Do for a path like ``user.trusted_metadata.plan`` what ``read`` does, at a third of the time."""

    def read_at_once(scope: Scope) -> object:
        value = scope.get(root)
        if type(value) is dict:
            value = value.get(outer)
            if type(value) is dict:
                return value.get(inner)
        return read(scope)

    return read_at_once


def _lookup(of: Node, key: Node) -> Run:
    outer, inner, where = _value(of), _value(key), described(of)
    return lambda scope: step(outer(scope), inner(scope), where)


def _compare(node: Compare) -> Run:
    left, right = node.left, node.right
    match node.operator:
        case "==":
            return _equality(left, right)
        case "!=":
            return _opposite(_equality(left, right))
        case "in":
            if (
                isinstance(right, Literal)
                and type(right.value) is list
                and all(type(each) is str for each in right.value)
            ):
                return _one_of_texts(_value(left), frozenset(right.value))
            return _within(_value(left), _value(right), described(right))
    return _ordered(node.operator, _value(left), _value(right))


def _all_texts(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(type(each) is str for each in value)


def _equality(left: Node, right: Node) -> Run:
    if _is_null_word(left) or _is_null_word(right):
        return _is_null(_value(left if _is_null_word(right) else right))
    if isinstance(left, Literal):
        left, right = right, left
    if isinstance(right, Literal) and type(right.value) is str:
        return _equal_to_text(_value(left), right.value)
    return _equal(_value(left), _value(right))


def _is_null_word(node: Node) -> bool:
    return isinstance(node, Literal) and node.value is None and not node.folded


def _default(value: Run, fallback: Run) -> Run:
    def default(scope: Scope) -> object:
        found = value(scope)
        return fallback(scope) if found is None else found

    return default


def _call(node: Call) -> Run:
    runs, wheres = tuple(map(_value, node.arguments)), tuple(map(described, node.arguments))
    function, call, null = node.function, node.function.call, node.function.null

    def refuse(*values: object) -> None:
        for position, (value, accepts) in enumerate(zip(values, function.parameters, strict=True)):
            if value is not None and type(value) not in accepts:
                raise Mistyped(function.refusal(position, value, wheres[position]))

    if len(runs) == 1:
        (only,), (accepts,) = runs, function.parameters

        def call_one(scope: Scope) -> object:
            value = only(scope)
            if type(value) in accepts:
                return call(value)
            refuse(value)
            return null

        return call_one
    first, second = runs
    accepts_first, accepts_second = function.parameters

    def call_two(scope: Scope) -> object:
        one, other = first(scope), second(scope)
        if type(one) in accepts_first and type(other) in accepts_second:
            return call(one, other)
        refuse(one, other)
        return null

    return call_two


# Comparisons and `and or not` over computed values: SQL's three-valued logic, without mixing types. Each function takes
# functions from a scope to a value, and returns such a function.


def _is_null(run: Run) -> Run:
    """Return ``== null``: a test of presence, never unknown."""
    return lambda scope: run(scope) is None


def _equal(left: Run, right: Run) -> Run:
    """Return ``==``; unknown if either side is null."""

    def run(scope: Scope) -> object:
        one, other = left(scope), right(scope)
        return UNKNOWN if one is None or other is None else same(one, other)

    return run


def _equal_to_text(left: Run, text: str) -> Run:
    """Return ``== "text"``, the most frequent comparison. A value of another type is never equal to a text."""

    def run(scope: Scope) -> object:
        value = left(scope)
        return UNKNOWN if value is None else value == text

    return run


def _one_of_texts(item: Run, texts: frozenset[str]) -> Run:
    """Return ``in ["a", "b"]``, as a set lookup."""

    def run(scope: Scope) -> object:
        value = item(scope)
        return UNKNOWN if value is None else type(value) is str and value in texts

    return run


def _within(item: Run, collection: Run, where: str) -> Run:
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


def _ordered(symbol: str, left: Run, right: Run) -> Run:
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


def _opposite(term: Run, where: str = "") -> Run:
    """Return ``not``. ``where`` is the path of its term, or ""."""

    def run(scope: Scope) -> object:
        value = term(scope)
        if value is True or value is False:
            return not value
        if value is UNKNOWN or value is None:
            return UNKNOWN
        raise _no_condition("not", where, value)

    return run


def _junction(terms: tuple[tuple[Run, str], ...], *, decisive: bool) -> Run:
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
