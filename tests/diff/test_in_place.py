"""Telling apart who is in place decides nothing: comparing the others gives what comparing everybody gives."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations_with_replacement
from typing import Any, Final
from unittest.mock import patch

import pytest
from msgspec import structs

from reconciler.diff import member_identity
from reconciler.diff.compare import compare
from reconciler.diff.in_place import Apart, apart
from reconciler.diff.member_pairs import DesiredMembers, MemberPolicy, Users
from reconciler.diff.ownership import Owner
from reconciler.kinds import KINDS
from reconciler.model import (
    ADMIN_ROLE,
    Cause,
    Diff,
    Lifecycle,
    LiveMember,
    Mark,
    Membership,
    OrganizationMembers,
    Position,
    Resource,
    Role,
    RoleSource,
)

KIND: Final = KINDS["Member"]
ORGANIZATION: Final = "organization-test-1"
OWNER: Final = "acme-identity"
ANN: Final = "ann@acme.example"
BEN: Final = "ben@acme.example"
DIRECT: Final = "direct_assignment"
AT: Final = Position("manifests/a.yaml", 1)
BY_HAND: Final = (
    Resource(kind="Member", namespace="acme", name=ANN, position=AT),
    Resource(kind="Member", namespace="acme", name=ANN, lifecycle=Lifecycle(ignore=(("spec", "name"),)), position=AT),
    Resource(kind="Member", namespace="acme", name=BEN, ensure="absent", position=AT),
)
ABSENT: Final = Membership(organization="acme", addresses=(BEN,), declared=2)


def role(name: str, *sources: str) -> Role:
    return Role(name, tuple(map(RoleSource, sources)))


# One thing that is otherwise than where all is in place: of Ann's membership, of her live record, or of her mark.
MEMBERSHIPS: Final[Sequence[Mapping[str, Any]]] = [
    *({"user": user} for user in (None, "u2", "", " u1")),
    *({"addresses": found} for found in ((BEN,), ("new@acme.example", ANN), (ANN, BEN))),
    *({"roles": roles} for roles in ((), ("viewer", "editor"), ("editor", "editor"), (ADMIN_ROLE,))),
    *({"declared": number} for number in (0, 1)),
    {"unverified": True},
    {"untrusted": True},
    *({"fields": {"name": name}} for name in (None, "", "Another")),
    *({"fields": {"external_id": external_id}} for external_id in (None, "", "u2", "another")),
    *({"fields": {"trusted_metadata": {"tier": tier}}} for tier in ("gold", "silver", None, 1)),
    *({"fields": {"mfa_enrolled": enrolled}} for enrolled in (True, False)),
]
MEMBERS: Final[Sequence[Mapping[str, Any]]] = [
    *({"email_address": text} for text in (BEN, "Ann@acme.example", f" {BEN}", "new@acme.example", "nobody")),
    *({"status": status} for status in ("pending", "deleted")),
    *({"external_id": external_id} for external_id in (None, "u2", "another")),
    {"is_breakglass": True},
    *({"scim_registration": registration} for registration in ({}, {"registration_id": "r"})),
    *({"name": name} for name in (None, "", "Another")),
    {"updated_at": "2024-05-01T12:00:00Z"},
    {"roles": ()},
    {"roles": (role("stytch_member", DIRECT), role("editor", DIRECT))},
    {"roles": (role("editor", DIRECT), role("viewer", DIRECT))},
    {"roles": (role("editor", "email_assignment"),)},
    {"roles": (role("editor", DIRECT), role(ADMIN_ROLE, "email_assignment"))},
    *({"trusted_metadata": metadata} for metadata in (None, {}, {"tier": "gold"}, {"reconciler": "a mark"})),
]
MARKS: Final[Sequence[Mapping[str, Any]]] = [
    *({"v": version} for version in (True, 1.0, 2, None)),
    *({"owner": owner} for owner in ("formerly", "another", "")),
    *({"organization": organization} for organization in ("organization-test-2", None)),
    *({"member": member} for member in ("m2", None, 1)),
    *({"user": user} for user in ("u2", "u3", " u1", "u1\n", "", None, 7, ["u1"])),
    *({"roles": roles} for roles in ([], ["viewer"], ["editor", "editor"], ["viewer", "editor"], "editor")),
    *({"deleted": deleted} for deleted in (True, False)),
    {"more": 1},
    *({"written": written} for written in ("", "q1w2e3r4t5y6")),
]


def wanted(number: int) -> Membership:
    return Membership(
        organization="acme",
        user=f"u{number}",
        addresses=((ANN, BEN, "cyd@acme.example")[number - 1],),
        roles=("editor",),
        fields={"external_id": f"u{number}", "name": "Ann", "trusted_metadata": {"tier": "gold"}},
    )


def made(membership: Membership) -> LiveMember:
    """The member that a membership made, and that nobody has touched since."""
    member = f"m{str(membership.user).removeprefix('u')}"
    mark = Mark(owner=OWNER, organization=ORGANIZATION, member=member, user=membership.user, roles=membership.roles)
    return LiveMember(
        organization_id=ORGANIZATION,
        member_id=member,
        email_address=membership.addresses[0],
        roles=tuple(role(name, DIRECT) for name in membership.roles),
        name=membership.fields["name"],
        external_id=membership.fields["external_id"],
        trusted_metadata={"reconciler": mark.as_json(), "tier": "gold"},
    )


Change = Callable[[list[Membership], list[LiveMember]], None]


def changes() -> Iterator[Change]:
    """Yield each single change of Ann's side or of her live record, and of a second one of either."""
    for fields in MEMBERSHIPS:
        yield partial(other_membership, fields)
        yield partial(second_membership, fields)
    for fields in MEMBERS:
        yield partial(other_member, fields)
        yield partial(second_member, fields)
    for fields in MARKS:
        yield partial(other_mark, fields)
    yield lambda memberships, _: memberships.append(memberships[0])
    yield lambda memberships, _: memberships.reverse()
    yield lambda memberships, _: memberships.append(memberships.pop(0))
    yield lambda _, members: members.reverse()


def other_membership(fields: Mapping[str, Any], memberships: list[Membership], _members: list[LiveMember]) -> None:
    memberships[0] = changed(memberships[0], fields)


def second_membership(fields: Mapping[str, Any], memberships: list[Membership], _members: list[LiveMember]) -> None:
    memberships.append(changed(memberships[0], fields))


def other_member(fields: Mapping[str, Any], _memberships: list[Membership], members: list[LiveMember]) -> None:
    members[0] = structs.replace(members[0], **fields)


def second_member(fields: Mapping[str, Any], _memberships: list[Membership], members: list[LiveMember]) -> None:
    members.append(structs.replace(members[0], member_id=f"m{len(members) + 1}", **fields))


def other_mark(fields: Mapping[str, Any], _memberships: list[Membership], members: list[LiveMember]) -> None:
    members[0] = marked(members[0], fields)


def changed(membership: Membership, fields: Mapping[str, Any]) -> Membership:
    inner = {**membership.fields, **fields.get("fields", {})}
    return structs.replace(membership, **{**fields, "fields": inner})


def marked(member: LiveMember, fields: Mapping[str, Any]) -> LiveMember:
    metadata = member.trusted_metadata or {}
    there = metadata.get("reconciler")
    mark = {**there, **fields} if isinstance(there, dict) else fields
    return structs.replace(member, trusted_metadata={**metadata, "reconciler": mark})


def everybody(kind: Any, desired: DesiredMembers, live: OrganizationMembers, policy: MemberPolicy) -> Apart:  # noqa: ARG001 # in the place of apart
    return Apart(desired=desired, live=live)


def compared(how: Callable[..., Apart], *sides: Any) -> Diff:
    with patch.object(member_identity, "apart", how):
        return compare(KIND, *sides)


def policy_of(**policy: Any) -> MemberPolicy:
    users = {"exists": ("u1", "u2").__contains__, **policy.pop("users", {})}
    defaults: dict[str, Any] = {"owner": Owner(OWNER), "by_hand": BY_HAND, "causes": causes}
    return MemberPolicy(users=Users(**users), **{**defaults, **policy})


def causes(membership: Membership) -> tuple[Cause, ...]:
    return (Cause(file="rules/a.yaml", line=max(membership.declared, 0) + 1, rule="r", user=membership.user),)


SITUATIONS: Final[Mapping[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]]] = {
    # by a name: of the policy, of what is desired, of what is live
    "as usual": ({}, {}, {}),
    "authoritative": ({"authoritative": True, "owner": Owner(OWNER, "formerly")}, {}, {}),
    "exact roles": ({"roles": "exact"}, {}, {"unread": 1}),
    "initial roles": ({"roles": "initial", "adopt": True}, {}, {}),
    "moves": ({"manage_address": True, "restore": True}, {"absent": (ABSENT,)}, {}),
    "external": ({"authoritative": True}, {"external": True, "undecided": frozenset({"u1"})}, {}),
    "disputed": ({"users": {"disputed": frozenset({"u1"})}}, {}, {}),
    "half read": ({"users": {"readable": False}}, {}, {"half_read": frozenset({"m1"})}),
    "nobody's": ({"owner": Owner("")}, {}, {}),
}


def check(situation: str, *alterations: Change) -> None:
    policy, wants, has = SITUATIONS[situation]
    memberships = [wanted(number) for number in (1, 2, 3)]
    members = [made(one) for one in memberships]
    for alter in alterations:
        alter(memberships, members)
    sides = (
        DesiredMembers(organization="acme", memberships=proven(memberships), **wants),
        OrganizationMembers(organization_id=ORGANIZATION, members=members, **has),
        policy_of(**policy),
    )
    assert compared(apart, *sides) == compared(everybody, *sides)


def test_telling_apart_who_is_in_place_changes_nothing_whatever_two_things_are_otherwise() -> None:
    for first, second in combinations_with_replacement(changes(), 2):
        check("as usual", first, second)


@pytest.mark.parametrize("situation", SITUATIONS)
def test_telling_apart_who_is_in_place_changes_nothing_in_any_situation(situation: str) -> None:
    for alter in changes():
        check(situation, alter)


def proven(memberships: Sequence[Membership]) -> list[Membership]:
    return [structs.replace(one, verified=(True,) * len(one.addresses)) for one in memberships]


def test_who_is_in_place_is_not_compared() -> None:
    memberships = [wanted(number) for number in (1, 2, 3)]
    members = [made(one) for one in memberships]
    members[1] = structs.replace(members[1], name="Another")
    desired = DesiredMembers(organization="acme", memberships=memberships)
    told = apart(KIND, desired, OrganizationMembers(organization_id=ORGANIZATION, members=members), policy_of())
    assert (told.in_place.unchanged, told.desired.memberships, told.live.members) == (2, memberships[1:2], members[1:2])
