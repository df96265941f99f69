"""Specs whose strings are templates: compiled once, with all mistakes reported, and rendered for each user or row."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from reconciler.expressions.nodes import Path
from reconciler.expressions.template import OPEN, Template, compile_template
from reconciler.expressions.values import ExpressionError, Mistyped, NullInText

_NONE: Final[Mapping[str, object]] = {}
_DROPPED: Final = object()  # the result of a single expression that gave null: its key is left out

_Run = Callable[[Mapping[str, object]], object]


class InvalidTree(Exception):
    """All strings of a spec that do not compile: pairs of the path of the string and its error."""

    def __init__(self, errors: Iterable[tuple[Path, ExpressionError]]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(error.message for _path, error in self.errors))


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """A spec with compiled strings. ``paths`` are all paths that they read."""

    paths: frozenset[Path]
    constant: bool
    _run: _Run = field(repr=False)

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


def compile_tree(value: object, roots: frozenset[str], constants: Mapping[str, object] = _NONE) -> Tree:
    """Return ``value`` with every string compiled as a template. Raises ``InvalidTree`` with all errors and paths."""
    templates: list[Template] = []
    errors: list[tuple[Path, ExpressionError]] = []

    def compiled(part: object, path: Path) -> _Run | None:
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

    def text(part: str, path: Path) -> _Run | None:
        if OPEN not in part:
            return None
        try:
            template = compile_template(part, roots, constants)
        except ExpressionError as error:
            errors.append((path, error))
            return None
        templates.append(template)
        return _text(template)

    try:
        run = compiled(value, ())
    except RecursionError:
        raise InvalidTree([((), ExpressionError("the spec is nested too deeply"))]) from None
    if errors:
        raise InvalidTree(errors)
    paths: frozenset[Path] = frozenset().union(*(template.paths for template in templates))
    return Tree(paths, run is None, run or (lambda _scope: value))


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
