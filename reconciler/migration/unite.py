"""Write one manifest for all environments: an equal value is written once, a different value becomes a variable.

A resource that only some environments have names these environments. Where more fields differ than are equal, or where
a list of objects differs, variables would hide the resource in ``reconciler.yaml``: then each environment gets a
manifest of its own.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from keyword import iskeyword
from typing import Any, Final

from msgspec import UNSET, Struct

from reconciler.diff.fields import same
from reconciler.export.files import texts_in_files
from reconciler.export.manifests import Manifest, file_names, literal
from reconciler.expressions.template import OPEN
from reconciler.kinds import KINDS
from reconciler.migration.values import Everywhere
from reconciler.model import Json, Spec
from reconciler.schema.validate import is_valid

MANY: Final = 4  # variables of one resource
FIELD: Final = 2  # where the field stands in a path: after kind and name
PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

Vars = dict[str, Any]


class United(Struct, frozen=True, kw_only=True):
    """The manifests of all environments, and the variables of each environment by its name."""

    resources: tuple[Manifest, ...]
    vars: Mapping[str, Vars]


def in_files(resources: Everywhere) -> tuple[Everywhere, Mapping[str, str]]:
    """Return the resources with file names in the place of long texts, and the text of each file by its name."""
    names = {kind: file_names({name: name for each, name in resources if each == kind}) for kind, _ in resources}
    written: dict[tuple[str, str], Mapping[str, Spec]] = {}
    files: dict[str, str] = {}
    for (kind, name), specs in resources.items():
        written[kind, name], texts = texts_in_files(KINDS[kind], names[kind][name], specs)
        files |= texts
    return written, files


def unite(resources: Everywhere, environments: Sequence[str]) -> United:
    """Return the manifests for all environments, and their variables. ``environments`` lists every environment."""
    variables: dict[str, Vars] = {environment: {} for environment in environments}
    united: list[Manifest] = []
    for (kind, name), specs in resources.items():
        every = list(specs.values())
        if len(specs) > 1 and (_has_little_in_common(every) or _lack_what_is_never_null(kind, every)):
            united.extend(_apart(kind, name, specs, variables))
            continue
        where = tuple(specs) if len(specs) < len(environments) else ()
        spec = _united(specs, (kind, name), variables)
        united.append(Manifest(kind=kind, name=name, spec=spec, environments=where))
    return United(resources=tuple(united), vars=variables)


def _apart(kind: str, name: str, specs: Mapping[str, Spec], variables: Mapping[str, Vars]) -> Iterator[Manifest]:
    """Yield a manifest for each environment, or for each group of environments in which the resource is equal."""
    set_fields = {
        environment: {field: value for field, value in spec.items() if value not in (None, "")}
        for environment, spec in specs.items()
    }
    for environment, spec in set_fields.items():
        where = tuple(each for each, other in set_fields.items() if same(other, spec))
        if where[0] == environment:
            alone = _united({environment: spec}, (kind, name), variables)
            yield Manifest(kind=kind, name=name, spec=alone, environments=where)


def _united(values: Mapping[str, Spec], path: tuple[str, ...], variables: Mapping[str, Vars]) -> Spec:
    """Return one map for all environments: a key with different values holds an expression, the vars its values."""
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
    """Return whether all values are maps with the same keys. A missing key could only be written as null."""
    first, *others = values
    if not isinstance(first, dict) or not first or OPEN in "".join(first):
        return False
    return all(isinstance(each, dict) and each.keys() == first.keys() for each in others)


def expression(path: Sequence[str]) -> str:
    """Return the expression that reads the variable at a path."""
    words = [
        f".{key}" if PLAIN.fullmatch(key) and not iskeyword(key) else f"[{json.dumps(key, ensure_ascii=False)}]"
        for key in path
    ]
    return f"${{{{ vars{''.join(words)} }}}}"


def _keep(variables: Vars, path: Sequence[str], value: Json) -> None:
    for key in path[:-1]:
        variables = variables.setdefault(key, {})
    variables[path[-1]] = value


def _has_little_in_common(specs: Sequence[Spec]) -> bool:
    fields = dict.fromkeys(field for spec in specs for field in spec)
    different = [field for field in fields if any(spec.get(field) != specs[0].get(field) for spec in specs)]
    return (len(different) >= MANY and 2 * len(different) > len(fields)) or _differs_in_objects(specs)


def _lack_what_is_never_null(kind: str, specs: Sequence[Spec]) -> bool:
    """Return whether some environment lacks a field that cannot be null: its variable would be null there."""
    lacking = {field for spec in specs for field in spec if any(field not in each for each in specs)}
    shape = KINDS[kind].spec
    return any(not is_valid({field: None}, shape) for field in lacking & {*shape.__struct_fields__})


def _differs_in_objects(specs: Sequence[Spec]) -> bool:
    """Return whether a list of objects, at any depth, differs between environments."""
    for key in dict.fromkeys(key for spec in specs for key in spec):
        values = [spec.get(key, UNSET) for spec in specs]
        if all(isinstance(value, dict) for value in values):
            if _differs_in_objects(values):
                return True
        elif any(value != values[0] for value in values):
            lists = [value for value in values if isinstance(value, list)]
            if any(isinstance(item, dict) for value in lists for item in value):
                return True
    return False


def _as_text(value: Json, field: Sequence[str]) -> Json:
    """Return the value so that no text in it is read as an expression. The file names that we wrote stay unchanged."""
    if field[FIELD] in KINDS[field[0]].texts:
        if isinstance(value, list):
            return [_as_text(item, field) for item in value]
        if isinstance(value, dict):
            return value if value.keys() == {"file"} else {key: _as_text(each, field) for key, each in value.items()}
    return literal(value)
