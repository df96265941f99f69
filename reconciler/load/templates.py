"""OrganizationSet: a table and a template → one Organization for each row."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from msgspec import Struct

from reconciler.documents.positions import Document
from reconciler.expressions.template import InvalidTree, Tree, compile_template, compile_tree
from reconciler.expressions.values import ExpressionError, Mistyped
from reconciler.load.manifests import LOSSES, NOT_WHEN_ABSENT, NOT_WHEN_EXTERNAL
from reconciler.load.rendering import come_to_nothing, nothing
from reconciler.model import Json, Path, Position, Problem, Table, problem
from reconciler.model.resources import API_VERSION
from reconciler.schema.validate import templates_in
from reconciler.suggest import suggest_allowed

ROOTS: Final = frozenset({"row", "vars", "environment"})
TEMPLATE: Final = ("spec", "template")


class Rendered(Struct, frozen=True):
    """One row's manifest: its body, the row's place, and the places of what an override says instead."""

    body: dict[str, Json]
    position: Position
    positions: Mapping[Path, Position]


def render_set(
    document: Document, table: Table, constants: Mapping[str, Json], problems: list[Problem]
) -> Iterator[Rendered]:
    """Yield the manifest that each row gives; add what is wrong, all of it, to ``problems``."""
    template = document.body["spec"]["template"]
    tree = _compiled(document, template, table, constants, problems)
    if tree is None:
        return
    overrides = dict(document.body["spec"].get("overrides") or {})
    slugs: set[str] = set()
    for number, row in enumerate(table.rows):
        position = table.at(number)
        try:
            body = tree.render({"row": row, **constants})
        except Mistyped as error:
            path = tuple(map(str, error.path))
            message = f"{'.'.join(path)}: {error.message}"
            problems.append(problem("template", message, "", position, document.at(*TEMPLATE, *path)))
            continue
        if not isinstance(body, dict):
            continue  # a template is a map, and a map renders as one
        slug = (body.get("metadata") or {}).get("name")
        if slug is None:
            message = "metadata.name is null for this row, so the organization has no slug"
            name = document.at(*TEMPLATE, "metadata", "name")
            problems.append(problem("template", message, "fill the column, or add a default()", position, name))
            continue
        slugs.add(str(slug))
        missing = list(come_to_nothing(template, body, _may_be_null))
        problems.extend(nothing(position, document.at(*TEMPLATE, *path), path=path) for path in missing)
        if missing:
            continue
        body = {"apiVersion": API_VERSION, "kind": "Organization", **body}
        override = overrides.get(str(slug))
        body = _as_ensured(body, template, override or {})
        if override is None:
            yield Rendered(body, position, {TEMPLATE: document.at(*TEMPLATE)})
        else:
            yield Rendered(merged(body, override), position, _places(document, str(slug), override))
    for slug in overrides:
        if slug not in slugs:
            message = f"overrides names {slug}, but no row of {table.name} has that slug"
            at = document.key_at("spec", "overrides", slug)
            problems.append(problem("unknown-override", message, suggest_allowed(slug, slugs), at))


def _may_be_null(path: Path) -> bool:
    """Tell where an empty cell says nothing; where an organization counts must be said."""
    return path[0] != "metadata" or path[-1] == "renamed_from"


def _compiled(
    document: Document, template: Json, table: Table, constants: Mapping[str, Json], problems: list[Problem]
) -> Tree | None:
    """Compile a template; say everything that is wrong with it, and which columns the table does not have."""
    before = len(problems)
    for path, text in strings_in(template):
        try:
            paths = compile_template(text, ROOTS, constants).paths
        except ExpressionError as error:
            problems.append(_expression_error(document, path, error))
            continue
        columns = {str(keys[1]) for keys in paths if keys[0] == "row" and len(keys) > 1}
        for column in sorted(columns - table.columns):
            message = f"the table {table.name} has no column {column}"
            hint = suggest_allowed(column, table.columns)
            problems.append(problem("unknown-column", message, hint, document.at(*TEMPLATE, *path)))
    if len(problems) > before:
        return None
    try:
        return compile_tree(template, ROOTS, constants)
    except InvalidTree as error:
        for place, wrong in error.errors:
            problems.append(_expression_error(document, tuple(map(str, place)), wrong))
        return None


def _expression_error(document: Document, path: Path, wrong: ExpressionError) -> Problem:
    at = document.at(*TEMPLATE, *path)
    if (*TEMPLATE, *path) in document.positions:
        at = document.inside((*TEMPLATE, *path), wrong.offset)
    return problem("expression", wrong.message, wrong.suggestion, at)


def strings_in(value: Json, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield every string in a value with the path to it."""
    parts: Iterable[tuple[str, Json]] = ()
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, list):
        parts = ((str(index), item) for index, item in enumerate(value))
    for key, inner in parts:
        yield from strings_in(inner, (*path, key))


def merged(body: Mapping[str, Json], override: Mapping[str, Json]) -> dict[str, Json]:
    """Put an override over a rendered manifest: maps key by key, everything else whole."""
    both = dict(body)
    for key, value in override.items():
        there = both.get(key)
        both[key] = merged(there, value) if isinstance(there, dict) and isinstance(value, dict) else value
    return both


def _as_ensured(body: dict[str, Json], template: Json, override: Mapping[str, Json]) -> dict[str, Json]:
    """Leave out what the template says of all and cannot say of the one that a row or an override makes an exception.

    Where the template itself says ``ensure: absent``, the rest of it is a mistake.
    """
    computed = any(templates_in(template.get("ensure")))
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
