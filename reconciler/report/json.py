"""The format ``json``, whose values are public: the same value always gives the same bytes."""

from collections.abc import Iterator
from inspect import cleandoc

import msgspec

from reconciler.model import Json, Plan
from reconciler.report.escaping import in_json
from reconciler.report.view import Report


def plan_json(plan: Plan) -> Iterator[bytes]:
    """Yield a plan in its public format (docs/plan.schema.json), piece by piece: what ``plan -o FILE`` writes."""
    return (piece.encode() for piece in pieces_of(plan))


def pieces_of(value: object) -> Iterator[str]:
    """Yield what ``to_json`` returns piece by piece, so that the text of a million changes need not fit in memory."""
    from reconciler.model import public

    if isinstance(value, Plan):
        fields = public.parts(value)
    elif isinstance(value, dict) and any(isinstance(part, Iterator) for part in value.values()):
        fields = iter(sorted(value.items()))
    else:
        yield to_json(value)
        return
    separator = "{"
    for name, part in fields:
        yield f'{separator}\n "{name}": '
        separator = ","
        yield from _items(part) if isinstance(part, Iterator) else (_below(in_json(part)),)
    yield "\n}\n"


def _items(parts: Iterator[list[object]]) -> Iterator[str]:
    separator = "["
    for items in parts:
        if items:
            yield f"{separator}{_below(in_json(items))[1:-3]}"
            separator = ","
    yield "[]" if separator == "[" else "\n ]"


def _below(text: str) -> str:
    return text.replace("\n", "\n ")


def to_json(value: object) -> str:
    """Return any value of ours as JSON, indented, with a line end; the same value always gives the same text.

    It is valid whatever the value holds, and what a terminal or a build's log would act upon is escaped in it.
    """
    from reconciler.model import public

    return in_json(public.published(value)) + "\n"


def render(report: Report) -> str:
    """Return a report as JSON."""
    return "".join(pieces(report))


def pieces(report: Report) -> Iterator[str]:
    """Yield a report as JSON, piece by piece."""
    return pieces_of(report.data())


def plan_schema() -> dict[str, Json]:
    """Derive the JSON Schema of the plan format from the value that it is."""
    from reconciler.model import public

    schema = msgspec.json.schema(public.Plan)
    for definition in schema["$defs"].values():
        if "description" in definition:  # A docstring, whose indentation Python strips only from 3.13 on.
            definition["description"] = cleandoc(definition["description"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A plan, format 1", **schema}
