"""The spec that Stytch answers → the spec as a person writes it: without defaults, and with long texts in files.

Fields are in the order of their type, keys of metadata in alphabetical order. So the same resource is always written
the same way, whatever the order of Stytch's answer.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, TypeVar

from msgspec import NODEFAULT, UNSET, Struct, inspect

from reconciler.diff.fields import NOTHING, same
from reconciler.documents import yaml_reader
from reconciler.documents.yaml_writer import block
from reconciler.export.manifests import literal
from reconciler.expressions.template import InvalidTree, compile_tree
from reconciler.model import MARK_KEY, Json, Path, Problem, Spec
from reconciler.schema.kind import Kind
from reconciler.schema.traits import TextFile

LONG: Final = 120  # characters: the longest text that stays in the manifest

Put = Callable[[Path, str], Json]
T = TypeVar("T")


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
    struct = _option(type_, inspect.StructType)
    return {name: field.type for name, field in _fields(struct).items()} if struct else {}


def is_long(text: str) -> bool:
    """Return whether a text belongs into a file of its own."""
    return len(text) > LONG or "\n" in text


def _written(value: Json, type_: Any, path: Path, put: Put) -> Json:
    struct = _option(type_, inspect.StructType)
    if isinstance(value, str):
        return put(path, value) if struct and struct.cls is TextFile else value
    if isinstance(value, list):
        items = _option(type_, inspect.ListType)
        item_type = items and items.item_type
        return [_written(item, item_type, (*path, str(index)), put) for index, item in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    if struct is None:
        return {key: _written(value[key], None, (*path, key), put) for key in sorted(value)}
    return {
        name: _written(value[name], field.type, (*path, name), put)
        for name, field in _fields(struct).items()
        if name in value and (field.default is NODEFAULT or value[name] != field.default)
    }


def _option(type_: Any, sort: type[T]) -> T | None:
    """Return the type itself, or the one of a union, that is of this sort."""
    options = type_.types if isinstance(type_, inspect.UnionType) else (type_,)
    return next((each for each in options if isinstance(each, sort)), None)


def _fields(struct: Any) -> Mapping[str, inspect.Field]:
    return {field.encode_name: field for field in struct.fields}


def is_writable(kind: Kind, spec: Mapping[str, Json], name: str) -> bool:
    """Return whether this name and these fields, written as YAML, are read back unchanged. Long texts go to files."""
    try:
        value = {"name": name, "spec": as_written(kind, spec, _in_file)}
        document: dict[str, Json] = literal(value)
        problems: list[Problem] = []
        read = [parsed.value for parsed in yaml_reader.parse(block(document), name, problems)]
        rendered = compile_tree(document, frozenset()).render({})
    except (InvalidTree, UnicodeEncodeError):
        return False
    return not problems and same(read, [document]) and same(rendered, value)


def _in_file(_path: Path, content: str) -> Json:
    content.encode()
    return "" if is_long(content) else content


def without_defaults(kind: Kind, live: Spec) -> Spec:
    """Return the live fields that differ from the default, and the fields that a create requires."""
    defaults = {**kind.create_values, **kind.fill(kind.defaults, live)}
    fields = {
        name: _non_default(live[name], defaults.get(name, UNSET), type_ if name in kind.merged else None)
        for name, type_ in types_of(kind.spec).items()
        if name in live
    }
    needed = {name: live[name] for name in kind.required if live.get(name) is not None}
    return {**needed, **{name: value for name, value in fields.items() if value is not UNSET}}


def _non_default(value: Json, default: Json, type_: Any) -> Json:
    """Return the part of a field to declare, or UNSET. ``type_`` is its type where its keys are managed one by one."""
    if isinstance(value, dict) and isinstance(type_, inspect.StructType):
        inside = default if isinstance(default, dict) else {}
        fields = {key: _non_default(inner, inside.get(key, UNSET), None) for key, inner in value.items()}
        fields = {key: inner for key, inner in fields.items() if inner is not UNSET}
        return fields or UNSET
    if isinstance(value, dict) and type_ is not None:  # metadata: a person has set every key of it
        return {key: inner for key, inner in value.items() if inner is not None and key != MARK_KEY} or UNSET
    return UNSET if value in NOTHING or same(value, default) else value
