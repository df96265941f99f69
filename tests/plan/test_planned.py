"""A plan is a value: ordered, digested, and equal to itself after JSON."""

import hashlib
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model import (
    Change,
    Cost,
    Create,
    Delete,
    FieldChange,
    GuardResult,
    Listed,
    Plan,
    Summary,
    Update,
    public,
)
from reconciler.plan.order import finish, in_order, writes_of
from reconciler.plan.planned import digest, exit_code

ORGANIZATION = Create(kind="Organization", name="acme")
MEMBER = Create(kind="Member", namespace="acme", name="ann@acme.example")
RENAMED = Update(
    kind="Member",
    namespace="acme",
    name="bob@acme.example",
    id="member-1",
    fields=(FieldChange(path=("name",), before="Bob", after="Robert"),),
)
LEAVER = Delete(kind="Member", namespace="acme", name="eve@acme.example", id="member-2")
CLOSED = Delete(kind="Organization", name="old", id="organization-2")
CHANGES: tuple[Change, ...] = (ORGANIZATION, MEMBER, RENAMED, LEAVER, CLOSED)

texts = st.text(max_size=8)
fields = st.builds(
    FieldChange,
    path=st.lists(texts, min_size=1, max_size=2).map(tuple),
    before=st.none() | texts | st.lists(texts) | st.booleans(),
    after=texts | st.integers(-(2**53), 2**53),
)
changes = st.one_of(
    *(
        st.builds(
            sort,
            name=texts,
            kind=st.just("Member"),
            namespace=st.just("acme"),
            fields=st.tuples(fields),
        )
        for sort in (Create, Update, Delete)
    )
)


def plan(*changes_: Change, **more: Any) -> Plan:
    return finish(
        Plan(environment="test", project_id="project-test-1", changes=changes_, **more),
        32.5,
    )


def test_what_is_referred_to_comes_first_and_what_takes_away_comes_last() -> None:
    shuffled = list(CHANGES)
    random.Random(7).shuffle(shuffled)  # noqa: S311 # a shuffle, not a secret
    assert in_order(shuffled) == CHANGES


@given(st.lists(changes, max_size=6))
def test_a_plan_survives_its_json(some: list[Change]) -> None:
    whole = plan(*some)
    assert public.read_plan(msgspec.json.encode(public.published(whole))) == whole


@given(st.permutations(CHANGES))
def test_the_digest_does_not_depend_on_order(some: list[Change]) -> None:
    assert digest("p", some) == digest("p", CHANGES)


@given(st.lists(changes, max_size=6))
def test_the_digest_is_that_of_one_text(some: list[Change]) -> None:
    done = [
        {
            "action": change.action,
            "address": change.address,
            "id": change.id,
            "fields": sorted(change.fields, key=lambda field: field.path),
            "withheld_by": change.withheld_by,
        }
        for change in sorted(some, key=lambda change: (change.address, change.action))
    ]
    body: dict[str, Any] = {"format": "1", "project_id": "p[]", "changes": done}
    text = msgspec.json.encode(body, order="deterministic")
    assert digest("p[]", some).whole == f"sha256:{hashlib.sha256(text).hexdigest()}"
    body["operations"] = [{**one, "withheld_by": None} for one in body.pop("changes")]
    text = msgspec.json.encode(body, order="deterministic")
    assert digest("p[]", some).operations == f"sha256:{hashlib.sha256(text).hexdigest()}"


@pytest.mark.parametrize(
    "other",
    [
        msgspec.structs.replace(RENAMED, withheld_by="max_update_percent"),
        msgspec.structs.replace(RENAMED, id="member-3"),
        msgspec.structs.replace(RENAMED, fields=(FieldChange(path=("name",), before="Bob", after="Rob"),)),
    ],
    ids=["withheld", "id", "value"],
)
def test_the_digest_covers_what_would_be_done(other: Change) -> None:
    assert digest("p", [RENAMED]) != digest("p", [other])


def test_the_operations_digest_covers_what_would_be_done_and_not_what_is_withheld() -> None:
    withheld = msgspec.structs.replace(RENAMED, withheld_by="max_update_percent")
    other = msgspec.structs.replace(RENAMED, fields=(FieldChange(path=("name",), before="Ben", after="Robert"),))
    emptied = msgspec.structs.replace(CLOSED, members=3)
    assert digest("p", [LEAVER, withheld]).operations == digest("p", [RENAMED, LEAVER]).operations
    assert digest("p", [other]).operations != digest("p", [RENAMED]).operations, "another live value"
    assert digest("p", [emptied]).operations != digest("p", [CLOSED]).operations, "more people go with it"


def test_the_operations_digest_of_a_narrowed_plan_is_that_of_the_whole() -> None:
    whole = plan(RENAMED, LEAVER)
    narrowed = finish(msgspec.structs.replace(whole, changes=(RENAMED,)), 1)
    assert narrowed.operations_digest == whole.operations_digest
    assert narrowed.digest != whole.digest


def test_the_digest_leaves_out_counts_cost_and_causes() -> None:
    other = plan(RENAMED, summary=Summary(unchanged=9), cost=Cost(reads=12))
    assert other.digest == plan(RENAMED).digest
    assert plan(RENAMED).digest != digest("project-test-2", [RENAMED]).whole


@pytest.mark.parametrize(
    ("change", "writes"),
    [(ORGANIZATION, 2), (MEMBER, 1), (RENAMED, 1), (LEAVER, 2), (CLOSED, 1)],
    ids=lambda value: getattr(value, "address", None),
)
def test_writes_are_counted_as_requests(change: Change, writes: int) -> None:
    assert writes_of(change) == writes
    assert writes_of(msgspec.structs.replace(change, withheld_by="moved")) == 0


def test_a_changed_phone_number_takes_a_delete_before_the_update() -> None:
    phone = FieldChange(path=("mfa_phone_number",), before="+15005550001", after="+15005550002")
    assert writes_of(msgspec.structs.replace(RENAMED, fields=(phone,))) == 2


@pytest.mark.parametrize(
    ("some", "code"),
    [((), 0), ((RENAMED,), 2), ((msgspec.structs.replace(RENAMED, withheld_by="moved"), MEMBER), 3)],
    ids=["nothing", "changes", "withheld"],
)
def test_exit_codes(some: tuple[Change, ...], code: int) -> None:
    assert exit_code(plan(*some)) == code


HELD = Listed(kind="Organization", name="acme", reason="")


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"held": (HELD,)}, 0),
        ({"held": (msgspec.structs.replace(HELD, declared=True),)}, 3),
        ({"guards": (GuardResult(name="max_problems", ok=False, seen=""),)}, 3),
        ({"guards": (GuardResult(name="held", ok=False, seen=""),)}, 3),
        ({"guards": (GuardResult(name="max_deletes", ok=False, seen=""),)}, 0),
    ],
)
def test_held_is_not_green(more: dict[str, Any], code: int) -> None:
    assert exit_code(plan(**more)) == code
    assert exit_code(plan(MEMBER, **more)) == max(code, 2)


def test_the_summary_counts_what_is_there() -> None:
    summary = plan(*CHANGES, unmatched=("u1", "u2")).summary
    assert (summary.create, summary.update, summary.delete, summary.unmatched_users) == (2, 1, 2, 2)
