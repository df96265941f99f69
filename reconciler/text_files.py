"""``{file: path}`` in a manifest → the text of that file, which lies in the repository."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from reconciler.documents import read_text
from reconciler.expressions.template import OPEN
from reconciler.fields import universal
from reconciler.model import Json, Position, Problem, Spec
from reconciler.model import Path as Keys
from reconciler.positions import place_of
from reconciler.schema import Kind

UNREAD: Final = object()


def with_texts(
    kind: Kind, part: str, spec: Spec, root: Path, at: Callable[[Keys], Position], problems: list[Problem]
) -> Spec:
    """Put the texts of files in the place of their names; what cannot be read is left out, and is a problem."""

    def read(file: str, path: Keys) -> str | None:
        return _text(root, file, at((*path, "file")), problems)

    found = {name: _read_in(value, (part, name), read) if name in kind.texts else value for name, value in spec.items()}
    return {name: value for name, value in found.items() if value is not UNREAD}


def _read_in(value: Json, path: Keys, read: Callable[[str, Keys], str | None]) -> Json:
    """Give a value with every ``{file: path}`` in it read."""
    if isinstance(value, list):
        items = (_read_in(item, (*path, str(index)), read) for index, item in enumerate(value))
        return [item for item in items if item is not UNREAD]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"file"}:
        text = read(value["file"], path)
        return UNREAD if text is None else text
    inside = {key: _read_in(inner, (*path, key), read) for key, inner in value.items()}
    return {key: inner for key, inner in inside.items() if inner is not UNREAD}


def _text(root: Path, file: str, at: Position, problems: list[Problem]) -> str | None:
    """Read a text without its last newline."""
    try:
        path = (root / file).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        hint = "paths are relative to the repository's root"
        problems.append(_error("unreadable-file", f"there is no file {file}", hint, at))
        return None
    if not path.is_relative_to(root.resolve()):
        message = f"{file} leads out of the repository"
        problems.append(_error("outside", message, "put the file itself into the repository", at))
        return None
    text = read_text(path, file, problems)
    if text is None:
        return None
    text = universal(text.removeprefix("\ufeff")).removesuffix("\n")
    if (offset := text.find(OPEN)) >= 0:
        message = f"nothing is computed in the text of a file: {OPEN} is sent as it stands"
        hint = "write the text into the manifest if something is to be computed in it"
        where = place_of(file, text, offset)
        problems.append(
            Problem(code="expression-not-computed", severity="warning", message=message, hint=hint, at=(where, at))
        )
    return text


def _error(code: str, message: str, hint: str, at: Position) -> Problem:
    return Problem(code=code, severity="error", message=message, hint=hint, at=(at,))
