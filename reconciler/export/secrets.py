"""Secrets: Stytch does not show their values, so a manifest holds a name for each, and a person must provide the value.

A secret that the repository already names keeps its name, because the credential store knows it by that name.
"""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct, structs

from reconciler.export.manifests import Manifest, secret_names
from reconciler.kinds import KINDS
from reconciler.model import Json, Path, Resource, Spec
from reconciler.schema.kind import Kind
from reconciler.schema.secret_names import (
    LAST_FOUR,
    NAME,
    credential_name,
    distinct_names,
    made_name,
    names_in,
    never_shown,
    words_of,
)


class Needed(Struct, frozen=True, order=True, kw_only=True):
    """A secret that a person must provide, the resource that needs it, and its last characters, which Stytch shows."""

    name: str
    address: str
    last_four: str


def with_secrets(
    manifests: Sequence[Manifest], declared: Mapping[str, Resource]
) -> tuple[list[Manifest], list[Needed]]:
    """Return the manifests with names in the place of secrets, and these names. ``declared`` is by address."""
    found = {
        "\n".join((each.address, *path)): (each, path, last_four)
        for each in manifests
        for path, last_four in masked_secrets(KINDS[each.kind], each.spec)
    }
    names = {
        **secret_names({key: _label(manifest, path) for key, (manifest, path, _) in found.items()}),
        **_named_already(found, declared),
    }
    needed = []
    by_path: dict[str, dict[Path, str]] = {}
    for key, (manifest, path, last_four) in found.items():
        needed.append(Needed(name=names[key], address=manifest.address, last_four=last_four))
        by_path.setdefault(manifest.address, {})[path] = names[key]
    credentials = _credentials(manifests, declared)
    named = []
    for each in manifests:
        spec = with_names(each.spec, by_path.get(each.address, {}))
        spec = {**_unshown(each, declared), **spec, **credentials.get(each.address, {})}
        named.append(structs.replace(each, spec=spec))
    return named, sorted(needed)


def masked_secrets(kind: Kind, spec: Spec) -> Iterator[tuple[Path, str]]:
    """Yield each path at which Stytch shows only the last characters of a secret, with these characters."""
    for name in kind.secret_fields.keys() & spec.keys():
        yield from _masked(spec[name], (name,))


def with_names(value: Json, names: Mapping[Path, str], path: Path = ()) -> Json:
    """Return a value with the names of secrets at these paths."""
    if path in names:
        return {NAME: names[path]}
    if isinstance(value, Mapping):
        return {key: with_names(inner, names, (*path, key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_names(inner, names, (*path, str(index))) for index, inner in enumerate(value)]
    return value


def _named_already(
    found: Mapping[str, tuple[Manifest, Path, str]], declared: Mapping[str, Resource]
) -> Mapping[str, str]:
    """Return the names that the repository has for these secrets; none for a name whose secrets end differently."""
    names: dict[str, str] = {}
    ends: dict[str, set[str]] = {}
    for key, (manifest, path, last_four) in found.items():
        if name := dict(names_in(_declared(manifest, declared))).get(path):
            names[key] = name
            ends.setdefault(name, set()).add(last_four)
    return {key: name for key, name in names.items() if len(ends[name]) == 1}


def _unshown(manifest: Manifest, declared: Mapping[str, Resource]) -> Spec:
    """Return the secrets that the repository declares and Stytch never shows."""
    kind, spec = KINDS[manifest.kind], _declared(manifest, declared)
    return {name: spec[name] for name in kind.secret_fields if name in spec and name in never_shown(kind)}


def _credentials(manifests: Sequence[Manifest], declared: Mapping[str, Resource]) -> Mapping[str, Spec]:
    """Return, by address, the credential fields whose name in the store differs from the default name."""
    made: dict[str, str] = {}
    for each in manifests:
        kind = KINDS[each.kind]
        if kind.credential and not kind.identity.id_is_key and kind.credential.has_one(each.spec):
            made[each.address] = made_name(kind, kind.credential, each.namespace, each.name)
    kept: dict[str, str] = {}
    for address, resource in declared.items():
        kind = KINDS[resource.kind]
        if kind.credential and kind.credential.has_one(resource.spec):
            kept[address] = credential_name(kind, resource)
    names = {**distinct_names({**made, **kept}), **kept}
    fields = {each.address: credential.field for each in manifests if (credential := KINDS[each.kind].credential)}
    return {
        address: {fields[address]: {NAME: name}} for address, name in names.items() if name != made.get(address, name)
    }


def _declared(manifest: Manifest, declared: Mapping[str, Resource]) -> Spec:
    resource = declared.get(manifest.address)
    return {**resource.initial, **resource.spec} if resource else {}


def _label(manifest: Manifest, path: Path) -> str:
    """Return the words that name a secret: kind, namespace and name of the resource, and the field."""
    return " ".join((*words_of(manifest.kind), manifest.namespace or "", manifest.name, path[-1]))


def _masked(value: Json, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, dict) and value.keys() == {LAST_FOUR}:
        yield path, str(value[LAST_FOUR])
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _masked(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _masked(inner, (*path, str(index)))
