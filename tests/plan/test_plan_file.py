"""A plan file is read a few changes at a time, and only as what it is to everybody else."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import InvalidInput
from reconciler.model import Create, FieldChange, Listed, Plan, Update, public
from reconciler.plan.order import finish, in_order
from reconciler.plan.plan_file import in_blocks, read_plan
from reconciler.plan.planned import digest
from reconciler.report.json import plan_json

FIELDS = (FieldChange(path=("trusted_metadata", "a"), after={"b": [1, {"c": "\n },\n  {"}], "d": {}}),)
MADE = tuple(Create(kind="Member", namespace="acme", name=f"u{n}@acme.example", fields=FIELDS) for n in range(9))
SEEN = (Update(kind="Organization", name="acme", id="organization-1", fields=FIELDS),)
HELD = (Listed(kind="Member", name="acme/x@acme.example", reason="]"),)


def plan(**more: object) -> Plan:
    fields: Any = {"environment": "test", "project_id": "project-test-1", "changes": in_order(MADE), **more}
    return finish(Plan(**fields), 1)


def text_of(whole: Plan) -> bytes:
    return b"".join(plan_json(whole))


def blocks(text: bytes, size: int) -> list[bytes]:
    return [text[at : at + size] for at in range(0, len(text), size)]


@given(st.integers(1, 700))
def test_it_does_not_matter_where_a_block_ends(size: int) -> None:
    whole = plan(observed=SEEN, held=HELD)
    assert in_blocks(blocks(text_of(whole), size)) == whole


@pytest.mark.parametrize("indent", [None, 1, 2])
def test_how_a_file_is_laid_out_does_not_matter(tmp_path: Path, indent: int | None) -> None:
    whole = plan(observed=SEEN, held=HELD)
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(json.loads(text_of(whole)), indent=indent), encoding="utf-8")
    assert read_plan(path) == whole


def test_a_plan_without_changes_is_read_back() -> None:
    empty = finish(Plan(environment="test", project_id="project-test-1"), 1)
    assert in_blocks([text_of(empty)]) == empty


def test_changes_that_only_seem_to_stand_in_the_list_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    text = text_of(plan())
    start, end = text.index(b'\n "changes": [') + 1, text.index(b"\n ],\n", text.index(b'\n "changes": [')) + 5
    hidden = b'"cost": {\n' + text[start:end] + b' "reads": 1},\n "changes": [],\n'
    other = text[:start] + hidden + text[end:]
    assert msgspec.json.decode(other)["changes"] == []
    path.write_bytes(other)
    with pytest.raises(InvalidInput):
        read_plan(path)


@pytest.mark.parametrize("left", [40, 600, 1500, -3])
def test_a_file_that_is_cut_short_is_refused(tmp_path: Path, left: int) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(text_of(plan())[:left])
    with pytest.raises(InvalidInput):
        read_plan(path)


@pytest.mark.parametrize(
    "field",
    [
        {"path": ["roles"], "after": [{}]},
        {"path": ["roles"], "after": 7},
    ],
    ids=["roles that are no names", "no list"],
)
def test_what_is_made_by_hand_ends_in_no_traceback(tmp_path: Path, field: dict[str, Any]) -> None:
    body = json.loads(text_of(plan()))
    del body["access"]
    body["changes"][0]["fields"] = [field]
    made = public.read_plan(json.dumps(body).encode())
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({**body, "digest": digest(made.project_id, made.changes).whole}), encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"values that no plan of ours has \(\w+Error in \w+\.py:\d"):
        read_plan(path)
