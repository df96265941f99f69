"""Rotate a lost credential: the new one is stored before the old one becomes invalid."""

from collections.abc import Callable
from contextlib import suppress

from msgspec import Struct

from reconciler.errors import Ambiguous, Fault
from reconciler.kinds._writing import TRIES, ApplyContext, NotKept, Undecided, kept_as
from reconciler.model import Change, Update


class Steps(Struct, frozen=True):
    """How the credential of one thing is rotated: what each step gives is the id of its request.

    ``start`` gives the new credential before that, ``under_way`` the last characters of one that an earlier start
    gave, "" where there is none.
    """

    start: Callable[[], tuple[str, str]]
    complete: Callable[[], str]
    cancel: Callable[[], str]
    under_way: Callable[[], str]


def rotate(steps: Steps, change: Change, field: str, id: str, context: ApplyContext) -> str:
    """Replace a credential once the new one is stored; complete an interrupted rotation if its new one is stored."""
    try:
        return _rotate(steps, change, field, id, context)
    except Fault as fault:  # whatever it was: the thing is there, and the next run must see to its credential
        said = f"its {field} is not stored yet: {fault}"
        raise Ambiguous(said, status=fault.status, error_type=fault.error_type, request_id=fault.request_id) from fault


def writes(change: Change, field: str) -> int:
    """Count the two steps of a rotation, and what else an update changes."""
    if not isinstance(change, Update) or not change.get(field):
        return 1
    return 2 + any(each.path != (field,) for each in change.fields)


def _rotate(steps: Steps, change: Change, field: str, id: str, context: ApplyContext) -> str:
    if following := steps.under_way():
        if _is_kept(following, kept_as(change, field), id, context):
            return _end(steps.complete, steps)
        if following not in context.given(change, id):
            raise Undecided(_unproven(field, id))
        _end(steps.cancel, steps)
    text = _start(steps, field, id)
    context.made(change, id, text)
    try:
        context.keep(change, field, text, id)
    except NotKept:
        _end(steps.complete, steps)  # the one in the emergency file is the one that counts
        raise
    return _end(steps.complete, steps)


def _is_kept(last_four: str, name: str, id: str, context: ApplyContext) -> bool:
    if context.store is None or context.store.id_of(name) != id:
        return False
    kept = context.store.value(name)
    return kept is not None and kept.last_four == last_four


def _start(steps: Steps, field: str, id: str) -> str:
    """Start, again where that did not happen; one whose answer was lost may be somebody else's."""
    for _ in range(TRIES):
        with suppress(Ambiguous):
            return steps.start()[0]
        if steps.under_way():
            raise Undecided(_unproven(field, id))
    raise Ambiguous("the responses to several starts of a rotation in a row were lost")


def _unproven(field: str, id: str) -> str:
    said = f"a rotation of the {field} of {id} is in progress, and there is no proof that this run started it"
    return f"{said}: complete or cancel it in Stytch, and apply again"


def _end(call: Callable[[], str], steps: Steps) -> str:
    """Complete or cancel; after a lost answer it is looked whether that has happened."""
    for _ in range(TRIES):
        with suppress(Ambiguous):
            return call()
        if not steps.under_way():
            return ""
    raise Ambiguous("the responses to several ends of a rotation in a row were lost")
