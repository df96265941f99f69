"""Which version this is, and of which commit, wherever it was installed from."""

from importlib.resources import files
from pathlib import Path
from typing import Final

from reconciler import __version__
from reconciler.errors import Unreadable

FILE: Final = "commit.txt"  # git fills it in where it makes an archive, hatch_build.py where it makes a package
PLACEHOLDER: Final = "$Format"
SHORT: Final = 12  # digits of a commit


def version() -> str:
    """Return the version with its commit in brackets, where that is known."""
    commit = files("reconciler").joinpath(FILE).read_text(encoding="utf-8").strip()
    told = _of_checkout(Path(__file__).parent.parent) if commit.startswith(PLACEHOLDER) else commit[:SHORT]
    return f"{__version__} ({told})" if told else __version__


def _of_checkout(folder: Path) -> str:
    """Return the commit of a checkout, and whether it was modified; "" where git does not know."""
    from reconciler.history.git import find

    try:
        if (repository := find(folder, FILE)) is None:
            return ""
        commit = repository.git("rev-parse", "HEAD").text[:SHORT]
        modified = repository.git("status", "--porcelain", "--", repository.prefix or ".").text
    except Unreadable:
        return ""
    return f"{commit}, modified" if modified else commit
