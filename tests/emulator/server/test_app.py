"""The app: authentication, environments, routes, bodies, the envelope."""

import base64
from pathlib import Path

import pytest

from reconciler.emulator.core.exchange import Request
from reconciler.emulator.seed.bulk import members, organizations, place_member, place_organization, place_user, users
from reconciler.emulator.server.app import App
from tests.emulator.conftest import Api

ORGANIZATIONS = "/v1/b2b/organizations"


def test_the_workspace_holds_two_projects_with_two_environments_each(app: App) -> None:
    found = {(each.vertical, each.type) for each in app.workspace.environments}
    assert found == {("B2B", "test"), ("B2B", "live"), ("CONSUMER", "test"), ("CONSUMER", "live")}
    for each in app.workspace.environments:
        assert each.project_id.startswith(f"project-{each.type}-")
        assert each.secret.startswith(f"secret-{each.type}-")


@pytest.mark.parametrize(
    ("authorization", "error_type"),
    [
        (None, "invalid_authorization_header"),
        ("Bearer x", "invalid_authorization_header"),
        ("Basic ???", "invalid_authorization_header"),
        ("Basic eA==", "invalid_authorization_header"),
        ("Basic eDp5", "unauthorized_credentials"),
    ],
)
def test_nobody_gets_in_without_credentials(api: Api, authorization: str | None, error_type: str) -> None:
    headers = {} if authorization is None else {"authorization": authorization}
    response = api.app.respond(Request("GET", f"{ORGANIZATIONS}/acme", {}, headers))
    assert response.status == 401
    assert f'"{error_type}"'.encode() in response.body


def test_a_wrong_secret_is_no_secret(api: Api) -> None:
    project_id = api.app.workspace.environment("B2B").project_id
    encoded = base64.b64encode(f"{project_id}:secret".encode()).decode()
    request = Request("GET", f"{ORGANIZATIONS}/acme", {}, {"authorization": f"Basic {encoded}"})
    assert api.app.respond(request).status == 401


def test_each_project_has_its_endpoints(api: Api) -> None:
    consumer, b2b = api.app.workspace.environment("CONSUMER"), api.app.workspace.environment("B2B")
    for path in (f"{ORGANIZATIONS}/acme", "/v1/b2b/rbac/policy"):
        assert api.refused("GET", path, environment=consumer) == (400, "invalid_b2b_endpoint")
    for path in ("/v1/users/x", "/v1/rbac/policy"):
        assert api.refused("GET", path, environment=b2b) == (400, "invalid_consumer_endpoint")


def test_an_environment_has_its_own_data(api: Api) -> None:
    live = api.app.workspace.environment("B2B", "live")
    organization = api.organization()
    assert api.refused("GET", f"{ORGANIZATIONS}/acme", environment=live) == (404, "organization_not_found")
    id_ = organization["organization_id"]
    assert api.refused("GET", f"{ORGANIZATIONS}/{id_}", environment=live) == (400, "test_id_used_in_live_environment")
    body = {"organization_name": "x", "organization_slug": "acme"}
    other = api.ok("POST", ORGANIZATIONS, body, environment=live)["organization"]["organization_id"]
    assert other.startswith("organization-live-")
    assert api.refused("GET", f"{ORGANIZATIONS}/{other}") == (400, "live_id_used_in_test_environment")
    search = {"organization_ids": [other]}
    assert api.refused("POST", f"{ORGANIZATIONS}/members/search", search) == (400, "live_id_used_in_test_environment")


def test_routes(api: Api) -> None:
    assert api.refused("GET", "/v1/b2b/nowhere") == (404, "route_not_found")
    assert api.refused("PATCH", f"{ORGANIZATIONS}/acme") == (405, "method_not_allowed")
    assert api.refused("POST", "/v1/b2b/sso/authenticate", {}) == (404, "route_not_found")
    assert api.refused("GET", f"{ORGANIZATIONS}//member") == (404, "route_not_found")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'"x"',
        b"\xff",
        b'{"a": NaN}',
        b'{"a": "\\ud800"}',
        b"[" * 100_000,
        b'{"a":' * 600 + b"1" + b"}" * 600,
    ],
)
def test_a_body_that_is_no_json_object_is_refused(api: Api, body: bytes) -> None:
    assert api.refused("POST", ORGANIZATIONS, body) == (400, "bad_request")


def test_the_envelope(api: Api) -> None:
    answer = api.ok("POST", ORGANIZATIONS, {"organization_name": "x", "organization_slug": "acme"})
    assert answer["status_code"] == 200
    assert answer["request_id"].startswith("request-id-test-")
    status, error = api("GET", f"{ORGANIZATIONS}/nowhere")
    assert status == error["status_code"] == 404
    assert set(error) == {"status_code", "request_id", "error_type", "error_message", "error_url"}


def test_a_refused_request_changes_nothing(api: Api) -> None:
    api.organization()
    before = organizations(api.app)
    api.refused("PUT", f"{ORGANIZATIONS}/acme", {"organization_name": "new", "mfa_methods": "RESTRICTED"})
    assert organizations(api.app) == before


def test_a_database_file_keeps_data_and_credentials(tmp_path: Path) -> None:
    file = tmp_path / "stytch.db"
    app = App(file)
    Api(app).organization()
    before = app.workspace.environments
    app.close()
    again = App(file)
    assert again.workspace.environments == before
    assert [each["organization_slug"] for each in organizations(again)] == ["acme"]
    again.close()


def test_things_are_placed_exactly_as_given(app: App) -> None:
    organization = place_organization(
        app, {"organization_id": "organization-test-x", "organization_slug": "x", "created_at": "2020-01-01T00:00:00Z"}
    )
    scim = {"connection_id": "c", "registration_id": "r"}
    member = place_member(
        app,
        {
            "organization_id": "organization-test-x",
            "member_id": "member-test-x",
            "email_address": "Ann@Acme.com",
            "status": "invited",
            "email_address_verified": True,
            "scim_registration": scim,
            "roles": ["anything"],
        },
    )
    user = place_user(app, {"user_id": "user-test-x", "is_locked": True})
    assert organizations(app) == [organization]
    assert members(app) == [member]
    assert users(app) == [user]
    assert organization["created_at"] == "2020-01-01T00:00:00Z"
    assert (member["email_address"], member["status"], member["scim_registration"]) == ("Ann@Acme.com", "invited", scim)
    assert [role["role_id"] for role in member["roles"]] == ["stytch_member", "anything"]
    place_member(app, {**member, "name": "Ann"})
    assert [each["name"] for each in members(app)] == ["Ann"]
    with pytest.raises(ValueError, match="belongs to no organization"):
        place_member(app, {"organization_id": "nowhere", "email_address": "a@b.de"})


def test_policies_have_the_vendors_roles(api: Api) -> None:
    b2b = api.ok("GET", "/v1/b2b/rbac/policy")["policy"]
    assert [role["role_id"] for role in b2b["roles"]] == ["stytch_member", "stytch_admin"]
    assert {"stytch.self", "stytch.member"} <= {resource["resource_id"] for resource in b2b["resources"]}
    assert all("actions" in resource for resource in b2b["resources"])
    consumer = api.ok("GET", "/v1/rbac/policy")["policy"]
    assert [role["role_id"] for role in consumer["roles"]] == ["stytch_user"]
    assert [resource["resource_id"] for resource in consumer["resources"]] == ["stytch.self", "stytch.user"]
