"""The members of one organization: whose each live one is, and what becomes of it."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from reconciler.diff.compare import compare
from reconciler.diff.member_pairs import DesiredMembers, MemberPolicy, Users
from reconciler.diff.ownership import Owner
from reconciler.kinds import KINDS
from reconciler.model import (
    Cause,
    Create,
    Delete,
    Diff,
    FieldChange,
    LiveMember,
    Mark,
    Membership,
    OrganizationMembers,
    Position,
    Resource,
    Role,
    RoleSource,
    Update,
)

ORGANIZATION = "organization-test-1"
OWNER = "acme-identity"
ANN = "ann@acme.example"


def wanted(user: str | None = "u1", *addresses: str, **more: Any) -> Membership:
    chosen = addresses or (ANN,)
    plain: dict[str, Any] = {
        "organization": "acme",
        "user": user,
        "addresses": chosen,
        "verified": (True,) * len(chosen),
    }
    return Membership(**{**plain, **more})


def mark(
    user: str | None = "u1", *, owner: str = OWNER, organization: str = ORGANIZATION, **more: Any
) -> dict[str, Any]:
    return {"reconciler": Mark(owner=owner, organization=organization, user=user, **more).as_json()}


def live(address: str = ANN, member_id: str = "m1", metadata: dict[str, Any] | None = None, **more: Any) -> LiveMember:
    return LiveMember(
        organization_id=ORGANIZATION, member_id=member_id, email_address=address, trusted_metadata=metadata, **more
    )


def direct(*names: str) -> tuple[Role, ...]:
    return tuple(Role(name, (RoleSource("direct_assignment"),)) for name in names)


def diff(
    memberships: list[Membership],
    members: list[LiveMember],
    *,
    known: Callable[[str], bool] = lambda user: user.startswith("u"),
    users: dict[str, Any] | None = None,
    context: dict[str, Any] | None = None,
    read: dict[str, Any] | None = None,
    **policy: Any,
) -> Diff:
    def causes(membership: Membership) -> tuple[Cause, ...]:
        by_hand = membership.declared >= 0
        return (Cause(file="manifests/a.yaml" if by_hand else "rules/a.yaml", line=3, rule="r", user=membership.user),)

    return compare(
        KINDS["Member"],
        DesiredMembers(organization="acme", memberships=memberships, **(context or {})),
        OrganizationMembers(organization_id=ORGANIZATION, members=members, **(read or {})),
        MemberPolicy(owner=Owner(OWNER), users=Users(exists=known, **(users or {})), causes=causes, **policy),
    )


def test_a_member_that_is_not_there_is_made_with_our_mark() -> None:
    (change,) = diff([wanted(roles=("editor",), fields={"name": "Ann"})], []).changes
    assert isinstance(change, Create)
    assert change.address == "Member/acme/ann@acme.example"
    assert change.fields == (FieldChange(path=("name",), after="Ann"), FieldChange(path=("roles",), after=["editor"]))
    assert change.mark == Mark(owner=OWNER, organization=ORGANIZATION, user="u1", roles=("editor",))


def test_a_marked_member_is_found_by_its_user_and_keeps_an_admissible_address() -> None:
    result = diff([wanted("u1", "new@acme.example", ANN)], [live(metadata=mark())])
    assert (result.unchanged, result.changes, result.problems) == (1, (), ())


def test_an_address_that_is_no_longer_admissible_is_reported_and_not_written() -> None:
    result = diff([wanted("u1", "new@acme.example")], [live(metadata=mark())])
    assert result.changes == ()
    assert [problem.code for problem in result.problems] == ["address-differs"]


def test_a_managed_address_follows_the_source() -> None:
    (change,) = diff([wanted("u1", "new@acme.example")], [live(metadata=mark())], manage_address=True).changes
    assert change.fields == (FieldChange(path=("email_address",), before=ANN, after="new@acme.example"),)


def test_addresses_compare_without_case() -> None:
    assert diff([wanted()], [live("Ann@Acme.Example", metadata=mark(None))]).changes == (
        Update(
            kind="Member",
            namespace="acme",
            name="ann@acme.example",
            id="m1",
            mark=Mark(owner=OWNER, organization=ORGANIZATION, member="m1", user="u1"),
            causes=(Cause(file="rules/a.yaml", line=3, rule="r", user="u1"),),
        ),
    )


def test_a_member_somebody_invited_only_gains() -> None:
    stranger = live(name="Annie", roles=direct("auditor"))
    (change,) = (
        result := diff([wanted(roles=("editor",), fields={"name": "Ann", "external_id": "u1"})], [stranger])
    ).changes
    assert change.fields == (
        FieldChange(path=("external_id",), after="u1"),
        FieldChange(path=("roles",), before=["auditor"], after=["auditor", "editor"]),
    )
    assert (change.mark, change.adopts) == (None, False)
    assert [problem.code for problem in result.problems] == ["differs"]


def test_adoption_marks_a_member_found_by_a_verified_address() -> None:
    (change,) = diff([wanted(roles=("editor",))], [live(roles=direct("editor"))], adopt=True).changes
    assert change.adopts
    assert change.mark == Mark(owner=OWNER, organization=ORGANIZATION, member="m1", user="u1")  # the role is not ours


@pytest.mark.parametrize("more", [{"verified": (False,)}], ids=["unverified"])
def test_adoption_needs_proof(more: dict[str, Any]) -> None:
    assert diff([wanted(**more)], [live()], adopt=True).changes == ()


def test_a_member_that_scim_provisions_is_never_ours() -> None:
    provisioned = live(metadata=mark(), scim_registration={"registration_id": "r"})
    result = diff([], [provisioned], authoritative=True, adopt=True)
    assert (result.changes, [item.reason for item in result.unmanaged]) == ((), ["managed by SCIM"])
    assert diff([wanted()], [provisioned], adopt=True).changes == ()


@pytest.mark.parametrize(
    "metadata",
    [
        mark(organization="organization-test-2"),
        {"reconciler": {"v": 1, "owner": OWNER}},
        {"reconciler": "yes"},
        {"reconciler": {"v": 1, "owner": OWNER, "organization": ORGANIZATION, "roles": "all"}},
    ],
    ids=["copied", "without organization", "not a mark", "broken"],
)
def test_a_copied_or_broken_mark_proves_nothing(metadata: dict[str, Any]) -> None:
    result = diff([], [live(metadata=metadata)], authoritative=True)
    assert result.changes == ()
    assert len(result.unmanaged) == 1


def test_a_marked_member_that_nothing_wants_is_deleted_only_where_members_are_authoritative() -> None:
    ours = live(metadata=mark("gone"), roles=direct("editor"), name="Ann")
    additive = diff([], [ours])
    assert (additive.changes, len(additive.kept), additive.counts["missing_users"]) == ((), 1, 1)
    (change,) = diff([], [ours], authoritative=True).changes
    assert isinstance(change, Delete)
    assert [field.path for field in change.fields] == [("name",), ("roles",)]
    assert change.mark == Mark(owner=OWNER, organization=ORGANIZATION, member="m1", user="gone", deleted=True)


@pytest.mark.parametrize(
    ("users", "context", "read"),
    [
        ({"undecided": frozenset({"u1"})}, {}, {}),
        ({}, {"undecided": frozenset({"u1"})}, {}),
        ({"readable": False}, {}, {}),
        ({}, {}, {"unread": 1}),
    ],
    ids=["user undecided", "membership undecided", "no users", "organization read in part"],
)
def test_what_is_left_open_is_held(users: dict[str, Any], context: dict[str, Any], read: dict[str, Any]) -> None:
    result = diff([], [live(metadata=mark())], authoritative=True, users=users, context=context, read=read)
    assert (result.changes, [item.address for item in result.held]) == ((), ["Member/acme/ann@acme.example"])


def test_nobody_new_is_made_where_a_record_could_not_be_read() -> None:
    result = diff([wanted()], [], read={"unread": 1})
    assert (result.changes, [item.address for item in result.held]) == ((), ["Member/acme/ann@acme.example"])


def test_a_role_is_not_withdrawn_while_a_problem_leaves_it_open() -> None:
    member = live(metadata=mark(roles=("editor",)), roles=direct("editor"))
    assert len(diff([wanted()], [member]).changes) == 1
    assert diff([wanted()], [member], users={"undecided": frozenset({"u1"})}).changes == ()


def test_two_users_on_one_address_are_a_conflict() -> None:
    result = diff([wanted("u1"), wanted("u2")], [])
    assert (result.changes, [problem.users for problem in result.problems]) == ((), [("u1", "u2")])
    assert [(held.address, held.users) for held in result.held] == [("Member/acme/ann@acme.example", ("u1", "u2"))]


def test_a_user_that_the_source_hands_out_twice_is_one_user() -> None:
    assert len(diff([wanted(), wanted()], []).changes) == 1
    assert diff([wanted(), wanted(roles=("editor",))], []).changes == ()


@pytest.mark.parametrize("metadata", [mark("u2"), mark(owner="another")], ids=["user", "owner"])
def test_the_mark_of_another_user_or_owner_is_a_conflict(metadata: dict[str, Any]) -> None:
    result = diff([wanted()], [live(metadata=metadata)], authoritative=True)
    assert (result.changes, [problem.code for problem in result.problems]) == ((), ["conflict"])
    assert len(result.held) == 1


def test_two_live_members_with_one_users_mark_are_held() -> None:
    both = [live(metadata=mark()), live("a@acme.example", "m2", metadata=mark())]
    result = diff([wanted()], both, authoritative=True)
    assert (result.changes, {item.id for item in result.held}) == ((), {"m1", "m2"})


def test_somebody_elses_removal_is_respected() -> None:
    gone = live(metadata=mark(), status="deleted")
    result = diff([wanted()], [gone])
    assert (result.changes, [item.id for item in result.removed]) == ((), ["m1"])
    assert len(diff([wanted()], [gone], restore=True).changes) == 1


def test_our_own_removal_is_undone_when_the_user_comes_back() -> None:
    gone = live(metadata=mark(deleted=True), status="deleted", updated_at="2026-01-02T00:00:00Z")
    assert len(diff([wanted()], [gone]).changes) == 1
    later = live(member_id="m2", metadata=mark(), status="deleted", updated_at="2026-02-02T00:00:00Z")
    assert diff([wanted()], [gone, later]).changes == ()


def test_a_user_of_whom_the_source_has_two_records_is_held() -> None:
    two = [wanted(), wanted("u1", "zoe@acme.example")]
    result = diff(two, [live(metadata=mark())], authoritative=True, users={"disputed": {"u1"}})
    assert result.changes == ()
    assert "Member/acme/ann@acme.example" in [item.address for item in result.held]


def test_an_external_id_that_another_live_member_has_is_a_conflict() -> None:
    taken = live("thief@x.example", "m2", external_id="u1")
    result = diff([wanted(fields={"external_id": "u1"})], [live(metadata=mark(), external_id=None), taken])
    assert (result.changes, [problem.code for problem in result.problems]) == ((), ["conflict"])


def test_another_users_deleted_record_does_not_count() -> None:
    assert len(diff([wanted()], [live(metadata=mark("u2"), status="deleted")]).changes) == 1


def manifest(**more: Any) -> Resource:
    return Resource(kind="Member", namespace="acme", name=ANN, position=Position("manifests/a.yaml", 7), **more)


def test_a_hand_written_member_wins_over_a_stranger() -> None:
    declared = manifest(spec={"name": "Ann"})
    membership = wanted(None, fields={"name": "Ann"}, declared=0)
    (change,) = diff([membership], [live(name="Annie")], by_hand=[declared]).changes
    assert change.fields == (FieldChange(path=("name",), before="Annie", after="Ann"),)


def test_ensure_absent_deletes_whoever_has_the_address() -> None:
    declared = manifest(ensure="absent")
    (change,) = diff([], [live()], context={"absent": [wanted(None, declared=0)]}, by_hand=[declared]).changes
    assert isinstance(change, Delete)
    assert change.causes == (Cause(file="manifests/a.yaml", line=3, rule="r"),)


def test_a_manifest_may_restore_one_member() -> None:
    membership = wanted(None, declared=0)
    gone = live(status="deleted")
    assert diff([membership], [gone], by_hand=[manifest()]).changes == ()
    assert len(diff([membership], [gone], by_hand=[manifest(restore=True)]).changes) == 1


def test_a_member_marked_deleted_that_is_still_there_is_finished_or_taken_back() -> None:
    half = live(metadata=mark(deleted=True))
    for marked_at in (None, "2026-01-01T00:00:00Z"):
        same = structs.replace(half, updated_at="2026-01-01T00:00:00Z")
        begun = diff([], [same], authoritative=True, unfinished={"m1": [marked_at]})
        assert isinstance(begun.changes[0], Delete)
    for unfinished in ({}, {"m1": ["2026-01-01T00:00:00Z"]}, {"m1": [""]}, {"m1": [None, "2026-01-01T00:00:00Z"]}):
        back = diff([], [half], authoritative=True, unfinished=unfinished)
        assert (back.changes, [one.id for one in back.kept], back.managed.total()) == ((), ["m1"], 0)
    (change,) = diff([wanted()], [half]).changes
    assert change.mark == Mark(owner=OWNER, organization=ORGANIZATION, member="m1", user="u1")


@given(
    st.permutations(
        [
            live(metadata=mark(roles=("a",)), roles=direct("a")),
            live("b@x.example", "m2"),
            live("c@x.example", "m3", mark("u3")),
        ]
    )
)
def test_the_order_of_live_members_does_not_matter(members: list[LiveMember]) -> None:
    memberships = [wanted(), wanted("u2", "b@x.example", roles=("r",))]
    result = diff(memberships, list(members), authoritative=True)
    assert sorted(change.address for change in result.changes) == [
        "Member/acme/ann@acme.example",
        "Member/acme/b@x.example",
        "Member/acme/c@x.example",
    ]
