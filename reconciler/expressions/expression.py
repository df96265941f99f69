"""A compiled expression, as rules hold it; what a condition needs to match, and what it found."""

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct

from reconciler.expressions.compile import compiled_node
from reconciler.expressions.nodes import And, Compare, Literal, Node, Not, Or, Read, ReadPath, Span, paths_of, spell
from reconciler.expressions.parse import parsed
from reconciler.expressions.values import UNKNOWN, Mistyped, Unknown, kind_of, truth, within_limit

_NONE: Final[Mapping[str, object]] = {}


Scalar = str | int | float | bool
Conditions = dict[ReadPath, frozenset[Scalar]]


class Expression(Struct, frozen=True, eq=False):
    """A compiled ``text``. ``paths`` are all paths that it reads, constants included.

    Results share values with the scope and the constants: callers must not change them.
    """

    text: str
    node: Node
    paths: frozenset[ReadPath]
    constants: Mapping[str, object]
    _run: Callable[[Mapping[str, object]], object]

    @property
    def constant(self) -> bool:
        """Return whether the value is the same for every user."""
        return isinstance(self.node, Literal)

    def evaluate(self, scope: Mapping[str, object]) -> object:
        """Return the value over ``scope``, which maps roots to JSON values. A condition may give ``UNKNOWN``.

        Raises only ``Mistyped``: where the data has the wrong type, or the value is longer than 64 KiB.
        """
        try:
            value = self._run(scope)
            return value if value is True or value is False or value is UNKNOWN else within_limit(value)
        except RecursionError:
            raise Mistyped("the data is nested too deeply") from None

    def matches(self, scope: Mapping[str, object]) -> bool:
        """Return whether the condition is true; unknown and null are not. Raises ``Mistyped`` for other values."""
        return truth(self.evaluate(scope)) is True

    def items(self, scope: Mapping[str, object]) -> list[object]:
        """Return the items of a list; none for null and unknown. Raises ``Mistyped`` for other values."""
        value = self.evaluate(scope)
        if type(value) is list:
            return value
        if value is None or value is UNKNOWN:
            return []
        raise Mistyped(f"a list is needed; the value is {kind_of(value)}")


def compile_expression(text: str, roots: frozenset[str], constants: Mapping[str, object] = _NONE) -> Expression:
    """Return ``text`` compiled over ``roots``. ``constants`` are roots with known values (``vars``, ``environment``).

    Raises ``ExpressionError`` where the text is not part of the language, or names a key that a constant does not have.
    """
    node = parsed(text, roots, constants)
    return Expression(text, node, frozenset(paths_of(node)), constants, compiled_node(node))


class Term(Struct, frozen=True):
    """One term of an ``and``: its text, its truth value, and the value of every path in it.

    ``problem`` is the problem of the data where ``value`` could not be computed, else "".
    """

    text: str
    value: bool | Unknown
    reads: tuple[tuple[str, object], ...]
    problem: str = ""


def explain(expression: Expression, scope: Mapping[str, object]) -> tuple[Term, ...]:
    """Return the top-level terms of a condition over ``scope``, in the order of the text. All true: a match."""
    whole = {**scope, **expression.constants}
    terms = expression.node.terms if isinstance(expression.node, And) else (expression.node,)
    return tuple(_term(expression.text[slice(*term.span)], term, whole) for term in terms)


def _term(text: str, node: Node, scope: Mapping[str, object]) -> Term:
    reads = tuple((spell(path), _value(path, scope)) for path in dict.fromkeys(paths_of(node)))
    try:
        return Term(text, truth(compiled_node(node)(scope)), reads)
    except Mistyped as problem:
        return Term(text, UNKNOWN, reads, problem.message)
    except RecursionError:
        return Term(text, UNKNOWN, reads, "the data is nested too deeply")


def _value(path: ReadPath, scope: Mapping[str, object]) -> object:
    try:
        return compiled_node(Read(span=Span(0, 0), path=path))(scope)
    except Mistyped:
        return None


def equalities(expression: Expression) -> tuple[tuple[ReadPath, frozenset[Scalar]], ...]:
    """Return the paths that must have one of these values for the expression to be true.

    The conditions are necessary, never sufficient. An empty set of values means that the expression is never true. As
    in any Python set, 1 also stands for ``True`` and 1.0, so an index over the values finds too many users, never too
    few. A user whom these conditions exclude cannot match, even where ``evaluate`` would find a problem in other data
    of that user.
    """
    return tuple(sorted(_necessary(expression.node).items(), key=lambda condition: spell(condition[0])))


def _necessary(node: Node) -> Conditions:
    match node:
        case And(terms=terms):
            return _all_of([_necessary(term) for term in terms])
        case Or(terms=terms):
            return _one_of([_necessary(term) for term in terms if not _never(term)])
        case (
            Compare(operator="==", left=Literal(value=None, folded=False))
            | Compare(operator="==", right=Literal(value=None, folded=False))
        ):
            return {}  # tests presence
        case (
            Compare(operator="==", left=Read(path=path), right=Literal(value=value))
            | Compare(operator="==", left=Literal(value=value), right=Read(path=path))
        ):
            return _equal(path, [value])
        case Compare(operator="in", left=Read(path=path), right=Literal(value=list() as values)):
            return _equal(path, values)
        case Compare(operator="in", left=Read(path=path), right=Literal(value=dict() as values)):
            return _equal(path, list(values))
        case Read(path=path):
            return {path: frozenset({True})}
        case Not(term=Read(path=path)):
            return {path: frozenset({False})}
    return {}


def _never(node: Node) -> bool:
    return isinstance(node, Literal) and node.value is not True


def _equal(path: ReadPath, values: list[object]) -> Conditions:
    """Return the scalars that the path must equal. Null never matches; lists and maps give no condition: no index."""
    present = [value for value in values if value is not None]
    scalars = frozenset(value for value in present if isinstance(value, str | int | float))
    return {path: scalars} if all(isinstance(value, str | int | float) for value in present) else {}


def _all_of(all_conditions: list[Conditions]) -> Conditions:
    together: Conditions = {}
    for conditions in all_conditions:
        for path, values in conditions.items():
            together[path] = together[path] & values if path in together else values
    return together


def _one_of(alternatives: list[Conditions]) -> Conditions:
    if not alternatives:
        return {}
    shared = set.intersection(*(set(conditions) for conditions in alternatives))
    return {path: frozenset().union(*(conditions[path] for conditions in alternatives)) for path in shared}
