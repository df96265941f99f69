"""Secrets that Stytch does not show: the manifests hold their names, and MIGRATION.md says what each is for."""

from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

from reconciler.kinds import KINDS
from reconciler.migration.values import Everywhere
from reconciler.model import Json, Path, Position, Resource, Spec, address
from reconciler.schema.secret_names import LAST_FOUR, NAME, credential_name, names_in, told_apart

NOWHERE: Final = Position("", 1)
GIVEN: Final = "Set the variable, or put the value into the credential store. Until then the reconciler cannot send it"
CHOSEN: Final = (
    "Set the variable to the client's secret before the first apply, and the client keeps that secret. The second "
    "secret of a rotation that is under way is lost. Without the variable Stytch creates a new secret: the credential "
    "store keeps it, and you pass it on"
)
MADE: Final = "Stytch creates the value, and the credential store keeps it"


def with_names(things: Everywhere) -> Everywhere:
    """Return the resources with names instead of masked secrets.

    Credentials that would get the same name are declared with different names.
    """
    credentials = {key: name for key, specs in things.items() if (name := _credential(key, specs))}
    apart = told_apart({address(*key): name for key, name in credentials.items()})
    named: dict[tuple[str, str], Mapping[str, Spec]] = {}
    for key, specs in things.items():
        kind, own = KINDS[key[0]].credential, apart.get(address(*key))
        said = {kind.field: {NAME: own}} if kind and own else {}
        named[key] = {environment: {**_named(spec, ()), **said} for environment, spec in specs.items()}
    return named


def _credential(key: tuple[str, str], specs: Mapping[str, Spec]) -> str:
    """Return the name under which the credential of a resource is kept, "" if it has no credential anywhere."""
    kind = KINDS[key[0]]
    if not kind.credential or not any(map(kind.credential.has_one, specs.values())):
        return ""
    spec = next(iter(specs.values()))
    return credential_name(kind, Resource(kind=key[0], name=key[1], spec=spec, position=NOWHERE))


def _named(value: Json, path: Path) -> Json:
    if isinstance(value, Mapping):
        if value.keys() == {LAST_FOUR}:
            return {NAME: "_".join(path[-2:]).upper()}
        return {key: _named(inner, (*path, key)) for key, inner in value.items()}
    return [_named(inner, path) for inner in value] if isinstance(value, list) else value


class Needed(Struct, frozen=True, kw_only=True):
    """A secret: its name, the resource and field that it belongs to, its environments, and who provides it."""

    name: str
    of: str
    environments: tuple[str, ...]
    what: str


def secrets(things: Everywhere) -> Iterator[Needed]:
    """Yield every secret that the manifests name, and every credential that the credential store will keep."""
    for (name, key), specs in things.items():
        kind, of = KINDS[name], address(name, key)
        sent = {secret: path for spec in specs.values() for path, secret in names_in(spec)}
        for secret, path in sent.items() if kind.secret_fields else ():
            yield Needed(name=secret, of=f"{of}: {'.'.join(path)}", environments=tuple(specs), what=GIVEN)
        if kind.credential and (having := tuple(each for each, spec in specs.items() if kind.credential.has_one(spec))):
            kept = _credential((name, key), specs)
            yield Needed(name=kept, of=of, environments=having, what=CHOSEN if name == "M2MClient" else MADE)
