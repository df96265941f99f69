"""What all verbs that write share: the body of a request, and what to do when its response is lost."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, TypeVar

from msgspec import UNSET, Struct

from reconciler.diff.fields import NOTHING, by_key, same
from reconciler.errors import Ambiguous, Fault, Rejected, Unreadable
from reconciler.kinds._context import Gone, Stale, Undecided
from reconciler.model import Change, FieldChange, Json, Spec
from reconciler.schema.kind import Kind
from reconciler.schema.secret_names import is_name

if TYPE_CHECKING:
    from reconciler.clients.sdk import Answered

TRIES = 6  # of a write whose response was lost; the client waits longer after each
MALFORMED: Final = (KeyError, TypeError, AttributeError)  # what reading an answer raises that is not as described

T = TypeVar("T")
F = TypeVar("F", bound=Fault)


class WriteResult(Struct, frozen=True):
    """What a write left behind: the id of the resource and Stytch's id of the (last) request.

    ``answered`` is the resource as Stytch's response has it, under the names of its spec, with its key; None where
    there was no response to go by. ``sent`` holds fields that were sent otherwise than the plan has them.
    """

    id: str
    request_id: str
    answered: Spec | None = None
    sent: Spec = {}


def write_result(answer: "Answered", key: str, id_key: str) -> WriteResult:
    """Return what a write of the SDK left behind; ``key`` and ``id_key`` lead to the resource and its id."""
    record, request_id = answer.resource(key, id_key)
    return WriteResult(str(record[id_key]), request_id, record)


def merged_into_live(kind: Kind, live: Spec, change: Change) -> dict[str, Json]:
    """Return a live spec with the planned fields in it, for what Stytch takes only whole.

    Raises ``Stale`` where a field is neither what the plan saw nor what it wants.
    """
    spec = {
        name: dict(value) if name in kind.merged and isinstance(value, dict) else value
        for name, value in kind.normalize(live).items()
    }
    items = {name: dict(by_key(spec.get(name) or (), key)) for name, key in kind.keyed.items()}
    for planned in change.fields:
        name, *inner = planned.path
        if inner and name not in items:
            spec[name] = spec.get(name) or {}
        there = items[name] if inner and name in items else spec[name] if inner else spec
        key = inner[0] if inner else name
        now = there.get(key, UNSET)
        if not (_alike(now, planned.before) or _alike(now, planned.after)):
            raise Stale(f"{'.'.join(planned.path)} has changed since")
        if planned.after is not UNSET:
            there[key] = planned.after
        elif name in kind.cleared and not inner:
            there[key] = kind.cleared[name]
        else:
            there.pop(key, None)
    return {**spec, **{name: list(found.values()) for name, found in items.items() if found or name in spec}}


def _alike(now: Json, then: Json) -> bool:
    if now is UNSET or then is UNSET:
        return (now is UNSET or now in NOTHING) and (then is UNSET or then in NOTHING)
    return is_name(then) or same(now, then)


def request_body(fields: Iterable[FieldChange], *, cleared: Mapping[str, Json]) -> dict[str, Json]:
    """Return a request body: nested where the path is, null for a cleared metadata key.

    ``cleared`` has what clears a top-level field; one that is not in it is left out: a call of its own clears it.
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


def retry_idempotent(call: Callable[[], T]) -> T:
    """Make a write that has the same effect however often it is made, again while its response is lost.

    Whatever keeps it from being made again raises ``Ambiguous``, because the one that was lost may have happened.
    """
    lost: Ambiguous | None = None
    for _ in range(TRIES):
        try:
            return call()
        except Ambiguous as fault:
            lost = fault
        except (Fault, Unreadable, Stale) as error:
            raise _ambiguous(error) if lost else error from None
    raise lost or AssertionError("it was tried")


_found: ContextVar[bool] = ContextVar("found")


@contextmanager
def noting_finds() -> Iterator[Callable[[], bool]]:
    """Yield what tells whether somebody else has already created, or deleted, what the block is about."""
    token = _found.set(False)
    try:
        yield _found.get
    finally:
        _found.reset(token)


def create_once(create: Callable[[], T], find: Callable[[], T | None], duplicate: Collection[str] | None = ()) -> T:
    """Create a resource once: after a lost response, or one that says it is there already, look it up by its key.

    ``find`` returns the resource if it is live and ours, None if nothing is there, and raises ``Stale`` if it is
    somebody else's. ``duplicate`` has Stytch's error types for "there already", None if nobody knows them: then every
    refusal may be that. Once a response was lost, whatever keeps anybody from finding out raises ``Ambiguous``, and
    what may be ours or somebody else's ``Undecided``.
    """
    lost, refused = False, None
    for _ in range(TRIES):
        try:
            return create()
        except (Ambiguous, *MALFORMED):
            lost = True
        except Fault as fault:
            may_be_there = isinstance(fault, Rejected) if duplicate is None else fault.error_type in duplicate
            if not may_be_there:
                raise _ambiguous(fault) if lost else fault from None
            refused = fault
        if (found := _looked_for(find, lost=lost)) is not None:
            _found.set(not lost)  # it is ours if an answer of ours was lost, as far as anybody can tell
            return found
        if refused and duplicate is None:
            break
    if refused:
        raise _ambiguous(refused) if lost else refused
    raise Ambiguous("the responses to several creates in a row were lost, and nothing was created")


def is_found() -> bool:
    """Return whether somebody else has already made, or deleted, what ``noting_finds`` is about."""
    return _found.get(False)


def _looked_for(find: Callable[[], T | None], *, lost: bool) -> T | None:
    try:
        return find()
    except Stale as stale:
        raise Undecided(str(stale)) if lost else stale from None
    except (Fault, Unreadable, *MALFORMED) as error:
        raise _ambiguous(error) if lost else error from None


def _ambiguous(error: Exception, before: str = "a response was lost") -> Ambiguous:
    """Return the error, after what was ``before``, as one after which the write may have happened."""
    said = f"{before}, and then: {error}" if isinstance(error, Fault | Unreadable | Stale) else before
    return reworded(error if isinstance(error, Fault) else Fault(""), Ambiguous, said)


def delete_once(delete: Callable[[], str], absent: Collection[str] = ()) -> str:
    """Take something away and return the request's id; if it is gone already after a lost response, that is done too.

    ``absent`` holds Stytch's error types for that, where their names do not say so.
    """
    lost = False
    for _ in range(TRIES):
        try:
            return delete()
        except Ambiguous:
            lost = True
        except Fault as fault:
            if lost and (fault.error_type in absent or _says_absent(fault)):
                return fault.request_id
            raise _ambiguous(fault) if lost else fault from None
    raise Ambiguous("the responses to several deletes in a row were lost")


def delete_part(delete: Callable[[], str], is_there: Callable[[], bool]) -> str:
    """Take away what lies in a resource; where Stytch refuses that because somebody else has done it, it is done."""
    try:
        return delete_once(delete)
    except Rejected:
        if is_there():
            raise
        return ""


def delete_resource(delete: Callable[[], str], absent: Collection[str] = ()) -> str:
    """Do as ``delete_once`` for a whole resource; what somebody else deleted is noted as found."""
    try:
        return delete_once(delete, absent)
    except Fault as fault:
        if fault.error_type not in absent and not _says_absent(fault):
            raise
        _found.set(True)
        return fault.request_id


def lost_create(found: Mapping[str, Spec], sent: Spec, what: str) -> WriteResult | None:
    """Return what a create made whose response was lost, None if nothing is there; for ``create_once``.

    ``found`` holds the specs of what could be it, by their ids. Raises ``Stale`` if there are several, or if it is not
    as it was sent: then it is somebody else's.
    """
    if not found:
        return None
    ((id, live), *others) = found.items()
    if others or not all(same(value, live.get(name)) for name, value in sent.items()):
        raise Stale(f"somebody else created {what} in the meantime ({', '.join(sorted(found))})")
    return WriteResult(id, "")


def must_be_free(ids: Sequence[str]) -> None:
    """Raise ``Stale`` if something has the name of what is about to be created."""
    if ids:
        raise Stale(f"{', '.join(ids)} has this name now, but did not when the plan was made")


def must_exist(read: Callable[[], T]) -> T:
    """Return what ``read`` reads; raises ``Gone`` where Stytch answers that it does not exist."""
    try:
        return read()
    except Rejected as fault:
        if _says_absent(fault):
            raise Gone from None
        raise


def undo_if_doubled(id: str, others: Callable[[], Iterable[str]], take_back: Callable[[], str], what: str) -> None:
    """Take back what was just made where another of its kind and name came at the same time; raises ``Stale`` then.

    ``id`` is what Stytch's answer gave, ``others`` returns those that bear the name by now. Whoever sees another one
    yields, so that two runs at once leave none of a kind rather than two; the next run makes it. Where that cannot be
    found out, the resource is there all the same, and not complete: that raises ``Ambiguous``, so that the next run
    sees to it.
    """
    try:
        beside = sorted({*others()} - {id})
        if beside:
            delete_once(take_back)
    except (Fault, Unreadable, *MALFORMED) as error:
        raise _ambiguous(error, f"{id} was created") from None
    if beside:
        raise Stale(f"somebody else created {what} at the same time ({', '.join(beside)}), so {id} was deleted again")


def reworded(fault: Fault, sort: type[F], text: str) -> F:
    """Return a fault of another type, or in other words, about the same response."""
    return sort(text, status=fault.status, error_type=fault.error_type, request_id=fault.request_id)


@contextmanager
def explaining(error_type: str, text: str) -> Iterator[None]:
    """Say what to do about a refusal of one type; ``{}`` in the text is what Stytch says."""
    try:
        yield
    except Rejected as fault:
        if fault.error_type != error_type:
            raise
        raise reworded(fault, Rejected, text.format(fault)) from fault


def _says_absent(fault: Fault) -> bool:
    return fault.error_type.endswith("not_found") and fault.error_type != "route_not_found"
