"""Accepted drift leaves fields as they are until the end of a day, and nothing else."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from reconciler.load.consents import Acceptance
from reconciler.model import Change, Changes, Create, Delete, FieldChange, Mark, Position, Update
from reconciler.plan.accepted import Left

AT = Position("rules/a.yaml", 1)
NOW = datetime(2027, 1, 31, 23, 0, tzinfo=UTC)


def accepts(*fields: str, address: str = "Organization/acme", until: date = date(2027, 1, 31)) -> Acceptance:
    return Acceptance(name="a", address=address, fields=fields, reason="pilot", until=until, at=AT)


def field(path: str) -> FieldChange:
    return FieldChange(path=tuple(path.split(".")), before="live", after="declared")


def update(*fields: str, **more: Any) -> Update:
    plain: dict[str, Any] = {"kind": "Organization", "name": "acme", "id": "o"}
    return Update(fields=tuple(map(field, fields)), **{**plain, **more})


def left(change: Change, *acceptances: Acceptance) -> list[Change]:
    return list(Left.of(acceptances, NOW).without(Changes.of([change])))


@pytest.mark.parametrize(
    ("fields", "accepted", "remain"),
    [
        (["mfa_policy", "auth_methods"], ["mfa_policy"], ["auth_methods"]),
        (["mfa_policy"], ["mfa_policy"], None),
        (["trusted_metadata.tier", "trusted_metadata.tiers"], ["trusted_metadata.tier"], ["trusted_metadata.tiers"]),
        (["trusted_metadata.tier", "trusted_metadata.tiers"], ["trusted_metadata"], None),
        (["mfa_policy"], ["mfa"], ["mfa_policy"]),
    ],
)
def test_fields_are_left_by_name(fields: list[str], accepted: list[str], remain: list[str] | None) -> None:
    assert left(update(*fields), accepts(*accepted)) == ([update(*remain)] if remain else [])


def test_what_is_not_drift_of_a_field_is_not_accepted() -> None:
    fields = (field("mfa_policy"),)
    for change in (
        Create(kind="Organization", name="acme", fields=fields),
        Delete(kind="Organization", name="acme", id="o", fields=fields),
        update("mfa_policy", adopts=True),
        update("mfa_policy", id=None),  # what completes an organization that is made
        update("mfa_policy", name="birch"),
    ):
        assert left(change, accepts("mfa_policy")) == [change]


def test_what_can_only_be_recreated_as_a_whole_waits() -> None:
    (waits,) = left(update("mfa_policy", "auth_methods", replaces=True), accepts("mfa_policy"))
    assert waits.withheld_by == "accepted_drift"
    assert left(update("mfa_policy", replaces=True), accepts("mfa_policy")) == []


def test_a_mark_does_not_say_that_a_role_was_given_that_was_not() -> None:
    mark = Mark(owner="o", organization="o", member="m", roles=("editor",))
    change = update("roles", "name", kind="Member", namespace="acme", name="ann@acme.example", mark=mark)
    address = "Member/acme/ann@acme.example"
    assert [one.mark for one in left(change, accepts("roles", address=address))] == [None]
    assert [one.mark for one in left(change, accepts("name", address=address))] == [mark]


def test_what_is_over_counts_and_is_named_only_where_something_differs() -> None:
    ended = accepts("mfa_policy", until=date(2027, 1, 30))
    judged = Left.of([ended], NOW)
    assert list(judged.without(Changes.of([update("auth_methods")]))) == [update("auth_methods")]
    assert judged.problems == []
    assert list(judged.without(Changes.of([update("mfa_policy")]))) == [update("mfa_policy")]
    assert [one.addresses for one in judged.problems] == [("Organization/acme",)]


def test_of_many_changes_only_those_are_looked_at_that_may_be_meant() -> None:
    many = Changes.of([update("mfa_policy", name=f"o{n:05}", id=f"o{n}") for n in range(1000)])
    judged = Left.of([accepts("mfa_policy", address="Organization/o00500")], NOW)
    after = judged.without(many)
    assert len(after) == 999
    assert sum(one not in many.chunks for one in after.chunks) == 1
    assert [one.address for one in judged.accepted] == ["Organization/o00500"]
