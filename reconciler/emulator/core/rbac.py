"""The RBAC policy of an environment, its form in the data API, and roles that a connection gives [2.9, 2.21, 2.22]."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import given, ordered
from reconciler.emulator.core.store import Fields, Row, Store
from reconciler.emulator.core.workspace import Environment, Vertical

NAME: Final = "rbac_policy"
RESOURCES: Final[Mapping[str, tuple[str, ...]]] = {
    "stytch.self": (
        *("update.info.name", "update.info.untrusted-metadata", "update.info.mfa-phone"),
        *("update.info.delete.mfa-phone", "update.info.delete.password"),
        *("update.settings.mfa-enrolled", "update.settings.default-mfa-method", "delete"),
    ),
    "stytch.organization": (
        *("update.info.name", "update.info.slug", "update.info.logo_url"),
        *("update.settings.allowed-domains", "update.settings.email-jit-provisioning"),
        *("update.settings.email-invites", "update.settings.allowed-auth-methods", "update.settings.mfa-policy"),
        *("update.settings.implicit-roles", "update.settings.allowed-mfa-methods"),
        *("update.settings.default-sso-connection", "update.settings.sso-jit-provisioning"),
        *("update.settings.oauth-tenant-jit-provisioning", "update.settings.allowed-oauth-tenants", "delete"),
    ),
    "stytch.member": (
        *("create", "update.info.name", "update.info.untrusted-metadata", "update.info.mfa-phone"),
        *("update.info.delete.mfa-phone", "update.settings.is-breakglass", "update.settings.mfa-enrolled"),
        *("update.settings.roles", "update.settings.default-mfa-method", "search", "delete"),
    ),
    "stytch.sso": ("create", "update", "delete", "get"),
    "stytch.scim": ("create", "update", "delete", "get"),
    "stytch.user": ("read", "update"),
}
"""The vendor's own resources and their actions. The sources do not agree on their spelling.

Of the actions on users only those in an example of the vendor's Terraform provider are known.
"""
OWN: Final[Mapping[Vertical, tuple[str, ...]]] = {
    "B2B": ("stytch.self", "stytch.organization", "stytch.member", "stytch.sso", "stytch.scim"),
    "CONSUMER": ("stytch.self", "stytch.user"),
}
"""The vendor's resources of each vertical."""
DEFAULTS: Final[Mapping[Vertical, Mapping[str, tuple[str, ...]]]] = {
    "B2B": {"stytch_member": ("stytch.self",), "stytch_admin": OWN["B2B"]},
    "CONSUMER": {"stytch_user": ("stytch.self",)},
}
"""The vendor's own roles, and the resources on which each has every action."""
IMPLICIT: Final = {"B2B": "stytch_member", "CONSUMER": "stytch_user"}

TO_EVERYBODY: Final = ("role_id",)
TO_GROUPS: Final = ("role_id", "group")


def policy(call: Call) -> Answer:
    """``GET /v1/b2b/rbac/policy`` and ``GET /v1/rbac/policy``."""
    own = DEFAULTS[call.environment.vertical]
    kept = stored_policy(call.store, call.environment)
    roles = [{"role_id": role_id, "description": "", **kept[role_id]} for role_id in own]
    resources = [_with_actions(resource) for resource in (*kept["stytch_resources"], *kept["custom_resources"])]
    return {"policy": {"roles": roles + kept["custom_roles"], "resources": resources, "scopes": kept["custom_scopes"]}}


def stored_policy(store: Store, environment: Environment) -> Fields:
    """Return the environment's complete policy, in the form of the management API."""
    kept: Fields = store.setting(f"{NAME} {environment.project_id}") or {}
    own = DEFAULTS[environment.vertical]
    return {
        **{role_id: _granted(granted) for role_id, granted in own.items()},
        "stytch_resources": [
            _resource(resource_id, "", RESOURCES[resource_id]) for resource_id in OWN[environment.vertical]
        ],
        **{name: [] for name in ("custom_roles", "custom_resources", "custom_scopes")},
        **kept,
    }


def role_ids(call: Call) -> Collection[str]:
    """Return the role ids of the environment's policy."""
    kept: Fields = call.document(NAME) or {}
    return {*DEFAULTS[call.environment.vertical], *(role["role_id"] for role in kept.get("custom_roles", ()))}


def set_policy(store: Store, environment: Environment, document: Any) -> None:
    """Store a policy, given in the form of the data API or of the management API.

    Raises:
        ValueError: with the mistake in the policy.
    """
    if isinstance(document, dict) and isinstance(document.get("policy"), dict):
        document = document["policy"]
    if not isinstance(document, dict):
        raise ValueError("an RBAC policy must be an object with roles, resources and scopes")  # noqa: TRY004 # every mistake in a file is a ValueError
    roles = _listed(document, "role_id", "roles", "custom_roles")
    listed = _listed(document, "resource_id", "resources", "custom_resources", "stytch_resources")
    resources = [
        _resource(resource["resource_id"], resource.get("description", ""), _actions(resource)) for resource in listed
    ]
    scopes = _listed(document, "scope", "scopes", "custom_scopes")
    own = DEFAULTS[environment.vertical]
    kept: Fields = {role["role_id"]: _default_role(role) for role in roles if role["role_id"] in own}
    kept |= {role_id: _default_role(document[role_id]) for role_id in own if role_id in document}
    before = stored_policy(store, environment)["stytch_resources"]
    stytchs = {resource["resource_id"]: resource for resource in (*before, *resources) if _is_stytchs(resource)}
    kept["stytch_resources"] = list(stytchs.values())
    kept["custom_roles"] = [_with_permissions(role) for role in roles if role["role_id"] not in own]
    kept["custom_resources"] = [resource for resource in resources if not _is_stytchs(resource)]
    kept["custom_scopes"] = [_with_permissions(scope) for scope in scopes]
    store.set(f"{NAME} {environment.project_id}", kept)
    store.commit()


def known_roles(call: Call, organization: Row) -> set[str]:
    """Return the roles of the project's policy and the organization's own roles."""
    return {*role_ids(call), *(role["role_id"] for role in organization.fields.get("custom_roles", ()))}


def assignments(call: Call, organization: Row, name: str, parts: tuple[str, ...]) -> list[Fields] | None:
    """Return the assignments in the request's field ``name``, with these parts each; None where it has none.

    Raises:
        Refusal: ``invalid_role`` for an unknown role.
    """
    values: list[Any] | None = given(call.body, name, list, call.behaviour)
    if values is None:
        return None
    kept: list[Fields] = []
    for value in values:
        assignment = {part: value.get(part) for part in parts} if isinstance(value, dict) else {}
        if not assignment or not all(isinstance(text, str) and text for text in assignment.values()):
            raise Refusal("bad_request", f"Each of {name} must have {' and '.join(parts)}.")
        kept.append(assignment)
    if {assignment["role_id"] for assignment in kept} - known_roles(call, organization):
        raise Refusal("invalid_role", "An implicit role assignment names a role that is not in the RBAC policy.")
    return ordered(
        [assignment for place, assignment in enumerate(kept) if assignment not in kept[:place]], call.behaviour
    )


def _listed(document: Fields, key: str, *names: str) -> list[Fields]:
    entries = []
    for name in names:
        value = document.get(name) or []
        if not isinstance(value, list):
            raise ValueError(f"{name} of an RBAC policy must be a list")  # noqa: TRY004 # every mistake in a file is a ValueError
        entries += value
    if not all(isinstance(entry, dict) and isinstance(entry.get(key), str) for entry in entries):
        raise ValueError(f"an entry of the RBAC policy has no {key}")
    return entries


def _granted(resources: Collection[str]) -> Fields:
    return {"permissions": [{"resource_id": resource, "actions": ["*"]} for resource in resources]}


def _default_role(role: Any) -> Fields:
    if not isinstance(role, dict):
        raise ValueError("a role of an RBAC policy must be an object")  # noqa: TRY004 # every mistake in a file is a ValueError
    return {"permissions": role.get("permissions") or []}


def _with_permissions(entry: Fields) -> Fields:
    return {"description": "", "permissions": [], **entry}


def _is_stytchs(resource: Fields) -> bool:
    return bool(resource["resource_id"] in RESOURCES)


def _resource(resource_id: str, description: str, actions: Collection[str]) -> Fields:
    return {"resource_id": resource_id, "description": description, "available_actions": list(actions)}


def _actions(resource: Fields) -> list[str]:
    """Return a resource's actions: the data API calls them ``actions``, the management API ``available_actions``."""
    actions: list[str] = resource["actions"] if "actions" in resource else resource.get("available_actions", [])
    return actions


def _with_actions(resource: Fields) -> Fields:
    return {
        "resource_id": resource["resource_id"],
        "description": resource["description"],
        "actions": resource["available_actions"],
    }
