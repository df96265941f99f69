"""The order of lists without pages: the same as in searches [1.3]."""

import random
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

from reconciler.emulator.core.behaviour import Behaviour

T = TypeVar("T")
_DRAW: Final = random.SystemRandom()


def arranged(items: Iterable[T], behaviour: Behaviour, key: Callable[[T], Any] = str) -> list[T]:
    """Return items, given in the order of insertion, in the order of the answer. ``key`` returns an item's id."""
    found = list(items)
    if behaviour.search_order == "id":
        found.sort(key=key)
    elif behaviour.search_order == "random":
        _DRAW.shuffle(found)
    return found
