"""``${{ … }}`` in manifests → values, and an OrganizationSet with its table → one manifest for each row."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from msgspec import structs

from reconciler.documents.document import Document
from reconciler.expressions.template import InvalidTree, Tree, compile_template, compile_tree
from reconciler.expressions.values import ExpressionError, Mistyped
from reconciler.load.manifests import LOSSES, NOT_WHEN_ABSENT, NOT_WHEN_EXTERNAL, ManifestBody
from reconciler.model import API_VERSION, ORGANIZATION, Json, Path, Position, Problem, Table, problem
from reconciler.schema.validate import has_template, strings_in, templates_in
from reconciler.suggest import suggest_allowed

ROOTS: Final = frozenset({"vars", "environment"})
ROOTS_OF_A_SET: Final = ROOTS | {"row"}
TEMPLATE: Final = ("spec", "template")


def rendered(document: Document, constants: Mapping[str, Json], problems: list[Problem]) -> Document | None:
    """Return a manifest with its expressions replaced by their values; None (and why in ``problems``) if that fails."""
    try:
        body = compile_tree(document.body, ROOTS, constants).render(constants)
    except InvalidTree as error:
        problems.extend(_expression_error(document, path, wrong) for path, wrong in error.errors)
    except Mistyped as error:
        problems.append(problem("expression", error.message, "", document.at(*map(str, error.path))))
    else:
        nulls = list(_wrongly_null(document.body, body, _may_be_null))
        problems.extend(_null_error(path, document.at(*path)) for path in nulls)
        if isinstance(body, dict) and not nulls:
            return structs.replace(document, body=body)
    return None


def _may_be_null(path: Path) -> bool:
    """Return whether a null means *not managed*: in a field, and of a slug that an organization had before."""
    return (path[0] in ("spec", "initial") and len(path) > 1) or path[-1] == "renamed_from"


def render_set(
    document: Document, table: Table, constants: Mapping[str, Json], problems: list[Problem]
) -> Iterator[ManifestBody]:
    """Yield the manifest that each row gives; add what is wrong, all of it, to ``problems``."""
    template = document.body["spec"]["template"]
    tree = _compiled(document, template, table, constants, problems)
    if tree is None:
        return
    overrides = dict(document.body["spec"].get("overrides") or {})
    slugs: set[str] = set()
    for number, row in enumerate(table.rows):
        at = table.at(number)
        body = _row_body(document, tree, {"row": row, **constants}, at, problems)
        if body is None:
            continue
        slug = str(body["metadata"]["name"])
        slugs.add(slug)
        nulls = list(_wrongly_null(template, body, _cell_may_be_empty))
        problems.extend(_null_error(path, at, document.at(*TEMPLATE, *path)) for path in nulls)
        if nulls:
            continue
        override = overrides.get(slug)
        body = _as_ensured({"apiVersion": API_VERSION, "kind": ORGANIZATION, **body}, template, override or {})
        if override is None:
            yield ManifestBody(body, at, {TEMPLATE: document.at(*TEMPLATE)})
        else:
            yield ManifestBody(merged(body, override), at, _places(document, slug, override))
    for slug in overrides:
        if slug not in slugs:
            message = f"overrides names {slug}, but no row of {table.name} has that slug"
            place = document.key_at("spec", "overrides", slug)
            problems.append(problem("unknown-override", message, suggest_allowed(slug, slugs), place))


def _compiled(
    document: Document, template: Json, table: Table, constants: Mapping[str, Json], problems: list[Problem]
) -> Tree | None:
    """Compile a template; add everything that is wrong with it, and which columns the table does not have."""
    before = len(problems)
    for path, text in strings_in(template):
        try:
            paths = compile_template(text, ROOTS_OF_A_SET, constants).paths
        except ExpressionError as error:
            problems.append(_expression_error(document, (*TEMPLATE, *path), error))
            continue
        columns = {str(keys[1]) for keys in paths if keys[0] == "row" and len(keys) > 1}
        for column in sorted(columns - table.columns):
            message = f"the table {table.name} has no column {column}"
            hint = suggest_allowed(column, table.columns)
            problems.append(problem("unknown-column", message, hint, document.at(*TEMPLATE, *path)))
    if len(problems) > before:
        return None
    try:
        return compile_tree(template, ROOTS_OF_A_SET, constants)
    except InvalidTree as error:
        problems.extend(_expression_error(document, (*TEMPLATE, *path), wrong) for path, wrong in error.errors)
        return None


def _row_body(
    document: Document, tree: Tree, values: Mapping[str, Json], at: Position, problems: list[Problem]
) -> dict[str, Json] | None:
    """Return the body of the manifest that a row gives, or None if it gives none with a slug."""
    try:
        body: Json = tree.render(values)
    except Mistyped as error:
        path = tuple(map(str, error.path))
        message = f"{'.'.join(path)}: {error.message}"
        problems.append(problem("template", message, "", at, document.at(*TEMPLATE, *path)))
        return None
    if (body.get("metadata") or {}).get("name") is None:
        message = "metadata.name is null for this row, so the organization has no slug"
        name = document.at(*TEMPLATE, "metadata", "name")
        problems.append(problem("template", message, "fill the column, or add a default()", at, name))
        return None
    return dict(body)


def _cell_may_be_empty(path: Path) -> bool:
    """Return whether an empty cell says nothing; where an organization counts must be said."""
    return path[0] != "metadata" or path[-1] == "renamed_from"


def _wrongly_null(written: Json, body: Json, may_be_null: Callable[[Path], bool]) -> Iterator[Path]:
    """Yield the path of each value that is null once it is computed, where it must not be."""
    for path, _is_key in templates_in(written):
        if not may_be_null(path) and _at(body, path) is None:
            yield path


def _at(value: Json, path: Path) -> Json:
    for key in path:
        if isinstance(value, dict):
            value = value.get(key)
        else:
            value = value[int(key)] if isinstance(value, list) and int(key) < len(value) else None
    return value


def _null_error(path: Path, *at: Position) -> Problem:
    message = f"{'.'.join(path)} is computed as null, which would leave the key out"
    return problem("expression", message, "write default(value, fallback) to set another value", *at)


def _expression_error(document: Document, path: tuple[Any, ...], wrong: ExpressionError) -> Problem:
    path = tuple(map(str, path))
    at = document.inside(path, wrong.offset) if path in document.positions else document.at(*path)
    return problem("expression", wrong.message, wrong.suggestion, at)


def merged(body: Mapping[str, Json], override: Mapping[str, Json]) -> dict[str, Json]:
    """Return a rendered manifest with an override over it: maps key by key, everything else whole."""
    both = dict(body)
    for key, value in override.items():
        there = both.get(key)
        both[key] = merged(there, value) if isinstance(there, dict) and isinstance(value, dict) else value
    return both


def _as_ensured(body: dict[str, Json], template: Json, override: Mapping[str, Json]) -> dict[str, Json]:
    """Leave out what the template says of all and cannot say of the one that a row or an override makes an exception.

    Where the template itself says ``ensure: absent``, the rest of it is a mistake.
    """
    computed = has_template(template.get("ensure"))
    ensure = override.get("ensure", body.get("ensure") if computed else None)
    without = {"absent": NOT_WHEN_ABSENT, "external": NOT_WHEN_EXTERNAL}.get(str(ensure), ())
    kept = {key: value for key, value in body.items() if key not in without}
    if ensure == "absent" and isinstance(kept.get("lifecycle"), dict):
        kept["lifecycle"] = {key: value for key, value in kept["lifecycle"].items() if key not in LOSSES}
    return kept


def _places(document: Document, slug: str, override: Mapping[str, Json]) -> Mapping[Path, Position]:
    prefix = ("spec", "overrides", slug)
    places = {path[len(prefix) :]: document.at(*path) for path in document.positions if path[: len(prefix)] == prefix}
    # Only what the override itself states stands there; `spec` as a whole is still the row's.
    stated = {(part, field) for part, fields in override.items() if isinstance(fields, dict) for field in fields}
    return {TEMPLATE: document.at(*TEMPLATE), **{path: at for path, at in places.items() if path[:2] in stated}}
