"""Compare Stytch's response to a write with what was sent, field by field, for every kind.

A success says that the request was understood, not that every value was taken: a list may stay that was to be emptied,
a name may come back trimmed. What an answer leaves out, and what is never shown, says nothing.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from msgspec import UNSET

from reconciler.clients.redact import mask
from reconciler.diff.fields import NOTHING, by_key, same
from reconciler.model import Change, Create, FieldChange, Json, Spec
from reconciler.schema.kind import Kind
from reconciler.schema.secret_names import is_name, names_in
from reconciler.schema.types import universal

LONGEST: Final = 60
WithIds = Callable[[Kind, Mapping[str, Json], str | None], Mapping[str, Json]]


def not_taken(kind: Kind, change: Change, answered: Spec, with_ids: WithIds) -> Iterator[str]:
    """Yield what Stytch made otherwise than it was sent, in words.

    ``answered`` is the thing as the answer has it, under the names of its spec; ``with_ids`` puts ids in the place of
    the names of other things, as they were sent.
    """
    there = {**answered, **kind.normalize(answered)}
    inside = change.namespace if change.namespace is not None else change.name
    for field in change.fields:
        if _says_nothing(kind, field, there):
            continue
        wanted, now = _wanted(kind, field, there), _at(kind, field, there)
        if field.path[0] in kind.by_id and wanted is not UNSET:
            wanted = kind.normalize(with_ids(kind, {field.path[0]: wanted}, inside))[field.path[0]]
        nothing = wanted is UNSET or wanted in NOTHING
        if not (nothing and (now is UNSET or now in NOTHING)) and not _agree(wanted, now):
            yield f"{'.'.join(field.path)} is {_shown(now)}, not {_shown(wanted)}"


def other_name(kind: Kind, change: Change, answered: Spec) -> str:
    """Return under which name a thing was made, where that is not the one that was asked for; "" where it is."""
    name = answered.get(kind.key.name) if isinstance(change, Create) else None
    same_name = kind.identity.canonical_name(str(name)) == kind.identity.canonical_name(change.name)
    return "" if name is None or same_name else f"its name is {_shown(name)} now, not {_shown(change.name)}"


def _says_nothing(kind: Kind, field: FieldChange, there: Spec) -> bool:
    """Return whether the answer says nothing about a field: it is left out, or it is the credential from Stytch."""
    name = field.path[0]
    return there.get(name, UNSET) is UNSET or (kind.credential is not None and name == kind.credential.field)


def _agree(wanted: Json, now: Json) -> bool:
    """Return whether two values are the same but for line ends; a secret may come back in any form."""
    if is_name(wanted):
        return True
    if isinstance(wanted, str) and isinstance(now, str):
        return universal(wanted) == universal(now)
    if isinstance(wanted, dict) and isinstance(now, dict) and any(names_in(wanted)):
        return wanted.keys() == now.keys() and all(_agree(value, now[key]) for key, value in wanted.items())
    return same(wanted, now)


def _wanted(kind: Kind, field: FieldChange, there: Spec) -> Json:
    """Return the value that was sent, in the form in which it is compared with the one that is there."""
    name, *inner = field.path
    if field.after is UNSET:
        return kind.cleared.get(name, UNSET) if not inner else UNSET
    value: Json = field.after
    if inner:
        value = [value] if name in kind.keyed else {inner[0]: value}
    spec = kind.normalize({name: value})
    return _at(kind, field, spec if any(names_in(value)) else kind.normalize(kind.fill(spec, there)))


def _at(kind: Kind, field: FieldChange, spec: Spec) -> Json:
    name, *inner = field.path
    value: Json = spec.get(name, UNSET)
    if not inner:
        return value
    items: Mapping[str, Json] = by_key(value or (), kind.keyed[name]) if name in kind.keyed else value or {}
    return items.get(inner[0], UNSET)


def _shown(value: Json) -> str:
    if value is UNSET:
        return "left out"
    text = mask(json.dumps(value, ensure_ascii=False, default=str))
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
