"""Fields that the official SDKs of other languages send although their user has not set them: they have no effect.

The SDK for Rust sends null for every field that is not set, also in updates, and ``null`` as the body of a GET. The SDK
for Java sends ``[]`` and ``{}``.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from reconciler.emulator.core.exchange import Request
from tests.emulator.behaving import behaving
from tests.emulator.conftest import Api

ORGANIZATION = "/v1/b2b/organizations/acme"
M2M, APPS = "/v1/m2m/clients", "/v1/connected_apps/clients"
LISTS = (
    *("email_allowed_domains", "allowed_auth_methods", "allowed_mfa_methods", "claimed_email_domains"),
    *("sso_jit_provisioning_allowed_connections", "rbac_email_implicit_role_assignments"),
    *("allowed_first_party_connected_apps", "allowed_third_party_connected_apps"),
)
SETTINGS: Mapping[str, Any] = {
    "email_jit_provisioning": "RESTRICTED",
    "email_allowed_domains": ["acme.com"],
    "oauth_tenant_jit_provisioning": "RESTRICTED",
    "allowed_oauth_tenants": {"slack": ["T1"]},
    "auth_methods": "RESTRICTED",
    "allowed_auth_methods": ["password", "slack_oauth"],
    "mfa_methods": "RESTRICTED",
    "allowed_mfa_methods": ["totp"],
    "rbac_email_implicit_role_assignments": [{"domain": "acme.com", "role_id": "stytch_admin"}],
    "trusted_metadata": {"plan": "gold"},
    "organization_logo_url": "https://logo",
    "organization_external_id": "7",
}


def without_time(thing: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in thing.items() if name != "updated_at"}


@pytest.mark.parametrize("body", [b"null", b"[]", b"{}", b'{"organization_name": "x"}', b"no JSON"])
def test_whatever_comes_with_a_get_is_ignored(api: Api, body: bytes) -> None:
    before = api.organization()
    assert api.ok("GET", ORGANIZATION, body)["organization"] == before
    project_id = api.app.workspace.environment("B2B").project_id
    jwks = Request("GET", f"/v1/b2b/sessions/jwks/{project_id}", body=body)
    assert api.app.respond(jwks).status == 200


def test_null_for_what_nobody_has_set_changes_nothing(api: Api) -> None:
    before = api.organization(**SETTINGS)
    assert (before["organization_logo_url"], before["allowed_mfa_methods"]) == ("https://logo", ["totp"])
    unset = {**dict.fromkeys(before), **dict.fromkeys(LISTS), "sso_default_connection_id": None}
    after = api.ok("PUT", ORGANIZATION, {**unset, "organization_name": "Renamed"})["organization"]
    assert without_time(after) == {**without_time(before), "organization_name": "Renamed"}


def test_null_for_what_nobody_has_set_changes_no_member_and_no_user(api: Api) -> None:
    api.organization()
    ann = api.member(
        name="Ann", roles=["stytch_admin"], external_id="7", mfa_phone_number="+14155550100", is_breakglass=True
    )
    unset = {**dict.fromkeys(ann), "preserve_existing_sessions": None, "unlink_email": None}
    after = api.ok("PUT", f"{ORGANIZATION}/members/7", {**unset, "trusted_metadata": {"a": 1}})["member"]
    assert without_time(after) == {**without_time(ann), "trusted_metadata": {"a": 1}}
    user = api.user(name={"first_name": "Ann", "last_name": "Abel"}, external_id="7", trusted_metadata={"a": 1})
    parts = {"first_name": None, "middle_name": None, "last_name": None}
    for name in (None, {}, parts):
        assert api.ok("PUT", "/v1/users/7", {**dict.fromkeys(user), "attributes": None, "name": name})["user"] == user


def test_null_for_what_nobody_has_set_changes_no_client(api: Api) -> None:
    made = api.ok("POST", M2M, {"client_id": "ci", "scopes": ["read"], "trusted_metadata": {"a": 1}})["m2m_client"]
    after = api.ok("PUT", f"{M2M}/ci", {**dict.fromkeys(made), "client_name": "CI"})["m2m_client"]
    assert (after["client_name"], after["scopes"], after["trusted_metadata"]) == ("CI", ["read"], {"a": 1})
    app = api.ok("POST", APPS, {"client_type": "first_party", "redirect_urls": ["https://a.example"]})["connected_app"]
    path = f"{APPS}/{app['client_id']}"
    after = api.ok("PUT", path, {**dict.fromkeys(app), "client_name": "App"})["connected_app"]
    assert after == {**api.ok("GET", path)["connected_app"], "redirect_urls": ["https://a.example"]}


def test_null_may_clear_all_the_same() -> None:
    with behaving(null_field="clears") as api:
        api.organization(organization_logo_url="https://logo", email_allowed_domains=["acme.com"])
        after = api.ok("PUT", ORGANIZATION, {"organization_logo_url": None, "email_allowed_domains": None})
        assert after["organization"]["organization_logo_url"] == ""
        assert after["organization"]["email_allowed_domains"] == []


def test_nothing_in_lists_that_nobody_has_set_closes_nothing_at_create(api: Api) -> None:
    unset: dict[str, Any] = {**dict.fromkeys(LISTS, ()), "allowed_oauth_tenants": {}, "trusted_metadata": {}}
    assert api.organization(**unset)["email_invites"] == "ALL_ALLOWED"
    assert api.ok("PUT", ORGANIZATION, {"trusted_metadata": {}})["organization"]["trusted_metadata"] == {}


def test_an_empty_list_is_refused_where_the_setting_beside_it_is_restricted(api: Api) -> None:
    api.organization(**SETTINGS)
    for name, error in (
        ("allowed_auth_methods", "allowed_auth_methods_required_for_restricted"),
        ("allowed_mfa_methods", "allowed_mfa_methods_required_for_restricted"),
        ("email_allowed_domains", "invalid_restricted_email_setting"),
    ):
        assert api.refused("PUT", ORGANIZATION, {name: []}) == (400, error)
    empty = api.refused("PUT", ORGANIZATION, {"allowed_oauth_tenants": {}})
    assert empty == (400, "invalid_restricted_oauth_tenants_setting")


def test_empty_lists_and_maps_that_nobody_has_set_may_be_ignored() -> None:
    unset: dict[str, Any] = {**dict.fromkeys(LISTS, ()), "allowed_oauth_tenants": {}, "trusted_metadata": {}}
    with behaving(empty_list="ignored") as api:
        before = api.organization(**SETTINGS)
        after = api.ok("PUT", ORGANIZATION, {**unset, "organization_name": "Renamed"})["organization"]
        assert without_time(after) == {**without_time(before), "organization_name": "Renamed"}
        member = api.member(roles=["stytch_admin"], trusted_metadata={"a": 1})
        empty: dict[str, Any] = {"roles": [], "trusted_metadata": {}, "untrusted_metadata": {}}
        renamed = api.ok("PUT", f"{ORGANIZATION}/members/{member['member_id']}", {**empty, "name": "Ann"})["member"]
        assert without_time(renamed) == {**without_time(member), "name": "Ann"}
        api.ok("POST", M2M, {"client_id": "ci", "scopes": ["read"]})
        assert api.ok("PUT", f"{M2M}/ci", {"client_name": "CI", "scopes": []})["m2m_client"]["scopes"] == ["read"]
        saml = "/v1/b2b/sso/saml/acme"
        id_ = api.ok("POST", saml, {"display_name": "Okta"})["connection"]["connection_id"]
        mapping = {"email": "e", "full_name": "n"}
        api.ok("PUT", f"{saml}/connections/{id_}", {"attribute_mapping": mapping})
        kept = api.ok("PUT", f"{saml}/connections/{id_}", {"attribute_mapping": {}, "display_name": "Entra"})
        assert kept["connection"]["attribute_mapping"] == mapping


def test_empty_lists_may_take_a_members_roles_and_a_clients_scopes_away(api: Api) -> None:
    api.organization()
    member = api.member(roles=["stytch_admin"], trusted_metadata={"a": 1})
    cleared = api.ok("PUT", f"{ORGANIZATION}/members/{member['member_id']}", {"roles": [], "trusted_metadata": {}})
    assert [role["role_id"] for role in cleared["member"]["roles"]] == ["stytch_member"]
    assert cleared["member"]["trusted_metadata"] == {"a": 1}
    api.ok("POST", M2M, {"client_id": "ci", "scopes": ["read"]})
    assert api.ok("PUT", f"{M2M}/ci", {"scopes": []})["m2m_client"]["scopes"] == []


def test_the_former_management_api_is_not_there(api: Api) -> None:
    for path in ("/v1/projects", "/pwa/v1/projects", "/pwa/v2/projects"):
        assert api.refused("GET", path) == (404, "route_not_found")
