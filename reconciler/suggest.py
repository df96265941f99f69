"""New."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

import msgspec

from reconciler.model import Json

_COMPARED: Final = 2000  # names that are looked through for a near miss


_SHOWN: Final = 60  # characters of a value in a message


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Name what was probably meant, or else what there is to choose from (if that is short); "" if neither helps."""
    names = sorted(known)
    if close := nearest(word, names):
        return f"did you mean {close}?"
    listed = ", ".join(names)
    return f"expected {'one of ' if len(names) > 1 else ''}{listed}" if 0 < len(listed) <= 2 * _SHOWN else ""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the name that was probably meant, or ""."""
    folded = {name.lower().replace("-", "_"): name for name in sorted(known)[:_COMPARED]}
    asked = word.lower().replace("-", "_")
    longer = [name for name in folded if len(asked) > 1 and name.startswith(asked)]
    close = longer if len(longer) == 1 else get_close_matches(asked, folded, 1, 0.6)
    return folded[close[0]] if close else ""


def show(value: Json) -> str:
    """Return a value as one would write it in YAML, cut where it is long; a list or map only by its kind."""
    if isinstance(value, dict | list):
        return "a map" if isinstance(value, dict) else "a list"
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
