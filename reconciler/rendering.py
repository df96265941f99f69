"""``${{ … }}`` in manifests: what differs between environments, over ``vars`` and ``environment``."""

from collections.abc import Mapping
from typing import Final

from msgspec import structs

from reconciler.documents import Document
from reconciler.expressions import ExpressionError, InvalidTree, Mistyped, compile_tree
from reconciler.model import Json, Problem
from reconciler.organization_set import strings_in

ROOTS: Final = frozenset({"vars", "environment"})
OPEN: Final = "${{"


def rendered(document: Document, constants: Mapping[str, Json], problems: list[Problem]) -> Document | None:
    """Give a manifest with its expressions replaced by their values; None (and why in ``problems``) if that fails."""
    if not any(OPEN in text for _, text in strings_in(document.body)):
        return document
    try:
        body = compile_tree(document.body, ROOTS, constants).render(constants)
    except InvalidTree as error:
        problems.extend(_problem(document, tuple(map(str, path)), wrong) for path, wrong in error.errors)
    except Mistyped as error:
        at = document.at(*map(str, error.path))
        problems.append(Problem(code="expression", severity="error", message=error.message, at=(at,)))
    else:
        if isinstance(body, dict):
            return structs.replace(document, body=body)
    return None


def _problem(document: Document, path: tuple[str, ...], wrong: ExpressionError) -> Problem:
    at = document.inside(path, wrong.offset) if path in document.positions else document.at(*path)
    return Problem(code="expression", severity="error", message=wrong.message, hint=wrong.suggestion, at=(at,))
