"""Whether reviewed plans still hold: live or from a snapshot, one or several."""

import pytest
from msgspec import structs

from reconciler.expressions.redaction import Redaction
from reconciler.model import Change, Create, Delete, FieldChange, Mark, Plan, Snapshot, Update
from reconciler.plan.narrow import hold_to
from reconciler.plan.order import finish
from reconciler.plan.planned import Planned
from reconciler.plan.redacted import redacted_change
from reconciler.plan.reviewed import Checked, checked

OTHER = Create(kind="Organization", name="globex")


def member(user: str, name: str, after: str = "editor") -> Create:
    roles = FieldChange(path=("roles",), after=[after])
    return Create(
        kind="Member", namespace="acme", name=name, fields=(roles,), mark=Mark(owner="a", organization="o", user=user)
    )


ANN, BOB = member("u1", "ann@acme.example"), member("u2", "bob@acme.example")


def update(**fields: str) -> Update:
    changed = tuple(FieldChange(path=(name,), before="", after=after) for name, after in fields.items())
    return Update(kind="Organization", name="acme", id="o1", fields=changed)


def plan(*changes: Change, salt: str = "") -> Plan:
    snapshot = Snapshot(taken_at="2026-01-01T00:00:00+00:00", digest="d", salt=salt) if salt else None
    shown = [redacted_change(one, Redaction(salt=salt)) for one in changes] if salt else changes
    whole = Plan(environment="test", project_id="project-test-1", changes=tuple(shown), snapshot=snapshot)
    return finish(whole, 1)


SALTS = [("", ""), ("one", ""), ("", "one"), ("one", "one"), ("one", "other")]


@pytest.mark.parametrize(("reviewed", "fresh"), SALTS)
def test_what_is_the_same_holds(reviewed: str, fresh: str) -> None:
    assert checked([plan(ANN, BOB, salt=reviewed)], plan(BOB, ANN, salt=fresh)) == Checked(same=2)


@pytest.mark.parametrize(("reviewed", "fresh"), SALTS)
def test_what_is_not_the_same_is_named(reviewed: str, fresh: str) -> None:
    other = member("u1", "ann@acme.example", "admin")
    found = checked([plan(ANN, BOB, salt=reviewed)], plan(other, OTHER, salt=fresh))
    moved = plan(other, salt=fresh).changes[0].address
    assert (found.same, found.moved, found.unrelated) == (0, (moved,), ("Organization/globex",))
    assert len(found.gone) == 1
    assert not found.holds


def test_of_two_salts_a_user_tells_people_of_one_domain_apart() -> None:
    found = checked([plan(ANN, salt="one")], plan(BOB, salt="other"))
    assert (found.same, found.moved, len(found.unrelated), len(found.gone)) == (0, (), 1, 1)


def test_what_is_withheld_now_does_not_hold() -> None:
    withheld = structs.replace(ANN, withheld_by="max_new_admins")
    assert checked([plan(ANN)], plan(withheld)).moved == (ANN.address,)
    assert checked([plan(withheld)], plan()) == Checked(), "what was withheld at review was not to be written"
    assert checked([plan(withheld)], plan(ANN)).unrelated == (ANN.address,)


def test_a_delete_may_rest_on_what_a_snapshot_hides() -> None:
    name, seat = FieldChange(path=("name",), before="Ann"), FieldChange(path=("seat",), before="a")
    gone = Delete(kind="Member", namespace="acme", name="ann@acme.example", id="m1", fields=(name, seat))
    hidden = structs.replace(gone, fields=(structs.replace(name, before="~redacted"), seat))
    assert checked([plan(hidden, salt="one")], plan(gone)) == Checked(same=1)
    other = structs.replace(gone, fields=(name, structs.replace(seat, before="b")))
    assert not checked([plan(hidden, salt="one")], plan(other)).holds


@pytest.mark.parametrize(
    ("parts", "holds"),
    [
        ([update(a="1"), update(b="2")], True),
        ([update(a="1"), update(b="2", c="3")], False),
        ([update(a="1"), update(b="1")], False),
        ([update(a="1")], False),
        ([update(a="1", b="2"), update(a="0")], True),
    ],
    ids=["together", "one more", "another value", "one less", "whole in one"],
)
def test_an_update_may_be_reviewed_in_parts(parts: list[Update], holds: bool) -> None:  # noqa: FBT001 # a test's parameter
    reviewed, fresh = [plan(one) for one in parts], plan(update(a="1", b="2"))
    assert checked(reviewed, fresh).holds is holds
    applied, new = hold_to(reviewed, Planned(plan=fresh, organization_ids={}))
    assert [change.withheld_by for change in applied.plan.changes] == [None if holds else "moved"]
    assert list(new) == []
