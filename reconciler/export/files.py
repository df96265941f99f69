"""Choose the file of each document and of each long text, and write them where nothing else is.

A kind whose names Stytch fixes has one file. Every other kind has a folder, with one file for each resource, or for
each organization that holds resources.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, Literal, get_args, get_origin

from msgspec import structs

from reconciler.errors import InvalidInput
from reconciler.export.manifests import SEPARATOR, Manifest, file_names, text
from reconciler.export.spec import as_written, is_long
from reconciler.kinds import KINDS
from reconciler.model import Json, Position, Problem, Spec, problem
from reconciler.model import Path as FieldPath
from reconciler.schema.kind import Kind

Files = Mapping[str, str]  # path → text

LISTS: Final = (".gitignore", ".gitattributes")  # these files may contain other lines too
FOLDERS: Final = ("manifests", "files", "tables")  # these folders contain only exported files

# By the end of the field's name: the text itself shows nothing reliable about its format.
SUFFIXES: Final = {"template_content": "json", "html_content": "html", "pem_files": "pem", "x509_certificate": "pem"}


def in_files(manifests: Sequence[Manifest]) -> tuple[list[Manifest], Files]:
    """Return the manifests with file names in the place of long texts, and these files."""
    names: dict[str, str] = {}
    for kind in KINDS:
        labels = {each.address: f"{each.namespace or ''} {each.name}" for each in manifests if each.kind == kind}
        names |= file_names(labels)
    written: list[Manifest] = []
    files: dict[str, str] = {}
    for each in manifests:
        specs, texts = texts_in_files(KINDS[each.kind], names[each.address], {"": each.spec})
        written.append(structs.replace(each, spec=specs[""]))
        files |= texts
    return written, files


def texts_in_files(kind: Kind, name: str, specs: Mapping[str, Spec]) -> tuple[Mapping[str, Spec], Files]:
    """Return a resource's written specs, by environment, with file names in the place of long texts, and these files.

    A text that differs between environments has a file for each. ``name`` is a file name that stands for the resource.
    """
    if not kind.texts:
        return specs, {}
    texts: dict[FieldPath, dict[str, str]] = {}

    def collect(environment: str, path: FieldPath, content: str) -> Json:
        texts.setdefault(path, {})[environment] = content
        return content

    for environment, spec in specs.items():
        as_written(kind, spec, partial(collect, environment))
    moved = {path: contents for path, contents in texts.items() if any(map(is_long, contents.values()))}

    def file(path: FieldPath, environment: str) -> str:
        field = path[len(kind.texts) == 1 :]  # the only field with a text needs no name
        words = [name, *field, *([environment] if len(set(moved[path].values())) > 1 else [])]
        return f"files/{kind.name}/{'.'.join(words)}.{_suffix(path)}"

    def put(environment: str, path: FieldPath, content: str) -> Json:
        if path not in moved:
            return content
        return {"file": file(path, "${{ environment }}" if len(moved[path]) == len(specs) else environment)}

    written = {environment: as_written(kind, spec, partial(put, environment)) for environment, spec in specs.items()}
    # The last newline of the file does not belong to the text.
    return written, {file(path, each): f"{text}\n" for path, by in moved.items() for each, text in by.items()}


def documents(manifests: Iterable[Manifest]) -> Files:
    """Return the files of the documents."""
    found: dict[str, dict[str, list[Manifest]]] = {}
    for manifest in sorted(manifests, key=_place):
        found.setdefault(manifest.kind, {}).setdefault(_group(manifest), []).append(manifest)
    files = {}
    for kind, groups in found.items():
        names = file_names({group: group for group in groups})
        for group, every in groups.items():
            path = f"manifests/{kind}/{names[group]}.yaml" if group else f"manifests/{kind}.yaml"
            files[path] = SEPARATOR.join(map(text, every))
    return files


def _group(manifest: Manifest) -> str:
    """Return the file of a manifest within its kind: "" where the kind has one, else a resource or organization."""
    if _own_names(manifest.kind):
        return ""
    return manifest.name if manifest.namespace is None else manifest.namespace


def _place(manifest: Manifest) -> tuple[object, ...]:
    """Return the sort key of a manifest: the order of ``KINDS``, then names; fixed names in Stytch's order."""
    names = _own_names(manifest.kind)
    at = names.index(manifest.name) if manifest.name in names else len(names)
    return list(KINDS).index(manifest.kind), manifest.namespace or "", at, manifest.name


def _own_names(kind: str) -> tuple[str, ...]:
    """Return the fixed names that Stytch gives the resources of a kind; () where names are free."""
    names = KINDS[kind].key.type
    return get_args(names) if get_origin(names) is Literal else ()


def _suffix(path: FieldPath) -> str:
    return next((suffix for ending, suffix in SUFFIXES.items() for name in path if name.endswith(ending)), "txt")


# Writing: nothing that exists is changed


def write_files(root: Path, files: Mapping[str, str]) -> tuple[str, ...]:
    """Write the files that do not exist yet below ``root``. Return their names.

    Raises ``InvalidInput`` with every file that exists with another content; then nothing is written.
    """
    try:
        there = {name: (root / name).read_bytes() for name in files if (root / name).exists()}
        if changed := list(filter(None, (_changed(name, content, files[name]) for name, content in there.items()))):
            raise InvalidInput(changed)
        written = [name for name in files if name not in there]
        for name in written:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, files[name].encode())
    except OSError as error:
        message = f"cannot write {error.filename}: {error.strerror}"
        raise InvalidInput(message, hint="choose another folder") from error
    return tuple(written)


def _write(path: Path, content: bytes) -> None:
    """Write a file so that a kill at any moment leaves the complete file or none."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_bytes(content)
    fresh.replace(path)


def _changed(name: str, content: bytes, text: str) -> Problem | None:
    """Return the problem of an existing file without the text; a list of lines may contain other lines too."""
    if name not in LISTS:
        return _odd(name, "exists with another content") if content != text.encode() else None
    there = content.decode(errors="replace").splitlines()
    lines = [line for line in text.splitlines() if not line.startswith("#") and line not in there]
    if not lines:
        return None
    message = f"{name} exists and lacks {' and '.join(lines)}"
    hint = f"nothing was written: add {'this line' if len(lines) == 1 else 'these lines'} to it"
    return problem("changed", message, hint, Position(name, 1))


def check_nothing_else(root: Path, files: Mapping[str, str]) -> None:
    """Raise ``InvalidInput`` with every other file in the folders of an export."""
    try:
        others = sorted(set(_there(root)) - files.keys())
    except OSError as error:
        raise InvalidInput(f"cannot read {error.filename}: {error.strerror}", hint="choose another folder") from error
    if others:
        raise InvalidInput(_odd(name, "exists, but is not part of the export") for name in others)


def _there(root: Path) -> Iterator[str]:
    """Yield the name of every file in the folders of an export, except hidden files."""
    for folder in FOLDERS:
        for path in (root / folder).rglob("*"):
            name = path.relative_to(root)
            if not path.is_dir() and not any(part.startswith(".") for part in name.parts):
                yield name.as_posix()


def _odd(name: str, what: str) -> Problem:
    hint = "nothing was written: move the file away and run the command again, or use another folder"
    return problem("changed", f"{name} {what}", hint, Position(name, 1))
