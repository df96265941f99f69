"""Write long texts to files: one file for all environments where the text is the same, else one for each."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from reconciler.as_written import as_written, is_long
from reconciler.export.names import file_names
from reconciler.kinds import KINDS
from reconciler.migration.values import Everywhere
from reconciler.model import Json, Path, Spec
from reconciler.schema import Kind

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
