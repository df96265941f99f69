"""What Stytch holds of a thing → how a person writes it: without what goes without saying, long texts elsewhere.

Fields stand in the order in which their type declares them; the keys of metadata, which has no such order, in that of
the alphabet: so the same thing is always written the same way, however Stytch answers.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from msgspec import NODEFAULT, Struct, inspect

from reconciler.model import Json, Path, Spec
from reconciler.schema import Kind
from reconciler.traits import TextFile

LONG: Final = 120  # characters of a text that may still stand on a line of a manifest

Put = Callable[[Path, str], Json]


def as_written(kind: Kind, spec: Spec, put: Put = lambda _path, text: text) -> Spec:
    """Leave out what the items of lists are by default; each text that a file may hold becomes what ``put`` gives.

    ``put`` is told the path in the spec, and the text.
    """
    types = types_of(kind.spec)
    return {name: _written(spec[name], type_, (name,), put) for name, type_ in types.items() if name in spec}


@cache
def types_of(spec: type[Struct]) -> Mapping[str, Any]:
    """Give the types of a spec's fields as ``msgspec.inspect`` describes them; that takes a while."""
    return {name: field.type for name, field in _fields(inspect.type_info(spec)).items()}


def sections_of(type_: Any) -> Mapping[str, Any]:
    """Give the types of the fields of a map whose keys its type names; {} of any other type."""
    options = type_.types if isinstance(type_, inspect.UnionType) else (type_,)
    struct = next((each for each in options if isinstance(each, inspect.StructType)), None)
    return {name: field.type for name, field in _fields(struct).items()} if struct else {}


def is_long(text: str) -> bool:
    """Tell whether a text reads better in a file of its own."""
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
