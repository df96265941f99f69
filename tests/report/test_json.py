"""The JSON of reports: a published schema, the same bytes every time, and nothing lost on the way back."""

import json
import os
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.apply.execute import Applied
from reconciler.model import (
    Cause,
    Change,
    Create,
    Delete,
    FieldChange,
    Outcome,
    Plan,
    Position,
    Problem,
    Update,
    public,
)
from reconciler.report.formats import render
from reconciler.report.json import plan_json, plan_schema, to_json
from reconciler.report.outcomes import apply_report
from reconciler.report.plan import plan_report
from reconciler.report.problems import problems_report

CASES = sorted((Path(__file__).parent.parent / "reports").glob("*/plan.json"))
SCHEMA = Path(__file__).parent.parent.parent / "docs" / "plan.schema.json"

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
FIELD = st.builds(FieldChange, path=st.lists(st.text(max_size=4), min_size=1).map(tuple), before=JSON, after=JSON)


def of_sort(sort: type[Change]) -> st.SearchStrategy[Change]:
    return st.builds(
        sort,
        name=st.text(max_size=9),
        kind=st.sampled_from(["Organization", "Member"]),
        fields=st.lists(FIELD, max_size=2).map(tuple),
        causes=st.just((Cause(file="rules/a.yaml", line=3, rule="r", user="u"),)),
    )


CHANGE = of_sort(Create) | of_sort(Update) | of_sort(Delete)


def test_the_published_schema_is_current() -> None:
    if os.environ.get("REWRITE_REPORTS"):
        SCHEMA.write_text(to_json(plan_schema()), encoding="utf-8")
    assert SCHEMA.read_text(encoding="utf-8") == to_json(plan_schema())


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_plans_follow_the_published_schema(path: Path) -> None:
    plan = public.read_plan(path.read_bytes())
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(render(plan_report(plan), "json")), schema)


def test_the_schema_refuses_what_is_no_plan() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"format_version": "1.0"}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"environment": "t", "project_id": "p", "changes": [{"action": "rename"}]}, schema)


@given(st.lists(CHANGE, max_size=4))
def test_a_plan_survives_its_json(changes: list[Change]) -> None:
    plan = Plan(environment="test", project_id="project-test-1", changes=tuple(changes))
    encoded = b"".join(plan_json(plan))
    again = public.read_plan(encoded)
    assert again == plan
    assert encoded == to_json(plan).encode() == b"".join(plan_json(again))


def test_the_order_of_metadata_keys_leaves_no_trace() -> None:
    def of(value: object) -> str:
        fields = (FieldChange(path=("trusted_metadata", "x"), after=value),)
        return to_json(Create(kind="Organization", name="a", fields=fields))

    assert of({"a": 1, "b": 2}) == of({"b": 2, "a": 1})


def test_before_and_after_are_left_out_where_there_is_none() -> None:
    fields = (FieldChange(path=("name",), after="Ann"),)
    plan = Plan(
        environment="t",
        project_id="p",
        changes=(Create(kind="Member", namespace="a", name="b", fields=fields),),
    )
    written = json.loads(render(plan_report(plan), "json"))
    assert written["changes"][0]["fields"] == [{"path": ["name"], "after": "Ann"}]
    assert written["changes"][0]["action"] == "create"
    assert written["changes"][0]["id"] is None


def test_problems_are_written_gravest_first() -> None:
    warning = Problem(code="w", severity="warning", message="m", at=(Position("a.yaml", 1),))
    error = Problem(code="e", severity="error", message="m", at=(Position("b.yaml", 1),))
    written = json.loads(render(problems_report((warning, error)), "json"))
    assert written["format_version"] == "1.0"
    assert [problem["code"] for problem in written["problems"]] == ["e", "w"]
    assert written["problems"][0]["at"] == [{"file": "b.yaml", "line": 1, "column": 1}]


def test_outcomes_are_counted_and_listed() -> None:
    outcome = Outcome(
        kind="Member", namespace="a", name="b", action="create", result="failed", reason="no", request_id="request-id-1"
    )
    written = json.loads(
        render(apply_report(Plan(environment="t", project_id="p"), Applied(outcomes=(outcome,), journal=None)), "json")
    )
    assert written["summary"] == {"applied": 0, "failed": 1, "withheld": 0, "skipped": 0, "found": 0}
    assert written["outcomes"][0]["request_id"] == "request-id-1"
    assert written["new"] == []
