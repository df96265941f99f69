"""An expression, ready to run: the value that rules hold."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from reconciler.expressions.compile import compiled_node
from reconciler.expressions.nodes import Literal, Node, Path, paths_of
from reconciler.expressions.parse import parsed
from reconciler.expressions.values import UNKNOWN, Mistyped, kind_of, truth, within_limit

_NONE: Final[Mapping[str, object]] = {}


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """``text`` compiled; ``paths`` is everything it reads, constants included.

    Values are shared with the scope and the constants: callers do not change them.
    """

    text: str
    node: Node = field(repr=False)
    paths: frozenset[Path] = field(repr=False)
    constants: Mapping[str, object] = field(repr=False)
    _run: Callable[[Mapping[str, object]], object] = field(repr=False)

    @property
    def constant(self) -> bool:
        """Whether the value is the same for every user."""
        return isinstance(self.node, Literal)

    def evaluate(self, scope: Mapping[str, object]) -> object:
        """The value over ``scope``, which maps roots to JSON values; ``UNKNOWN`` is one of them.

        ``Mistyped`` if the data has the wrong type or the value is longer than 64 KiB; nothing else is ever raised.
        """
        try:
            value = self._run(scope)
            return value if value is True or value is False or value is UNKNOWN else within_limit(value)
        except RecursionError:
            raise Mistyped("the data is nested too deeply") from None

    def matches(self, scope: Mapping[str, object]) -> bool:
        """Whether the condition holds; unknown and null do not. ``Mistyped`` if it is no condition."""
        return truth(self.evaluate(scope)) is True

    def items(self, scope: Mapping[str, object]) -> list[object]:
        """The items of a list; none if there is nothing. ``Mistyped`` if it is no list."""
        value = self.evaluate(scope)
        if type(value) is list:
            return value
        if value is None or value is UNKNOWN:
            return []
        raise Mistyped(f"a list is needed; this is {kind_of(value)}")


def compile_expression(text: str, roots: frozenset[str], constants: Mapping[str, object] = _NONE) -> Expression:
    """``text`` over ``roots``; ``constants`` are roots whose value is known now (``vars``, ``environment``).

    ``ExpressionError`` if it is not part of the language, and for a key that a constant map does not have.
    """
    node = parsed(text, roots, constants)
    return Expression(text, node, frozenset(paths_of(node)), constants, compiled_node(node))
