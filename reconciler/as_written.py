"""The spec that Stytch answers → the spec as a person writes it: without defaults, and with long texts in files.

Fields are in the order of their type, keys of metadata in alphabetical order. So the same resource is always written
the same way, whatever the order of Stytch's answer.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from msgspec import NODEFAULT, Struct, inspect

from reconciler.model import Json, Path, Spec
from reconciler.schema import Kind
from reconciler.traits import TextFile

LONG: Final = 120  # characters: the longest text that stays in the manifest

Put = Callable[[Path, str], Json]


def as_written(kind: Kind, spec: Spec, put: Put = lambda _path, text: text) -> Spec:
    """Return the spec without the default values of list items.

    ``put`` gets the path in the spec and the text of each field that may be a file, and returns what replaces it.
    """
    types = types_of(kind.spec)
    return {name: _written(spec[name], type_, (name,), put) for name, type_ in types.items() if name in spec}


@cache
def types_of(spec: type[Struct]) -> Mapping[str, Any]:
    """Return the types of a spec's fields as ``msgspec.inspect`` describes them. Cached, because it is slow."""
    return {name: field.type for name, field in _fields(inspect.type_info(spec)).items()}


def sections_of(type_: Any) -> Mapping[str, Any]:
    """Return the types of the fields of a map with fixed keys; {} for any other type."""
    options = type_.types if isinstance(type_, inspect.UnionType) else (type_,)
    struct = next((each for each in options if isinstance(each, inspect.StructType)), None)
    return {name: field.type for name, field in _fields(struct).items()} if struct else {}


def is_long(text: str) -> bool:
    """Return whether a text belongs into a file of its own."""
    return len(text) > LONG or "\n" in text


def _written(value: Json, type_: Any, path: Path, put: Put) -> Json:
    options = type_.types if isinstance(type_, inspect.UnionType) else (type_,)
    if isinstance(value, str):
        files = any(isinstance(each, inspect.StructType) and each.cls is TextFile for each in options)
        return put(path, value) if files else value
    if isinstance(value, list):
        items = next((each.item_type for each in options if isinstance(each, inspect.ListType)), None)
        return [_written(item, items, (*path, str(index)), put) for index, item in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    struct = next((each for each in options if isinstance(each, inspect.StructType)), None)
    if struct is None:
        return {key: _written(value[key], None, (*path, key), put) for key in sorted(value)}
    return {
        name: _written(value[name], field.type, (*path, name), put)
        for name, field in _fields(struct).items()
        if name in value and (field.default is NODEFAULT or value[name] != field.default)
    }


def _fields(struct: Any) -> Mapping[str, inspect.Field]:
    return {field.encode_name: field for field in struct.fields}
