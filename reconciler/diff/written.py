"""Short hashes, in our mark, of the values that we wrote: they tell whether somebody changed a field since.

For each field there are three bytes of a hash of its path and six of one of its value, as text. They are a memory and
no proof: a mark without them, or with those of other fields only, is as good, and there need be no room for them.
"""

from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import UNSET, json, structs

from reconciler.diff.fields import NOTHING
from reconciler.model import MARK_KEY, FieldChange, Json, Mark, Path
from reconciler.schema.types import METADATA_BYTES, universal

_NAMED: Final = 3  # bytes, so that nine make twelve letters
_HASHED: Final = 6
_NAME: Final = 4  # letters of a path
_ENTRY: Final = 12  # letters of a field
_MOST: Final = 40  # fields


def remembering(
    mark: Mark, fields: Iterable[FieldChange], *, before: Mark | None = None, metadata: Mapping[str, Json]
) -> Mark:
    """Return a mark that remembers what is written to fields, and what the one ``before`` remembered of the others.

    ``metadata`` are those that there will be, whatever mark they hold: there must be room for all of it.
    """
    entries = _entries(before.written) if before else {}
    entries |= {_name(field.path): _hash(field.after) for field in fields if field.path[0] != "roles"}
    whole = structs.replace(mark, written="".join(name + entries[name] for name in sorted(entries)))
    there = {key: value for key, value in metadata.items() if key != MARK_KEY and value is not None}
    fits = len(entries) <= _MOST and len(json.encode({**there, MARK_KEY: whole.as_json()})) <= METADATA_BYTES
    return whole if fits else structs.replace(mark, written="")


def is_as_written(memory: str, path: Path, value: Json) -> bool | None:
    """Return whether a live value is the one that a mark's ``written`` remembers; None where it remembers none."""
    written = _entries(memory).get(_name(path)) if memory else None
    return None if written is None else written == _hash(value)


def _entries(written: str) -> dict[str, str]:
    found = (written[at : at + _ENTRY] for at in range(0, len(written) - _ENTRY + 1, _ENTRY))
    return {entry[:_NAME]: entry[_NAME:] for entry in found}


def _name(path: Path) -> str:
    return _digest(json.encode(path), _NAMED)


def _hash(value: Json) -> str:
    """Return the hash of a value: the same of two that are the same to us."""
    nothing = value is UNSET or value in NOTHING
    text = json.encode(None if nothing else _plain(value), order="deterministic")
    return _digest(text, _HASHED)


def _digest(text: bytes, size: int) -> str:
    from hashlib import blake2b  # which commands that write nothing can do without

    return urlsafe_b64encode(blake2b(text, digest_size=size).digest()).decode()


def _plain(value: Json) -> Json:
    """Return a value with whole numbers as integers and plain line ends."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, str):
        return universal(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value
