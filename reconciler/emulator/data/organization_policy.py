"""An organization's own roles: ``/v1/b2b/rbac/organizations`` [2.9]."""

from typing import Final

from reconciler.emulator.core import rbac_rules
from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import given
from reconciler.emulator.core.rbac import role_ids, stored_policy
from reconciler.emulator.core.store import Fields
from reconciler.emulator.data import organizations

ROLES: Final = "custom_roles"
"""The organization's field with its own roles."""


def get(call: Call) -> Answer:
    """``GET /v1/b2b/rbac/organizations/{organization_id}``."""
    return {"org_policy": {"roles": organizations.find(call).fields.get(ROLES, [])}}


def replace(call: Call) -> Answer:
    """``PUT /v1/b2b/rbac/organizations/{organization_id}``: replaces all of its roles."""
    organization = organizations.find(call)
    stated = given(call.body, "org_policy", dict, call.behaviour)
    if stated is None:
        raise Refusal("bad_request", "org_policy is required.")
    roles = given(stated, "roles", list, call.behaviour) or []  # Some SDKs leave out empty lists.
    taken = role_ids(call)
    for role in roles:
        id_ = role.get("role_id") if isinstance(role, dict) else None
        if not isinstance(id_, str):
            continue  # The check below reports it.
        if id_.startswith("stytch_"):
            raise Refusal("rbac_org_custom_roles_only", "An organization's policy can only have its own roles.")
        if id_ in taken:
            raise Refusal("rbac_role_duplicate", "The project's policy has a role with this role_id.")
    read = rbac_rules.entries(ROLES, roles)
    rbac_rules.check({**stored_policy(call.store, call.environment), ROLES: read})
    organizations.keep(call, {**organization.fields, ROLES: read}, organization)
    return {"org_policy": {"roles": read}}


def check_kept(call: Call, policy: Fields) -> None:
    """Refuse a policy of the project that lacks what an organization's own roles refer to.

    Raises:
        Refusal: ``rbac_cannot_delete_attribute_used_in_org_policy``.
    """
    for row in call.store.children(call.collection("organization")):
        try:
            rbac_rules.check({**policy, ROLES: row.fields.get(ROLES, [])})
        except Refusal:
            message = "A role of an organization uses a resource or an action that the new policy lacks."
            raise Refusal("rbac_cannot_delete_attribute_used_in_org_policy", message) from None
