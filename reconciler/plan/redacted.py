"""A fresh plan as the snapshot of a reviewed one shows it, so that the two can be compared."""

from typing import TypeVar

from msgspec import UNSET, structs

from reconciler.expressions.redaction import HIDDEN, Redaction
from reconciler.model import Change, Delete, FieldChange, Json

C = TypeVar("C", bound=Change)


def redacted_change(change: C, redaction: Redaction) -> C:
    """Return a change without people."""
    mark = change.mark and structs.replace(
        change.mark,
        user=change.mark.user and redaction.text(change.mark.user),
        roles=tuple(map(redaction.text, change.mark.roles)),
    )
    return structs.replace(
        change,
        name=redaction.text(change.name),
        id=change.id and redaction.text(change.id),
        fields=tuple(_field(field, redaction) for field in change.fields),
        mark=mark,
        causes=tuple(structs.replace(cause, user=cause.user and redaction.text(cause.user)) for cause in change.causes),
    )


def is_same(fresh: Change, reviewed: Change) -> bool:
    """Return whether a fresh change, redacted, is the reviewed one: what it would do, and what that rests on.

    A delete looks at fields that the snapshot leaves out; those may be anything.
    """
    if type(fresh) is not type(reviewed) or (fresh.id, fresh.adopts) != (reviewed.id, reviewed.adopts):
        return False
    if (fresh.mark and fresh.mark.user) != (reviewed.mark and reviewed.mark.user):
        return False
    return _seen(fresh, reviewed) == _seen(reviewed, reviewed)


def _seen(change: Change, reviewed: Change) -> dict[tuple[str, ...], tuple[Json, Json]]:
    hidden = {field.path for field in reviewed.fields if field.before == HIDDEN} if isinstance(change, Delete) else ()
    return {
        field.path: (HIDDEN if field.path in hidden else _comparable(field.before), _comparable(field.after))
        for field in change.fields
    }


def _comparable(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _field(field: FieldChange, redaction: Redaction) -> FieldChange:
    before, after = (
        value if value is UNSET else redaction.json(value, field.path[-1]) for value in (field.before, field.after)
    )
    return structs.replace(field, path=tuple(map(redaction.text, field.path)), before=before, after=after)
