"""The RBAC policy of an environment, as the data API shows it [2.9]."""

from collections.abc import Collection
from typing import Any

from reconciler.emulator.call import Answer, Call
from reconciler.emulator.store import Fields, Store
from reconciler.emulator.workspace import Environment, Vertical

RESOURCES = ("stytch.self", "stytch.organization", "stytch.member", "stytch.sso", "stytch.scim")
DEFAULTS: dict[Vertical, dict[str, tuple[str, ...]]] = {
    "B2B": {"stytch_member": ("stytch.self",), "stytch_admin": RESOURCES},
    "CONSUMER": {"stytch_user": ("stytch.self",)},
}
IMPLICIT = {"B2B": "stytch_member", "CONSUMER": "stytch_user"}


def policy(call: Call) -> Answer:
    """``GET /v1/b2b/rbac/policy`` and ``GET /v1/rbac/policy``."""
    return {"policy": stored_policy(call.store, call.environment)}


def stored_policy(store: Store, environment: Environment) -> Fields:
    """The environment's policy: roles, resources, scopes; always with the vendor's default roles."""
    kept: Fields = store.setting(f"rbac_policy {environment.project_id}") or {}
    roles = list(kept.get("roles", []))
    known = {role["role_id"] for role in roles}
    defaults = DEFAULTS[environment.vertical]
    own = [_default_role(role_id, granted) for role_id, granted in defaults.items() if role_id not in known]
    resources = list(kept.get("resources", []))
    named = {resource["resource_id"] for resource in resources}
    granted = dict.fromkeys(resource for each in defaults.values() for resource in each)
    built_in = [{"resource_id": each, "description": "", "actions": ["*"]} for each in granted if each not in named]
    return {"roles": own + roles, "resources": built_in + resources, "scopes": kept.get("scopes", [])}


def role_ids(call: Call) -> Collection[str]:
    """The roles that the environment's policy knows."""
    return {role["role_id"] for role in stored_policy(call.store, call.environment)["roles"]}


def set_policy(store: Store, environment: Environment, document: Any) -> None:
    """Keep a policy, in the data API's form or in the management API's.

    Raises:
        ValueError: saying what is not as it should be.
    """
    if isinstance(document, dict) and isinstance(document.get("policy"), dict):
        document = document["policy"]
    if not isinstance(document, dict):
        raise ValueError("an RBAC policy is an object with roles, resources and scopes")  # noqa: TRY004 # whoever gave the file is told in one way
    roles = [*_listed(document, "roles"), *_listed(document, "custom_roles")]
    roles += [{"role_id": each, **document[each]} for each in DEFAULTS[environment.vertical] if each in document]
    resources = [*_listed(document, "resources"), *_listed(document, "custom_resources")]
    resources += _listed(document, "stytch_resources")
    scopes = [*_listed(document, "scopes"), *_listed(document, "custom_scopes")]
    for name, things in (("role_id", roles), ("resource_id", resources), ("scope", scopes)):
        if not all(isinstance(thing, dict) and isinstance(thing.get(name), str) for thing in things):
            raise ValueError(f"an RBAC policy's entry has no {name}")
    kept = {
        "roles": [{"description": "", "permissions": [], **role} for role in roles],
        "resources": [_resource(resource) for resource in resources],
        "scopes": [{"description": "", "permissions": [], **scope} for scope in scopes],
    }
    store.set(f"rbac_policy {environment.project_id}", kept)
    store.commit()


def _listed(document: Fields, name: str) -> list[Any]:
    value = document.get(name) or []
    if not isinstance(value, list):
        raise ValueError(f"{name} of an RBAC policy is a list")  # noqa: TRY004 # whoever gave the file is told in one way
    return value


def _default_role(role_id: str, granted: Collection[str]) -> Fields:
    permissions = [{"resource_id": resource, "actions": ["*"]} for resource in granted]
    return {"role_id": role_id, "description": "", "permissions": permissions}


def _resource(resource: Fields) -> Fields:
    """The data API says ``actions`` where the management API says ``available_actions``."""
    actions = resource.get("actions", resource.get("available_actions", []))
    return {"resource_id": resource["resource_id"], "description": resource.get("description", ""), "actions": actions}
