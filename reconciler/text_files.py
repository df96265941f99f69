"""``{file: path}`` in a manifest → the text of that file, which lies in the repository."""

from collections.abc import Callable
from pathlib import Path

from reconciler.documents import read_text
from reconciler.model import Path as Keys
from reconciler.model import Position, Problem, Spec
from reconciler.schema import Kind


def with_texts(
    kind: Kind, part: str, spec: Spec, root: Path, at: Callable[[Keys], Position], problems: list[Problem]
) -> Spec:
    """Put the texts of files in the place of their names; what cannot be read is left out, and is a problem."""
    texts = {}
    for name, value in spec.items():
        if isinstance(value, dict) and name in kind.texts:
            value = _text(root, value["file"], at((part, name, "file")), problems)  # noqa: PLW2901 # or its text
            if value is None:
                continue
        texts[name] = value
    return texts


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
    return None if text is None else text.removesuffix("\n")


def _error(code: str, message: str, hint: str, at: Position) -> Problem:
    return Problem(code=code, severity="error", message=message, hint=hint, at=(at,))
