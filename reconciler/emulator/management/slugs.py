"""Slugs of projects and environments [2.1, 2.2]."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from itertools import count
from typing import Final

from reconciler.emulator.core.call import Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import given

SLUG: Final = re.compile(r"[A-Za-z0-9._~-]{1,128}")


def slug(call: Call, field: str, name: str, taken: Callable[[str], bool]) -> str:
    """Return the slug in the request, or one made from ``name`` where it is absent or empty.

    Raises:
        Refusal: where the slug is invalid or taken.
    """
    wanted: str | None = given(call.body, field, str, call.behaviour, "invalid_argument")
    if not wanted:
        return next(each for each in _made(name) if not taken(each))
    if not SLUG.fullmatch(wanted):
        raise Refusal("invalid_argument", f"{field} must have 1 to 128 characters of A-Z, a-z, 0-9 and - . _ ~")
    if taken(wanted):
        raise Refusal("invalid_argument", f"{field} is already in use.")
    return wanted


def _made(name: str) -> Iterator[str]:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    start = re.sub("[^a-z0-9]+", "-", plain).strip("-")[:100] or "unnamed"
    yield start
    yield from (f"{start}-{number}" for number in count(2))
