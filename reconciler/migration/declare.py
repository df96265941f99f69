"""Translated resources → what manifests declare of them.

Without the defaults of Stytch, with names in the place of secrets, and without what ``validate`` would refuse.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import UNSET, Struct, structs

from reconciler.diff.fields import NOTHING
from reconciler.export.checks import Checked, checked
from reconciler.export.manifests import LeftOut, Manifest
from reconciler.export.secrets import masked_secrets, with_names
from reconciler.export.spec import as_written, sections_of, types_of
from reconciler.kinds import KINDS
from reconciler.migration.values import Everywhere
from reconciler.model import Json, Position, Resource, Spec, address
from reconciler.schema.kind import Kind
from reconciler.schema.secret_names import NAME, credential_name, distinct_names, names_in
from reconciler.schema.validate import is_valid

LeftOuts = Mapping[str, Sequence[LeftOut]]  # by environment

# The permissions of Stytch's own role in a new project (docs/stytch.md, "RBAC policy"). They are not among the kind's
# defaults, because nothing resets the role to them.
BEGINS_WITH: Final = {
    "RBACPolicy": {"stytch_member": {"permissions": [{"resource_id": "stytch.self", "actions": ["*"]}]}}
}
EMPTY: Final[Sequence[Json]] = (UNSET, None, "", [], {})
NOWHERE: Final = Position("", 1)
GIVEN: Final = "Set the variable, or put the value into the credential store. Until then the reconciler cannot send it"
CHOSEN: Final = (
    "Set the variable to the client's secret before the first apply, and the client keeps that secret. The second "
    "secret of a rotation that is under way is lost. Without the variable Stytch creates a new secret: the credential "
    "store keeps it, and you pass it on"
)
MADE: Final = "Stytch creates the value, and the credential store keeps it"


def without_defaults(resources: Everywhere) -> Everywhere:
    """Return the resources without fields that have Stytch's default everywhere, and without empty singletons."""
    found: dict[tuple[str, str], dict[str, Spec]] = {}
    for (name, key), specs in resources.items():
        kind = KINDS[name]
        defaults = {**kind.defaults, **BEGINS_WITH.get(name, {})}
        types = types_of(kind.spec)
        fields = {each: _non_default(spec, list(specs.values()), defaults, types) for each, spec in specs.items()}
        if key in kind.identity.singletons and not any(fields.values()):
            continue
        found[name, key] = {
            environment: {**{field: spec[field] for field in kind.required & spec.keys()}, **fields[environment]}
            for environment, spec in specs.items()
        }
    return found


def _non_default(spec: Spec, everywhere: Sequence[Spec], defaults: Spec, types: Mapping[str, Any]) -> Spec:
    """Return the fields that differ from the default in some environment. A map with free keys is kept complete."""
    fields: dict[str, Json] = {}
    for name, value in spec.items():
        default = defaults.get(name, UNSET)
        values = [each.get(name, UNSET) for each in everywhere]
        inside = sections_of(types.get(name))
        if inside and all(isinstance(each, dict) for each in values):
            if inner := _non_default(value, values, default if isinstance(default, dict) else {}, inside):
                fields[name] = inner
        elif any(each != default and not (each in EMPTY and default in EMPTY) for each in values):
            fields[name] = value
    return fields


def declarable(resources: Everywhere, environments: Sequence[str]) -> tuple[Everywhere, LeftOuts]:
    """Return the resources that pass the checks of ``validate``, and what is left out, by environment."""
    passed = {environment: _passed(resources, environment) for environment in environments}
    kept = {environment: {each.key: each.spec for each in found.manifests} for environment, found in passed.items()}
    held = {
        (kind, name): {each: kept[each][kind, None, name] for each in specs if (kind, None, name) in kept[each]}
        for (kind, name), specs in resources.items()
    }
    left_out = {environment: found.left_out for environment, found in passed.items()}
    return {key: specs for key, specs in held.items() if specs}, left_out


def _passed(resources: Everywhere, environment: str) -> Checked:
    every = [
        Manifest(kind=kind, name=name, spec=_declared(KINDS[kind], specs[environment]))
        for (kind, name), specs in resources.items()
        if environment in specs
    ]
    lacking = {each.address: sorted(KINDS[each.kind].required - each.spec.keys()) for each in every}
    found = checked([each for each in every if not lacking[each.address]], live={}, last_four={})
    unmade = [
        LeftOut(address=address, reason=f"it has no {name}, which is required")
        for address, names in lacking.items()
        for name in names[:1]
    ]
    return structs.replace(found, left_out=[*unmade, *found.left_out])


def _declared(kind: Kind, spec: Spec) -> Spec:
    """Return the fields as a manifest holds them, without empty values that the kind does not accept."""
    written = as_written(kind, spec)
    return {
        name: value for name, value in written.items() if value not in NOTHING or is_valid({name: value}, kind.spec)
    }


def with_secret_names(resources: Everywhere) -> Everywhere:
    """Return the resources with names instead of masked secrets.

    Credentials that would get the same name are declared with different names.
    """
    credentials = {key: name for key, specs in resources.items() if (name := _credential(key, specs))}
    apart = distinct_names({address(*key): name for key, name in credentials.items()})
    named: dict[tuple[str, str], Mapping[str, Spec]] = {}
    for key, specs in resources.items():
        kind, own = KINDS[key[0]], apart.get(address(*key))
        credential = {kind.credential.field: {NAME: own}} if kind.credential and own else {}
        named[key] = {environment: {**_named(kind, spec), **credential} for environment, spec in specs.items()}
    return named


def _credential(key: tuple[str, str], specs: Mapping[str, Spec]) -> str:
    """Return the name under which the credential of a resource is kept, "" if it has no credential anywhere."""
    kind = KINDS[key[0]]
    if not kind.credential or not any(map(kind.credential.has_one, specs.values())):
        return ""
    spec = next(iter(specs.values()))
    return credential_name(kind, Resource(kind=key[0], name=key[1], spec=spec, position=NOWHERE))


def _named(kind: Kind, spec: Spec) -> Spec:
    named: Spec = with_names(spec, {path: "_".join(path[-2:]).upper() for path, _ in masked_secrets(kind, spec)})
    return named


class Needed(Struct, frozen=True, kw_only=True):
    """A secret: its name, the resource and field that it belongs to, its environments, and who provides it."""

    name: str
    of: str
    environments: tuple[str, ...]
    what: str


def secrets(resources: Everywhere) -> Iterator[Needed]:
    """Yield every secret that the manifests name, and every credential that the credential store will keep."""
    for (name, key), specs in resources.items():
        kind, of = KINDS[name], address(name, key)
        sent = {secret: path for spec in specs.values() for path, secret in names_in(spec)}
        for secret, path in sent.items() if kind.secret_fields else ():
            yield Needed(name=secret, of=f"{of}: {'.'.join(path)}", environments=tuple(specs), what=GIVEN)
        if kind.credential and (having := tuple(each for each, spec in specs.items() if kind.credential.has_one(spec))):
            kept = _credential((name, key), specs)
            yield Needed(name=kept, of=of, environments=having, what=CHOSEN if name == "M2MClient" else MADE)
