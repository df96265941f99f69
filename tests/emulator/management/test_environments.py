"""Environments over the management API: which may exist, their fields, and their changes."""

from typing import Any

import pytest

from reconciler.emulator.seed.bulk import place_member, place_organization
from tests.emulator.conftest import Api

PROJECTS = "/pwa/v3/projects"
ACME = f"{PROJECTS}/acme"
ENVIRONMENTS = f"{ACME}/environments"
STAGING = f"{ENVIRONMENTS}/staging"


@pytest.fixture
def acme(api: Api) -> None:
    """A project without environments."""
    api.ok("POST", PROJECTS, {"name": "Acme", "vertical": "B2B", "project_slug": "acme"})


def environments(api: Api) -> tuple[Any, Any]:
    """Return a live and a test environment of ``acme``."""
    made = [
        api.ok("POST", ENVIRONMENTS, {"name": name.title(), "type": type_, "environment_slug": name})["environment"]
        for name, type_ in (("production", "LIVE"), ("staging", "TEST"))
    ]
    return made[0], made[1]


@pytest.mark.usefixtures("acme")
def test_what_a_new_environment_is(api: Api) -> None:
    live, test = environments(api)
    assert live["project_id"].startswith("project-live-")
    assert test.pop("project_id").startswith("project-test-")
    assert test.pop("oauth_callback_id").startswith("oauth-callback-test-")
    assert test == {
        "environment_slug": "staging",
        "project_slug": "acme",
        "name": "Staging",
        "type": "TEST",
        "created_at": "2023-11-14T22:13:20Z",
        "cross_org_passwords_enabled": False,
        "user_impersonation_enabled": False,
        "zero_downtime_session_migration_url": "",
        "use_custom_domain_in_magic_link_emails": False,
        "user_lock_self_serve_enabled": False,
        "user_lock_threshold": 10,
        "user_lock_ttl": 3600,
        "idp_authorization_url": "",
        "idp_dynamic_client_registration_enabled": False,
        "idp_dynamic_client_registration_access_token_template_content": "",
    }
    assert api.ok("GET", f"{ENVIRONMENTS}/production")["environment"] == live
    listed = api.ok("GET", ENVIRONMENTS)["environments"]
    assert [each["environment_slug"] for each in listed] == ["production", "staging"]


@pytest.mark.usefixtures("acme")
def test_the_live_environment_is_the_first_and_the_only_one(api: Api) -> None:
    assert api.refused("POST", ENVIRONMENTS, {"name": "x", "type": "TEST"}) == (400, "invalid_argument")
    environments(api)
    for body in (
        {"name": "x", "type": "LIVE"},
        {"name": "x"},
        {"type": "TEST"},
        {"name": "x", "type": "TEST", "environment_slug": "staging"},
    ):
        assert api.refused("POST", ENVIRONMENTS, body) == (400, "invalid_argument")
    assert api.refused("DELETE", f"{ENVIRONMENTS}/production") == (400, "invalid_argument")
    api.ok("POST", ENVIRONMENTS, {"name": "Staging", "type": "TEST"})
    assert api.ok("GET", f"{ENVIRONMENTS}/staging-2")["environment"]["name"] == "Staging"


@pytest.mark.usefixtures("acme")
def test_a_patch_leaves_what_it_does_not_name(api: Api) -> None:
    _, before = environments(api)
    change = {
        "cross_org_passwords_enabled": True,
        "user_impersonation_enabled": True,
        "zero_downtime_session_migration_url": "https://acme.com/userinfo",
        "use_custom_domain_in_magic_link_emails": True,
        "user_lock_self_serve_enabled": True,
        "user_lock_threshold": 5,
        "user_lock_ttl": 600,
        "idp_authorization_url": "https://acme.com/idp",
        "idp_dynamic_client_registration_enabled": True,
        "idp_dynamic_client_registration_access_token_template_content": '{"a": {{ user.user_id }}}',
    }
    assert api.ok("PATCH", STAGING, change)["environment"] == {**before, **change}
    nulls: dict[str, Any] = dict.fromkeys(change)
    renamed = api.ok("PATCH", STAGING, {**nulls, "name": "Renamed"})["environment"]
    assert renamed == {**before, **change, "name": "Renamed"} == api.ok("GET", STAGING)["environment"]
    for body, error in (
        ({"user_lock_threshold": 0}, "invalid_user_lock_threshold"),
        ({"user_lock_threshold": True}, "invalid_user_lock_threshold"),
        ({"user_lock_ttl": "600"}, "invalid_user_lock_ttl"),
        ({"name": ""}, "invalid_argument"),
    ):
        assert api.refused("PATCH", STAGING, body) == (400, error)


@pytest.mark.usefixtures("acme")
def test_what_is_create_only_or_update_only_is_ignored_elsewhere(api: Api) -> None:
    environments(api)
    body = {"name": "x", "type": "TEST", "environment_slug": "x", "use_custom_domain_in_magic_link_emails": True}
    made = api.ok("POST", ENVIRONMENTS, body)["environment"]
    assert made["use_custom_domain_in_magic_link_emails"] is False
    assert api.ok("PATCH", f"{ENVIRONMENTS}/x", {"type": "LIVE", "environment_slug": "y"})["environment"] == made


@pytest.mark.usefixtures("acme")
def test_passwords_across_organizations_stay_as_they_are_once_there_is_one(api: Api) -> None:
    environment = api.app.workspace.environment("B2B")
    path = f"{PROJECTS}/b2b/environments/{environment.slug}"
    api.ok("PATCH", path, {"cross_org_passwords_enabled": True})
    organization = place_organization(api.app, {"organization_slug": "acme"})
    body = {"organization_id": organization["organization_id"], "email_address": "ann@acme.com"}
    place_member(api.app, {**body, "member_password_id": "member-password-1"})
    error = "cannot_toggle_cross_org_passwords_when_password_in_use"
    assert api.refused("PATCH", path, {"cross_org_passwords_enabled": False}) == (400, error)
    api.ok("PATCH", path, {"cross_org_passwords_enabled": True, "name": "x"})
