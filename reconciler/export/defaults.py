"""Remove the fields that hold only a default value."""

from typing import Any

from msgspec import UNSET, inspect

from reconciler.as_written import types_of
from reconciler.diff.fields import NOTHING, same
from reconciler.model import MARK_KEY, Json, Spec
from reconciler.schema import Kind


def without_defaults(kind: Kind, live: Spec) -> Spec:
    """Return the live fields that differ from the default, and the fields that a create requires."""
    defaults = {**kind.create_values, **kind.fill(kind.defaults, live)}
    told = {
        name: _told(live[name], defaults.get(name, UNSET), type_ if name in kind.merged else None)
        for name, type_ in types_of(kind.spec).items()
        if name in live
    }
    needed = {name: live[name] for name in kind.required if live.get(name) is not None}
    return {**needed, **{name: value for name, value in told.items() if value is not UNSET}}


def _told(value: Json, default: Json, type_: Any) -> Json:
    """Return the part of a field to declare, or UNSET. ``type_`` is its type where its keys are managed one by one."""
    if isinstance(value, dict) and isinstance(type_, inspect.StructType):
        inside = default if isinstance(default, dict) else {}
        told = {key: _told(inner, inside.get(key, UNSET), None) for key, inner in value.items()}
        told = {key: inner for key, inner in told.items() if inner is not UNSET}
        return told or UNSET
    if isinstance(value, dict) and type_ is not None:  # metadata: a person has set every key of it
        return {key: inner for key, inner in value.items() if inner is not None and key != MARK_KEY} or UNSET
    return UNSET if value in NOTHING or same(value, default) else value
