"""Organizations: validation, defaults, merging, keys."""

from typing import Any

import pytest

from reconciler.emulator.core.behaviour import Behaviour
from reconciler.emulator.server.app import App
from tests.emulator.behaving import behaving
from tests.emulator.conftest import Api

ROOT = "/v1/b2b/organizations"
ACME = f"{ROOT}/acme"


def test_a_new_organization_has_the_vendors_defaults(api: Api) -> None:
    organization = api.organization()
    assert organization["organization_id"].startswith("organization-test-")
    assert organization["email_invites"] == "ALL_ALLOWED"
    assert organization["sso_jit_provisioning"] == "ALL_ALLOWED"
    assert organization["email_jit_provisioning"] == organization["oauth_tenant_jit_provisioning"] == "NOT_ALLOWED"
    assert organization["auth_methods"] == organization["mfa_methods"] == "ALL_ALLOWED"
    assert organization["mfa_policy"] == "OPTIONAL"
    assert organization["email_allowed_domains"] == organization["allowed_auth_methods"] == []
    assert organization["created_at"] == organization["updated_at"] == "2023-11-14T22:13:20Z"


@pytest.mark.parametrize(
    ("setting", "invites"),
    [
        ({"mfa_policy": "OPTIONAL"}, "NOT_ALLOWED"),
        ({"email_allowed_domains": ["acme.com"]}, "NOT_ALLOWED"),
        ({"trusted_metadata": {"a": 1}, "organization_logo_url": "https://x"}, "ALL_ALLOWED"),
        ({"mfa_policy": "OPTIONAL", "email_invites": "ALL_ALLOWED"}, "ALL_ALLOWED"),
        ({"email_allowed_domains": [], "allowed_auth_methods": [], "allowed_oauth_tenants": {}}, "ALL_ALLOWED"),
    ],
)
def test_any_auth_setting_at_create_closes_invites(api: Api, setting: dict[str, Any], invites: str) -> None:
    assert api.organization(**setting)["email_invites"] == invites


def test_an_update_changes_only_what_it_sends(api: Api) -> None:
    before = api.organization(organization_logo_url="https://logo", email_allowed_domains=["acme.com"])
    api.now += 60
    after = api.ok("PUT", ACME, {"organization_name": "Acme Corp", "surprise": 1})["organization"]
    assert after == before | {"organization_name": "Acme Corp", "updated_at": "2023-11-14T22:14:20Z"}
    assert api.ok("PUT", ACME, {"organization_logo_url": ""})["organization"]["organization_logo_url"] == ""
    assert api.ok("PUT", ACME, {"email_allowed_domains": []})["organization"]["email_allowed_domains"] == []


def test_metadata_merges_and_null_deletes(api: Api) -> None:
    api.organization(trusted_metadata={"a": 1, "b": {"x": 1, "y": 2}, "c": None})
    after = api.ok("PUT", ACME, {"trusted_metadata": {"a": None, "b": {"x": 3}, "d": []}})["organization"]
    assert after["trusted_metadata"] == {"b": {"x": 3}, "d": []}
    assert api.ok("PUT", ACME, {"trusted_metadata": {}})["organization"]["trusted_metadata"] == {"b": {"x": 3}, "d": []}
    assert api.refused("PUT", ACME, {"trusted_metadata": []}) == (400, "metadata_invalid_format")
    many = {str(number): 1 for number in range(19)}
    assert api.refused("PUT", ACME, {"trusted_metadata": many}) == (400, "metadata_too_many_keys")
    assert api.refused("PUT", ACME, {"trusted_metadata": {"a": "x" * 4096}}) == (400, "metadata_too_large")


@pytest.mark.parametrize(
    ("fields", "error_type"),
    [
        ({"organization_name": ""}, "invalid_organization_name"),
        ({"organization_name": "x" * 129}, "invalid_organization_name"),
        ({"organization_name": 7}, "invalid_organization_name"),
        ({"organization_slug": "a"}, "invalid_organization_slug"),
        ({"organization_slug": "a b"}, "invalid_organization_slug"),
        ({"organization_slug": "é" * 4}, "invalid_organization_slug"),
        ({"organization_external_id": "a b"}, "invalid_organization_external_id"),
        ({"organization_external_id": "x" * 129}, "invalid_organization_external_id"),
        ({"auth_methods": "RESTRICTED"}, "allowed_auth_methods_required_for_restricted"),
        (
            {"auth_methods": "RESTRICTED", "allowed_auth_methods": ["carrier_pigeon"]},
            "invalid_organization_allowed_auth_methods",
        ),
        ({"auth_methods": "SOME"}, "invalid_organization_auth_method_settings"),
        ({"mfa_methods": "RESTRICTED"}, "allowed_mfa_methods_required_for_restricted"),
        ({"mfa_methods": "RESTRICTED", "allowed_mfa_methods": ["fax"]}, "invalid_organization_allowed_mfa_methods"),
        ({"mfa_policy": "MAYBE"}, "invalid_organization_mfa_policy"),
        ({"email_invites": "RESTRICTED"}, "invalid_restricted_email_setting"),
        ({"email_jit_provisioning": "RESTRICTED"}, "invalid_restricted_email_setting"),
        ({"email_jit_provisioning": "ALL_ALLOWED"}, "invalid_organization_auth_factor_setting"),
        ({"sso_jit_provisioning": "RESTRICTED"}, "invalid_restricted_sso_setting"),
        ({"oauth_tenant_jit_provisioning": "RESTRICTED"}, "invalid_restricted_oauth_tenants_setting"),
        ({"allowed_oauth_tenants": {"myspace": ["1"]}}, "invalid_oauth_allowed_tenants_format"),
        ({"sso_jit_provisioning": "NOT_ALLOWED"}, "invalid_organization_auth_factor_setting"),
        ({"email_allowed_domains": ["gmail.com"]}, "organization_settings_domain_too_common"),
        ({"email_allowed_domains": ["GMail.com"]}, "organization_settings_domain_too_common"),
        ({"email_allowed_domains": ["outlook.co.uk"]}, "organization_settings_domain_too_common"),
        ({"email_allowed_domains": ["orange.es"]}, "organization_settings_domain_too_common"),
        ({"email_allowed_domains": ["mail.free.de"]}, "organization_settings_domain_too_common"),
        ({"email_allowed_domains": ["att.com"]}, "organization_settings_domain_too_common"),
        ({"email_allowed_domains": ["gmx.de"]}, "organization_settings_domain_too_common"),
        ({"claimed_email_domains": ["live.com.au"]}, "organization_settings_claimed_domain_too_common"),
        ({"email_allowed_domains": ["mailinator.com"]}, "organization_settings_disposable_domain"),
        ({"email_allowed_domains": ["acme.com", "ACME.com"]}, "organization_settings_duplicate_domain"),
        ({"email_allowed_domains": ["acme"]}, "organization_settings_invalid_domain"),
        ({"email_allowed_domains": "acme.com"}, "bad_request"),
        ({"claimed_email_domains": ["acme.com"]}, "claimed_email_domains_not_supported"),
        ({"claimed_email_domains": ["gmail.com"]}, "organization_settings_claimed_domain_too_common"),
        (
            {"rbac_email_implicit_role_assignments": [{"domain": "gmail.com", "role_id": "stytch_admin"}]},
            "rbac_domain_too_common",
        ),
        ({"rbac_email_implicit_role_assignments": [{"domain": "x", "role_id": "stytch_admin"}]}, "rbac_invalid_domain"),
        ({"rbac_email_implicit_role_assignments": [{"domain": "acme.com", "role_id": "king"}]}, "invalid_role"),
        ({"rbac_email_implicit_role_assignments": [{"domain": "acme.com", "role_id": ["x"]}]}, "invalid_role"),
        (
            {
                "email_jit_provisioning": "RESTRICTED",
                "email_allowed_domains": ["acme.com"],
                "auth_methods": "RESTRICTED",
                "allowed_auth_methods": ["sso"],
            },
            "invalid_organization_auth_factor_setting_for_email_jit_provisioning",
        ),
        (
            {
                "oauth_tenant_jit_provisioning": "RESTRICTED",
                "allowed_oauth_tenants": {"slack": ["T1"]},
                "auth_methods": "RESTRICTED",
                "allowed_auth_methods": ["password"],
            },
            "invalid_organization_auth_factor_setting_for_oauth_tenant_jit_provisioning",
        ),
    ],
)
def test_what_is_not_allowed_is_refused(api: Api, fields: dict[str, Any], error_type: str) -> None:
    body = {"organization_name": "Acme", "organization_slug": "acme", **fields}
    assert api.refused("POST", ROOT, body) == (400, error_type)
    assert api.search("organizations") == []
    before = api.organization()
    if fields != {"sso_jit_provisioning": "NOT_ALLOWED"}:  # Invites are still open here.
        assert api.refused("PUT", ACME, fields) == (400, error_type)
    assert api.ok("GET", ACME)["organization"] == before


def test_restricted_settings_with_their_companions(api: Api) -> None:
    organization = api.organization(
        auth_methods="RESTRICTED",
        allowed_auth_methods=["slack_oauth", "password", "password"],
        mfa_methods="RESTRICTED",
        allowed_mfa_methods=["totp"],
        email_jit_provisioning="RESTRICTED",
        email_allowed_domains=["Acme.com"],
        oauth_tenant_jit_provisioning="RESTRICTED",
        allowed_oauth_tenants={"slack": ["T1"]},
    )
    assert organization["allowed_auth_methods"] == ["slack_oauth", "password"]
    assert organization["email_allowed_domains"] == ["acme.com"]
    after = api.ok("PUT", ACME, {"auth_methods": "ALL_ALLOWED"})["organization"]
    assert after["allowed_auth_methods"] == []


def test_it_is_found_by_id_slug_and_external_id(api: Api) -> None:
    organization = api.organization(organization_external_id="tenant|1")
    for key in (organization["organization_id"], "acme", "tenant%7C1"):
        assert api.ok("GET", f"{ROOT}/{key}")["organization"] == organization
    assert api.refused("GET", f"{ROOT}/ACME") == (404, "organization_not_found")
    api.ok("DELETE", f"{ACME}/external_id")
    assert api.refused("GET", f"{ROOT}/tenant%7C1") == (404, "organization_not_found")
    api.ok("PUT", ACME, {"organization_slug": "acme-2"})
    assert api.refused("GET", ACME) == (404, "organization_not_found")


def test_slugs_and_external_ids_are_unique(api: Api) -> None:
    api.organization(organization_external_id="1")
    body = {"organization_name": "x", "organization_slug": "acme"}
    status, answer = api("POST", ROOT, body)
    assert (status, answer["error_type"]) == (400, "organization_slug_already_used")
    assert answer["error_message"] == "The provided organization_slug is already used in another organization."
    assert answer["error_url"] == "https://stytch.com/docs/b2b/api/errors/400#organization_slug_already_used"
    second = {"organization_name": "x", "organization_slug": "other", "organization_external_id": "1"}
    assert api.refused("POST", ROOT, second) == (400, "organization_external_id_already_used")
    api.ok(
        "PUT", ACME, {"organization_slug": "acme", "organization_external_id": "1"}
    )  # An organization may keep its own keys.


def test_a_delete_takes_the_members_and_frees_the_slug(api: Api) -> None:
    first = api.organization()
    member = api.member()
    assert api.ok("DELETE", ACME)["organization_id"] == first["organization_id"]
    assert api.refused("DELETE", ACME) == (404, "organization_not_found")
    gone = f"{ROOT}/members/dangerously_get/{member['member_id']}"
    assert api.refused("GET", gone, query={"include_deleted": "true"}) == (404, "member_not_found")
    assert api.organization()["organization_id"] != first["organization_id"]
    assert api.search("members") == []


def test_without_a_slug_one_is_made_from_the_name(api: Api) -> None:
    made = [api.ok("POST", ROOT, {"organization_name": name})["organization"] for name in ("Añ & Co", "An Co", "?")]
    assert [each["organization_slug"] for each in made] == ["an-co", "an-co-2", "organization"]
    assert api.refused("POST", ROOT, {"organization_slug": "x1"}) == (400, "organization_name_missing")


def test_implicit_roles_follow_the_organizations_domains(api: Api) -> None:
    api.organization()
    api.member("ann@acme.com")
    api.member("bea@other.com", roles=["stytch_admin"])
    assignment = {"domain": "acme.com", "role_id": "stytch_admin"}
    api.ok("PUT", ACME, {"rbac_email_implicit_role_assignments": [assignment]})
    ann, bea = api.search("members")
    assert [role["role_id"] for role in ann["roles"]] == ["stytch_member", "stytch_admin"]
    assert ann["roles"][1]["sources"] == [{"type": "email_assignment", "details": {"email_domain": "acme.com"}}]
    assert ann["is_admin"]
    assert [source["type"] for source in bea["roles"][1]["sources"]] == ["direct_assignment"]
    api.ok("PUT", ACME, {"rbac_email_implicit_role_assignments": []})
    ann, bea = api.search("members")
    assert [role["role_id"] for role in ann["roles"]] == ["stytch_member"]
    assert not ann["is_admin"]
    assert bea["is_admin"]


def test_members_are_counted(api: Api) -> None:
    api.organization()
    api.member()
    gone = api.member("bea@acme.com")
    api.ok("DELETE", f"{ACME}/members/{gone['member_id']}")
    assert api.ok("GET", f"{ACME}/metrics")["member_count"] == 1


@pytest.mark.parametrize(
    ("behaviour", "fields", "outcome"),
    [
        (Behaviour(slug_case_sensitive=True), {"organization_slug": "ACME"}, "ACME"),
        (Behaviour(slug_case_sensitive=False), {"organization_slug": "ACME"}, "organization_slug_already_used"),
        (Behaviour(slug_required=True), {}, "invalid_organization_slug"),
        (
            Behaviour(sso_jit_default="NOT_ALLOWED"),
            {"mfa_policy": "OPTIONAL"},
            "invalid_organization_auth_factor_setting",
        ),
        (Behaviour(), {"allowed_mfa_methods": ["totp"]}, "second"),
        (
            Behaviour(unrestricted_list="refused"),
            {"allowed_mfa_methods": ["totp"]},
            "invalid_organization_mfa_factor_setting",
        ),
        (Behaviour(claimed_domains=True), {"claimed_email_domains": ["acme.com"]}, "second"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else None,
)
def test_unconfirmed_settings(behaviour: Behaviour, fields: dict[str, Any], outcome: str) -> None:
    app = App(behaviour=behaviour)
    api = Api(app)
    api.organization()
    status, answer = api("POST", ROOT, {"organization_name": "Second", **fields})
    app.close()
    assert (answer["organization"]["organization_slug"] if status == 200 else answer["error_type"]) == outcome


@pytest.mark.parametrize(
    ("order", "domains"),
    [("kept", ["b.com", "a.com"]), ("sorted", ["a.com", "b.com"]), ("reversed", ["b.com", "a.com"])],
)
def test_lists_that_are_sets_come_back_in_any_order(order: Any, domains: list[str]) -> None:
    app = App(behaviour=Behaviour(set_order=order))
    assert Api(app).organization(email_allowed_domains=["b.com", "a.com"])["email_allowed_domains"] == domains
    app.close()


def test_a_domain_that_only_looks_like_a_providers_is_ones_own(api: Api) -> None:
    own = ["gmail.acme.com", "myyahoo.co.uk", "free-lance.de", "acme.me"]
    assert api.organization(email_allowed_domains=own)["email_allowed_domains"] == own


@pytest.mark.parametrize(
    ("default", "fields", "sso"),
    [
        ("ALL_ALLOWED", {"mfa_policy": "OPTIONAL"}, "ALL_ALLOWED"),
        ("NOT_ALLOWED", {}, "NOT_ALLOWED"),
        ("closes", {}, "ALL_ALLOWED"),
        ("closes", {"mfa_policy": "OPTIONAL"}, "NOT_ALLOWED"),
        ("closes", {"email_invites": "ALL_ALLOWED"}, "NOT_ALLOWED"),
        ("closes", {"sso_jit_provisioning": "ALL_ALLOWED", "mfa_policy": "OPTIONAL"}, "ALL_ALLOWED"),
    ],
)
def test_sso_is_open_closed_or_closes_where_a_create_does_not_say(default: Any, fields: Any, sso: str) -> None:
    with behaving(sso_jit_default=default) as api:
        shown = api.organization(**{"email_invites": "ALL_ALLOWED", **fields} if fields else {})
        assert shown["sso_jit_provisioning"] == sso


BY_TENANT = {
    **dict.fromkeys(("sso_jit_provisioning", "email_jit_provisioning", "email_invites"), "NOT_ALLOWED"),
    "oauth_tenant_jit_provisioning": "RESTRICTED",
    "allowed_oauth_tenants": {"slack": ["T1"]},
}


@pytest.mark.parametrize(
    ("counted", "open_"), [("three", (False, False)), ("four", (True, False)), ("unchecked", (True, True))]
)
def test_the_ways_in_cannot_all_be_closed(counted: Any, open_: tuple[bool, bool]) -> None:
    with behaving(ways_in=counted) as api:
        api.organization()
        closed = {**BY_TENANT, "oauth_tenant_jit_provisioning": "NOT_ALLOWED"}
        for body, accepted in zip((BY_TENANT, closed), open_, strict=True):
            status, answer = api("PUT", ACME, body)
            assert (status, answer.get("error_type", "")) == (
                (200, "") if accepted else (400, "invalid_organization_auth_factor_setting")
            )
