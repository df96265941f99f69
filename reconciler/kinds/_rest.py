"""What the management API has two of: settings, which always exist, and collections, whose resources come and go."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote

from msgspec import Struct, structs

from reconciler.kinds._context import Access, ApplyContext
from reconciler.kinds._writing import (
    WriteResult,
    create_once,
    delete_resource,
    lost_create,
    merged_into_live,
    request_body,
    retry_idempotent,
)
from reconciler.model import Change, Create, Delete, Live, Spec, Target, Update
from reconciler.schema.kind import Kind, Verbs
from reconciler.schema.traits import completed

Record = Mapping[str, Any]  # what Stytch answers of one resource


def _as_it_is(record: Record) -> Spec:
    return record


class Setting(Struct, frozen=True, kw_only=True):
    """A value of an environment that always exists: it is read whole, and sent whole with the planned fields in it.

    ``path`` leads to it from the environment, with ``{name}`` for the name where a kind has several; ``record`` is the
    key under which answers have it ("": they are it). ``names`` returns which exist in an environment, if not all.
    ``spec`` returns what can be declared of a record, ``whole`` what is kept of it in a write, if that is more,
    ``body`` what is sent, ``answered`` the spec in the record that a write is answered with.
    """

    path: str
    record: str = ""
    method: str = "PUT"
    names: Callable[[Target], Sequence[str]] | None = None
    spec: Callable[[Record], Spec]
    whole: Callable[[Record], Spec] | None = None
    body: Callable[[Spec, Change], Spec] = lambda spec, _change: spec
    answered: Callable[[Record], Spec] = _as_it_is

    def added_to(self, kind: Kind) -> Kind:
        """Return a kind that has the verbs of this setting; a delete sets what was there before anybody did."""
        write = partial(self._write, kind)
        return replace(kind, verbs=Verbs(list=partial(self._read, kind), update=write, delete=write))

    def _read(self, kind: Kind, access: Access) -> Iterator[Live]:
        for name in self.names(access.target) if self.names else kind.identity.singletons:
            yield Live(kind=kind.name, name=name, id=name, spec=self.spec(self._get(access, name)))

    def _write(self, kind: Kind, change: Update | Delete, context: ApplyContext) -> WriteResult:
        def whole() -> dict[str, Any]:
            live = (self.whole or self.spec)(self._get(context, change.name))
            return dict(self.body(merged_into_live(kind, completed(kind.spec, live), change), change))

        path = self._at(context.target, change.name)
        answer = retry_idempotent(lambda: context.management.write_whole(self.method, path, whole))
        record = answer.get(self.record) if self.record else answer
        return WriteResult(change.name, str(answer["request_id"]), self.answered(record) if record else None)

    def _get(self, access: Access, name: str) -> Record:
        answer = access.management.get(self._at(access.target, name))
        record: Record = answer[self.record] if self.record else answer
        return record

    def _at(self, target: Target, name: str) -> str:
        return f"{target.path}/{self.path.format(name=name)}"


class Collection(Struct, frozen=True, kw_only=True):
    """Resources of the management API, each of which is added, changed and removed by itself.

    ``path`` returns the path of them all, ``many`` and ``one`` are the keys under which answers have all records and
    one, ``id`` is the field of a record that ends its path. ``spec`` returns what can be declared of a record,
    ``answered`` the spec, with its key, in the record that a write is answered with. ``sent`` is what every create
    sends unless something else is declared; ``duplicates`` are Stytch's error types for a name that is there already,
    None if nobody knows them.
    After a lost create the resource is recognised by the fields ``alike`` (if empty: by all that was sent); ``what``
    names it in messages. A kind that never calls ``records`` needs no ``many``, one that never calls ``create`` no
    ``what``.
    """

    path: Callable[[Target], str]
    many: str = ""
    one: str
    id: str
    spec: Callable[[Record], Spec] = _as_it_is
    answered: Callable[[Record], Spec] = _as_it_is
    sent: Spec = {}
    duplicates: tuple[str, ...] | None = ()
    what: str = ""
    alike: frozenset[str] = frozenset()

    def added_to(self, kind: Kind) -> Kind:
        """Return a kind that has the verbs of this collection where it has none of its own."""
        verbs = structs.replace(
            kind.verbs,
            list=kind.verbs.list or partial(self.read, kind),
            create=kind.verbs.create or partial(self.create, kind),
            update=kind.verbs.update or partial(self.update, kind),
            delete=kind.verbs.delete or self.delete,
        )
        return replace(kind, verbs=verbs)

    def read(self, kind: Kind, access: Access) -> Iterator[Live]:
        """Read every resource."""
        for record in self.records(access):
            name, id = str(record[kind.key.name]), str(record[self.id])
            yield Live(kind=kind.name, name=name, id=id, spec=self.spec(record))

    def create(self, kind: Kind, change: Create, context: ApplyContext) -> WriteResult:
        """Create a resource, and send what only an update can say; after a lost response, look for it by its name."""
        spec = {**self.sent, **request_body(change.fields, cleared=kind.cleared)}
        later = {name: spec.pop(name) for name in kind.update_only & spec.keys()}

        def look() -> WriteResult | None:
            found = context.from_now(kind.name, partial(self.read, kind))
            named = [live for live in found.named(change.name) if live.name == change.name]
            known = kind.normalize({name: spec[name] for name in self.alike or spec})
            return lost_create({live.id: kind.normalize(live.spec) for live in named}, known, self.what)

        body = {kind.key.name: change.name, **spec}
        written = create_once(lambda: self.post(context, body), look, self.duplicates)
        return self.patch(context, written.id, later) if later else written

    def update(self, kind: Kind, change: Update, context: ApplyContext) -> WriteResult:
        """Change the fields that differ; Stytch leaves all others as they are."""
        return self.patch(context, change.id, request_body(change.fields, cleared=kind.cleared))

    def delete(self, change: Update | Delete, context: ApplyContext) -> WriteResult:
        """Delete a resource."""
        return WriteResult(str(change.id), delete_resource(lambda: self.remove(context, change.id)))

    def records(self, access: Access) -> Sequence[Record]:
        """Return every record."""
        records: Sequence[Record] = access.management.get(self.path(access.target))[self.many]
        return records

    def at(self, target: Target, id: str | None) -> str:
        """Return the path of one record."""
        return f"{self.path(target)}/{quote(str(id), safe='')}"

    def post(self, access: Access, body: Spec | None = None) -> WriteResult:
        """Add a record, by one request."""
        return self._write(access, "POST", self.path(access.target), body)

    def patch(self, access: Access, id: str | None, body: Spec) -> WriteResult:
        """Change the fields that ``body`` has."""
        return retry_idempotent(lambda: self._write(access, "PATCH", self.at(access.target, id), body))

    def remove(self, access: Access, id: str | None) -> str:
        """Delete a record, by one request, and return that request's id."""
        return str(access.management.write("DELETE", self.at(access.target, id))["request_id"])

    def _write(self, access: Access, method: str, path: str, body: Spec | None) -> WriteResult:
        answer = access.management.write(method, path, dict(body) if body is not None else None)
        record = answer[self.one]
        return WriteResult(str(record[self.id]), str(answer["request_id"]), self.answered(record))
