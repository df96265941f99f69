"""One manifest → one ``Resource``, with every mistake that the manifest alone shows."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from msgspec import Struct, structs

from reconciler.documents.document import Document
from reconciler.expressions.text import mailbox_or_text
from reconciler.load.files import Texts
from reconciler.model import Json, Lifecycle, Path, Position, Problem, Resource, Spec
from reconciler.schema.kind import Kind, ignorable
from reconciler.schema.secret_names import is_secret_name, names_of_the_machine
from reconciler.schema.traits import fields_of
from reconciler.schema.types import is_id
from reconciler.suggest import did_you_mean

METADATA_DEPTH = 3  # spec, field and the key of a metadata value, which may hold dots itself
NOT_WHEN_ABSENT = ("spec", "initial", "restore")
NOT_WHEN_EXTERNAL = ("initial", "lifecycle", "restore", "adopt")
LOSSES = ("allow_loss", "max_loss_percent")  # of lifecycle: what one may lose that stays
UNREAD: Final = object()


class ManifestBody(Struct, frozen=True):
    """A manifest that does not stand in a file as it is: of a row of a table, or one that is to be written."""

    body: Mapping[str, Json]
    position: Position
    positions: Mapping[Path, Position]

    def at(self, *path: str) -> Position:
        """Return the place of the value at ``path``, or else that of the whole manifest."""
        return self.positions.get(path, self.position)


def resource_of(
    kind: Kind, manifest: Document | ManifestBody, environments: frozenset[str], texts: Texts, problems: list[Problem]
) -> Resource:
    """Return the resource that a valid manifest declares for some environments; add what is wrong to ``problems``."""
    body = manifest.body
    metadata, lifecycle = body["metadata"], body.get("lifecycle") or {}
    written = Resource(
        kind=kind.name,
        name=mailbox_or_text(metadata["name"]) if kind.key.name == "email_address" else metadata["name"],
        namespace=metadata.get("namespace"),
        spec=_with_texts(kind, "spec", manifest, texts, problems),
        initial=_with_texts(kind, "initial", manifest, texts, problems),
        ensure=body.get("ensure", "present"),
        renamed_from=metadata.get("renamed_from"),
        restore=body.get("restore", False),
        adopt=body.get("adopt", False),
        lifecycle=Lifecycle(**{**lifecycle, "ignore": tuple(map(_path, lifecycle.get("ignore", ())))}),
        environments=environments,
        position=manifest.position,
        positions=manifest.positions,
    )
    problems.extend(_contradictions(kind, written, body))
    problems.extend(kind.check(written))
    if not (written.spec or written.initial):
        return written
    return structs.replace(written, spec=kind.normalize(written.spec), initial=kind.normalize(written.initial))


def _with_texts(
    kind: Kind, part: str, manifest: Document | ManifestBody, texts: Texts, problems: list[Problem]
) -> Spec:
    """Return a part with the texts of files in the place of their names; what cannot be read is left out."""

    def read(file: str, path: Path) -> str | None:
        at = manifest.positions.get((*path, "file"), manifest.position)
        return texts.read(file, at, problems)

    spec: Spec = manifest.body.get(part) or {}
    whole = {name: _read_in(value, (part, name), read) if name in kind.texts else value for name, value in spec.items()}
    return {name: value for name, value in whole.items() if value is not UNREAD}


def _read_in(value: Json, path: Path, read: Callable[[str, Path], str | None]) -> Json:
    """Return a value with every ``{file: path}`` in it read."""
    if isinstance(value, list):
        items = [_read_in(item, (*path, str(index)), read) for index, item in enumerate(value)]
        return UNREAD if UNREAD in items else items  # a shorter list would have its items at other places
    if not isinstance(value, dict):
        return value
    if value.keys() == {"file"}:
        text = read(value["file"], path)
        return UNREAD if text is None else text
    inside = {key: _read_in(inner, (*path, key), read) for key, inner in value.items()}
    return {key: inner for key, inner in inside.items() if inner is not UNREAD}


def _path(text: str) -> Path:
    """Split ``spec.trusted_metadata.a.b`` into its parts; a metadata key may hold dots itself."""
    return tuple(text.split(".", 2))


def _contradictions(kind: Kind, resource: Resource, body: Mapping[str, Json]) -> Iterator[Problem]:
    """Yield what the parts of one manifest say against each other."""
    unfit = {"absent": NOT_WHEN_ABSENT, "external": NOT_WHEN_EXTERNAL}.get(resource.ensure, ())
    for key in unfit:
        if key in body:
            message = f"ensure is {resource.ensure}, so {key} has no effect"
            yield resource.problem("contradiction", message, f"remove {key}, or ensure", (key,))
    if resource.ensure == "absent" and resource.lifecycle.protect:
        message = "ensure is absent, but lifecycle.protect refuses every delete"
        yield resource.problem("contradiction", message, "remove one of the two", ("ensure",), ("lifecycle", "protect"))
    for key in LOSSES:
        if resource.ensure == "absent" and key in (body.get("lifecycle") or {}):
            message = f"ensure is absent, so lifecycle.{key} has no effect"
            yield resource.problem("contradiction", message, "remove one of the two", ("lifecycle", key))
    if resource.renamed_from == resource.name:
        message = "renamed_from equals metadata.name"
        yield resource.problem("contradiction", message, "remove renamed_from", ("metadata", "renamed_from"))
    allowed = resource.lifecycle.allow_delete
    if allowed is not None and kind.identity.canonical_name(allowed) != kind.identity.canonical_name(resource.name):
        message, hint = (
            f"allow_delete does not name this {kind.name}",
            ("write the name of this resource, or remove allow_delete"),
        )
        yield resource.problem("contradiction", message, hint, ("lifecycle", "allow_delete"), ("metadata", "name"))
    if resource.ensure == "present":
        yield from _unfit_name(kind, resource)
    for place, name in names_of_the_machine(kind, resource):
        message = f"{name} is a variable of the system, not a secret for manifests"
        hint = "rename the secret: docs/credentials.md lists the names that are not read"
        yield resource.problem("not-a-secret-name", message, hint, place)
    for index, path in enumerate(resource.lifecycle.ignore):
        if wrong := _not_ignorable(kind, resource, path):
            yield resource.problem("unknown-path", *wrong, ("lifecycle", "ignore", str(index)))


def _unfit_name(kind: Kind, resource: Resource) -> Iterator[Problem]:
    """Yield what keeps a name from being that of a resource to be created."""
    if resource.name != resource.name.strip():
        message = f"there are spaces around the name {resource.name!r}, which Stytch may not keep"
        hint = "remove them" + (
            "; if the live one has them, name it under renamed_from" if kind.identity.renamable else ""
        )
        yield resource.problem("outer-blanks", message, hint, ("metadata", "name"))
    if kind.identity.id_is_key and not (is_secret_name(resource.name) or is_id(resource.name)):
        message = f"{resource.name} cannot be a name in the credential store"
        hint = "use letters, digits and _, as in a variable, without _ID at the end"
        yield resource.problem("not-a-secret-name", message, hint, ("metadata", "name"))


def _not_ignorable(kind: Kind, resource: Resource, path: Path) -> tuple[str, str] | None:
    """Return why ignoring a path would have no effect, and what to write instead; None if it has one."""
    named = f"lifecycle.ignore names {'.'.join(path)}"
    if not ignorable(kind, path):
        fields = [f"spec.{name}" for name in fields_of(kind.spec)]
        otherwise = f"a path is spec and a field of a {kind.name}: {fields[0]}"
        return f"{named}, which is not a field", did_you_mean(".".join(path[:2]), fields) or otherwise
    *field, key = path
    if len(path) < METADATA_DEPTH or "." not in key or key in (resource.spec.get(path[1]) or {}):
        return None
    return (
        f"{named}, but a value of {path[1]} is compared as one value"
    ), f"write {'.'.join(field)}.{key.partition('.')[0]}"
