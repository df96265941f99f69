"""Names that Stytch lets things share: a manifest needs one for each, and that is the name in Stytch too.

Where several environments have things of one name, those that are alike get the same one. No name hangs on an id.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, count
from typing import Final

from msgspec import structs

from reconciler.as_written import as_written
from reconciler.kinds import KINDS
from reconciler.migration.values import Consumer, Reason, Remark
from reconciler.model import Live

UNNAMED: Final = "unnamed"
CHOOSE: Final = "choose a name before the first apply"
NONE: Final = Reason("it had no name", CHOOSE)

ByEnvironment = Mapping[str, Sequence[Live]]
Renamed = tuple[str, Live]  # the name of its own, and the thing as it was


def with_own_names(consumer: Consumer) -> tuple[Consumer, Mapping[str, Sequence[Remark]]]:
    """Give every thing in an environment a name of its own; and what is to be said about that, by environment."""
    remarks: dict[str, list[Remark]] = {source.name: [] for source in consumer.environments}
    things = {source.name: dict(source.things) for source in consumer.environments}
    for kind in dict.fromkeys(kind for found in things.values() for kind in found):
        for environment, every in distinct({each: found.get(kind, ()) for each, found in things.items()}).items():
            if every:
                named = [structs.replace(live, name=name) for name, live in every]
                others = [live for live in things[environment][kind] if KINDS[kind].self_made(live)]
                things[environment][kind] = (*named, *others)
                remarks[environment] += _remarks(every)
    environments = tuple(structs.replace(each, things=things[each.name]) for each in consumer.environments)
    return structs.replace(consumer, environments=environments), remarks


def distinct(lives: ByEnvironment) -> Mapping[str, Sequence[Renamed]]:
    """Name things of one kind, but for those that registered themselves: the second of one name is ``name (2)``."""
    declared = {each: [live for live in every if not KINDS[live.kind].self_made(live)] for each, every in lives.items()}
    taken = {live.name for every in declared.values() for live in every}
    found: dict[str, list[Renamed]] = {environment: [] for environment in lives}
    for name in sorted(taken):
        one_name = {each: [live for live in every if live.name == name] for each, every in declared.items()}
        free = (each for each in _numbered(name or UNNAMED) if each == name or each not in taken)
        for thing, own in zip(_things(one_name), free, strict=False):
            for environment, live in thing.items():
                found[environment].append((own, live))
    return {environment: sorted(every, key=lambda one: one[0]) for environment, every in found.items()}


def _numbered(name: str) -> Iterator[str]:
    return chain((name,), (f"{name} ({number})" for number in count(2)))


def _things(lives: ByEnvironment) -> Sequence[Mapping[str, Live]]:
    """Put together what is one thing in several environments: what is alike, and the rest in the order of content."""
    things: list[dict[str, Live]] = []
    for environment, every in lives.items():
        left = sorted(every, key=lambda live: (_content(live), live.id))
        for thing in things:
            contents = {_content(live) for live in thing.values()}
            if alike := next((live for live in left if _content(live) in contents), None):
                thing[environment] = alike
                left.remove(alike)
        for thing in things:
            if left and environment not in thing:
                thing[environment] = left.pop(0)
        things += [{environment: live} for live in left]
    return things


def _content(live: Live) -> str:
    return json.dumps(as_written(KINDS[live.kind], live.spec), sort_keys=True)


def _remarks(named: Sequence[Renamed]) -> Iterator[Remark]:
    """Say which is which where things shared a name, or had none."""
    names = [live.name for _, live in named]
    for name, live in named:
        if name != live.name or names.count(name) > 1:
            shared = Reason(f"several things have the name {live.name!r}, and here names tell them apart", CHOOSE)
            yield Remark(live.kind, name, f"{KINDS[live.kind].key} of {live.id}", shared if live.name else NONE)
