"""docs/json.md shows what the program writes, and names every field of it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from reconciler.model import (
    Cause,
    Cost,
    Create,
    FieldChange,
    Plan,
    Position,
    Problem,
    Summary,
    public,
)
from reconciler.plan.order import finish
from reconciler.report.formats import render
from reconciler.report.plan import plan_report
from reconciler.report.problems import problems_report

PAGE = (Path(__file__).parent.parent.parent / "docs" / "json.md").read_text(encoding="utf-8")
EXAMPLES = [json.loads(text) for text in re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)]
PLAN = finish(
    Plan(
        environment="test",
        project_id="project-test-1",
        changes=(
            Create(
                kind="Member",
                namespace="acme",
                name="ann@acme.example",
                fields=(FieldChange(path=("roles",), after=["editor"]),),
                causes=(Cause(file="rules/employees.yaml", line=7, rule="by-email-domain", user="user-test-1"),),
            ),
        ),
        cost=Cost(reads=4),
    ),
    32.5,
)
PROBLEM = Problem(
    code="duplicate",
    severity="error",
    message="Organization/acme is declared twice",
    hint="remove one of them",
    at=(Position("manifests/acme.yaml", 4, 9),),
    addresses=("Organization/acme",),
)


def assert_within(part: Any, whole: Any, path: str = "") -> None:
    """Assert that everything the docs show is really written, "…" standing for the rest of a text."""
    if isinstance(part, dict):
        assert part.keys() <= whole.keys(), path
        for key, value in part.items():
            assert_within(value, whole[key], f"{path}.{key}")
    elif isinstance(part, list):
        assert len(part) == len(whole), path
        for number, (one, other) in enumerate(zip(part, whole, strict=True)):
            assert_within(one, other, f"{path}[{number}]")
    elif isinstance(part, str) and part.endswith("…"):
        assert whole.startswith(part[:-1]), path
    else:
        assert part == whole, path


def test_the_plan_that_is_shown_is_what_is_written() -> None:
    assert_within(EXAMPLES[0], json.loads(render(plan_report(PLAN), "json")))


def test_the_problem_that_is_shown_is_what_is_written() -> None:
    assert EXAMPLES[1] == json.loads(render(problems_report((PROBLEM,)), "json"))


@pytest.mark.parametrize(
    "value",
    [
        *(public.Plan, public.Create, public.Listed, public.GuardResult, public.Outcome),
        *(Summary, Cost, FieldChange),
    ],
)
def test_every_field_is_named(value: Any) -> None:
    assert [name for name in value.__struct_fields__ if f"`{name}`" not in PAGE] == []
