"""Who gains and who loses access: as a plain count has it, in little memory, and what is withheld apart."""

import tracemalloc
from collections.abc import Iterable, Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.model import (
    Access,
    AccessIn,
    Cause,
    Change,
    Changes,
    Create,
    Delete,
    FieldChange,
    Grown,
    Growth,
    Mark,
    Move,
    OtherRoles,
    Person,
    Plan,
    Update,
    Withheld,
)
from reconciler.plan.access_diff import MOST, NAMED, access_of, with_loosened
from reconciler.plan.order import finish

AT = Cause(file="rules/a.yaml", line=3, rule="r")


def joins(slug: str, user: str, *roles: str, **more: Any) -> Create:
    causes = (Cause(file="rules/a.yaml", line=3, rule="r", user=user),)
    fields = (FieldChange(path=("roles",), after=[*roles]),) if roles else ()
    return Create(kind="Member", namespace=slug, name=f"{user}@{slug}.example", causes=causes, fields=fields, **more)


def leaves(slug: str, user: str, *roles: str, **more: Any) -> Delete:
    mark = Mark(owner="acme", organization="organization-1", user=user, deleted=True)
    fields = (FieldChange(path=("roles",), before=[*roles]),) if roles else ()
    return Delete(kind="Member", namespace=slug, name=f"{user}@{slug}.example", mark=mark, fields=fields, **more)


def changes_roles(slug: str, user: str, before: Iterable[str], after: Iterable[str], **more: Any) -> Update:
    roles = FieldChange(path=("roles",), before=[*before], after=[*after])
    return Update(kind="Member", namespace=slug, name=f"{user}@{slug}.example", id=user, fields=(roles,), **more)


def access(*changes: Change, doomed: Mapping[str, frozenset[str]] | None = None) -> Access:
    found = access_of(changes, doomed or {})
    assert found is not None
    return found


def test_nothing_to_say_of_what_concerns_nobody() -> None:
    named = FieldChange(path=("name",), before="Ann", after="Anne")
    renamed = Update(kind="Member", namespace="acme", name="ann@acme.example", id="1", fields=(named,))
    made = Create(kind="Organization", name="acme")
    assert access_of(()) is None
    assert access_of((renamed, made)) is None


def test_a_person_counts_once_in_total_and_in_each_organization() -> None:
    found = access(joins("acme", "u1"), joins("globex", "u1"), joins("globex", "u2"))
    assert (found.gains, found.gains_in, found.loses, found.moving) == (2, 2, 0, 0)
    assert {one.organization: one.gains for one in found.organizations} == {"acme": 1, "globex": 2}


def test_who_is_written_by_hand_in_one_organization_is_the_user_of_another() -> None:
    by_hand = Create(kind="Member", namespace="globex", name="u1@acme.example", causes=(AT,))
    stranger = Create(kind="Member", namespace="globex", name="u1@globex.example", causes=(AT,))
    assert access(joins("acme", "u1"), by_hand).gains == 1
    assert access(joins("acme", "u1"), stranger).gains == 2
    moved = access(by_hand, leaves("acme", "u1"))
    assert (moved.gains, moved.moving) == (1, 1)
    assert moved.organizations[1].gaining == (Person(name="u1@acme.example", moves=("acme",)),)


def test_of_an_organization_that_would_go_nobody_may_be_known() -> None:
    gone = Delete(kind="Organization", name="globex", members=2, withheld_by="max_organization_deletes")
    assert access(gone) == Access(withheld=Withheld(loses=2))


def test_who_moves_is_seen_moving() -> None:
    found = access(leaves("acme", "u1", "editor"), joins("globex", "u1"), joins("globex", "u2"))
    assert (found.gains, found.loses, found.moving) == (2, 1, 1)
    assert found.moves == (Move(origin="acme", destination="globex", people=1),)
    acme, globex = found.organizations
    assert acme.losing == (Person(name="u1@acme.example", roles=("editor",), moves=("globex",)),)
    assert globex.gaining == (Person(name="u1@globex.example", moves=("acme",)), Person(name="u2@globex.example"))


def test_who_comes_back_under_another_address_does_not_move() -> None:
    back = Create(kind="Member", namespace="acme", name="new@acme.example", causes=joins("acme", "u1").causes)
    found = access(leaves("acme", "u1"), back)
    assert (found.moving, found.moves) == (0, ())


def test_roles_are_counted_with_those_who_come_and_go() -> None:
    found = access(
        joins("acme", "u1", "editor"),
        leaves("acme", "u2", "editor", "owner"),
        changes_roles("acme", "u3", ["owner"], ["editor"]),
    )
    (acme,) = found.organizations
    assert (acme.roles_gained, acme.roles_lost) == ({"editor": 2}, {"editor": 1, "owner": 2})
    assert acme.changing == (OtherRoles(name="u3@acme.example", gains=("editor",), loses=("owner",)),)
    assert (found.gains, found.loses, found.other_roles) == (1, 1, 1)


def test_everybody_in_an_organization_that_is_deleted_loses_access() -> None:
    gone = Delete(kind="Organization", name="globex", id="organization-2", members=3)
    found = access(gone, joins("acme", "u1"), doomed={"globex": frozenset({"u1", "u2"}), "other": frozenset({"u9"})})
    assert (found.loses, found.moving, found.deleted_organizations, found.deleted_with_them) == (3, 1, 1, 3)
    assert found.moves == (Move(origin="globex", destination="acme", people=1),)
    assert found.organizations[0] == AccessIn(organization="globex", loses=3, deleted=True)


def test_what_is_withheld_is_neither_gained_nor_lost() -> None:
    found = access(
        joins("acme", "u1", "stytch_admin", withheld_by="max_new_admins"),
        leaves("acme", "u2", withheld_by="max_deletes"),
        changes_roles("acme", "u3", ["owner"], [], withheld_by="last_admin"),
        Delete(kind="Organization", name="globex", members=2, withheld_by="max_organization_deletes"),
    )
    assert found == Access(withheld=Withheld(gains=1, loses=3, other_roles=1, growth=1))


def test_power_is_counted_by_what_grows_and_the_first_are_named() -> None:
    weaker = FieldChange(path=("mfa_policy",), before="REQUIRED_FOR_ALL", after="OPTIONAL")
    changes = [Update(kind="Organization", name=f"o{n}", id=f"{n}", fields=(weaker,), causes=(AT,)) for n in range(9)]
    admin = joins("acme", "u1", "stytch_admin")
    first, second = access(*changes, admin).growth
    assert (first.what, first.says, first.number) == ("admin", "new admin (stytch_admin)", 1)
    assert [one.address for one in first.first] == ["Member/acme/u1@acme.example"]
    assert (second.what, second.number, len(second.first)) == ("mfa", 9, NAMED)
    assert second.first[0].before == "REQUIRED_FOR_ALL"
    assert str(second.first[0].at) == "rules/a.yaml:3:1"


def test_what_documents_permit_stands_beside_it_and_stays() -> None:
    growth = Growth(what="guard", says="guard lets more through", number=1, first=(Grown(address="max_deletes"),))
    plan = with_loosened(finish(Plan(environment="t", project_id="p", changes=(joins("acme", "u1"),)), 1), (growth,))
    again = finish(plan, 1)
    assert again.access
    assert (again.access.loosened, again.access.gains) == ((growth,), 1)
    nothing = Plan(environment="t", project_id="p")
    assert with_loosened(nothing, ()) is nothing


def test_of_many_organizations_those_stand_first_where_most_is_lost() -> None:
    many = [joins(f"o{n:05}", f"u{n}") for n in range(MOST + 5)]
    found = access(*many, *(joins("zz", f"z{n}") for n in range(3)), leaves("yy", "y1"))
    assert [one.organization for one in found.organizations[:3]] == ["yy", "zz", "o00000"]
    assert (len(found.organizations), found.in_organizations) == (MOST, MOST + 7)
    assert found.gains == MOST + 8


USERS = st.sampled_from([f"u{number}" for number in range(6)])
SLUGS = st.sampled_from(["acme", "globex", "initech"])
WITHHELD = st.sampled_from([None, None, "max_deletes"])
CHANGES = st.lists(
    st.builds(joins, SLUGS, USERS, withheld_by=WITHHELD) | st.builds(leaves, SLUGS, USERS, withheld_by=WITHHELD),
    max_size=20,
    unique_by=lambda change: change.address,
)


@given(CHANGES)
def test_it_counts_as_sets_of_people_do(changes: list[Change]) -> None:
    def people(sort: type[Change], *, goes: bool) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for one in changes:
            if isinstance(one, sort) and (one.withheld_by is None) is goes:
                found.setdefault(one.name.partition("@")[0], set()).add(str(one.namespace))
        return found

    joined, left = people(Create, goes=True), people(Delete, goes=True)
    found = access_of(changes) or Access()
    assert (found.gains, found.loses) == (len(joined), len(left))
    assert (found.withheld.gains, found.withheld.loses) == (
        len(people(Create, goes=False)),
        len(people(Delete, goes=False)),
    )
    pairs = [(a, b) for user in joined.keys() & left.keys() for a in left[user] for b in joined[user]]
    assert sorted((one.origin, one.destination) for one in found.moves for _ in range(one.people)) == sorted(pairs)
    assert found.moving == len(joined.keys() & left.keys())


def test_it_takes_few_bytes_of_each_person() -> None:
    number = 50_000
    packed = Changes.of(joins(f"o{n % 50:03}", f"user-live-{n:06}") for n in range(number))
    tracemalloc.start()
    try:
        found = access_of(packed)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found
    assert found.gains == number
    assert peak < 100 * number
