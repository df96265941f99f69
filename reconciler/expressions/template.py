"""Strings with ``${{ … }}``. Stytch's own ``{{ … }}`` and ``{% … %}`` are plain text."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from reconciler.expressions.compile import described
from reconciler.expressions.expression import Expression, compile_expression
from reconciler.expressions.lexer import scan
from reconciler.expressions.nodes import Path
from reconciler.expressions.values import (
    LIMIT,
    ExpressionError,
    Mistyped,
    NullInText,
    known,
    text_of,
    within_limit,
)

OPEN: Final = "${{"
_NONE: Final[Mapping[str, object]] = {}


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """A string as a sequence of plain texts and expressions. A rendered value is never rendered again."""

    text: str
    pieces: tuple[str | Expression, ...]
    paths: frozenset[Path] = field(repr=False)

    @property
    def constant(self) -> bool:
        """Return whether the string holds no expression."""
        return not any(isinstance(piece, Expression) for piece in self.pieces)

    @property
    def single(self) -> Expression | None:
        """Return the expression if it is the whole string (outer blanks aside), so that its value keeps its type."""
        return self.pieces[0] if len(self.pieces) == 1 and isinstance(self.pieces[0], Expression) else None

    def render(self, scope: Mapping[str, object]) -> object:
        """Return the value over ``scope``. None from a single expression means *not managed*.

        Raises ``NullInText`` for a null inside a longer string, ``Mistyped`` for a list or map there or beyond 64 KiB.
        """
        if self.single:
            return known(self.single.evaluate(scope))
        if self.constant:
            return self.text
        return within_limit("".join(_rendered(piece, scope) for piece in self.pieces))


def compile_template(text: str, roots: frozenset[str], constants: Mapping[str, object] = _NONE) -> Template:
    """Return ``text`` with its expressions compiled as ``compile_expression`` does.

    Raises ``ExpressionError``, with an offset from the start of ``text``; also for a constant list, map or null inside
    a longer string.
    """
    if OPEN in text and len(text.encode(errors="surrogatepass")) > LIMIT:
        raise ExpressionError("the string is longer than 64 KiB")
    pieces: list[str | Expression] = []
    after = 0
    while (opening := text.find(OPEN, after)) >= 0:
        pieces.append(text[after:opening])
        start = opening + len(OPEN)
        end = _end_of_piece(text, start)
        try:
            pieces.append(compile_expression(text[start:end], roots, constants))
        except ExpressionError as error:
            raise ExpressionError(error.message, start + error.offset, error.suggestion) from None
        after = end + len("}}")
    pieces.append(text[after:])
    return _assembled(text, pieces)


def is_single(text: str) -> bool:
    """Return whether ``text`` is one expression, outer blanks aside, so that its value may be of any type.

    Also true for an expression that does not end: compiling it reports the mistake.
    """
    inner = text.strip()
    try:
        return inner.startswith(OPEN) and _end_of_piece(inner, len(OPEN)) + len("}}") == len(inner)
    except ExpressionError:
        return True


def _assembled(text: str, pieces: list[str | Expression]) -> Template:
    expressions = [piece for piece in pieces if isinstance(piece, Expression)]
    alone = len(expressions) == 1 and not "".join(piece for piece in pieces if isinstance(piece, str)).strip()
    kept = expressions if alone else [piece for piece in pieces if piece != ""]
    offset = 0
    for piece in pieces:
        if isinstance(piece, str):
            offset += len(piece)
            continue
        if piece.constant and not alone:
            try:
                _rendered(piece, {})
            except Mistyped as problem:
                raise ExpressionError(problem.message, offset) from None
        offset += len(OPEN) + len(piece.text) + len("}}")
    return Template(text, tuple(kept), frozenset().union(*(expression.paths for expression in expressions)))


def _end_of_piece(text: str, start: int) -> int:
    depth = 0
    for token in scan(text, start):
        if token.kind != "mark":
            continue
        if token.text == "}" and depth == 0 and text.startswith("}}", token.start):
            return token.start
        depth += (token.text in "([{") - (token.text in ")]}")
    raise ExpressionError("this `${{` has no `}}`", start - len(OPEN))


def _rendered(piece: str | Expression, scope: Mapping[str, object]) -> str:
    if isinstance(piece, str):
        return piece
    value = known(piece.evaluate(scope))
    subject = f"`{described(piece.node)}`" if described(piece.node) else "an expression"
    if value is None:
        raise NullInText(f"{subject} inside a longer string is null; use default(value, fallback) to replace null")
    try:
        return text_of(value)
    except Mistyped as problem:
        raise Mistyped(f"{subject} inside a longer string: {problem.message}") from None
