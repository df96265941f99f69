"""Whose a live thing is: a mark proves something only on the thing that it was written for."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.diff.ownership import Owner, Whose, farewell, judge_copies, organization_mark, provisional, read_member
from reconciler.model import LiveMember, OrganizationMembers, Role
from reconciler.plan.situation import who_is_in

OURS = Owner("acme-identity", formerly="reconciler")
IDS = ("m1", "m2", "m3", "m4")
MARKS = st.fixed_dictionaries(
    {"owner": st.sampled_from(("acme-identity", "reconciler", "another"))},
    optional={"member": st.sampled_from(IDS), "user": st.sampled_from(("u1", "u2")), "deleted": st.booleans()},
)


def member(id_: str, mark: dict[str, Any] | None = None, **more: Any) -> LiveMember:
    metadata = {} if mark is None else {"reconciler": {"v": 1, "organization": "o1", **mark}}
    return LiveMember(
        organization_id="o1", member_id=id_, email_address=f"{id_}@acme.example", trusted_metadata=metadata, **more
    )


@given(st.dictionaries(st.sampled_from(IDS), st.none() | MARKS), st.randoms())
def test_a_copy_makes_nobody_ours(marks: dict[str, dict[str, Any] | None], rng: Any) -> None:
    live = [member(id_, mark) for id_, mark in marks.items()]
    rng.shuffle(live)
    for one in judge_copies(read_member(each, OURS) for each in live):
        mark = marks[one.member.member_id]
        named = {} if mark is None or mark["owner"] == "another" else mark
        rivals = [
            id_
            for id_, other in marks.items()
            if other and other["owner"] != "another" and other.get("user") == named.get("user") is not None
        ]
        proven = named and named.get("member") == one.member.member_id
        alone = named and "member" not in named and (named.get("user") is None or len(rivals) == 1)
        assert (one.whose is Whose.OURS and not one.doubt) == bool(proven or alone)
        assert (one.mark is not None) == (one.whose is Whose.OURS)


@given(MARKS, st.sampled_from((None, {"registration_id": "r"})))
def test_a_plan_and_the_delete_read_one_member_alike(mark: dict[str, Any], scim: dict[str, Any] | None) -> None:
    one = member("m1", mark, scim_registration=scim)
    (planned,) = judge_copies([read_member(one, OURS)])
    assert farewell(planned, OURS) == farewell(read_member(one, OURS), OURS)
    assert farewell(planned, OURS).deleted


def test_a_user_in_a_mark_has_no_outer_white_space() -> None:
    read = read_member(member("m1", {"owner": "acme-identity", "user": " u1\t"}), OURS)
    assert read.mark is not None
    assert read.mark.user == "u1"


def test_an_owner_without_a_name_owns_nothing() -> None:
    assert read_member(member("m1", {"owner": ""}), Owner("")).whose is Whose.ANOTHER


@pytest.mark.parametrize(
    ("owner", "slug", "mark", "whose"),
    [
        ("acme-identity", "acme", {}, Whose.BEGUN),
        ("reconciler", "acme", {}, Whose.BEGUN),
        ("another", "acme", {}, Whose.ANOTHER),
        ("acme-identity", "acme-two", {}, Whose.NOBODY),
        ("acme-identity", "acme", {"organization": "o1"}, Whose.OURS),
        ("acme-identity", "acme", {"organization": "o2"}, Whose.NOBODY),
        ("acme-identity", "acme", {"v": 2}, Whose.ANOTHER),
        ("acme-identity", "acme", {"owner": ["acme-identity"]}, Whose.ANOTHER),
        ("acme-identity", "acme", {"intent": {"acme/": 1}}, Whose.NOBODY),
    ],
)
def test_a_provisional_mark_counts_at_its_slug(owner: str, slug: str, mark: dict[str, Any], whose: Whose) -> None:
    metadata = {"reconciler": {**provisional(owner, "acme"), **mark}}
    assert organization_mark(metadata, "o1", slug, OURS)[0] is whose


def test_each_create_has_a_token_of_its_own() -> None:
    first, second = (provisional("acme-identity", "acme")["intent"] for _ in range(2))
    assert first != second
    assert first.startswith("acme/")


def test_who_is_in_an_organization_that_a_slug_alone_led_to() -> None:
    there = [member(f"m{number}") for number in range(7)]
    admin = member("zoe", roles=(Role("stytch_admin"),))
    gone = member("gone", status="deleted")
    found = OrganizationMembers(organization_id="o1", members=[*there, gone, admin])
    names = ", ".join(f"m{number}@acme.example" for number in range(4))
    assert who_is_in(found) == f"members: zoe@acme.example (admin), {names}, 3 more; admins: 1"
