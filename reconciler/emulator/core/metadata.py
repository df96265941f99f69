"""Metadata and other optional fields [1.5, 2.19, 7.19]."""

import json
from collections.abc import Callable

from reconciler.emulator.core.behaviour import Behaviour
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import given
from reconciler.emulator.core.store import Fields

METADATA = {"trusted_metadata", "untrusted_metadata"}
METADATA_KEYS = 20
METADATA_BYTES = 4096


def metadata(before: Fields | None, body: Fields, name: str, behaviour: Behaviour) -> Fields:
    """Return the metadata after the request: merged by key; null deletes a key; nested objects are replaced."""
    merged = dict(before or {})
    change = given(body, name, dict, behaviour, "metadata_invalid_format")
    for key, value in (change or {}).items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = value
    if len(merged) > METADATA_KEYS:
        raise Refusal("metadata_too_many_keys", f"{name} may have at most {METADATA_KEYS} keys.")
    if len(json.dumps(merged, separators=(",", ":"), ensure_ascii=False).encode()) > METADATA_BYTES:
        raise Refusal("metadata_too_large", f"{name} may be at most {METADATA_BYTES} bytes.")
    return merged


def cleaner(behaviour: Behaviour) -> Callable[[Fields], Fields]:
    """Return the function that removes fields without a value, where answers leave them out."""
    absent = behaviour.unset_fields == "absent"
    without_empty = behaviour.empty_metadata == "absent"

    def clean(fields: Fields) -> Fields:
        return {
            name: value
            for name, value in fields.items()
            if not (absent and value is None) and not (without_empty and value == {} and name in METADATA)
        }

    return clean
