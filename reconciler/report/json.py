"""The public JSON: the same value always gives the same bytes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from inspect import cleandoc
from typing import get_args

import msgspec

from reconciler.model import FORMAT_VERSION, Change, Json, Kept, Outcome, Plan, Problem, Result, public
from reconciler.report.escaping import in_json
from reconciler.report.problems import in_order


def plan_json(plan: Plan) -> bytes:
    """Encode a plan in its public format (docs/plan.schema.json): what ``plan -o FILE`` writes."""
    return to_json(plan).encode()


def to_json(value: object) -> str:
    """Write any value of ours as JSON, indented, with a line end; the same value always gives the same text.

    It is valid whatever the value holds, and what a terminal or a build's log would act upon is escaped in it.
    """
    return in_json(public.published(value)) + "\n"


def problems_json(problems: Sequence[Problem]) -> str:
    """Write ``{"format_version", "problems"}``."""
    return to_json({"format_version": FORMAT_VERSION, "problems": in_order(problems)})


def outcomes_json(
    plan: Plan,
    outcomes: Sequence[Outcome],
    new: Sequence[Change],
    pins: Mapping[str, str],
    kept: Sequence[Kept] = (),
) -> str:
    """Write the outcome of every change of ``plan``, in its order, their counts, and what the plan file lacked."""
    counts = Counter(outcome.result for outcome in outcomes)
    found = sum(outcome.found for outcome in outcomes)
    return to_json(
        {
            "format_version": FORMAT_VERSION,
            "environment": plan.environment,
            "project_id": plan.project_id,
            "digest": plan.digest,
            "summary": {**{result: counts[result] for result in get_args(Result)}, "found": found},
            "outcomes": list(map(public.published, outcomes)),
            "new": list(map(public.published, new)),
            "pins": dict(pins),
            "credentials": kept,
            "manual_steps": plan.manual_steps,
            "held": list(map(public.published, plan.held)),
            "held_by": plan.held_by,
            "problems": in_order(plan.problems),
        }
    )


def plan_schema() -> dict[str, Json]:
    """Derive the JSON Schema of the plan format from the value that it is."""
    schema = msgspec.json.schema(public.Plan)
    for definition in schema["$defs"].values():
        if "description" in definition:  # A docstring, whose indentation Python strips only from 3.13 on.
            definition["description"] = cleandoc(definition["description"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A plan, format 1", **schema}
