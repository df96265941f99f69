"""What somebody probably meant who wrote a name that is not known; and how values and names are shown in a message."""

from collections.abc import Iterable
from typing import Final

import msgspec

from reconciler.model import Json

_COMPARED: Final = 2000  # names that are looked through for a near miss
_FEW: Final = 8  # existing names that are listed
_SHOWN: Final = 60  # characters of a value in a message


def _nearest(word: str, known: Iterable[str], compared: int) -> str:
    """Return the name that was probably meant, or ""."""
    from difflib import get_close_matches

    folded = {name.lower().replace("-", "_"): name for name in sorted(known)[:compared]}
    asked = word.lower().replace("-", "_")
    longer = [name for name in folded if len(asked) > 1 and name.startswith(asked)]
    close = longer if len(longer) == 1 else get_close_matches(asked, folded, 1, 0.6)
    return folded[close[0]] if close else ""


def did_you_mean(word: str, known: Iterable[str], quote: str = "", compared: int = _COMPARED) -> str:
    """Return the question whether the nearest name was meant; "" if none is near."""
    close = _nearest(word, known, compared)
    return f"did you mean {quote}{close}{quote}?" if close else ""


def suggest_allowed(word: str, allowed: Iterable[str]) -> str:
    """Return what was probably meant, or else what is allowed, if that is short; "" if neither helps."""
    names = sorted(allowed)
    listed = ", ".join(names)
    expected = f"expected {'one of ' if len(names) > 1 else ''}{listed}" if 0 < len(listed) <= 2 * _SHOWN else ""
    return did_you_mean(word, names) or expected


def suggest_existing(word: str, existing: Iterable[str]) -> str:
    """Return what was probably meant, or else what there is, if these are few; "" if neither helps."""
    names = sorted(existing)
    return did_you_mean(word, names) or (f"there is {', '.join(names)}" if 0 < len(names) <= _FEW else "")


def show(value: Json) -> str:
    """Return a value as one would write it in YAML, cut where it is long; a list or map only by its kind."""
    if isinstance(value, dict | list):
        return "a map" if isinstance(value, dict) else "a list"
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def joined(names: Iterable[str]) -> str:
    """Return names as a sentence joins them: a, b and c."""
    listed = list(names)
    return f"{', '.join(listed[:-1])} and {listed[-1]}" if len(listed) > 1 else "".join(listed)
