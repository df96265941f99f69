"""Guards withhold what they guard and let the rest through."""

from typing import Any

import pytest

from reconciler.guards import Census, Limits, hold_dependants, withhold
from reconciler.model import Change, Create, Delete, FieldChange, Update


def member(number: int, slug: str = "acme") -> str:
    return f"Member/{slug}/u{number}@acme.example"


def deletes(count: int, slug: str = "acme") -> list[Change]:
    return [
        Delete(address=member(number, slug), kind="Member", namespace=slug, id=f"{slug}-{number}")
        for number in range(count)
    ]


def withdrawal(number: int, before: list[str], after: list[str], id_: str = "member-x") -> Update:
    roles = FieldChange(path=("roles",), before=before, after=after)
    return Update(address=member(number), kind="Member", namespace="acme", id=id_, fields=(roles,))


def census(**counts: Any) -> Census:
    plain: dict[str, Any] = {
        "managed": {"Member": 10_000, "Organization": 1_000},
        "managed_members": {"acme": 10_000},
        "marked": 10_000,
        "missing": 0,
        "memberships": 10_000,
        "problems": 0,
        "admins": {},
        "breakglass": frozenset(),
        "cascade": {},
        "strangers": {},
    }
    return Census(**{**plain, **counts})


def withheld(changes: list[Change], census_: Census, **limits: Any) -> dict[str, str | None]:
    judged, _ = withhold(changes, census_, Limits(**limits))
    return {change.address: change.withheld_by for change in judged}


def test_nothing_is_withheld_below_every_limit() -> None:
    assert set(withheld(deletes(9), census()).values()) == {None}


def test_too_many_deletes_are_withheld_and_creates_go_through() -> None:
    create = Create(address="Member/acme/new@acme.example", kind="Member", namespace="acme")
    result = withheld([*deletes(501), create], census())
    assert result.pop(create.address) is None
    assert set(result.values()) == {"max_deletes"}


@pytest.mark.parametrize(("count", "name"), [(9, None), (10, "max_delete_percent")])
def test_a_percentage_applies_from_ten_changes_up(count: int, name: str | None) -> None:
    assert set(withheld(deletes(count), census(managed={"Member": 100})).values()) == {name}


def test_one_organization_may_not_lose_a_fifth_of_its_members() -> None:
    both = [*deletes(21, "small"), *deletes(1, "large")]
    result = withheld(both, census(managed_members={"small": 100, "large": 9_900}))
    assert {address.split("/")[1] for address, name in result.items() if name} == {"small"}


def test_no_organization_is_deleted_unless_the_number_says_so() -> None:
    change: list[Change] = [Delete(address="Organization/acme", kind="Organization", id="o")]
    assert withheld(change, census()) == {"Organization/acme": "max_organization_deletes"}
    assert withheld(change, census(), max_organization_deletes=1) == {"Organization/acme": None}


def test_an_organization_with_members_that_are_not_ours_is_not_deleted() -> None:
    change: list[Change] = [Delete(address="Organization/acme", kind="Organization", id="o")]
    strangers = census(cascade={"acme": 3}, strangers={"acme": 1})
    assert withheld(change, strangers, max_organization_deletes=1) == {"Organization/acme": "unmanaged_members"}


def test_the_members_of_a_deleted_organization_count_as_deletes() -> None:
    change: list[Change] = [Delete(address="Organization/acme", kind="Organization", id="o")]
    crowd = census(cascade={"acme": 501}, strangers={})
    assert withheld(change, crowd, max_organization_deletes=1) == {"Organization/acme": "max_deletes"}


def test_new_admins_above_the_number_are_withheld() -> None:
    changes: list[Change] = [withdrawal(number, [], ["stytch_admin"]) for number in range(6)]
    assert set(withheld(changes, census()).values()) == {"max_new_admins"}
    assert set(withheld(changes[:5], census()).values()) == {None}


def test_the_last_admin_and_breakglass_members_are_guarded_like_deletes() -> None:
    last = withdrawal(1, ["stytch_admin"], [], "admin-1")
    glass = withdrawal(2, ["editor"], [], "glass-1")
    plain = withdrawal(3, ["editor"], [], "member-1")
    counts = census(admins={"acme": {"admin-1"}}, breakglass={"glass-1"})
    result = withheld([last, glass, plain], counts, max_deletes=1)
    assert result == {last.address: "max_deletes", glass.address: "max_deletes", plain.address: None}


def test_an_admin_who_is_replaced_in_the_same_plan_is_not_the_last() -> None:
    last = withdrawal(1, ["stytch_admin"], [], "admin-1")
    heir = withdrawal(2, [], ["stytch_admin"], "member-2")
    assert withheld([last, heir], census(admins={"acme": {"admin-1"}}), max_deletes=0)[last.address] is None


@pytest.mark.parametrize(
    ("counts", "name"),
    [
        ({"missing": 2_001}, "max_missing_users_percent"),
        ({"memberships": 7_999}, "max_shrink_percent"),
        ({"problems": 51}, "max_problems"),
    ],
)
def test_a_source_that_came_out_too_small_takes_nothing_away(counts: dict[str, int], name: str) -> None:
    grant = withdrawal(1, [], ["editor"])
    taken = withdrawal(2, ["editor"], [])
    gone = deletes(1)[0]
    result = withheld([grant, taken, gone], census(**counts))
    assert result == {grant.address: None, taken.address: name, gone.address: name}


def test_a_source_that_cannot_prove_absence_permits_no_deletes() -> None:
    assert set(withheld(deletes(1), census(no_deletes="a CSV file")).values()) == {"users"}


def test_members_of_an_organization_that_is_not_made_wait_for_it() -> None:
    made = Create(address="Organization/acme", kind="Organization", withheld_by="moved")
    guest = Create(address=member(1), kind="Member", namespace="acme")
    assert withheld([made, guest], census())[guest.address] == "dependency"


def test_too_many_updates_of_a_kind_are_withheld_and_adoptions_alone_are_not_updates() -> None:
    name = FieldChange(path=("name",), before="a", after="b")
    updates: list[Change] = [
        Update(address=member(number), kind="Member", namespace="acme", id=str(number), fields=(name,))
        for number in range(31)
    ]
    adoption = Update(address=member(99), kind="Member", namespace="acme", id="x", adopts=True)
    result = withheld([*updates, adoption], census(managed={"Member": 100}))
    assert result.pop(adoption.address) is None
    assert set(result.values()) == {"max_update_percent"}


def test_what_completes_an_organization_waits_for_it_and_alters_nothing_that_is_live() -> None:
    made = [Create(address=f"Organization/o{number}", kind="Organization") for number in range(20)]
    fields = (FieldChange(path=("sso_default_connection_id",), after="Okta"),)
    completed = [Update(address=one.address, kind=one.kind, fields=fields) for one in made]
    judged, _ = withhold([*made, *completed], census(managed={}), Limits())
    assert {change.withheld_by for change in judged} == {None}
    held = hold_dependants(completed, made[:1])
    assert [change.withheld_by for change in held] == ["dependency", *[None] * 19]


@pytest.mark.parametrize(("count", "name"), [(9, None), (10, "max_delete_percent"), (501, "max_deletes")])
def test_deletes_of_any_other_kind_are_counted_likewise(count: int, name: str | None) -> None:
    urls: list[Change] = [
        Delete(address=f"RedirectURL/https://{number}.acme.example", kind="RedirectURL", id=str(number))
        for number in range(count)
    ]
    other: list[Change] = [Delete(address="M2MClient/one", kind="M2MClient", id="one")]
    result = withheld([*urls, *other], census(managed={"RedirectURL": 100, "M2MClient": 1}))
    assert result.pop("M2MClient/one") is None
    assert set(result.values()) == {name}
