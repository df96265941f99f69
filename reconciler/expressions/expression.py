"""A compiled expression, as rules hold it; what a condition needs to match, and what it found."""

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct

from reconciler.expressions.compile import Adapt, as_it_is, compiled_node
from reconciler.expressions.nodes import And, Literal, Node, Read, ReadPath, Span, paths_of, spell
from reconciler.expressions.parse import parsed
from reconciler.expressions.values import UNKNOWN, Mistyped, Unknown, kind_of, truth, within_limit

_NONE: Final[Mapping[str, object]] = {}


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


def compile_expression(
    text: str, roots: frozenset[str], constants: Mapping[str, object] = _NONE, adapt: Adapt = as_it_is
) -> Expression:
    """Return ``text`` compiled over ``roots``. ``constants`` are roots with known values (``vars``, ``environment``).

    ``adapt`` makes what is run of what was parsed.

    Raises ``ExpressionError`` where the text is not part of the language, or names a key that a constant does not have.
    """
    node = parsed(text, roots, constants)
    paths, node = frozenset(paths_of(node)), adapt(node)
    return Expression(text, node, paths, constants, compiled_node(node))


def as_part(expression: Expression, adapt: Adapt) -> Expression:
    """Return an expression whose value becomes a part of a longer text."""
    node = adapt(expression.node, inside=True)
    if node is expression.node:
        return expression
    return Expression(expression.text, node, expression.paths, expression.constants, compiled_node(node))


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
