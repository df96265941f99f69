"""What people wrote, and tables, as a run over a snapshot compares them: with a hash before the @ of every address."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, overload

from msgspec import structs

from reconciler.documents.document import Document
from reconciler.expressions.redaction import Redaction
from reconciler.expressions.template import OPEN
from reconciler.kinds import KINDS
from reconciler.model import Json, Resource, Table

EXPRESSIONS: Final = frozenset({"when", "each", "join", "email_regex"})  # which are adapted when they are compiled
CLOSE: Final = "}}"


class RedactedRows(Sequence[dict[str, Json]]):
    """The rows of a table, each redacted when somebody looks at it."""

    def __init__(self, rows: Sequence[dict[str, Json]], redaction: Redaction) -> None:
        self._rows, self._redaction = rows, redaction

    @overload
    def __getitem__(self, index: int) -> dict[str, Json]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[dict[str, Json]]: ...
    def __getitem__(self, index: int | slice) -> Any:
        """Return a row, or some."""
        return self._redacted(self._rows[index]) if isinstance(index, int) else list(self)[index]

    def __iter__(self) -> Iterator[dict[str, Json]]:
        return map(self._redacted, self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def _redacted(self, row: dict[str, Json]) -> dict[str, Json]:
        return {column: self._redaction.json(cell) for column, cell in row.items()}


def redacted_resource(resource: Resource, redaction: Redaction) -> Resource:
    """Return a declared resource without people."""
    kind = KINDS[resource.kind]
    name, formerly = redaction.text(resource.name), resource.renamed_from and redaction.text(resource.renamed_from)
    spec, initial = redaction.json(resource.spec), redaction.json(resource.initial)
    if (name, formerly, spec, initial) == (resource.name, resource.renamed_from, resource.spec, resource.initial):
        return resource
    return structs.replace(
        resource,
        name=name,
        renamed_from=formerly,
        spec=kind.normalize(spec),
        initial=kind.normalize(initial),
    )


def redacted_document(document: Document, redaction: Redaction) -> Document:
    """Return a document of rules whose texts, but not its expressions, are without people."""
    return structs.replace(document, body=_without_people(document.body, redaction))


def redacted_tables(tables: Mapping[str, Table | None], redaction: Redaction) -> Mapping[str, Table | None]:
    """Return tables without people."""
    return {
        name: table and structs.replace(table, rows=RedactedRows(table.rows, redaction))
        for name, table in tables.items()
    }


def _without_people(value: Json, redaction: Redaction) -> Any:
    if isinstance(value, str):
        return _outside_expressions(value, redaction)
    if isinstance(value, list):
        return [_without_people(item, redaction) for item in value]
    if isinstance(value, dict):
        return {key: inner if key in EXPRESSIONS else _without_people(inner, redaction) for key, inner in value.items()}
    return value


def _outside_expressions(text: str, redaction: Redaction) -> str:
    before, opened, rest = text.partition(OPEN)
    if not opened:
        return redaction.text(text)
    inside, closed, after = rest.partition(CLOSE)
    return redaction.text(before) + opened + inside + closed + _outside_expressions(after, redaction)
