"""Which file each document, and each long text, stands in.

A kind whose things have names of Stytch's own has a file; every other has a folder, with a file for each thing, or for
each organization in which things lie.
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

# By how the name of its field ends: a text itself may begin with whatever people wrote.
SUFFIXES: Final = {"template_content": "json", "html_content": "html", "pem_files": "pem", "x509_certificate": "pem"}


def in_files(manifests: Sequence[Manifest]) -> tuple[list[Manifest], Files]:
    """Give manifests as a person writes them, with long texts as names of files; and these files."""
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
            files[file] = f"{content}\n"  # the newline at the end of a file is none of the text
            return {"file": file}

        return structs.replace(manifest, spec=as_written(kind, manifest.spec, put))

    return [written(manifest) for manifest in manifests], files


def documents(manifests: Iterable[Manifest]) -> Files:
    """Give the files in which the documents stand."""
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
    """Give what shares a file: everything of a kind whose names are Stytch's, and what lies in one organization."""
    if _own_names(manifest.kind):
        return ""
    return manifest.name if manifest.namespace is None else manifest.namespace


def _place(manifest: Manifest) -> tuple[object, ...]:
    """Order things by their kinds as registered, and by their names; names of Stytch's as it lists them."""
    names = _own_names(manifest.kind)
    at = names.index(manifest.name) if manifest.name in names else len(names)
    return list(KINDS).index(manifest.kind), manifest.namespace or "", at, manifest.name


def _own_names(kind: str) -> tuple[str, ...]:
    """Give the names that things of a kind can have, where Stytch has chosen them."""
    names = KINDS[kind].key_type
    return get_args(names) if get_origin(names) is Literal else ()


def _suffix(path: Path) -> str:
    return next((suffix for ending, suffix in SUFFIXES.items() for name in path if name.endswith(ending)), "txt")
