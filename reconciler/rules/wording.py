"""Errors of rule files, worded alike."""

from collections.abc import Iterable
from difflib import get_close_matches

from reconciler.model import Position, Problem

_SHORT = 8  # so many names are listed instead of guessed at
_COMPARED = 2000  # names that are looked through for a near miss


def error(code: str, message: str, hint: str, *at: Position) -> Problem:
    """Make an error at some places."""
    return Problem(code=code, severity="error", message=message, hint=hint, at=at)


def warning(code: str, message: str, hint: str, *at: Position) -> Problem:
    """Make a warning at some places."""
    return Problem(code=code, severity="warning", message=message, hint=hint, at=at)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Name what was probably meant, or else what there is if that is short; "" if neither helps."""
    names = sorted(known)
    folded = {name.lower(): name for name in names[:_COMPARED]}
    close = get_close_matches(word.lower(), folded, 1)
    if close:
        return f"did you mean {folded[close[0]]}?"
    return f"there is {', '.join(names)}" if 0 < len(names) <= _SHORT else ""


def these(names: Iterable[str]) -> str:
    """Join names as a sentence does: a, b and c."""
    listed = list(names)
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} and {listed[-1]}"
