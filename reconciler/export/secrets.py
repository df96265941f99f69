"""Secrets: what Stytch holds of them cannot be read, so a manifest names each, and somebody must provide it."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct, structs

from reconciler.export.manifests import Manifest
from reconciler.export.names import secret_names
from reconciler.kinds import KINDS
from reconciler.model import Json, Path
from reconciler.named_secrets import LAST_FOUR, NAME

WORDS: Final = re.compile(r"[A-Z0-9]+(?=[A-Z][a-z]|$)|[A-Z][a-z0-9]+")


class Needed(Struct, frozen=True, order=True, kw_only=True):
    """A secret that somebody must provide, the thing that needs it, and how it ends, which is all that is known."""

    name: str
    address: str
    last_four: str


def with_secrets(manifests: Sequence[Manifest]) -> tuple[list[Manifest], list[Needed]]:
    """Put names in the place of secrets, and give these names."""
    found = {_key(each, path): (each, path, last_four) for each in manifests for path, last_four in _secrets(each)}
    names = secret_names({key: _label(manifest, path) for key, (manifest, path, _) in found.items()})
    needed = [
        Needed(name=names[key], address=manifest.address, last_four=last) for key, (manifest, _, last) in found.items()
    ]

    def named(value: Json, manifest: Manifest, path: Path) -> Json:
        if (key := _key(manifest, path)) in names:
            return {NAME: names[key]}
        if isinstance(value, dict):
            return {name: named(inner, manifest, (*path, name)) for name, inner in value.items()}
        if isinstance(value, list):
            return [named(inner, manifest, (*path, str(index))) for index, inner in enumerate(value)]
        return value

    return [structs.replace(each, spec=named(each.spec, each, ())) for each in manifests], sorted(needed)


def _key(manifest: Manifest, path: Path) -> str:
    return "\n".join((manifest.address, *path))


def _label(manifest: Manifest, path: Path) -> str:
    """Say in words what a secret is: the kind and the name of the thing, and the field."""
    return " ".join((*WORDS.findall(manifest.kind), manifest.namespace or "", manifest.name, path[-1]))


def _secrets(manifest: Manifest) -> Iterator[tuple[Path, str]]:
    for name in KINDS[manifest.kind].secret_fields.keys() & manifest.spec.keys():
        yield from _shown(manifest.spec[name], (name,))


def _shown(value: Json, path: Path) -> Iterator[tuple[Path, str]]:
    """Yield where Stytch shows the end of a secret."""
    if isinstance(value, dict) and value.keys() == {LAST_FOUR}:
        yield path, str(value[LAST_FOUR])
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _shown(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _shown(inner, (*path, str(index)))
