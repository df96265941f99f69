"""Split translated resources into those that ``validate`` accepts and those that are left out, with the reason."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import UNSET, structs

from reconciler.diff.fields import NOTHING
from reconciler.export.checks import Sound, sound
from reconciler.export.manifests import LeftOut, Manifest
from reconciler.export.spec import as_written, sections_of, types_of
from reconciler.kinds import KINDS
from reconciler.migration.values import Everywhere
from reconciler.model import Json, Spec
from reconciler.schema.kind import Kind
from reconciler.schema.validate import conforms

# The permissions of Stytch's own role in a new project (docs/stytch.md, "RBAC policy"). They are not among the kind's
# defaults, because nothing resets the role to them.
BEGINS_WITH: Final = {
    "RBACPolicy": {"stytch_member": {"permissions": [{"resource_id": "stytch.self", "actions": ["*"]}]}}
}
EMPTY: Final[Sequence[Json]] = (UNSET, None, "", [], {})


def without_defaults(things: Everywhere) -> Everywhere:
    """Return the resources without fields that have Stytch's default everywhere, and without empty singletons."""
    found: dict[tuple[str, str], dict[str, Spec]] = {}
    for (name, key), specs in things.items():
        kind = KINDS[name]
        defaults = {**kind.defaults, **BEGINS_WITH.get(name, {})}
        types = types_of(kind.spec)
        told = {each: _told(spec, list(specs.values()), defaults, types) for each, spec in specs.items()}
        if key in kind.identity.singletons and not any(told.values()):
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
    return value == default or (value in EMPTY and default in EMPTY)


LeftOuts = Mapping[str, Sequence[LeftOut]]  # by environment


def declarable(things: Everywhere, environments: Sequence[str]) -> tuple[Everywhere, LeftOuts]:
    """Return the resources that pass the checks of ``validate``, and what is left out, by environment."""
    passed = {environment: _passed(things, environment) for environment in environments}
    kept = {environment: {each.key: each.spec for each in found.manifests} for environment, found in passed.items()}
    held = {
        (kind, name): {each: kept[each][kind, None, name] for each in specs if (kind, None, name) in kept[each]}
        for (kind, name), specs in things.items()
    }
    left_out = {environment: found.left_out for environment, found in passed.items()}
    return {key: specs for key, specs in held.items() if specs}, left_out


def _passed(things: Everywhere, environment: str) -> Sound:
    every = [
        Manifest(kind=kind, name=name, spec=_said(KINDS[kind], specs[environment]))
        for (kind, name), specs in things.items()
        if environment in specs
    ]
    lacking = {each.address: sorted(KINDS[each.kind].required - each.spec.keys()) for each in every}
    found = sound([each for each in every if not lacking[each.address]], live={}, last_four={})
    unmade = [
        LeftOut(address=address, reason=f"it has no {name}, which is required")
        for address, names in lacking.items()
        for name in names[:1]
    ]
    return structs.replace(found, left_out=[*unmade, *found.left_out])


def _said(kind: Kind, spec: Spec) -> Spec:
    """Return the fields as a manifest holds them, without empty values that the kind does not accept."""
    written = as_written(kind, spec)
    return {
        name: value for name, value in written.items() if value not in NOTHING or conforms({name: value}, kind.spec)
    }
