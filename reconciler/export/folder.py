"""Write files to a folder, all or nothing. A file that somebody has changed is never overwritten."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from reconciler.errors import InvalidInput
from reconciler.model import Position, Problem

LISTS: Final = (".gitignore", ".gitattributes")  # these files may contain other lines too
FOLDERS: Final = ("manifests", "files", "tables")  # these folders contain only exported files


def write_files(root: Path, files: Mapping[str, str]) -> tuple[str, ...]:
    """Write the files that do not exist yet below ``root``. Return their names.

    Raises ``InvalidInput`` with every file that exists with another content; then nothing is written.
    """
    try:
        there = {name: (root / name).read_bytes() for name in files if (root / name).exists()}
        if changed := [name for name, content in there.items() if not _says(name, content, files[name])]:
            raise InvalidInput(_changed(name, there[name], files[name]) for name in changed)
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


def _says(name: str, content: bytes, text: str) -> bool:
    """Return whether an existing file has the text; a list of lines may contain other lines too."""
    return not _missing(content, text) if name in LISTS else content == text.encode()


def _missing(content: bytes, text: str) -> list[str]:
    there = content.decode(errors="replace").splitlines()
    return [line for line in text.splitlines() if not line.startswith("#") and line not in there]


def _changed(name: str, content: bytes, text: str) -> Problem:
    if name not in LISTS:
        return _odd(name, "exists with another content")
    lines = _missing(content, text)
    message = f"{name} exists and lacks {' and '.join(lines)}"
    hint = f"nothing was written: add {'this line' if len(lines) == 1 else 'these lines'} to it"
    return Problem(code="changed", severity="error", message=message, hint=hint, at=(Position(name, 1),))


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
    return Problem(code="changed", severity="error", message=f"{name} {what}", hint=hint, at=(Position(name, 1),))
