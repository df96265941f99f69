"""Names that Stytch lets things share: a manifest needs one for each, and that is the name in Stytch too."""

from collections.abc import Iterator, Sequence
from itertools import chain, count

from reconciler.migration.values import Reason, Remark
from reconciler.model import Live

UNNAMED = "unnamed"


def distinct(lives: Sequence[Live]) -> Iterator[tuple[str, Live]]:
    """Yield each thing with a name of its own: the second of one name is ``name (2)``."""
    taken: set[str] = set()
    for live in lives:
        first = live.name or UNNAMED
        name = next(each for each in chain((first,), (f"{first} ({n})" for n in count(2))) if each not in taken)
        taken.add(name)
        yield name, live


def renamed(name: str, live: Live, field: str) -> tuple[Remark, ...]:
    """Say so where a thing has another name than it had."""
    if name == live.name:
        return ()
    why = (
        f"several things have the name {live.name!r}, and here names tell them apart" if live.name else "it had no name"
    )
    return (Remark(live.kind, name, field, Reason(why, "choose a name before the first apply")),)
