"""The rules of an RBAC policy, in the form of the management API [2.9]."""

from collections.abc import Sequence
from typing import Any, Final

from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.store import Fields

KEYS: Final = {"custom_resources": "resource_id", "custom_roles": "role_id", "custom_scopes": "scope"}
STYTCHS: Final = frozenset({"stytch_member", "stytch_admin", "stytch_user"})
"""The vendor's own roles."""
RESERVED_SCOPES: Final = frozenset({"openid", "profile", "email", "phone", "offline_access", "full_access"})
LONGEST: Final = {"role_id": 128, "resource_id": 128, "scope": 128, "action": 128, "description": 1024}
ALL: Final = "*"


def entries(name: str, stated: Sequence[Any]) -> list[Fields]:
    """Return the entries of ``custom_resources``, ``custom_roles`` or ``custom_scopes``, valid and unique.

    Raises:
        Refusal: with the vendor's error type of the first invalid entry.
    """
    key = KEYS[name]
    kind = key.removesuffix("_id")
    read = []
    for entry in stated:
        if not isinstance(entry, dict):
            raise Refusal("invalid_argument", f"{name} must be an array of objects.")
        id_, description = _text(entry, key), _text(entry, "description")
        if not id_:
            raise Refusal(f"empty_rbac_{key}", f"{key} must not be empty.")
        if key != "scope" and id_.startswith("stytch"):
            raise Refusal("invalid_stytch_prefixed_resource", f"{key} must not begin with stytch.")
        if key == "scope" and id_ in RESERVED_SCOPES:
            raise Refusal("rbac_reserved_scope", "The scope is one of OpenID Connect's or of Stytch's own.")
        read.append({key: id_, "description": description, **_substance(entry, kind)})
    if len({entry[key] for entry in read}) < len(read):
        raise Refusal(f"rbac_{kind}_duplicate", f"{name} holds a {key} twice.")
    return read


def default_role(role_id: str, role: Any) -> Fields:
    """Return one of the vendor's own roles as the request sets it. Only the permissions can be set.

    Raises:
        Refusal: with the vendor's error type of the first mistake.
    """
    if not isinstance(role, dict):
        raise Refusal("invalid_argument", f"{role_id} must be of type object.")
    return {"permissions": _permissions(role)}


def check(policy: Fields) -> None:
    """Refuse a policy whose parts do not fit together.

    Raises:
        Refusal: ``invalid_permission_resource`` or ``invalid_permission_action``.
    """
    stytchs = {resource["resource_id"] for resource in policy["stytch_resources"]}
    custom = {resource["resource_id"]: resource["available_actions"] for resource in policy["custom_resources"]}
    roles = [role for name, role in policy.items() if name in STYTCHS]
    for holder in (*policy["custom_roles"], *policy["custom_scopes"], *roles):
        for permission in holder["permissions"]:
            resource = permission["resource_id"]
            if resource in stytchs:  # The sources do not agree on the spelling of the actions of these.
                continue
            if resource not in custom:
                raise Refusal("invalid_permission_resource", "A permission names a resource that does not exist.")
            if not {*custom[resource], ALL}.issuperset(permission["actions"]):
                raise Refusal("invalid_permission_action", "A permission names an action that its resource lacks.")


def _substance(entry: Fields, kind: str) -> Fields:
    if kind == "resource":
        actions = _actions(entry, "available_actions", "rbac_resource_missing_actions")
        if ALL in actions:
            raise Refusal("invalid_wildcard_action", "* cannot be an action of a resource; it means all actions.")
        return {"available_actions": actions}
    permissions = _permissions(entry)
    if not permissions:
        raise Refusal(f"rbac_{kind}_missing_permissions", f"A {kind} needs at least one permission.")
    return {"permissions": permissions}


def _permissions(entry: Fields) -> list[Fields]:
    stated = [] if entry.get("permissions") is None else entry["permissions"]
    if not isinstance(stated, list) or not all(isinstance(permission, dict) for permission in stated):
        raise Refusal("invalid_argument", "permissions must be an array of objects.")
    return [_permission(permission) for permission in stated]


def _permission(permission: Fields) -> Fields:
    resource = _text(permission, "resource_id")
    if not resource:
        raise Refusal("empty_rbac_resource_id", "resource_id must not be empty.")
    actions = _actions(permission, "actions", "rbac_permission_missing_actions")
    if ALL in actions and len(actions) > 1:
        raise Refusal("cannot_specify_wildcard_with_other_actions", "* cannot be combined with other actions.")
    return {"resource_id": resource, "actions": actions}


def _actions(entry: Fields, name: str, missing: str) -> list[str]:
    actions: Any = [] if entry.get(name) is None else entry[name]
    if not isinstance(actions, list) or not all(isinstance(action, str) for action in actions):
        raise Refusal("invalid_argument", f"{name} must be an array of strings.")
    if not actions or not all(actions):
        raise Refusal(missing, f"{name} needs at least one action, and none that is empty.")
    if len(set(actions)) < len(actions):
        raise Refusal("rbac_action_duplicate", f"{name} holds an action twice.")
    if any(len(action) > LONGEST["action"] for action in actions):
        raise Refusal("rbac_action_too_long", f"An action may have at most {LONGEST['action']} characters.")
    return actions


def _text(entry: Fields, name: str) -> str:
    value = entry.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Refusal("invalid_argument", f"{name} must be of type string.")
    if len(value) > LONGEST[name]:
        raise Refusal(f"rbac_{name}_too_long", f"{name} may have at most {LONGEST[name]} characters.")
    return value
