"""What every kind's writing verbs share: the payload of a change, and how to repeat what is safe to repeat."""

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import TypeVar

from msgspec import UNSET, Struct

from reconciler.errors import Ambiguous, Fault
from reconciler.model import FieldChange, Json

TRIES = 4  # of a write whose answer was lost, each after the client's own retries

T = TypeVar("T")


class Moved(Exception):
    """What is live is no longer what the plan saw, so nothing was written."""


class Written(Struct, frozen=True):
    """What a write left behind: the id of the thing and Stytch's id of the (last) request."""

    id: str
    request_id: str


class Scene(Struct, frozen=True, kw_only=True):
    """Where changes are written: whose marks they carry, and each organization's id by its declared slug.

    ``organization_ids`` grows while an apply creates organizations.
    """

    owner: str
    organization_ids: MutableMapping[str, str]


def payload(fields: Iterable[FieldChange], *, cleared: Mapping[str, Json]) -> dict[str, Json]:
    """Build a request body: nested where the path is, null for a cleared metadata key.

    ``cleared`` gives the value that clears a top-level field; a field that is not in it is cleared by a call of its
    own and left out here.
    """
    body: dict[str, Json] = {}
    for change in fields:
        name, *inner = change.path
        if inner:
            body.setdefault(name, {})[inner[0]] = None if change.after is UNSET else change.after
        elif change.after is not UNSET:
            body[name] = change.after
        elif name in cleared:
            body[name] = cleared[name]
    return body


def repeated(call: Callable[[], T]) -> T:
    """Make a write that has the same effect however often it is made, again while its answer is lost."""
    for _ in range(TRIES - 1):
        try:
            return call()
        except Ambiguous:
            continue
    return call()


def created(create: Callable[[], T], find: Callable[[], T | None], duplicate: Iterable[str]) -> T:
    """Make a thing once: after a lost answer, or one that says it is there already, look it up by its key.

    ``find`` gives the thing if it is live and ours, None if nothing is there, and raises ``Moved`` if it is somebody
    else's. ``duplicate`` holds Stytch's error types for "there already".
    """
    for _ in range(TRIES):
        try:
            return create()
        except Ambiguous:
            pass
        except Fault as fault:
            if fault.error_type not in duplicate:
                raise
        if (found := find()) is not None:
            return found
    raise Ambiguous("the answers to several creates in a row were lost and nothing is there")


def gone(delete: Callable[[], str]) -> str:
    """Take something away and give the request's id; where it is gone already after a lost answer, that is done too."""
    lost = False
    for _ in range(TRIES):
        try:
            return delete()
        except Ambiguous:
            lost = True
        except Fault as fault:
            if lost and fault.error_type.endswith("not_found"):
                return fault.request_id
            raise
    raise Ambiguous("the answers to several deletes in a row were lost")
