"""Where changes are written: whose marks they carry, ids, credentials, the journal; and what keeps one from it."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, MutableSequence, MutableSet
from contextlib import contextmanager, suppress
from itertools import chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field

from reconciler.diff.ownership import Owner
from reconciler.diff.removed import Removed
from reconciler.errors import StoreFailed, Unreadable
from reconciler.kinds._looks import Look, Looks
from reconciler.model import Change, Intent, Json, Live, StoredCredential, Target
from reconciler.model.secret import Revealed, Sealed, generate
from reconciler.schema.kind import Kind
from reconciler.schema.secret_names import NAME, is_name, made_name, replaced
from reconciler.schema.types import is_id

if TYPE_CHECKING:
    from reconciler.clients.api import Api
    from reconciler.clients.b2b import Client
    from reconciler.credentials.store import CredentialStore


class Stale(Exception):
    """What is live is no longer what the plan saw, so nothing was written."""


class Gone(Stale):
    """What was to be written is no longer there: somebody else deleted it."""

    def __init__(self) -> None:
        super().__init__("it no longer exists")


class Undecided(Stale):
    """A write whose response was lost may have made what is there, and nothing proves it: a person must look."""


class NotNoted(Exception):
    """The journal cannot be written, so nothing was."""


class NotStored(Exception):
    """The store refused a credential, which is in an emergency file now; ``id`` is the resource's, if that was made."""

    def __init__(self, path: Path, id: str, why: str) -> None:
        what, reason = "made, but" if id else "not made:", f" ({why})" if why else ""
        super().__init__(f"{what} the credential store refused its credential{reason}")
        self.file = str(path)
        self.id = id or None


class Access(Struct, frozen=True, kw_only=True):
    """Where in Stytch is read and written, and the client that does it."""

    client: "Client"
    target: Target = Target()

    @property
    def management(self) -> "Api":
        """Return the management API; raises ``Refused`` where there is no workspace key."""
        return self.client.management


class Making:
    """Who makes resources without a name: many at a time, but nobody while somebody looks which are new."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._makers = 0

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make one beside others."""
        with self._changed:
            self._makers += 1
        try:
            yield
        finally:
            with self._changed:
                self._makers -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Look once nobody makes any, and let nobody begin meanwhile."""
        with self._changed:
            self._changed.wait_for(lambda: not self._makers)
            yield


class ApplyContext(Access, frozen=True, kw_only=True):
    """Where changes are written: whose marks they carry, and the ids of what is there.

    ``organization_ids`` (by declared slug) and ``ids`` (by kind, then by namespace and name) grow while an apply makes
    resources, ``stored`` with each credential that the store took, ``given_ids`` with the ids that came with one.
    ``note`` puts a line into the journal; ``begun`` is what earlier runs began and never ended, ``looks`` what was live
    of late, ``making`` who makes what nothing but its id tells apart. ``removed`` knows, by the ids of organizations,
    who was removed from them.
    """

    owner: Owner
    organization_ids: MutableMapping[str, str]
    ids: MutableMapping[str, dict[tuple[str | None, str], str]] = field(default_factory=dict)
    store: "CredentialStore | None" = None
    begun: Mapping[str, tuple[Intent, ...]] = {}
    note: Callable[[str, Change, Mapping[str, Json]], None] = lambda _event, _change, _body: None
    removed: Mapping[str, Removed] = {}
    stored: MutableSequence[StoredCredential] = field(default_factory=list)
    given_ids: MutableSet[str] = field(default_factory=set)
    looks: Looks = field(default_factory=Looks)
    making: Making = field(default_factory=Making)

    def recently(self, kind: str, read: Callable[["ApplyContext"], Iterable[Live]]) -> Look:
        """Return what was live of a kind not long ago, to be taken before a write."""
        return self.looks.recent(kind, lambda: read(self), self.client.clock.monotonic)

    def currently(self, kind: str, read: Callable[["ApplyContext"], Iterable[Live]]) -> Callable[[], Look]:
        """Return what looks at a kind before one is written whole: a shared look first, one from now on after that."""
        looks = chain((self.looks.current,), repeat(self.looks.fresh))
        return lambda: next(looks)(kind, lambda: read(self), self.client.clock.monotonic)

    def from_now(self, kind: str, read: Callable[["ApplyContext"], Iterable[Live]]) -> Look:
        """Return what is live of a kind from now on, to be taken after a write."""
        return self.looks.fresh(kind, lambda: read(self), self.client.clock.monotonic)

    def begin(self, change: Change, there: Iterable[str]) -> None:
        """Note what is there before a resource is made; raises ``NotNoted`` where that cannot be."""
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
        """Note what Stytch's answer gave: with that, the next run can prove that a resource is ours."""
        self.given_ids.add(id)
        with suppress(OSError):  # what is made is made, and is kept next
            self.note("made", change, {"id": id, "last_four": Sealed(credential).last_four if credential else ""})

    def given(self, change: Change, id: str) -> frozenset[str]:
        """Return the last characters of the credentials that Stytch gave for a resource to runs that never ended."""
        begun = self.begun.get(change.address, ())
        return frozenset(each for intent in begun if intent.made == id for each in intent.given)

    def kept_id(self, change: Change, field: str) -> str:
        """Return the id of the resource whose credential the store holds by now, "" where there is none."""
        return (self.store.id_of(kept_as(change, field)) or "") if self.store else ""

    def secret(self, name: str) -> Revealed:
        """Return the secret that a manifest names; raises ``Stale`` where it is not known any more."""
        found = self.store.value(name) if self.store else None
        if found is None:
            raise Stale(f"the secret {name} is neither in the environment variables nor in the credential store")
        return found.reveal()

    def keep(self, change: Change, field: str, text: str, id: str) -> None:
        """Hand a credential that Stytch has just given to the store; raises ``NotStored`` where it refuses."""
        self._hand_over(change, field, Sealed(text), id, made=id)

    def holds(self, change: Change, field: str, last_four: str) -> bool:
        """Return whether the store has a credential for a resource, and it is the one that ends so."""
        value = self.store.value(kept_as(change, field)) if self.store else None
        return value is not None and value.last_four == last_four

    def chosen(self, change: Change, field: str, id: str) -> tuple[Sealed, bool]:
        """Return the credential for a new resource, once it is stored, and whether it is new and not the store's."""
        known = self.store.value(kept_as(change, field)) if self.store else None
        value = known or generate()
        self._hand_over(change, field, value, id, made="")
        return value, known is None

    def take_back(self, change: Change, field: str, value: Sealed) -> bool:
        """Take what was chosen, and proved to be of no use, out of the store; return whether it is gone for certain."""
        name, gone = kept_as(change, field), False
        with suppress(StoreFailed, Unreadable):  # then it is said to be in doubt
            gone = self.store is not None and self.store.take_back(name, value)
        if gone:
            self.stored[:] = [each for each in self.stored if each.name != name]
        return gone

    def _hand_over(self, change: Change, field: str, value: Sealed, id: str, *, made: str) -> None:
        if self.store is None:
            raise Stale("there is no credential store")
        name = kept_as(change, field)
        if path := self.store.keep(name, value, id):
            raise NotStored(path, made, self.store.refusal(name))
        self.stored.append(StoredCredential(address=change.address, name=name, place=self.store.place(name)))

    def forget(self, kind: Kind, change: Change) -> None:
        """Forget the credential of a resource that is no more, where it is kept under the name that was made for it."""
        if self.store is None or kind.credential is None:
            return
        name = made_name(kind, kind.credential, change.namespace, change.name)
        if self.store.id_of(name) == change.id:
            self.store.forget(name)

    def revealed(self, body: Json) -> Json:
        """Put secrets in the place of their names: only in what is sent."""
        return replaced(body, self.secret)

    def with_ids(self, kind: Kind, body: Mapping[str, Json], namespace: str | None = None) -> dict[str, Json]:
        """Put ids in the place of the names of other resources, where Stytch wants those.

        Raises ``Stale`` where a resource is not there, because it could not be made.
        """
        sent = dict(body)
        for name, reference in kind.references.items():
            if reference.by_id and (value := sent.get(name)):
                inside = namespace if reference.late else None
                several = isinstance(value, list)
                ids = [self._id_of(reference.kind, inside, each) for each in (value if several else [value])]
                sent[name] = ids if several else ids[0]
        return sent

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
