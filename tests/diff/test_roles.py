"""Roles: what we gave is ours to take back, everything else is left alone."""

from hypothesis import given
from hypothesis import strategies as st

from reconciler.diff.roles import Roles, direct_roles, roles_to_write
from reconciler.model import Role, RoleSource

roles = st.frozensets(st.sampled_from(["admin", "editor", "viewer", "auditor"]))


def test_only_direct_assignments_count() -> None:
    live = [
        Role("stytch_member", (RoleSource("direct_assignment"),)),
        Role("viewer", (RoleSource("email_assignment"),)),
        Role("editor", (RoleSource("sso_connection"), RoleSource("direct_assignment"))),
    ]
    assert direct_roles(live) == ("editor",)


def test_a_role_given_by_a_customers_admin_is_not_remembered_as_ours() -> None:
    assert roles_to_write("ours", {"editor"}, {"editor"}, set()) == Roles(("editor",), (), (), ())


def test_a_role_we_gave_and_no_longer_want_is_withdrawn() -> None:
    assert roles_to_write("ours", set(), {"editor", "auditor"}, {"editor"}) == Roles(("auditor",), (), (), ("editor",))


def test_a_role_we_gave_and_somebody_took_is_given_again() -> None:
    assert roles_to_write("ours", {"editor"}, set(), {"editor"}) == Roles(("editor",), ("editor",), ("editor",), ())


@given(roles, roles, roles)
def test_after_ours_nothing_is_left_to_do(
    desired: frozenset[str], live: frozenset[str], given_: frozenset[str]
) -> None:
    first = roles_to_write("ours", desired, live, given_)
    second = roles_to_write("ours", desired, first.final, first.given)
    assert (second.added, second.withdrawn, second.given) == ((), (), first.given)


@given(roles, roles, roles)
def test_ours_never_takes_what_we_did_not_give(
    desired: frozenset[str], live: frozenset[str], given_: frozenset[str]
) -> None:
    assert set(roles_to_write("ours", desired, live, given_).withdrawn) <= given_ - desired


@given(roles, roles)
def test_exact_leaves_exactly_what_is_desired(desired: frozenset[str], live: frozenset[str]) -> None:
    assert set(roles_to_write("exact", desired, live).final) == desired


@given(roles, roles)
def test_only_added_withdraws_nothing(desired: frozenset[str], live: frozenset[str]) -> None:
    assert roles_to_write("only added", desired, live).withdrawn == ()
