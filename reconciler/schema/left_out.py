"""Keys left out of a value that Stytch replaces as one: they keep their live values, like every key left out.

An item of a list is the live one with the same key (``Keyed``), or the one that says the same in all keys that must be
there. Of an item that is new, what is left out is the default that its type says.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from msgspec import NODEFAULT, Struct, inspect

from reconciler.model import Json, Spec
from reconciler.schema.traits import InParts, Keyed, fields_of

NOTHING: Final[Spec] = MappingProxyType({})


def completed(shape: type[Struct], spec: Spec, live: Spec = NOTHING) -> dict[str, Json]:
    """Return a spec of a type with what its items and parts leave out: as ``live`` has it, or by default."""
    fields, inside = fields_of(shape), _inside(shape)
    found = dict(spec)
    for name, value in spec.items():
        there = live.get(name)
        if name not in inside or value is None:
            continue
        if isinstance(value, list):
            keyed = fields[name].trait(Keyed)
            found[name] = _items(inside[name], (keyed.key,) if keyed else (), value, there)
        elif isinstance(value, dict):
            part = completed(inside[name], value, there if isinstance(there, dict) else NOTHING)
            found[name] = {**there, **part} if fields[name].trait(InParts) and isinstance(there, dict) else part
    return found


def _items(shape: type[Struct], key: Sequence[str], items: Sequence[Any], live: Json) -> list[Json]:
    defaults = _defaults(shape)
    if not defaults:
        return list(items)
    key = key or tuple(name for name in shape.__struct_fields__ if name not in defaults)
    there = {_key(item, key): item for item in live if isinstance(item, dict)} if isinstance(live, list) else {}
    return [
        {**defaults, **_optional(there.get(_key(item, key), NOTHING), defaults), **item}
        if isinstance(item, dict)
        else item
        for item in items
    ]


def _key(item: Mapping[str, Json], names: Sequence[str]) -> str:
    return repr([item.get(name) for name in names])


def _optional(item: Mapping[str, Json], defaults: Mapping[str, Json]) -> Mapping[str, Json]:
    return {name: value for name, value in item.items() if name in defaults and value is not None}


@cache
def _inside(shape: type[Struct]) -> Mapping[str, type[Struct]]:
    """Return the type of what stands in each field that holds a map with fixed keys, or a list of such."""
    found = {}
    for field in inspect.type_info(shape).fields:  # type: ignore[attr-defined] # of a struct it has them
        for each in _alternatives(field.type):
            inner = _alternatives(each.item_type)[0] if isinstance(each, inspect.ListType) else each
            if isinstance(inner, inspect.StructType):
                found[field.name] = inner.cls
    return found


@cache
def _defaults(shape: type[Struct]) -> Mapping[str, Json]:
    """Return the keys of an item that may be left out, and what each is then."""
    fields = inspect.type_info(shape).fields  # type: ignore[attr-defined] # as above
    return {field.name: field.default for field in fields if field.default is not NODEFAULT}


def _alternatives(kind: Any) -> Sequence[Any]:
    if isinstance(kind, inspect.Metadata):
        return _alternatives(kind.type)
    if isinstance(kind, inspect.UnionType):
        return [each for one in kind.types for each in _alternatives(one)]
    return [kind]
