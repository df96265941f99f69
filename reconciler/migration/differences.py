"""One manifest for all environments: what is alike is written once, what differs becomes a variable of each.

A thing that some environments do not have names those that do. Where more differs than is alike, or what differs is a
list of objects, variables would hide the thing in ``reconciler.yaml``: then every environment has its own manifest.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from keyword import iskeyword
from typing import Any, Final

from msgspec import UNSET, Struct

from reconciler.conform import conforms
from reconciler.diff.fields import same
from reconciler.export.literal import OPEN, literal
from reconciler.kinds import KINDS
from reconciler.migration.values import Everywhere
from reconciler.model import Ensure, Json, Spec

MANY: Final = 4  # variables of one thing
FIELD: Final = 2  # where the field stands in a path: after kind and name
PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

Vars = dict[str, Any]


class Shared(Struct, frozen=True, kw_only=True):
    """A thing as one manifest declares it; ``environments`` is empty where it is for all."""

    kind: str
    name: str
    spec: Spec
    environments: tuple[str, ...] = ()
    ensure: Ensure = "present"


class United(Struct, frozen=True, kw_only=True):
    """The manifests of all environments, and the variables of each by its name."""

    things: tuple[Shared, ...]
    vars: Mapping[str, Vars]


def unite(things: Everywhere, environments: Sequence[str]) -> United:
    """Put what each environment holds together; ``environments`` are all there are."""
    variables: dict[str, Vars] = {environment: {} for environment in environments}
    united: list[Shared] = []
    for (kind, name), specs in things.items():
        every = list(specs.values())
        if len(specs) > 1 and (_has_little_in_common(every) or _lack_what_is_never_null(kind, every)):
            united.extend(_apart(kind, name, specs, variables))
            continue
        where = tuple(specs) if len(specs) < len(environments) else ()
        spec = _united(specs, (kind, name), variables)
        united.append(Shared(kind=kind, name=name, spec=spec, environments=where))
    return United(things=tuple(united), vars=variables)


def _apart(kind: str, name: str, specs: Mapping[str, Spec], variables: Mapping[str, Vars]) -> Iterator[Shared]:
    """Yield a manifest for each environment, or for several in which the thing is the same."""
    told = {
        environment: {field: value for field, value in spec.items() if value not in (None, "")}
        for environment, spec in specs.items()
    }
    for environment, spec in told.items():
        where = tuple(each for each, other in told.items() if same(other, spec))
        if where[0] == environment:
            alone = _united({environment: spec}, (kind, name), variables)
            yield Shared(kind=kind, name=name, spec=alone, environments=where)


def _united(values: Mapping[str, Spec], path: tuple[str, ...], variables: Mapping[str, Vars]) -> Spec:
    """Give one map for many: a key whose values differ holds an expression, and each environment's value is kept."""
    united: dict[str, Json] = {}
    for key in dict.fromkeys(key for value in values.values() for key in value):
        here = {environment: value.get(key, UNSET) for environment, value in values.items()}
        first = next(iter(here.values()))
        if all(each == first for each in here.values()):
            united[key] = _as_text(first, (*path, key))
        elif _have_keys_in_common(here.values()):
            united[key] = _united(here, (*path, key), variables)
        else:
            united[key] = expression((*path, key))
            for environment, value in here.items():
                _keep(variables[environment], (*path, key), None if value is UNSET else value)
    return united


def _have_keys_in_common(values: Iterable[Json]) -> bool:
    """Tell whether values are maps of the same keys: a key that one lacks could only be null there."""
    first, *others = values
    if not isinstance(first, dict) or not first or OPEN in "".join(first):
        return False
    return all(isinstance(each, dict) and each.keys() == first.keys() for each in others)


def expression(path: Sequence[str]) -> str:
    """Give the expression of the variable at a path."""
    words = "".join(f".{key}" if _is_plain(key) else f"[{json.dumps(key, ensure_ascii=False)}]" for key in path)
    return f"${{{{ vars{words} }}}}"


def _is_plain(key: str) -> bool:
    return PLAIN.fullmatch(key) is not None and not iskeyword(key)


def _keep(variables: Vars, path: Sequence[str], value: Json) -> None:
    for key in path[:-1]:
        variables = variables.setdefault(key, {})
    variables[path[-1]] = value


def _has_little_in_common(specs: Sequence[Spec]) -> bool:
    fields = dict.fromkeys(field for spec in specs for field in spec)
    different = [field for field in fields if any(spec.get(field) != specs[0].get(field) for spec in specs)]
    return (len(different) >= MANY and 2 * len(different) > len(fields)) or _differs_in_objects(specs)


def _lack_what_is_never_null(kind: str, specs: Sequence[Spec]) -> bool:
    """Tell whether a field that not all have cannot be null, as the variable would be where it is not."""
    lacking = {field for spec in specs for field in spec if any(field not in each for each in specs)}
    shape = KINDS[kind].spec
    return any(not conforms({field: None}, shape) for field in lacking & {*shape.__struct_fields__})


def _differs_in_objects(specs: Sequence[Spec]) -> bool:
    """Tell whether a list of objects, at any depth, is not the same everywhere."""
    for key in dict.fromkeys(key for spec in specs for key in spec):
        values = [spec.get(key, UNSET) for spec in specs]
        if all(isinstance(value, dict) for value in values):
            if _differs_in_objects(values):
                return True
        elif any(value != values[0] for value in values) and any(_has_objects(value) for value in values):
            return True
    return False


def _as_text(value: Json, field: Sequence[str]) -> Json:
    """Give a value that reads as itself, whatever stands in it, but for the names of files, which are ours."""
    if field[FIELD] in KINDS[field[0]].texts:
        if isinstance(value, list):
            return [_as_text(item, field) for item in value]
        if isinstance(value, dict):
            return value if value.keys() == {"file"} else {key: _as_text(each, field) for key, each in value.items()}
    return literal(value)


def _has_objects(value: Json) -> bool:
    return isinstance(value, list) and any(isinstance(item, dict) for item in value)
