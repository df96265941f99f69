"""An organization's own roles: where they appear, what they may hold, and what the project's policy must then keep."""

from typing import Any

import pytest

from tests.emulator.conftest import Api

PATH = "/v1/b2b/rbac/organizations/acme"
ACME = "/v1/b2b/organizations/acme"
READS = [{"resource_id": "stytch.member", "actions": ["search"]}]


def role(role_id: Any = "auditor", permissions: Any = READS) -> Any:
    return {"role_id": role_id, "description": "Reads", "permissions": permissions}


def policy_of(api: Api, *roles: Any) -> Any:
    return api.ok("PUT", PATH, {"org_policy": {"roles": list(roles)}})["org_policy"]


def test_roles_are_replaced_whole(api: Api) -> None:
    api.organization()
    assert api.ok("GET", PATH)["org_policy"] == {"roles": []}
    assert policy_of(api, role(), role("writer")) == {"roles": [role(), role("writer")]}
    assert api.ok("GET", PATH)["org_policy"] == {"roles": [role(), role("writer")]}
    assert api.ok("GET", ACME)["organization"]["custom_roles"] == [role(), role("writer")]
    assert policy_of(api) == {"roles": []}
    for unset in ({}, {"roles": None}):
        policy_of(api, role())
        assert api.ok("PUT", PATH, {"org_policy": unset})["org_policy"] == {"roles": []}
    assert api.refused("PUT", PATH, {}) == (400, "bad_request")
    assert api.refused("GET", "/v1/b2b/rbac/organizations/other") == (404, "organization_not_found")


def test_the_roles_are_valid_in_that_organization_alone(api: Api) -> None:
    api.organization()
    api.organization("other")
    policy_of(api, role())
    assert [each["role_id"] for each in api.member(roles=["auditor"])["roles"]] == ["stytch_member", "auditor"]
    assigned = {"rbac_email_implicit_role_assignments": [{"domain": "acme.com", "role_id": "auditor"}]}
    api.ok("PUT", ACME, assigned)
    body = {"email_address": "bea@acme.com", "roles": ["auditor"]}
    assert api.refused("POST", "/v1/b2b/organizations/other/members", body) == (400, "invalid_role")


@pytest.mark.parametrize(
    ("roles", "error"),
    [
        ("auditor", "bad_request"),
        ([role("stytch_auditor")], "rbac_org_custom_roles_only"),
        ([role(), role()], "rbac_role_duplicate"),
        ([role("")], "empty_rbac_role_id"),
        ([role([])], "invalid_argument"),
        ([role(permissions=[])], "rbac_role_missing_permissions"),
        ([role(permissions=[{"resource_id": "documents", "actions": ["read"]}])], "invalid_permission_resource"),
        ([role(permissions=[{"resource_id": "stytch.member", "actions": []}])], "rbac_permission_missing_actions"),
    ],
)
def test_what_is_refused(api: Api, roles: Any, error: str) -> None:
    api.organization()
    assert api.refused("PUT", PATH, {"org_policy": {"roles": roles}}) == (400, error)


def test_what_a_role_rests_on_stays_in_the_projects_policy(api: Api) -> None:
    api.organization()
    project = "/pwa/v3/projects/b2b/environments/test/rbac_policy"
    documents = {"resource_id": "documents", "description": "", "available_actions": ["read", "write"]}
    editor = role("editor", [{"resource_id": "documents", "actions": ["write"]}])
    whole = {"custom_resources": [documents], "custom_roles": [editor], "custom_scopes": []}
    api.ok("PUT", project, whole)
    assert api.refused("PUT", PATH, {"org_policy": {"roles": [editor]}}) == (400, "rbac_role_duplicate")
    reads = [{"resource_id": "documents", "actions": ["read"]}]
    policy_of(api, role(permissions=reads))
    for resources in ([], [{**documents, "available_actions": ["write"]}]):
        without = {**whole, "custom_roles": [], "custom_resources": resources}
        assert api.refused("PUT", project, without) == (400, "rbac_cannot_delete_attribute_used_in_org_policy")
    policy_of(api)
    api.ok("PUT", project, {**whole, "custom_roles": [], "custom_resources": []})
