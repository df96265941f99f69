"""A reviewed plan is believed only as far as it goes."""

from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from reconciler.errors import InvalidInput, Refused
from reconciler.model import Change, Create, FieldChange, Plan, Update, public
from reconciler.plan.narrow import hold_to
from reconciler.plan.order import finish
from reconciler.plan.plan_file import read_plan
from reconciler.plan.planned import Planned
from reconciler.plan.reviewed import checked

SAME = Create(kind="Member", namespace="acme", name="ann@acme.example")
OTHER = Create(kind="Member", namespace="acme", name="bob@acme.example")


def update(after: str) -> Update:
    name = FieldChange(path=("name",), before="A", after=after)
    return Update(kind="Member", namespace="acme", name="eve@acme.example", id="m1", fields=(name,))


def plan(*changes: Change, environment: str = "test", project_id: str = "project-test-1") -> Plan:
    return finish(Plan(environment=environment, project_id=project_id, changes=changes), 1)


def held(reviewed: Plan, *fresh: Change) -> tuple[dict[str, str | None], list[str]]:
    planned, new = hold_to([reviewed], Planned(plan=plan(*fresh), organization_ids={}))
    return {change.address: change.withheld_by for change in planned.plan.changes}, [change.address for change in new]


def test_what_is_planned_again_is_applied() -> None:
    assert held(plan(SAME), SAME) == ({SAME.address: None}, [])


def test_what_is_new_is_listed_and_not_written() -> None:
    assert held(plan(SAME), SAME, OTHER) == ({SAME.address: None}, [OTHER.address])


def test_what_moved_is_withheld() -> None:
    assert held(plan(update("B")), update("C")) == ({update("C").address: "moved"}, [])


def fields_of(**fields: tuple[str, str]) -> Update:
    changed = tuple(FieldChange(path=(name,), before=live, after=to) for name, (live, to) in fields.items())
    return Update(kind="Organization", name="acme", id="o1", fields=changed)


@pytest.mark.parametrize(
    ("fresh", "says"),
    [
        (fields_of(a=("by hand", "2"), b=("1", "2")), "a: changed in Stytch"),
        (fields_of(a=("1", "3"), b=("1", "3")), "a, b: is to become something else"),
        (
            fields_of(a=("1", "2"), c=("1", "2")),
            "c: was not to change when it was reviewed; b: needs no change any more",
        ),
        (structs.replace(fields_of(a=("1", "2"), b=("1", "2")), id="o2"), "it is another one in Stytch"),
        (Create(kind="Organization", name="acme"), "reviewed was its update, now it is to create"),
    ],
)
def test_what_moved_is_said(fresh: Change, says: str) -> None:
    reviewed = plan(fields_of(a=("1", "2"), b=("1", "2")))
    planned, _ = hold_to([reviewed], Planned(plan=plan(fresh), organization_ids={}))
    assert [change.withheld_by for change in planned.plan.changes] == ["moved"]
    assert says in planned.moved["Organization/acme"]
    found = checked([reviewed], plan(fresh))
    assert found.moved == ("Organization/acme",)
    assert found.differences == planned.moved


def test_of_the_two_changes_of_a_new_organization_each_is_held_to_its_own() -> None:
    made = Create(kind="Organization", name="acme")
    completed = Update(kind=made.kind, name=made.name, fields=(FieldChange(path=("auth_methods",), after="A"),))
    moved = structs.replace(completed, fields=(FieldChange(path=("auth_methods",), after="B"),))
    for fresh, withheld_by in ((completed, None), (moved, "moved")):
        again, _ = hold_to([plan(made, completed)], Planned(plan=plan(made, fresh), organization_ids={}))
        assert [change.withheld_by for change in again.plan.changes] == [None, withheld_by]


def test_what_was_withheld_at_review_stays_withheld() -> None:
    assert held(plan(structs.replace(SAME, withheld_by="max_deletes")), SAME) == ({SAME.address: "moved"}, [])


def test_what_is_withheld_now_keeps_its_guard() -> None:
    assert held(plan(SAME), structs.replace(SAME, withheld_by="max_deletes")) == ({SAME.address: "max_deletes"}, [])


def test_what_is_done_already_is_not_planned_again() -> None:
    assert held(plan(SAME, OTHER), OTHER) == ({OTHER.address: None}, [])


def test_of_many_changes_each_is_held_to_its_own() -> None:
    def member(number: int, **more: object) -> Create:
        change = Create(kind="Member", namespace=f"org-{number % 7}", name=f"u{number}@acme.example", id=None)
        return structs.replace(change, **more)

    reviewed = [member(number) for number in range(700) if number % 3]
    fresh = [member(number, adopts=number % 5 == 0) for number in range(700)]
    expected = {one.address: "moved" if one.adopts else None for one in fresh if int(one.name[1:].split("@")[0]) % 3}
    withheld, new = held(plan(*reviewed), *fresh)
    assert withheld == expected
    assert set(new) == {one.address for one in fresh} - expected.keys()


@pytest.mark.parametrize(
    "other", [{"environment": "live"}, {"project_id": "project-test-2"}], ids=["environment", "project"]
)
def test_a_plan_for_another_place_is_refused(other: dict[str, str]) -> None:
    with pytest.raises(Refused):
        held(plan(SAME, **other), SAME)


def test_a_plan_file_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(msgspec.json.encode(public.published(plan(SAME))))
    assert read_plan(path) == plan(SAME)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"[1",
        msgspec.json.encode(public.published(structs.replace(plan(SAME), changes=(OTHER,)))),
        msgspec.json.encode(public.published(structs.replace(plan(SAME), format_version="2.0"))),
    ],
    ids=["empty", "no plan", "cut short", "altered", "another version"],
)
def test_what_is_no_plan_is_refused(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(text)
    with pytest.raises(InvalidInput):
        read_plan(path)
