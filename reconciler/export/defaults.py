"""What need not be declared, because it is so where nobody has set anything."""

from typing import Any

from msgspec import UNSET, inspect

from reconciler.as_written import types_of
from reconciler.diff.fields import NOTHING, same
from reconciler.model import MARK_KEY, Json, Spec
from reconciler.schema import Kind


def without_defaults(kind: Kind, live: Spec) -> Spec:
    """Keep of what is live what somebody has set, and what nothing can be made without."""
    defaults = {**kind.create_values, **kind.fill(kind.defaults, live)}
    told = {
        name: _told(live[name], defaults.get(name, UNSET), type_ if name in kind.merged else None)
        for name, type_ in types_of(kind.spec).items()
        if name in live
    }
    needed = {name: live[name] for name in kind.required if live.get(name) is not None}
    return {**needed, **{name: value for name, value in told.items() if value is not UNSET}}


def _told(value: Json, default: Json, type_: Any) -> Json:
    """Give what is to be said of a field, UNSET if nothing; ``type_`` is its type where its keys are managed alone."""
    if isinstance(value, dict) and isinstance(type_, inspect.StructType):
        inside = default if isinstance(default, dict) else {}
        told = {key: _told(inner, inside.get(key, UNSET), None) for key, inner in value.items()}
        told = {key: inner for key, inner in told.items() if inner is not UNSET}
        return told or UNSET
    if isinstance(value, dict) and type_ is not None:  # metadata: whatever it holds somebody has put there
        return {key: inner for key, inner in value.items() if inner is not None and key != MARK_KEY} or UNSET
    return UNSET if value in NOTHING or same(value, default) else value
