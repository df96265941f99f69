"""Choose the file of each document, and of each long text.

A kind whose names Stytch fixes has one file. Every other kind has a folder, with one file for each resource, or for
each organization that holds resources.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, get_args, get_origin

from msgspec import structs

from reconciler.as_written import as_written, is_long
from reconciler.export.manifests import SEPARATOR, Manifest, text
from reconciler.export.names import file_names
from reconciler.kinds import KINDS
from reconciler.model import Json, Path

Files = Mapping[str, str]  # path → text

# By the end of the field's name: the text itself shows nothing reliable about its format.
SUFFIXES: Final = {"template_content": "json", "html_content": "html", "pem_files": "pem", "x509_certificate": "pem"}


def in_files(manifests: Sequence[Manifest]) -> tuple[list[Manifest], Files]:
    """Return the manifests with file names in the place of long texts, and these files."""
    names: dict[str, str] = {}
    for kind in KINDS:
        labels = {each.address: f"{each.namespace or ''} {each.name}" for each in manifests if each.kind == kind}
        names |= file_names(labels)
    files: dict[str, str] = {}

    def written(manifest: Manifest) -> Manifest:
        kind = KINDS[manifest.kind]

        def put(path: Path, content: str) -> Json:
            if not is_long(content):
                return content
            words = (names[manifest.address], *path[len(kind.texts) == 1 :])
            file = f"files/{manifest.kind}/{'.'.join(words)}.{_suffix(path)}"
            files[file] = f"{content}\n"  # the last newline of the file does not belong to the text
            return {"file": file}

        return structs.replace(manifest, spec=as_written(kind, manifest.spec, put))

    return [written(manifest) for manifest in manifests], files


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
    names = KINDS[kind].key_type
    return get_args(names) if get_origin(names) is Literal else ()


def _suffix(path: Path) -> str:
    return next((suffix for ending, suffix in SUFFIXES.items() for name in path if name.endswith(ending)), "txt")
