"""Roles and their permissions: ``stytch_user``, the role of every user, becomes ``stytch_member`` (docs/stytch.md)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from reconciler.export.manifests import Manifest
from reconciler.migration.values import Reason, Remark, Translated
from reconciler.model import Json, Live, Spec

CUSTOM: Final = {"custom_roles": "role_id", "custom_scopes": "scope"}
USER: Final = "stytch_user"
OWN: Final = "stytch.self"
EVERY: Final = "*"
# The actions of a member on itself that Stytch's public pages name. The pages do not agree on "-" and "_".
ACTIONS: Final = frozenset(
    {
        *("update.info.name", "update.info.untrusted-metadata", "update.info.mfa-phone"),
        *("update.info.delete.mfa-phone", "update.info.delete.password"),
        *("update.settings.mfa-enrolled", "update.settings.default-mfa-method", "delete"),
    }
)
NO_RESOURCE: Final = Reason(
    "it is not known whether B2B has this resource of Stytch", "grant the corresponding permission by hand"
)
STILL_MAY: Final = Reason(
    "users could not change their own data; members can, because Stytch by default grants them every action of "
    "stytch.self",
    "if that is too much, grant only the smallest action of stytch.self in the manifest",
)
NOTHING_LEFT: Final = Reason(
    "none of its permissions is left, and Stytch accepts no role or scope without permissions",
    "declare it again with permissions of B2B",
)
NO_ACTION: Final = Reason(
    "it is not known whether members have this action on themselves",
    "check the actions that Stytch's dashboard lists for stytch.self",
)


def translate_rbac_policy(lives: Sequence[Live]) -> Translated:
    """Return the policy with the project's own permissions, and with those of Stytch's that B2B has."""
    settings, losses, changes = [], [], []
    for live in lives:
        spec = dict(live.spec)
        if user := spec.pop(USER, None):
            spec["stytch_member"] = {"permissions": list(_kept(user))}
            if not any(permission["resource_id"] == OWN for permission in spec["stytch_member"]["permissions"]):
                changes.append(Remark(live.kind, live.name, "stytch_member", STILL_MAY))
        for name in CUSTOM:
            kept = [{**entry, "permissions": list(_kept(entry))} for entry in spec.get(name) or ()]
            spec[name] = [entry for entry in kept if entry["permissions"]]
        settings.append(Manifest(kind=live.kind, name=live.name, spec=spec))
        losses += [Remark(live.kind, live.name, field, reason) for field, reason in _lost(live.spec)]
    return Translated(settings=tuple(settings), losses=tuple(losses), changes=tuple(changes))


def _kept(holder: Mapping[str, Any]) -> Iterator[Json]:
    for permission in holder.get("permissions") or ():
        actions = [action for action in permission["actions"] if _is_known(permission["resource_id"], action)]
        if actions:
            yield {**permission, "actions": actions}


def _lost(policy: Spec) -> Iterator[tuple[str, Reason]]:
    holders = [(USER, policy.get(USER) or {})]
    for name, key in CUSTOM.items():
        holders += [(f"{name}.{entry[key]}", entry) for entry in policy.get(name) or ()]
    for field, holder in holders:
        for permission in holder.get("permissions") or ():
            resource = permission["resource_id"]
            for action in permission["actions"]:
                if not _is_known(resource, action):
                    yield f"{field}: {resource} {action}", NO_ACTION if resource == OWN else NO_RESOURCE
        if field != USER and not any(_kept(holder)):
            yield field, NOTHING_LEFT


def _is_known(resource: str, action: str) -> bool:
    if not resource.startswith("stytch."):
        return True
    return resource == OWN and (action == EVERY or action.replace("_", "-") in ACTIONS)
