"""The format ``json``, whose values are public: the same value always gives the same bytes."""

from inspect import cleandoc

import msgspec

from reconciler.model import Json, Plan
from reconciler.report.escaping import in_json
from reconciler.report.view import Report


def plan_json(plan: Plan) -> bytes:
    """Return a plan in its public format (docs/plan.schema.json): what ``plan -o FILE`` writes."""
    return to_json(plan).encode()


def to_json(value: object) -> str:
    """Return any value of ours as JSON, indented, with a line end; the same value always gives the same text.

    It is valid whatever the value holds, and what a terminal or a build's log would act upon is escaped in it.
    """
    from reconciler.model import public

    return in_json(public.published(value)) + "\n"


def render(report: Report) -> str:
    """Return a report as JSON."""
    return to_json(report.data())


def plan_schema() -> dict[str, Json]:
    """Derive the JSON Schema of the plan format from the value that it is."""
    from reconciler.model import public

    schema = msgspec.json.schema(public.Plan)
    for definition in schema["$defs"].values():
        if "description" in definition:  # A docstring, whose indentation Python strips only from 3.13 on.
            definition["description"] = cleandoc(definition["description"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A plan, format 1", **schema}
