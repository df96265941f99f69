"""Secrets that Stytch does not show: the manifests hold their names, and MIGRATION.md says what each is for."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final

from msgspec import Struct

from reconciler.export.names import file_names
from reconciler.export.spec import as_written, is_long
from reconciler.kinds import KINDS
from reconciler.migration.values import Everywhere
from reconciler.model import Json, Path, Position, Resource, Spec, address
from reconciler.schema.kind import Kind
from reconciler.schema.secret_names import LAST_FOUR, NAME, credential_name, names_in, told_apart

FOLDER: Final = "files"
SUFFIXES: Final = {"html_content": "html", "plaintext_content": "txt", "pem_files": "pem"}
CLAIMS: Final = "json"
HERE: Final = "${{ environment }}"

Texts = dict[Path, dict[str, str]]  # by path in the spec, then by environment


def in_files(things: Everywhere) -> tuple[Everywhere, Mapping[str, str]]:
    """Return the resources with file names in the place of long texts, and the text of each file by its name."""
    files: dict[str, str] = {}
    names = {kind: file_names({name: name for each, name in things if each == kind}) for kind, _ in things}
    written = {
        (kind, name): _written(KINDS[kind], names[kind][name], specs, files) for (kind, name), specs in things.items()
    }
    return written, files


def _written(kind: Kind, safe: str, specs: Mapping[str, Spec], files: dict[str, str]) -> Mapping[str, Spec]:
    texts: Texts = {}
    for environment, spec in specs.items():
        as_written(kind, spec, lambda path, text: texts.setdefault(path, {}).setdefault(environment, text))  # noqa: B023 # used before the loop goes on
    moved = {path: by for path, by in texts.items() if any(map(is_long, by.values()))}
    for path, by in moved.items():
        for environment, text in by.items():
            files[_file(kind, safe, path, environment if _differ(by) else "")] = f"{text}\n"

    def put(environment: str, path: Path, text: str) -> Json:
        if path not in moved:
            return text
        here = HERE if len(moved[path]) == len(specs) else environment
        return {"file": _file(kind, safe, path, here if _differ(moved[path]) else "")}

    return {environment: as_written(kind, spec, partial(put, environment)) for environment, spec in specs.items()}


def _differ(texts: Mapping[str, str]) -> bool:
    return len(set(texts.values())) > 1


def _file(kind: Kind, safe: str, path: Path, environment: str) -> str:
    """Return the file name of a text: kind, name, field (where a resource has several texts) and environment."""
    words = [safe, *path[1:], *([environment] if environment else [])]
    suffix = next((SUFFIXES[name] for name in path if name in SUFFIXES), CLAIMS)
    return f"{FOLDER}/{kind.name}/{'.'.join(words)}.{suffix}"


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
