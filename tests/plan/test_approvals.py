"""An approval is a higher limit for one guard, once, until a day, for the changes of one digest."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import pytest
from msgspec import structs

from reconciler.config.schema import Limits
from reconciler.load.consents import ANY, Approval
from reconciler.model import Approval as Said
from reconciler.model import Change, Changes, Create, Delete, FieldChange, Position, Update
from reconciler.plan.approvals import Asked, guarded, used_in
from reconciler.plan.guards import Census, withhold

AT = Position("rules/approvals/a.yaml", 1)
NOW = datetime(2027, 1, 31, 23, 59, 59, tzinfo=UTC)
DIGEST = "sha256:" + "a" * 64


def deletes(count: int, slug: str = "acme") -> list[Change]:
    return [Delete(kind="Member", namespace=slug, name=f"u{n}@acme.example", id=f"{slug}-{n}") for n in range(count)]


def updates(count: int) -> list[Change]:
    name = FieldChange(path=("name",), before="A", after="B")
    return [
        Update(kind="Member", namespace="acme", name=f"m{n}@acme.example", id=f"m-{n}", fields=(name,))
        for n in range(count)
    ]


def approval(guard: str = "max_deletes", **more: Any) -> Approval:
    plain: dict[str, Any] = {"name": "a", "up_to": 700, "until": date(2027, 1, 31), "digest": DIGEST, "at": AT}
    return Approval(guard=guard, **{**plain, **more})


def census(**more: Any) -> Census:
    plain: dict[str, Any] = {
        "managed": {"Member": 100_000},
        "managed_members": {"acme": 100_000},
        "marked": 100_000,
        "missing": 0,
        "memberships": 100_000,
        "problems": 0,
        "cascade": {},
        "strangers": {},
    }
    return Census(**{**plain, **more})


def judged(
    changes: Sequence[Change],
    *approvals: Approval,
    census_: Census | None = None,
    **asked: Any,
) -> tuple[int, dict[str, Said]]:
    plain: dict[str, Any] = {"digest": lambda: DIGEST, "now": NOW, "used": frozenset()}
    (after, _), said, _lets = guarded(
        Changes.of(changes), census_ or census(), Limits(), approvals, Asked(**{**plain, **asked})
    )
    return sum(change.withheld_by is None for change in after), {one.name: one for one in said}


def test_what_is_approved_goes_through_and_the_guard_shows_the_limit_that_it_had() -> None:
    (_, guards), said, _ = guarded(
        Changes.of(deletes(612)),
        census(),
        Limits(),
        [approval()],
        Asked(digest=lambda: DIGEST, now=NOW, used=frozenset()),
    )
    assert next(one.detail for one in guards if one.name == "max_deletes") == "612 of 700"
    assert [(one.state, one.up_to) for one in said] == [("used", 700)]
    assert list(used_in(said)) == [approval().id]


@pytest.mark.parametrize(
    ("one", "asked", "why"),
    [
        (approval(up_to=611), {}, "612 are needed"),
        (approval(), {"now": datetime(2027, 2, 1, tzinfo=UTC)}, "it ended with 2027-01-31"),
        (approval(digest="sha256:" + "b" * 64), {}, "it is for other changes"),
        (approval(), {"used": frozenset({approval().id})}, "it was used before"),
        (approval(), {"used": None}, "nobody can record"),
        (approval(digest=ANY), {"used": None}, "nobody can record"),
        (approval(), {"uncommitted": {AT.file}}, "nobody committed it"),
    ],
)
def test_what_approves_nothing_says_why(one: Approval, asked: dict[str, Any], why: str) -> None:
    going, said = judged(deletes(612), one, **asked)
    assert going == 0
    assert said["a"].state == "unused"
    assert why in said["a"].why
    missing = {one.guard: one for one in said.values() if one.state == "missing"}
    assert set(missing) == (set() if asked.get("used", ()) is None else {"max_deletes"})


def test_what_could_be_written_is_shown() -> None:
    _, said = judged(deletes(612))
    assert [*said.values()] == [
        Said(
            name="max-deletes-2027-01-31",
            guard="max_deletes",
            up_to=612,
            until="2027-02-07",
            digest=DIGEST,
            state="missing",
        )
    ]
    written = structs.replace(approval(), up_to=612)
    assert judged(deletes(612), written)[0] == 612


def test_the_end_of_its_day_is_the_end_of_that_day() -> None:
    assert judged(deletes(612), approval(), now=NOW)[0] == 612


def test_the_narrowest_that_suffices_is_used_and_the_others_stay() -> None:
    wide, narrow, small = (approval(name=name, up_to=up_to) for name, up_to in (("w", 900), ("n", 650), ("s", 600)))
    _, said = judged(deletes(612), wide, narrow, small)
    assert {name: one.state for name, one in said.items()} == {"w": "unused", "n": "used", "s": "unused"}


def test_one_that_lets_nothing_through_is_not_used_up() -> None:
    few = census(managed={"Member": 1000}, managed_members={"acme": 100_000})
    _, said = judged(deletes(612), approval(), census_=few)
    assert (said["a"].state, said["a"].why) == ("unused", "another guard, or approval, decides")
    both = (approval(), approval("max_delete_percent", name="b", up_to=62))
    going, said = judged(deletes(612), *both, census_=few)
    assert (going, {one.state for one in said.values()}) == (612, {"used"})
    busy = [*deletes(612), *updates(400)]
    going, said = judged(busy, approval(), approval("max_update_percent", name="u", up_to=41), census_=few)
    assert going == 400
    assert {name: one.state for name, one in said.items() if one.state != "missing"} == {"a": "unused", "u": "used"}


def test_one_of_a_guard_that_withholds_nothing_is_not_used_up() -> None:
    _, said = judged(deletes(9), approval())
    assert (said["a"].state, said["a"].why) == ("unused", "its guard withholds nothing")


def test_a_percentage_is_approved_by_its_exact_number_and_asked_for_by_a_whole_one() -> None:
    few = census(managed={"Member": 1000})
    _, said = judged(deletes(55), census_=few)
    assert {one.guard: one.up_to for one in said.values()} == {"max_delete_percent": 6}
    exact, below = (approval("max_delete_percent", up_to=up_to) for up_to in (5.5, 5.4))
    assert judged(deletes(55), exact, census_=few)[0] == 55
    assert judged(deletes(55), below, census_=few)[0] == 0


def test_limits_of_organizations_are_approved_by_their_own_settings() -> None:
    small = census(managed_members={"small": 100, "large": 99_900})
    one = approval("max_delete_percent_per_organization", up_to=30)
    assert judged(deletes(30, "small"), census_=small)[0] == 0
    assert judged(deletes(30, "small"), one, census_=small)[0] == 30
    emptied = census(managed_members={"tiny": 4}, loss_limits={"tiny": 25})
    loss = approval("max_organization_loss_percent", up_to=75)
    assert judged(deletes(3, "tiny"), census_=emptied)[0] == 0
    assert judged(deletes(3, "tiny"), loss, census_=emptied)[0] == 3


def test_from_a_snapshot_the_digest_is_taken_on_trust_and_none_is_proposed() -> None:
    going, said = judged(deletes(612), approval(digest="sha256:" + "b" * 64), redacted=True)
    assert (going, said["a"].state) == (612, "used")
    _, said = judged(deletes(612), redacted=True)
    assert [one.digest for one in said.values()] == [""]


def test_another_text_under_the_same_name_is_another_approval() -> None:
    assert approval().id != approval(until=date(2027, 2, 1)).id
    assert approval(up_to=2).id == approval(up_to=2.0).id


def test_nothing_is_digested_where_nothing_is_asked() -> None:
    def digest() -> str:
        raise AssertionError

    create = Create(kind="Member", namespace="acme", name="new@acme.example")
    (after, guards), said, _ = guarded(
        Changes.of([create]), census(), Limits(), [], Asked(digest=digest, now=NOW, used=frozenset())
    )
    assert (list(after), guards, said) == ([create], withhold([create], census(), Limits())[1], ())
