"""Remove the settings that a new B2B project has by default in every environment."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import UNSET

from reconciler.as_written import sections_of, types_of
from reconciler.kinds import KINDS
from reconciler.migration.values import Everywhere
from reconciler.model import Json, Spec

# The permissions of Stytch's own role in a new project (docs/stytch.md, "RBAC policy"). They are not among the kind's
# defaults, because nothing resets the role to them.
BEGINS_WITH: Final = {
    "RBACPolicy": {"stytch_member": {"permissions": [{"resource_id": "stytch.self", "actions": ["*"]}]}}
}
NOTHING: Final[Sequence[Json]] = (UNSET, None, "", [], {})


def without_defaults(things: Everywhere) -> Everywhere:
    """Return the resources without fields that have Stytch's default everywhere, and without empty singletons."""
    found: dict[tuple[str, str], dict[str, Spec]] = {}
    for (name, key), specs in things.items():
        kind = KINDS[name]
        defaults = {**kind.defaults, **BEGINS_WITH.get(name, {})}
        types = types_of(kind.spec)
        told = {each: _told(spec, list(specs.values()), defaults, types) for each, spec in specs.items()}
        if key in kind.singletons and not any(told.values()):
            continue
        found[name, key] = {
            environment: {**{field: spec[field] for field in kind.required & spec.keys()}, **told[environment]}
            for environment, spec in specs.items()
        }
    return found


def _told(spec: Spec, everywhere: Sequence[Spec], defaults: Spec, types: Mapping[str, Any]) -> Spec:
    """Return the fields that differ from the default in some environment. A map with free keys is kept complete."""
    told: dict[str, Json] = {}
    for name, value in spec.items():
        default = defaults.get(name, UNSET)
        values = [each.get(name, UNSET) for each in everywhere]
        inside = sections_of(types.get(name))
        if inside and all(isinstance(each, dict) for each in values):
            if inner := _told(value, values, default if isinstance(default, dict) else {}, inside):
                told[name] = inner
        elif not all(_is_default(each, default) for each in values):
            told[name] = value
    return told


def _is_default(value: Json, default: Json) -> bool:
    return value == default or (value in NOTHING and default in NOTHING)
