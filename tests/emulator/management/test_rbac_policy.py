"""The RBAC policy, set over the management API and seen by everything else."""

from typing import Any

import pytest

from tests.emulator.behaving import behaving
from tests.emulator.conftest import Api
from tests.emulator.settings_tour import below

LISTS = ("custom_roles", "custom_resources", "custom_scopes")
READ = [{"resource_id": "document", "actions": ["read"]}]
EVERYTHING = [{"resource_id": "document", "actions": ["*"]}]
POLICY: Any = {
    "custom_resources": [{"resource_id": "document", "description": "Texts", "available_actions": ["write", "read"]}],
    "custom_roles": [{"role_id": "reader", "description": "", "permissions": READ}],
    "custom_scopes": [{"scope": "documents:read", "description": "", "permissions": READ}],
}


def path(api: Api, vertical: str = "B2B") -> str:
    return f"{below(api, vertical)}/rbac_policy"


def put(api: Api, policy: Any, vertical: str = "B2B") -> Any:
    return api.ok("PUT", path(api, vertical), policy)["policy"]


def whole(*resources: str) -> Any:
    return {"permissions": [{"resource_id": resource, "actions": ["*"]} for resource in resources]}


def test_a_new_environment_has_the_vendors_roles_and_resources(api: Api) -> None:
    b2b = api.ok("GET", path(api))["policy"]
    everything = ("stytch.self", "stytch.organization", "stytch.member", "stytch.sso", "stytch.scim")
    assert [each["resource_id"] for each in b2b["stytch_resources"]] == list(everything)
    assert all(each["available_actions"] for each in b2b["stytch_resources"])
    assert (b2b["stytch_member"], b2b["stytch_admin"]) == (whole("stytch.self"), whole(*everything))
    assert [b2b[name] for name in LISTS] == [[], [], []]
    consumer = api.ok("GET", path(api, "CONSUMER"))["policy"]
    assert set(consumer) == {"stytch_user", "stytch_resources", *LISTS}


def test_what_is_put_comes_back_as_it_was_sent(api: Api) -> None:
    before = api.ok("GET", path(api))["policy"]
    admin = whole(*(each["resource_id"] for each in before["stytch_resources"]), "document")
    assert put(api, {**POLICY, "stytch_admin": admin, "stytch_resources": []}) == before | POLICY | {
        "stytch_admin": admin
    }
    assert api.ok("GET", path(api))["policy"] == before | POLICY | {"stytch_admin": admin}


def test_the_data_api_shows_the_same_policy(api: Api) -> None:
    put(api, {**POLICY, "stytch_member": whole("stytch.self", "document")})
    shown = api.ok("GET", "/v1/b2b/rbac/policy")["policy"]
    roles = {role["role_id"]: role["permissions"] for role in shown["roles"]}
    assert list(roles) == ["stytch_member", "stytch_admin", "reader"]
    assert roles["stytch_member"] == whole("stytch.self", "document")["permissions"]
    assert shown["scopes"] == POLICY["custom_scopes"]
    assert shown["resources"][-1] == {"resource_id": "document", "description": "Texts", "actions": ["write", "read"]}
    put(api, POLICY, "CONSUMER")
    consumer = api.ok("GET", "/v1/rbac/policy")["policy"]
    assert [role["role_id"] for role in consumer["roles"]] == ["stytch_user", "reader"]


def test_members_and_users_are_given_its_roles(api: Api) -> None:
    api.organization()
    member = {"email_address": "ann@acme.com", "roles": ["reader"]}
    members = "/v1/b2b/organizations/acme/members"
    assert api.refused("POST", members, member) == (400, "invalid_role")
    put(api, POLICY)
    assert [role["role_id"] for role in api.ok("POST", members, member)["member"]["roles"]][-1] == "reader"
    put(api, POLICY, "CONSUMER")
    assert "reader" in api.user(roles=["reader"])["roles"]


def test_an_absent_role_keeps_its_permissions_and_an_absent_list_is_emptied(api: Api) -> None:
    before = put(api, {**POLICY, "stytch_member": {}})
    assert before["stytch_member"] == {"permissions": []}
    after = put(api, {"custom_roles": None})
    assert [after[name] for name in LISTS] == [[], [], []]
    assert (after["stytch_member"], after["stytch_admin"]) == (before["stytch_member"], before["stytch_admin"])


def test_an_absent_list_may_be_kept() -> None:
    with behaving(rbac_absent_list="kept") as api:
        put(api, POLICY)
        after = put(api, {"custom_scopes": []})
        assert [after[name] for name in LISTS] == [POLICY["custom_roles"], POLICY["custom_resources"], []]


def test_the_vendors_roles_are_what_was_sent(api: Api) -> None:
    assert put(api, {**POLICY, "stytch_admin": whole("document")})["stytch_admin"] == whole("document")


@pytest.mark.parametrize(
    ("vertical", "foreign"), [("B2B", "stytch_user"), ("CONSUMER", "stytch_member"), ("CONSUMER", "stytch_admin")]
)
def test_the_other_verticals_roles_are_refused(api: Api, vertical: str, foreign: str) -> None:
    assert api.refused("PUT", path(api, vertical), {foreign: {}}) == (400, "invalid_role_for_vertical")
    put(api, {foreign: None}, vertical)


def test_what_a_user_may_do_to_a_user_is_known(api: Api) -> None:
    role_ = {"permissions": [{"resource_id": "stytch.user", "actions": ["read", "update"]}]}
    assert put(api, {"stytch_user": role_}, "CONSUMER")["stytch_user"] == role_
    assert api.refused("PUT", path(api, "B2B"), {"stytch_member": role_}) == (400, "invalid_permission_resource")


def resource(**change: Any) -> Any:
    return {"custom_resources": [{**POLICY["custom_resources"][0], **change}]}


def role(**change: Any) -> Any:
    return {"custom_roles": [{**POLICY["custom_roles"][0], **change}]}


def scope(**change: Any) -> Any:
    return {"custom_scopes": [{**POLICY["custom_scopes"][0], **change}]}


def permission(**change: Any) -> Any:
    return role(permissions=[{**READ[0], **change}])


@pytest.mark.parametrize(
    ("change", "error_type"),
    [
        (resource(resource_id=""), "empty_rbac_resource_id"),
        (resource(resource_id="stytch.mine"), "invalid_stytch_prefixed_resource"),
        (resource(resource_id="x" * 129), "rbac_resource_id_too_long"),
        (resource(description="x" * 1025), "rbac_description_too_long"),
        (resource(available_actions=[]), "rbac_resource_missing_actions"),
        (resource(available_actions=["read", "*"]), "invalid_wildcard_action"),
        (resource(available_actions=["read", "read"]), "rbac_action_duplicate"),
        (resource(available_actions=["read", "x" * 129]), "rbac_action_too_long"),
        (resource(available_actions="read"), "invalid_argument"),
        (resource(available_actions=["write"]), "invalid_permission_action"),
        (resource(resource_id="other"), "invalid_permission_resource"),
        ({"custom_resources": POLICY["custom_resources"] * 2}, "rbac_resource_duplicate"),
        ({"custom_resources": ["document"]}, "invalid_argument"),
        ({"custom_resources": "document"}, "invalid_argument"),
        (role(role_id=None), "empty_rbac_role_id"),
        (role(role_id=7), "invalid_argument"),
        (role(role_id="stytch_king"), "invalid_stytch_prefixed_resource"),
        (role(role_id="x" * 129), "rbac_role_id_too_long"),
        (role(permissions=[]), "rbac_role_missing_permissions"),
        (role(permissions=["document"]), "invalid_argument"),
        ({"custom_roles": POLICY["custom_roles"] * 2}, "rbac_role_duplicate"),
        (permission(actions=[]), "rbac_permission_missing_actions"),
        (permission(actions=["*", "read"]), "cannot_specify_wildcard_with_other_actions"),
        (permission(actions=["delete"]), "invalid_permission_action"),
        (permission(resource_id="stytch.king"), "invalid_permission_resource"),
        (permission(resource_id=""), "empty_rbac_resource_id"),
        (scope(scope=""), "empty_rbac_scope"),
        (scope(scope="openid"), "rbac_reserved_scope"),
        (scope(scope="x" * 129), "rbac_scope_too_long"),
        (scope(permissions=None), "rbac_scope_missing_permissions"),
        ({"custom_scopes": POLICY["custom_scopes"] * 2}, "rbac_scope_duplicate"),
        ({"stytch_admin": whole("nowhere")}, "invalid_permission_resource"),
        ({"stytch_admin": "everything"}, "invalid_argument"),
        ({"stytch_admin": {"permissions": ""}}, "invalid_argument"),
        ({"stytch_member": {"permissions": {}}}, "invalid_argument"),
        (resource(available_actions=0), "invalid_argument"),
    ],
)
def test_an_invalid_policy_is_refused(api: Api, change: Any, error_type: str) -> None:
    before = api.ok("GET", path(api))["policy"]
    assert api.refused("PUT", path(api), POLICY | change) == (400, error_type)
    assert api.ok("GET", path(api))["policy"] == before


def test_a_role_may_have_every_action_and_the_vendors_resources(api: Api) -> None:
    permissions = [*EVERYTHING, {"resource_id": "stytch.member", "actions": ["create", "search"]}]
    assert put(api, POLICY | role(permissions=permissions))["custom_roles"][0]["permissions"] == permissions


def test_what_an_organizations_own_role_rests_on_stays(api: Api) -> None:
    put(api, POLICY)
    api.organization()
    own = {"org_policy": {"roles": [{"role_id": "auditor", "description": "", "permissions": READ}]}}
    api.ok("PUT", "/v1/b2b/rbac/organizations/acme", own)
    refused = api.refused("PUT", path(api), {})
    assert refused == (400, "rbac_cannot_delete_attribute_used_in_org_policy")
    put(api, {"custom_resources": POLICY["custom_resources"]})
