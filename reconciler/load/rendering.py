"""``${{ … }}`` in manifests: what differs between environments, over ``vars`` and ``environment``."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from msgspec import structs

from reconciler.documents.positions import Document
from reconciler.expressions.template import InvalidTree, compile_tree
from reconciler.expressions.values import ExpressionError, Mistyped
from reconciler.model import Json, Path, Position, Problem, problem
from reconciler.schema.validate import templates_in

ROOTS: Final = frozenset({"vars", "environment"})


def rendered(document: Document, constants: Mapping[str, Json], problems: list[Problem]) -> Document | None:
    """Return a manifest with its expressions replaced by their values; None (and why in ``problems``) if that fails."""
    try:
        body = compile_tree(document.body, ROOTS, constants).render(constants)
    except InvalidTree as error:
        problems.extend(_problem(document, tuple(map(str, path)), wrong) for path, wrong in error.errors)
    except Mistyped as error:
        at = document.at(*map(str, error.path))
        problems.append(problem("expression", error.message, "", at))
    else:
        missing = list(come_to_nothing(document.body, body, _may_be_null))
        problems.extend(nothing(document.at(*path), path=path) for path in missing)
        if isinstance(body, dict) and not missing:
            return structs.replace(document, body=body)
    return None


def come_to_nothing(written: Json, body: Json, may: Callable[[Path], bool]) -> Iterator[Path]:
    """Yield the path of each value that is null once it is computed, where it must not be (``may``)."""
    for path, _is_key in templates_in(written):
        if not may(path) and _at(body, path) is None:
            yield path


def _may_be_null(path: Path) -> bool:
    """Tell where a null means *not managed*: in a field, and of a slug that a thing had before."""
    return (path[0] in ("spec", "initial") and len(path) > 1) or path[-1] == "renamed_from"


def nothing(*at: Position, path: Path) -> Problem:
    """Return the problem that a value came to nothing where something must stand."""
    return problem(
        "expression",
        f"{'.'.join(path)} is computed as null, which would leave the key out",
        "write default(value, fallback) to set another value",
        *at,
    )


def _at(value: Json, path: Path) -> Json:
    for key in path:
        if isinstance(value, dict):
            value = value.get(key)
        else:
            value = value[int(key)] if isinstance(value, list) and int(key) < len(value) else None
    return value


def _problem(document: Document, path: tuple[str, ...], wrong: ExpressionError) -> Problem:
    at = document.inside(path, wrong.offset) if path in document.positions else document.at(*path)
    return problem("expression", wrong.message, wrong.suggestion, at)
