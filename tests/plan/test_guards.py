"""Guards withhold what they guard and let the rest through."""

from typing import Any

import pytest
from msgspec import structs

from reconciler.config.schema import Limits
from reconciler.diff.roles import DIRECT
from reconciler.kinds import KINDS
from reconciler.model import ADMIN_ROLE, Admin, Cause, Change, Changes, Create, Delete, FieldChange, Stakes, Update
from reconciler.plan.access import ASSIGNMENTS, POLICY, SOURCES
from reconciler.plan.guards import Census, withhold, withhold_dependants


def member(number: int, slug: str = "acme") -> str:
    return f"Member/{slug}/{user(number)}"


def user(number: int) -> str:
    return f"u{number}@acme.example"


def deletes(count: int, slug: str = "acme") -> list[Change]:
    return [Delete(kind="Member", namespace=slug, name=user(number), id=f"{slug}-{number}") for number in range(count)]


def withdrawal(number: int, before: list[str], after: list[str], id_: str = "member-x") -> Update:
    roles = FieldChange(path=("roles",), before=before, after=after)
    return Update(kind="Member", namespace="acme", name=user(number), id=id_, fields=(roles,))


def census(**counts: Any) -> Census:
    plain: dict[str, Any] = {
        "managed": {"Member": 10_000, "Organization": 1_000},
        "managed_members": {"acme": 10_000},
        "marked": 10_000,
        "missing": 0,
        "memberships": 10_000,
        "problems": 0,
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
    create = Create(kind="Member", namespace="acme", name="new@acme.example")
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
    change: list[Change] = [Delete(kind="Organization", name="acme", id="o")]
    assert withheld(change, census()) == {"Organization/acme": "max_organization_deletes"}
    assert withheld(change, census(), max_organization_deletes=1) == {"Organization/acme": None}


def test_an_organization_with_members_that_are_not_ours_is_not_deleted() -> None:
    change: list[Change] = [Delete(kind="Organization", name="acme", id="o")]
    strangers = census(cascade={"acme": 3}, strangers={"acme": 1})
    assert withheld(change, strangers, max_organization_deletes=1) == {"Organization/acme": "unmanaged_members"}


def test_the_members_of_a_deleted_organization_count_as_deletes() -> None:
    change: list[Change] = [Delete(kind="Organization", name="acme", id="o")]
    crowd = census(cascade={"acme": 501}, strangers={})
    assert withheld(change, crowd, max_organization_deletes=1) == {"Organization/acme": "max_deletes"}


def test_new_admins_above_the_number_are_withheld() -> None:
    changes: list[Change] = [withdrawal(number, [], ["stytch_admin"]) for number in range(6)]
    assert set(withheld(changes, census()).values()) == {"max_new_admins"}
    assert set(withheld(changes[:5], census()).values()) == {None}


def stakes(*admins: int, **more: Any) -> Stakes:
    """What is at stake in acme, where these members are admins."""
    there = {f"member-{number}": Admin(member(number), frozenset({DIRECT})) for number in admins}
    return Stakes(admins={"acme": there}, **more)


def grant(number: int) -> Update:
    return withdrawal(number, [], [ADMIN_ROLE], f"member-{number}")


def demotion(number: int) -> Update:
    return withdrawal(number, [ADMIN_ROLE], [], f"member-{number}")


def leaver(number: int, *, by_name: bool = False) -> Delete:
    causes = (Cause(file="manifests/a.yaml", line=1),) if by_name else ()
    return Delete(kind="Member", namespace="acme", name=user(number), id=f"member-{number}", causes=causes)


def door(name: str, before: list[Any], after: list[Any]) -> Update:
    """Change who gets a role through an e-mail domain, a connection or a group of acme's."""
    kind = {"rbac": "Organization", "scim": "SCIMConnection"}.get(name.split("_", maxsplit=1)[0], "SSOConnection")
    fields = (FieldChange(path=(f"{name}{ASSIGNMENTS}",), before=before, after=after),)
    where = (None, "acme") if kind == "Organization" else ("acme", "Okta")
    return Update(kind=kind, namespace=where[0], name=where[1], fields=fields)


def policy(*fields: FieldChange) -> Update:
    return Update(kind="RBACPolicy", name="default", id="default", fields=fields)


def role(name: str, *actions: str) -> dict[str, Any]:
    return {"role_id": name, "permissions": [{"resource_id": "documents", "actions": list(actions)}]}


@pytest.mark.parametrize("loss", [demotion(1), leaver(1)])
def test_the_last_active_admin_stays(loss: Change) -> None:
    assert withheld([loss], census(stakes=stakes(1))) == {loss.address: "last_admin"}
    assert withheld([loss], census(stakes=stakes(1, 2))) == {loss.address: None}


def test_all_admins_at_once_are_the_last_and_those_of_another_organization_are_nobodys_heirs() -> None:
    elsewhere = Update(
        kind="Member",
        namespace="globex",
        name=user(9),
        id="member-9",
        fields=(FieldChange(path=("roles",), before=[], after=[ADMIN_ROLE]),),
    )
    result = withheld([demotion(1), leaver(2), elsewhere], census(stakes=stakes(1, 2)))
    assert result == {member(1): "last_admin", member(2): "last_admin", elsewhere.address: None}


def test_an_admin_whose_manifest_says_so_by_name_may_be_the_last() -> None:
    named = census(stakes=stakes(1, may_lose={member(1)}))
    assert withheld([demotion(1)], named) == {member(1): None}
    assert withheld([leaver(1, by_name=True)], named) == {member(1): None}
    both = census(stakes=stakes(1, 2, may_lose={member(1)}))
    assert withheld([leaver(1, by_name=True), leaver(2)], both) == {member(1): None, member(2): "last_admin"}


def test_an_admin_who_is_replaced_in_the_same_plan_is_not_the_last() -> None:
    assert withheld([demotion(1), grant(2)], census(stakes=stakes(1)))[member(1)] is None
    new = Create(kind="Member", namespace="acme", name=user(3), fields=grant(3).fields)
    assert withheld([leaver(1), new], census(stakes=stakes(1)))[member(1)] is None


@pytest.mark.parametrize(
    ("limits", "more"), [({"max_new_admins": 0}, {}), ({}, {"idle": {"member-2"}})], ids=["withheld", "not active"]
)
def test_an_heir_who_is_withheld_or_not_active_is_none(limits: dict[str, int], more: dict[str, Any]) -> None:
    result = withheld([demotion(1), grant(2)], census(stakes=stakes(1, **more)), **limits)
    assert result[member(1)] == "last_admin"


def test_an_heir_who_waits_for_a_role_that_is_not_made_is_none() -> None:
    heir = withdrawal(2, [], [ADMIN_ROLE, "editor"], "member-2")
    made = policy(
        FieldChange(path=("custom_roles", "editor"), after=role("editor", "read")),
        FieldChange(path=("stytch_member", "permissions"), after=role("", "read")["permissions"]),
    )
    result = withheld([made, heir, demotion(1)], census(stakes=stakes(1)), max_new_admins=1)
    assert result == {"RBACPolicy/default": "max_new_admins", heir.address: "max_new_admins", member(1): "last_admin"}


def test_an_admin_by_another_source_keeps_the_organization_and_many_at_once_may_lose_theirs() -> None:
    by_domain = Admin(member(1), frozenset({"email_assignment"}))
    by_hand = Admin(member(2), frozenset({DIRECT}))
    there = Stakes(admins={"acme": {"member-1": by_domain, "member-2": by_hand}})
    taken = door("rbac_email", [{"domain": "acme.example", "role_id": ADMIN_ROLE}], [])
    assert withheld([demotion(2)], census(stakes=there)) == {member(2): None}
    result = withheld([demotion(2), taken], census(stakes=there))
    assert result == {member(2): "last_admin", "Organization/acme": "last_admin"}
    heir = withheld([grant(3), taken], census(stakes=Stakes(admins={"acme": {"member-1": by_domain}})))
    assert heir == {member(3): None, "Organization/acme": "last_admin"}, "whoever becomes admin does so after that"


def test_a_connection_through_which_the_last_admin_comes_stays() -> None:
    comes = Admin(member(1), frozenset({"sso_connection_group"}))
    gone = Delete(kind="SSOConnection", namespace="acme", name="Okta", id="x")
    there = census(stakes=Stakes(admins={"acme": {"member-1": comes}}))
    assert withheld([gone], there) == {gone.address: "last_admin"}


@pytest.mark.parametrize(
    ("field", "is_loss"),
    [
        (FieldChange(path=("roles",), before=["editor"], after=[]), True),
        (FieldChange(path=("roles",), before=["editor"], after=["editor", "reader"]), False),
        (FieldChange(path=("is_breakglass",), before=True, after=False), True),
        (FieldChange(path=("mfa_phone_number",), before="+15005550006", after="+15005550007"), True),
        (FieldChange(path=("mfa_phone_number",), after="+15005550007"), False),
        (FieldChange(path=("mfa_enrolled",), before=True, after=False), True),
        (FieldChange(path=("mfa_enrolled",), before=False, after=True), False),
        (FieldChange(path=("email_address",), before="u1@acme.example", after="eve@acme.example"), True),
        (FieldChange(path=("external_id",), before="u1", after="u2"), True),
        (FieldChange(path=("trusted_metadata", "tier"), before="gold"), True),
        (FieldChange(path=("name",), before="Ann", after="Anne"), False),
        (FieldChange(path=("name",), before="Ann"), True),
    ],
)
def test_nothing_is_taken_from_a_breakglass_member(field: FieldChange, *, is_loss: bool) -> None:
    change = Update(kind="Member", namespace="acme", name=user(1), id="member-1", fields=(field,))
    there = Stakes(breakglass={"member-1"})
    assert withheld([change], census(stakes=there)) == {change.address: "breakglass" if is_loss else None}
    named = structs.replace(there, may_lose={member(1)})
    assert withheld([change], census(stakes=named)) == {change.address: None}


def test_a_breakglass_member_does_not_go_with_an_organization_that_nobody_declares_any_more() -> None:
    gone = Delete(kind="Organization", name="acme", id="o")
    by_name = structs.replace(gone, causes=(Cause(file="manifests/a.yaml", line=1),))
    there = census(cascade={"acme": 3}, breakglass_in={"acme": 1})
    assert withheld([gone], there, max_organization_deletes=1) == {gone.address: "breakglass"}
    assert withheld([by_name], there, max_organization_deletes=1) == {gone.address: None}


@pytest.mark.parametrize(
    ("gone", "of", "limits", "is_withheld"),
    [
        (2, 2, {}, False),
        (2, 3, {}, True),
        (3, 3, {}, True),
        (2, 4, {}, False),
        (9, 9, {}, True),
        (9, 9, {"acme": 100}, False),
        (2, 10, {"acme": 10}, True),
    ],
)
def test_no_organization_is_emptied(gone: int, of: int, limits: dict[str, float], *, is_withheld: bool) -> None:
    there = census(managed_members={"acme": of}, loss_limits=limits)
    result = withheld([leaver(number) for number in range(gone)], there)
    assert set(result.values()) == {"max_organization_loss_percent" if is_withheld else None}


def test_who_goes_by_name_does_not_count_and_is_not_withheld() -> None:
    named = [leaver(number, by_name=True) for number in range(6)]
    result = withheld([*named, leaver(7)], census(managed_members={"acme": 10}))
    assert set(result.values()) == {None}
    result = withheld([*named, *map(leaver, range(7, 10))], census(managed_members={"acme": 5}))
    assert {address for address, name in result.items() if name} == set(map(member, range(7, 10)))


BY_DOMAIN = {"domain": "acme.example", "role_id": ADMIN_ROLE}
BY_GROUP = {"role_id": ADMIN_ROLE, "group": "Everybody"}
BY_SCIM = {"role_id": ADMIN_ROLE, "group_id": "g1", "group_name": "Everybody"}
OTHER = {"role_id": "reader", "group": "Everybody"}
READ = [{"resource_id": "documents", "actions": ["read"]}]


def own(name: str) -> Update:
    return policy(FieldChange(path=(name, "permissions"), after=READ))


def wider(*names: str) -> Update:
    return policy(*(FieldChange(path=("custom_roles", one), before=role(one), after=role(one, "*")) for one in names))


@pytest.mark.parametrize(
    ("change", "held", "count"),
    [
        (grant(1), (), 1),
        (structs.replace(grant(1), adopts=True), (), 1),
        (Create(kind="Member", namespace="acme", name=user(1), fields=grant(1).fields), (), 1),
        (demotion(1), (), 0),
        (door("rbac_email", [], [BY_DOMAIN]), (), 1),
        (door("rbac_email", [], [BY_DOMAIN, {**BY_DOMAIN, "domain": "acme.test"}]), (), 2),
        (door("rbac_email", [BY_DOMAIN], [{**BY_DOMAIN, "domain": "acme.test"}]), (), 1),
        (door("rbac_email", [BY_DOMAIN], []), (), 0),
        (door("saml_connection", [], [{"role_id": ADMIN_ROLE}]), (), 1),
        (door("external_connection", [], [{"role_id": ADMIN_ROLE}]), (), 1),
        (door("saml_group", [OTHER], [OTHER, BY_GROUP]), (), 1),
        (door("external_group", [], [BY_GROUP]), (), 1),
        (door("saml_group", [], [OTHER]), (), 0),
        (door("scim_group", [], [BY_SCIM]), (), 1),
        (door("scim_group", [{**BY_SCIM, "group_name": "All"}], [BY_SCIM]), (), 0),
        (policy(FieldChange(path=("custom_roles", "editor"), after=role("editor", "*"))), ("editor",), 0),
        (wider("editor", "reader"), ("editor", "reader"), 2),
        (wider("editor", "reader"), ("reader",), 1),
        (wider("editor"), (), 0),
        (
            policy(FieldChange(path=("custom_roles", "a"), before=role("a", "*"), after=role("a", "read"))),
            ("a",),
            0,
        ),
        (own("stytch_member"), (), 1),
        (own(ADMIN_ROLE), (), 0),
        (own(ADMIN_ROLE), (ADMIN_ROLE,), 1),
    ],
)
def test_power_counts_whatever_the_door(change: Change, held: tuple[str, ...], count: int) -> None:
    there = census(held_roles=held)
    assert withheld([change], there, max_new_admins=count) == {change.address: None}
    if count:
        assert withheld([change], there, max_new_admins=count - 1) == {change.address: "max_new_admins"}


def test_a_role_that_the_same_plan_gives_is_held() -> None:
    wider = policy(
        FieldChange(path=("custom_roles", "editor"), before=role("editor", "read"), after=role("editor", "*"))
    )
    given = withdrawal(1, [], ["editor"])
    result = withheld([wider, given], census(), max_new_admins=0)
    assert result == {wider.address: "max_new_admins", given.address: None}


def test_every_field_that_gives_a_role_is_a_door() -> None:
    fields = {
        name
        for kind in KINDS.values()
        for name, reference in kind.references.items()
        if reference.kind == POLICY and name != "roles"
    }
    assert {name.removesuffix(ASSIGNMENTS) for name in fields} == SOURCES.keys()


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
    made = Create(kind="Organization", name="acme", withheld_by="moved")
    guest = Create(kind="Member", namespace="acme", name=user(1))
    assert withheld([made, guest], census())[guest.address] == "dependency"


def test_too_many_updates_of_a_kind_are_withheld_and_adoptions_alone_are_not_updates() -> None:
    name = FieldChange(path=("name",), before="a", after="b")
    updates: list[Change] = [
        Update(kind="Member", namespace="acme", name=user(number), id=str(number), fields=(name,))
        for number in range(31)
    ]
    adoption = Update(kind="Member", namespace="acme", name=user(99), id="x", adopts=True)
    result = withheld([*updates, adoption], census(managed={"Member": 100}))
    assert result.pop(adoption.address) is None
    assert set(result.values()) == {"max_update_percent"}


def test_what_completes_an_organization_waits_for_it_and_alters_nothing_that_is_live() -> None:
    made = [Create(kind="Organization", name=f"o{number}") for number in range(20)]
    fields = (FieldChange(path=("sso_default_connection_id",), after="Okta"),)
    completed = [Update(kind=one.kind, name=one.name, fields=fields) for one in made]
    judged, _ = withhold([*made, *completed], census(managed={}), Limits())
    assert {change.withheld_by for change in judged} == {None}
    held = withhold_dependants(Changes.of(completed), made[:1])
    assert [change.withheld_by for change in held] == ["dependency", *[None] * 19]


@pytest.mark.parametrize(("count", "name"), [(9, None), (10, "max_delete_percent"), (501, "max_deletes")])
def test_deletes_of_any_other_kind_are_counted_likewise(count: int, name: str | None) -> None:
    urls: list[Change] = [
        Delete(kind="RedirectURL", name=f"https://{number}.acme.example", id=str(number)) for number in range(count)
    ]
    other: list[Change] = [Delete(kind="M2MClient", name="one", id="one")]
    result = withheld([*urls, *other], census(managed={"RedirectURL": 100, "M2MClient": 1}))
    assert result.pop("M2MClient/one") is None
    assert set(result.values()) == {name}
