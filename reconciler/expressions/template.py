"""Strings with ``${{ … }}``, and specs that hold them. Stytch's own ``{{ … }}`` and ``{% … %}`` are plain text."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from msgspec import Struct

from reconciler.expressions.compile import Adapt, as_it_is, described
from reconciler.expressions.expression import Expression, as_part, compile_expression
from reconciler.expressions.lexer import scan
from reconciler.expressions.nodes import ReadPath
from reconciler.expressions.values import (
    LIMIT,
    ExpressionError,
    Mistyped,
    NullInText,
    known,
    text_of,
    within_limit,
)

SpecPath = tuple[str | int, ...]  # where a string of a spec stands: keys and indexes
OPEN: Final = "${{"
_NONE: Final[Mapping[str, object]] = {}


class Template(Struct, frozen=True, eq=False):
    """A string as a sequence of plain texts and expressions. A rendered value is never rendered again."""

    text: str
    pieces: tuple[str | Expression, ...]
    paths: frozenset[ReadPath]

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


def compile_template(
    text: str, roots: frozenset[str], constants: Mapping[str, object] = _NONE, adapt: Adapt = as_it_is
) -> Template:
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
            pieces.append(compile_expression(text[start:end], roots, constants, adapt))
        except ExpressionError as error:
            raise ExpressionError(error.message, start + error.offset, error.suggestion) from None
        after = end + len("}}")
    pieces.append(text[after:])
    return _assembled(text, pieces, adapt)


def is_single(text: str) -> bool:
    """Return whether ``text`` is one expression, outer blanks aside, so that its value may be of any type.

    Also true for an expression that does not end: compiling it reports the mistake.
    """
    inner = text.strip()
    try:
        return inner.startswith(OPEN) and _end_of_piece(inner, len(OPEN)) + len("}}") == len(inner)
    except ExpressionError:
        return True


def _assembled(text: str, pieces: list[str | Expression], adapt: Adapt) -> Template:
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
    if not alone:
        kept = [as_part(piece, adapt) if isinstance(piece, Expression) else piece for piece in kept]
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


_DROPPED: Final = object()  # the result of a single expression that gave null: its key is left out

_Run = Callable[[Mapping[str, object]], object]


class InvalidTree(Exception):
    """All strings of a spec that do not compile: pairs of the path of the string and its error."""

    def __init__(self, errors: Iterable[tuple[SpecPath, ExpressionError]]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(error.message for _path, error in self.errors))


class Tree(Struct, frozen=True, eq=False):
    """A spec with compiled strings: ``templates`` are those that hold expressions, and where each stands."""

    templates: tuple[tuple[SpecPath, Template], ...]
    _run: _Run

    @property
    def paths(self) -> frozenset[ReadPath]:
        """Return all paths that the spec reads."""
        return frozenset().union(*(template.paths for _path, template in self.templates))

    @property
    def constant(self) -> bool:
        """Return whether no string holds an expression."""
        return not self.templates

    def render(self, scope: Mapping[str, object]) -> object:
        """Return the spec over ``scope``: a new value each time, except for the parts without a template.

        A key of a map whose single expression gives null is left out: it is not managed. A literal null stays. The
        result may be None. Raises ``NullInText`` for such a null in a list. Every ``Mistyped`` carries its ``path``.
        """
        try:
            value = self._run(scope)
        except RecursionError:
            raise Mistyped("the spec is nested too deeply") from None
        return None if value is _DROPPED else value


def compile_tree(
    value: object, roots: frozenset[str], constants: Mapping[str, object] = _NONE, adapt: Adapt = as_it_is
) -> Tree:
    """Return ``value`` with every string compiled as a template. Raises ``InvalidTree`` with all errors and paths."""
    templates: list[tuple[SpecPath, Template]] = []
    errors: list[tuple[SpecPath, ExpressionError]] = []

    def compiled(part: object, path: SpecPath) -> _Run | None:
        """Return the function that renders a part; None for a part without an expression."""
        match part:
            case str():
                return text(part, path)
            case dict():
                templated = [key for key in part if isinstance(key, str) and OPEN in key]
                errors.extend(
                    ((*path, key), ExpressionError("an expression cannot be in a key, only in a value"))
                    for key in templated
                )
                runs = {key: compiled(child, (*path, key)) for key, child in part.items()}
                return _map(part, runs) if any(runs.values()) else None
            case list():
                steps = [compiled(child, (*path, index)) for index, child in enumerate(part)]
                return _list(part, steps) if any(steps) else None
        return None

    def text(part: str, path: SpecPath) -> _Run | None:
        if OPEN not in part:
            return None
        try:
            template = compile_template(part, roots, constants, adapt)
        except ExpressionError as error:
            errors.append((path, error))
            return None
        templates.append((path, template))
        return _text(template)

    try:
        run = compiled(value, ())
    except RecursionError:
        raise InvalidTree([((), ExpressionError("the spec is nested too deeply"))]) from None
    if errors:
        raise InvalidTree(errors)
    return Tree(tuple(templates), run or (lambda _scope: value))


def _text(template: Template) -> _Run:
    def render(scope: Mapping[str, object]) -> object:
        value = template.render(scope)
        return _DROPPED if value is None else value

    return render


def _map(source: dict[str, object], runs: dict[str, _Run | None]) -> _Run:
    def render(scope: Mapping[str, object]) -> object:
        rendered = {}
        for key, run in runs.items():
            value = source[key] if run is None else _at(key, run, scope)
            if value is not _DROPPED:
                rendered[key] = value
        return rendered

    return render


def _list(source: list[object], runs: list[_Run | None]) -> _Run:
    def render(scope: Mapping[str, object]) -> object:
        rendered = []
        for index, run in enumerate(runs):
            value = source[index] if run is None else _at(index, run, scope)
            if value is _DROPPED:
                problem = NullInText("an item of a list is null")
                problem.path = (index,)
                raise problem
            rendered.append(value)
        return rendered

    return render


def _at(key: str | int, run: _Run, scope: Mapping[str, object]) -> object:
    try:
        return run(scope)
    except Mistyped as problem:
        problem.path = (key, *problem.path)
        raise
