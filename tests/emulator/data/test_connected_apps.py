"""Connected Apps: types, fields of first party apps only, redirect URLs, secrets, and consents."""

from typing import Any

import pytest

from reconciler.emulator.core.workspace import Vertical
from reconciler.emulator.seed.placing import counts, place_connected_app, place_grant
from tests.emulator.behaving import behaving
from tests.emulator.conftest import Api

ROOT = "/v1/connected_apps/clients"
ORGANIZATION = "/v1/b2b/organizations/acme"


def made(api: Api, client_type: str = "first_party", **fields: Any) -> Any:
    return api.ok("POST", ROOT, {"client_type": client_type, **fields})["connected_app"]


@pytest.mark.parametrize("vertical", ["B2B", "CONSUMER"])
def test_an_app_of_either_vertical(api: Api, vertical: Vertical) -> None:
    asking = api.app.workspace.environment(vertical)
    body = {"client_type": "first_party", "client_name": "App", "redirect_urls": ["https://a.example/in"]}
    created = api.ok("POST", ROOT, body, environment=asking)["connected_app"]
    assert created["client_secret"].endswith(created["client_secret_last_four"])
    one = f"{ROOT}/{created['client_id']}"
    read = api.ok("GET", one, environment=asking)["connected_app"]
    assert read == {
        "client_id": created["client_id"],
        "client_type": "first_party",
        "client_name": "App",
        "client_description": "",
        "status": "active",
        "full_access_allowed": False,
        "redirect_urls": ["https://a.example/in"],
        "access_token_expiry_minutes": 60,
        "access_token_template_content": "",
        "id_token_template_content": "",
        "post_logout_redirect_urls": [],
        "bypass_consent_for_offline_access": False,
        "creation_method": "api",
        "client_secret_last_four": created["client_secret_last_four"],
    }
    changed = {"full_access_allowed": True, "logo_url": "https://a.example/logo", "client_type": "third_party"}
    assert api.ok("PUT", one, changed, environment=asking)["connected_app"] == {
        **read,
        "full_access_allowed": True,
        "logo_url": "https://a.example/logo",
    }
    assert api.ok("DELETE", one, environment=asking)["client_id"] == created["client_id"]
    assert api.refused("GET", one, environment=asking) == (404, "connected_app_not_found")


@pytest.mark.parametrize(
    ("client_type", "secret"),
    [("first_party", True), ("third_party", True), ("first_party_public", False), ("third_party_public", False)],
)
def test_public_apps_have_no_secret(api: Api, client_type: str, *, secret: bool) -> None:
    created = made(api, client_type)
    assert ("client_secret" in created, "client_secret_last_four" in created) == (secret, secret)
    one = f"{ROOT}/{created['client_id']}/secrets/rotate"
    if not secret:
        for step in ("/start", "", "/cancel"):
            assert api.refused("POST", one + step) == (400, "public_connected_apps_do_not_have_secrets")


def test_a_rotation(api: Api) -> None:
    first = made(api)
    one = f"{ROOT}/{first['client_id']}/secrets/rotate"
    assert api.refused("POST", one) == (400, "connected_app_not_rotating_secret")
    following = api.ok("POST", f"{one}/start")["connected_app"]["next_client_secret"]
    assert api.refused("POST", f"{one}/start") == (400, "connected_app_already_rotating_secret")
    api.ok("POST", f"{one}/cancel")
    assert not counts(api.app, "connected_app", first["client_id"], following)
    following = api.ok("POST", f"{one}/start")["connected_app"]["next_client_secret"]
    assert api.ok("POST", one)["connected_app"]["client_secret_last_four"] == following[-4:]
    assert counts(api.app, "connected_app", first["client_id"], following)
    assert not counts(api.app, "connected_app", first["client_id"], first["client_secret"])


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"client_type": None}, "invalid_connected_app_type"),
        ({"client_type": "public"}, "invalid_connected_app_type"),
        ({"client_type": "third_party", "full_access_allowed": True}, "third_party_clients_cannot_use_full_access"),
        (
            {"client_type": "third_party_public", "bypass_consent_for_offline_access": True},
            "third_party_clients_require_consent_for_offline_access",
        ),
        ({"access_token_expiry_minutes": 0}, "idp_invalid_access_token_expiry_minutes"),
        ({"access_token_expiry_minutes": "60"}, "idp_invalid_access_token_expiry_minutes"),
        ({"access_token_template_content": "[]"}, "idp_invalid_access_token_jwt_template"),
        ({"id_token_template_content": "{"}, "idp_invalid_access_token_jwt_template"),
        ({"redirect_urls": "https://a.example"}, "connected_app_invalid_redirect_url"),
        ({"redirect_urls": ["https://a b.example"]}, "connected_app_invalid_redirect_url"),
        ({"redirect_urls": ["https://[::1"]}, "connected_app_invalid_redirect_url"),
        ({"redirect_urls": ["https:///in"]}, "connected_app_invalid_redirect_url"),
        ({"redirect_urls": ["//a.example/in"]}, "connected_app_redirect_url_must_include_scheme"),
        ({"redirect_urls": ["app://in"]}, "connected_app_redirect_url_must_use_http_or_https_scheme"),
        ({"redirect_urls": ["http://a.example"]}, "connected_app_redirect_url_http_scheme_must_use_loopback"),
        (
            {"post_logout_redirect_urls": ["http://10.0.0.1"]},
            "connected_app_redirect_url_http_scheme_must_use_loopback",
        ),
    ],
)
def test_what_is_refused(api: Api, fields: Any, error: str) -> None:
    assert api.refused("POST", ROOT, {"client_type": "first_party", **fields}) == (400, error)


LOCAL = ["http://localhost:3000/in", "http://127.0.0.1/in", "http://[::1]/in", "https://a.example/in?x=1"]


def test_urls_and_templates_that_are_taken(api: Api) -> None:
    template = '{"role": {{ member.trusted_metadata.role }}, "hello": "Hi {{ member.name }}"}'
    created = made(api, redirect_urls=[*LOCAL, *LOCAL], access_token_template_content=template)
    assert (created["redirect_urls"], created["access_token_template_content"]) == (LOCAL, template)


@pytest.mark.parametrize(
    ("plain", "url", "error"),
    [
        ("no_localhost", "http://localhost/in", "connected_app_redirect_url_cannot_use_localhost"),
        ("no_localhost", "http://127.0.0.1/in", None),
        ("never", "http://127.0.0.1/in", "connected_app_redirect_url_must_use_https_scheme"),
    ],
)
def test_http_may_be_narrower(plain: str, url: str, error: str | None) -> None:
    with behaving(app_redirect_http=plain) as api:
        _, answer = api("POST", ROOT, {"client_type": "first_party", "redirect_urls": [url]})
        assert answer.get("error_type") == error


def test_search_and_an_app_that_registered_itself(api: Api) -> None:
    place_connected_app(api.app, {"client_name": "Agent"})
    made(api, client_name="Ours")
    page = api.ok("POST", f"{ROOT}/search", {"limit": 1})
    assert [each["creation_method"] for each in page["connected_apps"]] == ["dynamic_client_registration"]
    rest = api.ok("POST", f"{ROOT}/search", {"cursor": page["results_metadata"]["next_cursor"]})
    assert [each["client_name"] for each in rest["connected_apps"]] == ["Ours"]
    assert rest["results_metadata"] == {"total": 2, "next_cursor": None}


def test_there_may_be_too_many() -> None:
    with behaving(most_of_each=1) as api:
        made(api)
        assert api.refused("POST", ROOT, {"client_type": "first_party"}) == (400, "too_many_connected_apps")


def test_organizations_list_only_existing_apps(api: Api) -> None:
    api.organization()
    first, third = made(api)["client_id"], made(api, "third_party_public")["client_id"]
    listed = {
        "first_party_connected_apps_allowed_type": "RESTRICTED",
        "allowed_first_party_connected_apps": [first],
        "allowed_third_party_connected_apps": [third],
    }
    assert api.ok("PUT", ORGANIZATION, listed)["organization"]["allowed_first_party_connected_apps"] == [first]
    for wrong in ({"allowed_first_party_connected_apps": [third]}, {"allowed_third_party_connected_apps": ["x"]}):
        assert api.refused("PUT", ORGANIZATION, wrong) == (404, "connected_app_not_found")
    api.ok("DELETE", f"{ROOT}/{first}")
    api.ok("PUT", ORGANIZATION, {"allowed_first_party_connected_apps": [first]})
    assert api.refused("POST", "/v1/b2b/organizations", {"organization_name": "b", **listed})[1] == (
        "connected_app_not_found"
    )


def test_ids_may_go_unchecked() -> None:
    with behaving(listed_ids_checked=False) as api:
        api.organization()
        body = {"allowed_first_party_connected_apps": ["x"], "sso_jit_provisioning_allowed_connections": ["y"]}
        assert api.ok("PUT", ORGANIZATION, body)["organization"]["allowed_first_party_connected_apps"] == ["x"]


def test_apps_with_the_consent_of_members(api: Api) -> None:
    api.organization()
    ann, app = api.member(), made(api, client_name="Reader", client_description="Reads")
    apps = f"{ORGANIZATION}/connected_apps"
    assert api.ok("GET", apps)["connected_apps"] == []
    place_grant(api.app, ann, app["client_id"], ["openid"])
    shown = {
        "connected_app_id": app["client_id"],
        "name": "Reader",
        "description": "Reads",
        "client_type": "first_party",
    }
    assert api.ok("GET", apps)["connected_apps"] == [shown]
    one = api.ok("GET", f"{apps}/{app['client_id']}")
    assert one["active_members"] == [{"member_id": ann["member_id"], "granted_scopes": ["openid"]}]
    assert api.refused("GET", f"{apps}/none") == (404, "connected_app_not_found")


def test_a_member_revokes_the_consent_to_an_app(api: Api) -> None:
    api.organization()
    ann, bea, app = (
        api.member(),
        api.member("bea@acme.com"),
        made(api, client_name="Reader", client_description="Reads"),
    )
    for member in (ann, bea):
        place_grant(api.app, member, app["client_id"], ["openid", "email"])
    hers, other = (f"{ORGANIZATION}/members/{each['member_id']}/connected_apps" for each in (ann, bea))
    shown = {
        "connected_app_id": app["client_id"],
        "name": "Reader",
        "description": "Reads",
        "client_type": "first_party",
        "scopes_granted": "openid email",
    }
    assert api.ok("GET", hers)["connected_apps"] == api.ok("GET", other)["connected_apps"] == [shown]
    api.ok("POST", f"{hers}/{app['client_id']}/revoke", {})
    assert api.ok("GET", hers)["connected_apps"] == []
    assert api.ok("GET", other)["connected_apps"] == [shown]
    assert api.refused("POST", f"{hers}/none/revoke", {}) == (404, "connected_app_not_found")


def test_a_user_has_no_consents(api: Api) -> None:
    apps = f"/v1/users/{api.user()['user_id']}/connected_apps"
    assert api.ok("GET", apps)["connected_apps"] == []
    assert api.refused("POST", f"{apps}/none/revoke", {}) == (404, "connected_app_not_found")
    assert api.refused("GET", "/v1/users/nobody/connected_apps") == (404, "user_not_found")
