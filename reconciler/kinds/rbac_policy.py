"""The RBAC policy: which roles there are and what each may do (docs/stytch.md, "RBAC policy")."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from reconciler.kinds._rest import Record, Setting
from reconciler.model import Change, Json, Path, Problem, Resource, Spec
from reconciler.schema.kind import Identity, Key, Kind
from reconciler.schema.traits import Keyed, Merged, completed
from reconciler.schema.types import Text, check_listed_once

ALL: Final = "*"
STYTCHS: Final = "stytch."  # how the names of Stytch's own resources begin
RESERVED: Final = "stytch"  # how the names of nobody else's roles and resources may begin
LISTS: Final = ("custom_roles", "custom_resources", "custom_scopes")
PERMITTING: Final = ("custom_roles", "custom_scopes")
ROLES: Final = ("stytch_member", "stytch_admin")


class Permission(Struct, forbid_unknown_fields=True, kw_only=True):
    """What may be done with one resource; ``*`` alone is everything."""

    resource_id: Text
    actions: Annotated[list[Text], Meta(min_length=1)]


Permissions = Annotated[list[Permission], Meta(min_length=1)]


class DefaultRole(Struct, forbid_unknown_fields=True, kw_only=True):
    """What one of Stytch's own roles may do besides what Stytch lets it do."""

    permissions: list[Permission] | UnsetType = UNSET


class Role(Struct, forbid_unknown_fields=True, kw_only=True):
    """A role, and what it may do."""

    role_id: Text
    description: str = ""
    permissions: Permissions


class CustomResource(Struct, forbid_unknown_fields=True, kw_only=True):
    """Something of the application's own that permissions are about, and what can be done with it."""

    resource_id: Text
    description: str = ""
    available_actions: Annotated[list[Text], Meta(min_length=1)]


class Scope(Struct, forbid_unknown_fields=True, kw_only=True):
    """A scope that clients may ask for, and what it lets them do."""

    scope: Text
    description: str = ""
    permissions: Permissions


class RBACPolicySpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """The policy of a B2B project; each of its lists is managed whole, item by item."""

    stytch_member: Annotated[DefaultRole | UnsetType, Merged()] = UNSET
    stytch_admin: Annotated[DefaultRole | UnsetType, Merged()] = UNSET
    custom_roles: Annotated[list[Role] | UnsetType, Keyed("role_id")] = UNSET
    custom_resources: Annotated[list[CustomResource] | UnsetType, Keyed("resource_id")] = UNSET
    custom_scopes: Annotated[list[Scope] | UnsetType, Keyed("scope")] = UNSET


def check(resource: Resource) -> Iterator[Problem]:
    """Yield what Stytch would refuse although every type is right."""
    for name, key in KIND.keyed.items():
        items = resource.spec.get(name) or ()
        yield from check_listed_once(resource, ("spec", name), [item[key] for item in items])
        for index, item in enumerate(items):
            yield from _check_name(resource, ("spec", name, str(index), key), item[key])
            yield from _check_actions(
                resource, ("spec", name, str(index), "available_actions"), item.get("available_actions", ())
            )
    for path, permissions in _permissions(resource.spec):
        yield from _check_permissions(resource, path, permissions)


def _check_name(resource: Resource, path: Path, name: str) -> Iterator[Problem]:
    if path[-1] != "scope" and name.startswith(RESERVED):
        message = f"{name} begins with {RESERVED}, which only Stytch's own roles and resources may"
        yield resource.problem("reserved-name", message, "give it another name", path)


def _check_actions(resource: Resource, path: Path, actions: Sequence[str]) -> Iterator[Problem]:
    yield from check_listed_once(resource, path, actions)
    if ALL in actions and path[-1] == "available_actions":
        message = f"{ALL} is not an action of a resource: in a permission it means all actions"
        yield resource.problem("wildcard", message, "name the actions", path)
    elif ALL in actions and len(actions) > 1:
        yield resource.problem("wildcard", f"{ALL} already means every action", "remove the others", path)


def _permissions(spec: Spec) -> Iterator[tuple[Path, Sequence[Mapping[str, Any]]]]:
    """Yield every list of permissions, and where it stands."""
    for name in ROLES:
        yield ("spec", name, "permissions"), (spec.get(name) or {}).get("permissions") or ()
    for name in PERMITTING:
        for index, item in enumerate(spec.get(name) or ()):
            yield ("spec", name, str(index), "permissions"), item["permissions"]


def _check_permissions(resource: Resource, path: Path, permissions: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    """Yield what is wrong with permissions; whether a resource exists can be told where the resources are declared."""
    declared = resource.spec.get("custom_resources")
    known = {each["resource_id"]: each["available_actions"] for each in declared or ()}
    yield from check_listed_once(resource, path, [each["resource_id"] for each in permissions])
    for index, permission in enumerate(permissions):
        name, here = permission["resource_id"], (*path, str(index))
        yield from _check_actions(resource, (*here, "actions"), permission["actions"])
        if declared is None or name.startswith(STYTCHS):
            continue
        if name not in known:
            hint = f"custom_resources has {', '.join(sorted(known)) or 'none'}"
            yield resource.problem("unknown-resource", f"there is no resource {name}", hint, (*here, "resource_id"))
        for number, action in enumerate(permission["actions"] if name in known else ()):
            if action not in (ALL, *known[name]):
                message, hint = f"the resource {name} has no action {action}", f"it has {', '.join(known[name])}"
                yield resource.problem("unknown-action", message, hint, (*here, "actions", str(number)))


def missing(spec: Spec) -> Iterator[tuple[str, str, Path]]:
    """Yield each resource of one's own that a policy has not, or not with an action, and what in it is about that.

    Beside the resource stands what is missing, in words.
    """
    known = {each["resource_id"]: each["available_actions"] for each in spec.get("custom_resources") or ()}
    holders = {(name, "permissions"): spec.get(name) or {} for name in ROLES}
    holders |= {(name, str(item[KIND.keyed[name]])): item for name in PERMITTING for item in spec.get(name) or ()}
    for path, holder in holders.items():
        for permission in holder.get("permissions") or ():
            name = permission["resource_id"]
            if name not in known and not name.startswith(STYTCHS):
                yield name, f"the resource {name}", path
            for action in permission["actions"] if name in known else ():
                if action not in (ALL, *known[name]):
                    yield name, f"the action {action} of {name}", path


def canonical(spec: Spec) -> Spec:
    """Sort permissions and actions, whose order means nothing."""
    roles = {name: _sorted(spec[name]) for name in ROLES if name in spec}
    lists = {name: [_sorted(item) for item in spec[name]] for name in LISTS if spec.get(name)}
    return {**spec, **roles, **lists}


def _sorted(item: Spec) -> dict[str, Json]:
    found = dict(item)
    if "permissions" in item:
        permissions = ({**each, "actions": sorted({*each["actions"]})} for each in item["permissions"])
        found["permissions"] = sorted(permissions, key=lambda each: str(each["resource_id"]))
    if "available_actions" in item:
        found["available_actions"] = sorted({*item["available_actions"]})
    return found


def fill(desired: Spec, live: Spec) -> Spec:
    """Keep what Stytch's own roles may do with its own resources, unless the manifest says otherwise of a resource."""
    return {**desired, **{name: _kept(desired[name], live.get(name) or {}) for name in ROLES if name in desired}}


def _kept(desired: Spec, live: Spec) -> Spec:
    if "permissions" not in desired:
        return desired
    said = {each["resource_id"] for each in desired["permissions"]}
    own = [
        each
        for each in live.get("permissions") or ()
        if each["resource_id"].startswith(STYTCHS) and each["resource_id"] not in said
    ]
    return _sorted({**desired, "permissions": [*desired["permissions"], *own]})


def _spec(found: Record) -> Spec:
    """Return what can be set of a policy; what Stytch's own resources are cannot."""
    roles = {name: {"permissions": found[name].get("permissions") or []} for name in ROLES if found.get(name)}
    return completed(RBACPolicySpec, {**roles, **{name: found.get(name) or [] for name in LISTS}})


def _body(policy: Spec, change: Change) -> Spec:
    """Return all lists, as Stytch may empty one that is left out, and those of its own roles that change."""
    changed = {field.path[0] for field in change.fields}
    return {name: policy[name] for name in (*LISTS, *(name for name in ROLES if name in changed))}


SETTING: Final = Setting(
    path="rbac_policy",
    record="policy",
    spec=_spec,
    body=_body,
    answered=_spec,
)
KIND: Final = SETTING.added_to(
    Kind(
        name="RBACPolicy",
        spec=RBACPolicySpec,
        api="management",
        key=Key("rbac_policy", Literal["default"], "`default`: there is one to an environment"),
        identity=Identity(singletons=("default",)),
        computed=frozenset({"stytch_resources"}),
        defaults=MappingProxyType({**{name: {"permissions": []} for name in ROLES}, **{name: [] for name in LISTS}}),
        check=check,
        canonical=canonical,
        fill=fill,
    )
)
