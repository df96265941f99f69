"""The RBAC policy in the management API [2.9]."""

from typing import Any, Final

from reconciler.emulator.core import rbac_rules
from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import given
from reconciler.emulator.core.rbac import DEFAULTS, NAME, stored_policy
from reconciler.emulator.core.store import Fields
from reconciler.emulator.data import organization_policy

LISTS: Final = ("custom_resources", "custom_roles", "custom_scopes")


def get(call: Call) -> Answer:
    """``GET …/rbac_policy``."""
    return {"policy": stored_policy(call.store, call.environment)}


def replace(call: Call) -> Answer:
    """``PUT …/rbac_policy``: replaces it. A role of the vendor's that is absent keeps its permissions."""
    vertical = call.environment.vertical
    for other, roles in DEFAULTS.items():
        if other != vertical and any(call.body.get(role_id) is not None for role_id in roles):
            raise Refusal("invalid_role_for_vertical", f"A {vertical} project has no role {' or '.join(roles)}.")
    before = stored_policy(call.store, call.environment)
    after: Fields = {"stytch_resources": before["stytch_resources"]}
    for name in LISTS:
        stated: list[Any] | None = given(call.body, name, list, call.behaviour, "invalid_argument")
        absent = before[name] if call.behaviour.rbac_absent_list == "kept" else []
        after[name] = absent if stated is None else rbac_rules.entries(name, stated)
    for role_id in DEFAULTS[vertical]:
        role = call.body.get(role_id)
        after[role_id] = before[role_id] if role is None else rbac_rules.default_role(role_id, role)
    rbac_rules.check(after)
    if vertical == "B2B" and after["custom_resources"] != before["custom_resources"]:
        organization_policy.check_kept(call, after)
    call.keep_document(NAME, after)
    return {"policy": after}


ROUTES: Final = (
    ("GET", "rbac_policy", "rbac_policy_get", get),
    ("PUT", "rbac_policy", "rbac_policy_set", replace),
)
