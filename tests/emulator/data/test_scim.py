"""SCIM connections: one an organization, tokens that are shown once, groups that must have been pushed."""

from typing import Any

import pytest

from reconciler.emulator.seed.placing import counts, place_scim_group
from tests.emulator.behaving import behaving
from tests.emulator.conftest import Api

PATH = "/v1/b2b/scim/acme/connection"
ACME = "/v1/b2b/organizations/acme"


def made(api: Api, **fields: Any) -> tuple[str, Any]:
    """Return the path of a new connection of a new organization, and the answer with its token."""
    api.organization()
    connection = api.ok("POST", PATH, fields)["connection"]
    return f"{PATH}/{connection['connection_id']}", connection


def test_a_connection(api: Api) -> None:
    one, created = made(api, display_name="Okta", identity_provider="okta")
    token = created.pop("bearer_token")
    id_ = created["connection_id"]
    assert created == {
        "organization_id": api.ok("GET", ACME)["organization"]["organization_id"],
        "connection_id": id_,
        "status": "active",
        "display_name": "Okta",
        "identity_provider": "okta",
        "base_url": f"https://test.stytch.com/v1/b2b/scim/{id_}",
        "bearer_token_expires_at": "2028-11-12T22:13:20Z",
        "scim_group_implicit_role_assignments": [],
    }
    shown = {"bearer_token_last_four": token[-4:]}
    assert api.ok("GET", PATH)["connection"] == {**created, **shown, "next_bearer_token_last_four": ""}
    assert api.ok("GET", ACME)["organization"]["scim_active_connection"] == {
        "connection_id": id_,
        "display_name": "Okta",
        **shown,
        "bearer_token_expires_at": "2028-11-12T22:13:20Z",
    }
    assert api.refused("POST", PATH, {}) == (400, "active_scim_connection_exists")
    changed = api.ok("PUT", one, {"display_name": "Entra", "identity_provider": "microsoft-entra"})["connection"]
    assert changed["base_url"].endswith("?aadOptscim062020")
    assert api.ok("GET", ACME)["organization"]["scim_active_connection"]["display_name"] == "Entra"
    assert counts(api.app, "scim_connection", id_, token)
    assert api.ok("DELETE", one)["connection_id"] == id_
    assert "scim_active_connection" not in api.ok("GET", ACME)["organization"]
    assert not counts(api.app, "scim_connection", id_, token)
    assert api.refused("GET", PATH) == api.refused("PUT", one, {}) == (400, "no_active_scim_connection")
    api.ok("POST", PATH, {})


def test_no_connection_may_be_an_empty_answer() -> None:
    with behaving(no_scim_connection="absent") as api:
        api.organization()
        assert "connection" not in api.ok("GET", PATH)


def test_a_rotation(api: Api) -> None:
    one, created = made(api)
    id_, first = created["connection_id"], created["bearer_token"]
    for step in ("complete", "cancel"):
        assert api.refused("POST", f"{one}/rotate/{step}") == (400, "scim_connection_not_rotating_token")
    lost = api.ok("POST", f"{one}/rotate/start")["connection"]["next_bearer_token"]
    following = api.ok("POST", f"{one}/rotate/start")["connection"]["next_bearer_token"]
    assert [counts(api.app, "scim_connection", id_, value) for value in (first, lost, following)] == [True, False, True]
    assert api.ok("GET", PATH)["connection"]["next_bearer_token_last_four"] == following[-4:]
    api.ok("POST", f"{one}/rotate/cancel")
    assert api.ok("GET", PATH)["connection"]["next_bearer_token_last_four"] == ""
    api.now += 60
    following = api.ok("POST", f"{one}/rotate/start")["connection"]["next_bearer_token"]
    done = api.ok("POST", f"{one}/rotate/complete")["connection"]
    assert (done["bearer_token_last_four"], done["bearer_token_expires_at"]) == (following[-4:], "2028-11-12T22:14:20Z")
    assert "next_bearer_token_expires_at" not in done
    assert [counts(api.app, "scim_connection", id_, value) for value in (first, following)] == [False, True]
    assert api.ok("GET", ACME)["organization"]["scim_active_connection"]["bearer_token_last_four"] == following[-4:]


def test_roles_by_group(api: Api) -> None:
    one, created = made(api)
    group = place_scim_group(api.app, created["organization_id"], "admins")
    roles = "scim_group_implicit_role_assignments"
    assigned = {"role_id": "stytch_admin", "group_id": group["group_id"], "group_name": "other"}
    changed = api.ok("PUT", one, {roles: [assigned]})["connection"]
    assert changed[roles] == [{**assigned, "group_name": "admins"}]
    assert api.ok("PUT", one, {"display_name": "Okta"})["connection"][roles] == changed[roles]
    for wrong, error in (
        ({"role_id": "stytch_admin"}, "scim_group_role_assignment_does_not_contain_group_id"),
        ({**assigned, "group_id": "none"}, "scim_group_role_assignment_group_does_not_exist"),
        ({**assigned, "group_id": []}, "scim_group_role_assignment_does_not_contain_group_id"),
        ({**assigned, "role_id": "nobody"}, "invalid_role"),
        ({**assigned, "role_id": []}, "invalid_role"),
    ):
        assert api.refused("PUT", one, {roles: [wrong]}) == (400, error)
    assert api.ok("PUT", one, {roles: []})["connection"][roles] == []


def test_groups_come_in_pages(api: Api) -> None:
    one, created = made(api)
    for name in ("a", "b", "c"):
        place_scim_group(api.app, created["organization_id"], name)
    page = api.ok("GET", one, query={"limit": "2"})
    assert [group["group_name"] for group in page["scim_groups"]] == ["a", "b"]
    rest = api.ok("GET", one, query={"cursor": page["next_cursor"]})
    assert [group["group_name"] for group in rest["scim_groups"]] == ["c"]
    assert rest["next_cursor"] is None
    for unset in ({"limit": "0", "cursor": ""}, {"limit": ""}, {"limit": "0.0"}, {"limit": "3.0"}):
        assert len(api.ok("GET", one, query=unset)["scim_groups"]) == 3
    for limit in ("many", "1001", "-1", "1.5", "9" * 5000):
        assert api.refused("GET", one, query={"limit": limit}) == (400, "bad_request")
    api.ok("DELETE", one)
    api.ok("POST", PATH, {})
    again = api.ok("GET", PATH)["connection"]["connection_id"]
    assert api.ok("GET", f"{PATH}/{again}")["scim_groups"] == []


@pytest.mark.parametrize(
    ("fields", "error"),
    [({"identity_provider": "duo"}, "invalid_scim_idp"), ({"display_name": 1}, "invalid_display_name")],
)
def test_what_is_refused(api: Api, fields: Any, error: str) -> None:
    api.organization()
    assert api.refused("POST", PATH, fields) == (400, error)


def test_no_group_without_a_connection(api: Api) -> None:
    id_ = api.organization()["organization_id"]
    with pytest.raises(ValueError, match="no SCIM connection"):
        place_scim_group(api.app, id_, "admins")
