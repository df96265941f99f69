"""Unique names for resources that share a name in Stytch: a manifest needs one for each, and writes it to Stytch.

Where several environments have resources with the same name, equal resources get the same new name. No name depends on
an id.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, count
from typing import Final

from msgspec import structs

from reconciler.export.spec import as_written
from reconciler.kinds import KINDS
from reconciler.migration.values import Consumer, Reason, Remark
from reconciler.model import Live

UNNAMED: Final = "unnamed"
CHOOSE: Final = "choose a name before the first apply"
NONE: Final = Reason("it had no name", CHOOSE)

ByEnvironment = Mapping[str, Sequence[Live]]
Renamed = tuple[str, Live]  # the unique name, and the resource as it was


def with_own_names(consumer: Consumer) -> tuple[Consumer, Mapping[str, Sequence[Remark]]]:
    """Return the project with a unique name for each resource in an environment, and the remarks, by environment."""
    remarks: dict[str, list[Remark]] = {source.name: [] for source in consumer.environments}
    resources = {source.name: dict(source.resources) for source in consumer.environments}
    for kind in dict.fromkeys(kind for found in resources.values() for kind in found):
        for environment, every in distinct({each: found.get(kind, ()) for each, found in resources.items()}).items():
            if every:
                named = [structs.replace(live, name=name) for name, live in every]
                others = [live for live in resources[environment][kind] if KINDS[kind].identity.registered_itself(live)]
                resources[environment][kind] = (*named, *others)
                remarks[environment] += _remarks(every)
    environments = tuple(structs.replace(each, resources=resources[each.name]) for each in consumer.environments)
    return structs.replace(consumer, environments=environments), remarks


def distinct(lives: ByEnvironment) -> Mapping[str, Sequence[Renamed]]:
    """Return a unique name for each resource of one kind: the second resource of a name becomes ``name (2)``.

    Resources that registered themselves are left out.
    """
    declared = {
        each: [live for live in every if not KINDS[live.kind].identity.registered_itself(live)]
        for each, every in lives.items()
    }
    taken = {live.name for every in declared.values() for live in every}
    found: dict[str, list[Renamed]] = {environment: [] for environment in lives}
    for name in sorted(taken):
        one_name = {each: [live for live in every if live.name == name] for each, every in declared.items()}
        label = name or UNNAMED
        numbered = chain((label,), (f"{label} ({number})" for number in count(2)))
        free = (each for each in numbered if each == name or each not in taken)
        for resource, own in zip(_across_environments(one_name), free, strict=False):
            for environment, live in resource.items():
                found[environment].append((own, live))
    return {environment: sorted(every, key=lambda renamed: renamed[0]) for environment, every in found.items()}


def _across_environments(lives: ByEnvironment) -> Sequence[Mapping[str, Live]]:
    """Return resources by environment: equal ones together, then the rest in the order of their content."""
    resources: list[dict[str, Live]] = []
    for environment, every in lives.items():
        left = sorted(every, key=lambda live: (_content(live), live.id))
        for resource in resources:
            contents = {_content(live) for live in resource.values()}
            if alike := next((live for live in left if _content(live) in contents), None):
                resource[environment] = alike
                left.remove(alike)
        for resource in resources:
            if left and environment not in resource:
                resource[environment] = left.pop(0)
        resources += [{environment: live} for live in left]
    return resources


def _content(live: Live) -> str:
    return json.dumps(as_written(KINDS[live.kind], live.spec), sort_keys=True)


def _remarks(named: Sequence[Renamed]) -> Iterator[Remark]:
    """Yield a remark with the id of each resource that shared its name or had none."""
    names = [live.name for _, live in named]
    for name, live in named:
        if name != live.name or names.count(name) > 1:
            shared = Reason(f"several resources have the name {live.name!r}, but names must be unique here", CHOOSE)
            yield Remark(live.kind, name, f"{KINDS[live.kind].key.name} of {live.id}", shared if live.name else NONE)
