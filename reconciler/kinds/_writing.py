"""What all verbs that write share: the body of a request, and what to do when its response is lost."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, MutableMapping, MutableSequence, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from msgspec import UNSET, Struct, field

from reconciler.credentials.store import CredentialStore
from reconciler.diff.fields import NOTHING, by_key, same
from reconciler.diff.ownership import Owner
from reconciler.errors import Ambiguous, Fault, Rejected, Unreadable
from reconciler.model import Change, FieldChange, Intent, Json, Kept, Spec, Target
from reconciler.model.secret import Revealed, Sealed, generate
from reconciler.schema.kind import Kind
from reconciler.schema.secret_names import NAME, is_name, made_name, replaced
from reconciler.schema.types import is_id

if TYPE_CHECKING:
    from reconciler.clients.sdk import Answered

TRIES = 6  # of a write whose answer was lost; the client waits longer after each
MALFORMED: Final = (KeyError, TypeError, AttributeError)  # what reading an answer raises that is not as described

T = TypeVar("T")
F = TypeVar("F", bound=Fault)


class Stale(Exception):
    """What is live is no longer what the plan saw, so nothing was written."""


class Gone(Stale):
    """What was to be written is no longer there: somebody else deleted it."""

    def __init__(self) -> None:
        super().__init__("it no longer exists")


class Undecided(Stale):
    """A write whose answer was lost may have made what is there, and nothing proves it: a person must look."""


class NotNoted(Exception):
    """The journal cannot be written, so nothing was."""


class WriteResult(Struct, frozen=True):
    """What a write left behind: the id of the thing and Stytch's id of the (last) request.

    ``answered`` is the thing as Stytch's answer has it, under the names of its spec, with its key; None where there
    was no answer to go by. ``sent`` holds fields that were sent otherwise than the plan has them.
    """

    id: str
    request_id: str
    answered: Spec | None = None
    sent: Spec = {}


def write_result(answer: "Answered", key: str, id_key: str) -> WriteResult:
    """Return what a write of the SDK left behind; ``key`` and ``id_key`` lead to the resource and its id."""
    record, request_id = answer.thing(key, id_key)
    return WriteResult(str(record[id_key]), request_id, record)


class NotKept(Exception):
    """The store refused a credential, which is in an emergency file now; ``id`` is the thing's, if that was made."""

    def __init__(self, path: Path, id: str, why: str) -> None:
        what, reason = "made, but" if id else "not made:", f" ({why})" if why else ""
        super().__init__(f"{what} the credential store refused its credential{reason}")
        self.file = str(path)
        self.id = id or None


class ApplyContext(Struct, frozen=True, kw_only=True):
    """Where changes are written: whose marks they carry, the place in Stytch, and the ids of what is there.

    ``organization_ids`` (by declared slug) and ``ids`` (by kind, then by namespace and name) grow while an apply makes
    things, ``kept`` with each credential that the store took. ``note`` puts a line into the journal; ``begun`` is what
    earlier runs began and never ended.
    """

    owner: Owner
    organization_ids: MutableMapping[str, str]
    target: Target = Target()
    ids: MutableMapping[str, dict[tuple[str | None, str], str]] = field(default_factory=dict)
    store: CredentialStore | None = None
    begun: Mapping[str, tuple[Intent, ...]] = {}
    note: Callable[[str, Change, Mapping[str, Json]], None] = lambda _event, _change, _body: None
    kept: MutableSequence[Kept] = field(default_factory=list)

    def begin(self, change: Change, there: Iterable[str]) -> None:
        """Note what is there before a thing is made; raises ``NotNoted`` where that cannot be."""
        self._must_note("note", change, {"there": sorted(there)})

    def deleting(self, change: Change, marked_at: str) -> None:
        """Note when the mark was written that says that a member is deleted; raises ``NotNoted`` where that cannot be.

        The member that is live with another time of its last update was brought back, or changed by somebody.
        """
        self._must_note("deleting", change, {"marked_at": marked_at})

    def _must_note(self, event: str, change: Change, body: Mapping[str, Json]) -> None:
        try:
            self.note(event, change, body)
        except OSError as error:
            raise NotNoted(f"cannot write the journal: {error.strerror}") from None

    def made(self, change: Change, id: str, credential: str = "") -> None:
        """Note what Stytch's answer gave: with that, the next run can prove that a thing is ours."""
        with suppress(OSError):  # what is made is made, and is kept next
            self.note("made", change, {"id": id, "last_four": Sealed(credential).last_four if credential else ""})

    def given(self, change: Change, id: str) -> frozenset[str]:
        """Return the last characters of the credentials that Stytch gave for a thing to runs that never ended."""
        begun = self.begun.get(change.address, ())
        return frozenset(each for intent in begun if intent.made == id for each in intent.given)

    def kept_id(self, change: Change, field: str) -> str:
        """Return the id of the thing whose credential the store holds by now, "" where there is none."""
        return (self.store.id_of(kept_as(change, field)) or "") if self.store else ""

    def secret(self, name: str) -> Revealed:
        """Return the secret that a manifest names; raises ``Stale`` where it is not known any more."""
        found = self.store.value(name) if self.store else None
        if found is None:
            raise Stale(f"the secret {name} is neither in the environment variables nor in the credential store")
        return found.reveal()

    def keep(self, change: Change, field: str, text: str, id: str) -> None:
        """Hand a credential that Stytch has just given to the store; raises ``NotKept`` where it refuses."""
        self._hand_over(change, field, Sealed(text), id, made=id)

    def holds(self, change: Change, field: str, last_four: str) -> bool:
        """Return whether the store has a credential for a thing, and it is the one that ends so."""
        value = self.store.value(kept_as(change, field)) if self.store else None
        return value is not None and value.last_four == last_four

    def chosen(self, change: Change, field: str, id: str) -> Sealed:
        """Return the credential for a new resource, the store's or a new one, once it is stored."""
        value = (self.store.value(kept_as(change, field)) if self.store else None) or generate()
        self._hand_over(change, field, value, id, made="")
        return value

    def _hand_over(self, change: Change, field: str, value: Sealed, id: str, *, made: str) -> None:
        if self.store is None:
            raise Stale("there is no credential store")
        name = kept_as(change, field)
        if path := self.store.keep(name, value, id):
            raise NotKept(path, made, self.store.refusal(name))
        self.kept.append(Kept(address=change.address, name=name, place=self.store.place(name)))

    def forget(self, kind: Kind, change: Change) -> None:
        """Forget the credential of a thing that is no more, where it is kept under the name that was made for it."""
        if self.store is None or kind.credential is None:
            return
        name = made_name(kind, kind.credential, change.namespace, change.name)
        if self.store.id_of(name) == change.id:
            self.store.forget(name)

    def revealed(self, body: Json) -> Json:
        """Put secrets in the place of their names: only in what is sent."""
        return replaced(body, self.secret)

    def with_ids(self, kind: Kind, body: Mapping[str, Json], namespace: str | None = None) -> dict[str, Json]:
        """Put ids in the place of the names of other things, where Stytch wants those.

        Raises ``Stale`` where a thing is not there, because it could not be made.
        """
        told = dict(body)
        for name, reference in kind.references.items():
            if reference.by_id and (value := told.get(name)):
                inside = namespace if reference.late else None
                several = isinstance(value, list)
                ids = [self._id_of(reference.kind, inside, each) for each in (value if several else [value])]
                told[name] = ids if several else ids[0]
        return told

    def _id_of(self, kind: str, inside: str | None, name: str) -> str:
        found = self.ids.get(kind, {}).get((inside, name), name if is_id(name) else None)
        if found is None:
            raise Stale(f"the {kind} {name}, which it refers to, does not exist")
        return found


def kept_as(change: Change, field: str) -> str:
    """Return the name under which a credential will be stored, from the plan."""
    found = change.get(field)
    after: Json = found.after if found else None
    return str(after[NAME]) if is_name(after) else ""


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
    """Make a write that has the same effect however often it is made, again while its answer is lost."""
    for _ in range(TRIES - 1):
        try:
            return call()
        except Ambiguous:
            continue
    return call()


_found: ContextVar[bool] = ContextVar("found")


@contextmanager
def noting_finds() -> Iterator[Callable[[], bool]]:
    """Yield what tells whether somebody else has already created, or deleted, what the block is about."""
    token = _found.set(False)
    try:
        yield _found.get
    finally:
        _found.reset(token)


def create_once(create: Callable[[], T], find: Callable[[], T | None], duplicate: Iterable[str] = ()) -> T:
    """Make a thing once: after a lost answer, or one that says it is there already, look it up by its key.

    ``find`` gives the thing if it is live and ours, None if nothing is there, and raises ``Stale`` if it is somebody
    else's. ``duplicate`` holds Stytch's error types for "there already". Once a response was lost, whatever keeps
    anybody from finding out raises ``Ambiguous``, and what may be ours or somebody else's ``Undecided``.
    """
    lost = False
    for _ in range(TRIES):
        try:
            return create()
        except (Ambiguous, *MALFORMED):
            lost = True
        except Fault as fault:
            if fault.error_type not in duplicate:
                raise _ambiguous(fault) if lost else fault from None
        if (found := _looked_for(find, lost=lost)) is not None:
            _found.set(not lost)  # it is ours if an answer of ours was lost, as far as anybody can tell
            return found
    raise Ambiguous("the responses to several creates in a row were lost, and nothing was created")


def _looked_for(find: Callable[[], T | None], *, lost: bool) -> T | None:
    try:
        return find()
    except Stale as stale:
        raise Undecided(str(stale)) if lost else stale from None
    except (Fault, Unreadable, *MALFORMED) as error:
        raise _ambiguous(error) if lost else error from None


def _ambiguous(error: Exception, before: str = "a response was lost") -> Ambiguous:
    """Return the error, after what was ``before``, as one after which the write may have happened."""
    said = f"{before}, and then: {error}" if isinstance(error, Fault | Unreadable) else before
    return reworded(error if isinstance(error, Fault) else Fault(""), Ambiguous, said)


def delete_once(delete: Callable[[], str], absent: Collection[str] = ()) -> str:
    """Take something away and give the request's id; where it is gone already after a lost answer, that is done too.

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
        raise Stale(f"somebody else created {what} in the meantime")
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

    ``id`` is what Stytch's answer gave, ``others`` gives those that bear the name by now. Whoever sees another one
    yields, so that two runs at once leave none of a kind rather than two; the next run makes it. Where that cannot be
    found out, the thing is there all the same, and not complete: that raises ``Ambiguous``, so that the next run sees
    to it.
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
