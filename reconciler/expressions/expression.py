"""A compiled expression, as rules hold it."""

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
    """A compiled ``text``. ``paths`` are all paths that it reads, constants included.

    Results share values with the scope and the constants: callers must not change them.
    """

    text: str
    node: Node = field(repr=False)
    paths: frozenset[Path] = field(repr=False)
    constants: Mapping[str, object] = field(repr=False)
    _run: Callable[[Mapping[str, object]], object] = field(repr=False)

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
