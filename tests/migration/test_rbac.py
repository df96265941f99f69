"""Roles: stytch_user becomes stytch_member, the project's own roles are kept, permissions that B2B lacks are listed."""

from collections.abc import Mapping
from typing import Any

from reconciler.migration.translate import translate_rbac_policy
from reconciler.migration.values import Translated
from reconciler.model import Live

DOCUMENTS = {"resource_id": "documents", "description": "", "available_actions": ["read", "write"]}
READ = {"resource_id": "documents", "actions": ["read"]}
SELF = {"resource_id": "stytch.self", "actions": ["*"]}


def translated(**policy: Any) -> Translated:
    return translate_rbac_policy([Live(kind="RBACPolicy", name="default", id="", spec=policy)])


def spec(**policy: Any) -> Mapping[str, Any]:
    return translated(**policy).settings[0].spec


def test_stytch_user_becomes_stytch_member() -> None:
    found = spec(stytch_user={"permissions": [SELF, READ]}, custom_resources=[DOCUMENTS])
    assert found["stytch_member"] == {"permissions": [SELF, READ]}
    assert "stytch_user" not in found


def test_the_projects_own_roles_are_kept_exactly() -> None:
    role = {"role_id": "reader", "description": "Reads", "permissions": [READ]}
    scope = {"scope": "read:documents", "description": "", "permissions": [READ]}
    found = translated(custom_resources=[DOCUMENTS], custom_roles=[role], custom_scopes=[scope])
    (setting,) = found.settings
    assert setting.spec["custom_resources"] == [DOCUMENTS]
    assert setting.spec["custom_roles"] == [role]
    assert setting.spec["custom_scopes"] == [scope]
    assert found.losses == ()


def test_actions_that_members_lack_are_lost() -> None:
    actions = ["update.info.name", "update.info.untrusted_metadata", "update.info.delete.webauthn-registration"]
    found = translated(stytch_user={"permissions": [{"resource_id": "stytch.self", "actions": actions}]})
    kept = {"resource_id": "stytch.self", "actions": actions[:2]}
    assert found.settings[0].spec["stytch_member"] == {"permissions": [kept]}
    assert [each.field for each in found.losses] == [
        "stytch_user: stytch.self update.info.delete.webauthn-registration"
    ]


def test_resources_of_stytchs_that_b2b_lacks_are_lost() -> None:
    other = {"resource_id": "stytch.wallet", "actions": ["*"]}
    found = translated(custom_roles=[{"role_id": "rich", "description": "", "permissions": [other, READ]}])
    assert found.settings[0].spec["custom_roles"][0]["permissions"] == [READ]
    assert [each.field for each in found.losses] == ["custom_roles.rich: stytch.wallet *"]


def test_a_role_that_may_do_nothing_any_more_is_not_declared() -> None:
    other = {"resource_id": "stytch.wallet", "actions": ["*"]}
    found = translated(custom_roles=[{"role_id": "rich", "description": "", "permissions": [other]}])
    assert found.settings[0].spec["custom_roles"] == []
    assert [each.field for each in found.losses] == ["custom_roles.rich: stytch.wallet *", "custom_roles.rich"]
