"""What Stytch gives or takes once: it is stored as soon as it is known, and replaced where it was lost."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from msgspec import Struct

from reconciler.errors import Ambiguous, Fault
from reconciler.kinds._context import ApplyContext, NotStored, Stale, Undecided, kept_as
from reconciler.kinds._rest import Collection
from reconciler.kinds._writing import TRIES, WriteResult, create_once, is_found, reworded, undo_if_doubled
from reconciler.model import Change, Create, Delete, Update
from reconciler.model.secret import Sealed
from reconciler.schema.kind import Kind


def keep_given(context: ApplyContext, change: Create, field: str, written: WriteResult) -> None:
    """Store the credential of a resource that was just created, if one is to be kept.

    Raises ``Undecided`` where it was lost with the response: nobody has it; ``Stale`` where somebody else has it.
    """
    name, given = kept_as(change, field), (written.answered or {}).get(field)
    if name and given:
        context.keep(change, field, str(given), written.id)
    elif name and is_found():
        raise Stale(f"{written.id} exists now, but did not when the plan was made")
    elif name:
        known = f"store it in the credential store as {name}, and the id as {name}_ID"
        to_do = f"delete it in Stytch and apply again, or rotate its {field.rpartition('_')[2]} there and {known}"
        raise Undecided(f"a response was lost, and the {field} is not stored for {written.id}: {to_do}")


@contextmanager
def chosen(context: ApplyContext, change: Create, field: str) -> Iterator[Sealed]:
    """Yield the credential that a resource is to be created with: it is stored before it is sent, so that none is lost.

    Where ``Stale`` says that somebody else created the resource, a new one was never its credential, and is taken out
    of the store again. After a lost response (``Undecided``) nothing is certain, so it stays.
    """
    secret, is_new = context.chosen(change, field, change.name)
    try:
        yield secret
    except Stale as stale:
        name, is_certain = kept_as(change, field), not isinstance(stale, Undecided)
        if is_new and is_certain and context.take_back(change, field, secret):
            said = f"only they have its {field}: {name}, chosen here, was taken out of the credential store again"
        else:
            said = f"{name} in the credential store may not be its secret: rotate that, and keep it there"
        raise type(stale)(f"{stale}; {said}") from None


class Unnamed(Collection, frozen=True, kw_only=True):
    """Resources without a name: only the credential store knows which is which.

    ``field`` has the credential, in a record and in the store; ``advice`` says what a person can do about a resource
    that a lost response may have created.
    """

    field: str
    advice: str

    def create(self, kind: Kind, change: Create, context: ApplyContext) -> WriteResult:
        """Create one and store its credential.

        Raises ``Stale`` where a lost response may have created it: nothing proves whose it is.
        """
        read = partial(self.read, kind)
        known = context.kept_id(change, self.field)
        looked = context.recently(kind.name, read)
        if known and known not in looked.ids | context.given_ids:  # it may have come since
            looked = context.from_now(kind.name, read)
        before = looked.ids | context.given_ids
        if known in before:
            raise Stale(f"{known} has been created and stored since")
        context.begin(change, before)

        def make() -> WriteResult:
            with context.making.together():
                written = self.post(context)
                context.given_ids.add(written.id)
                return written

        def look() -> None:
            with context.making.alone():
                new = sorted(context.from_now(kind.name, read).ids - before - context.given_ids)
            if new:
                said = "a response was lost, and there is no proof that this run created"
                raise Stale(f"{said} {', '.join(new)}: {self.advice}")

        written = create_once(make, look)
        context.made(change, written.id)
        undo_if_doubled(
            written.id,
            lambda: {context.kept_id(change, self.field)} - {known, ""},
            lambda: self.remove(context, written.id),
            "it",
        )
        context.keep(change, self.field, str((written.answered or {})[self.field]), written.id)
        return WriteResult(written.id, written.request_id)

    def delete(self, change: Update | Delete, context: ApplyContext) -> WriteResult:
        """Delete one and forget its credential: whoever uses it is locked out at once."""
        written = super().delete(change, context)
        if context.store:
            context.store.forget(change.name)
        return written


class Rotation(Struct, frozen=True):
    """How the credential of one resource is rotated, which then has two until the rotation is completed or cancelled.

    ``step`` makes a request: ``start``, ``complete`` or ``cancel``; ``read`` returns the resource.
    """

    field: str
    step: Callable[[str], WriteResult]
    read: Callable[[], Mapping[str, Any]]

    def rotate(self, change: Change, id: str, context: ApplyContext) -> str:
        """Replace the credential once the new one is stored, and return the id of the last request.

        An interrupted rotation is completed if its new credential is stored, and cancelled if it is ours.
        """
        try:
            return self._rotate(change, id, context)
        except Fault as fault:  # whatever it was: the resource is there, and the next run must see to its credential
            raise reworded(fault, Ambiguous, f"its {self.field} is not stored yet: {fault}") from fault

    def _rotate(self, change: Change, id: str, context: ApplyContext) -> str:
        if last_four := self._under_way():
            if context.kept_id(change, self.field) == id and context.holds(change, self.field, last_four):
                return self._end("complete")
            if last_four not in context.given(change, id):
                raise self._unproven(id)
            self._end("cancel")
        credential = self._start(id)
        context.made(change, id, credential)
        try:
            context.keep(change, self.field, credential, id)
        except NotStored:
            self._end("complete")  # the one in the emergency file is the one that counts
            raise
        return self._end("complete")

    def _under_way(self) -> str:
        """Return the last characters of a credential that an earlier start gave, "" where there is none."""
        return str(self.read().get(f"next_{self.field}_last_four") or "")

    def _start(self, id: str) -> str:
        """Start, again where that did not happen; one whose response was lost may be somebody else's."""
        for _ in range(TRIES):
            with suppress(Ambiguous):
                return str((self.step("start").answered or {})[f"next_{self.field}"])
            if self._under_way():
                raise self._unproven(id)
        raise Ambiguous("the responses to several starts of a rotation in a row were lost")

    def _unproven(self, id: str) -> Undecided:
        said = f"a rotation of the {self.field} of {id} is in progress, and there is no proof that this run started it"
        return Undecided(f"{said}: complete or cancel it in Stytch, and apply again")

    def _end(self, step: str) -> str:
        """Complete or cancel; after a lost response, look whether that has happened."""
        for _ in range(TRIES):
            with suppress(Ambiguous):
                return self.step(step).request_id
            if not self._under_way():
                return ""
        raise Ambiguous("the responses to several ends of a rotation in a row were lost")


def rotation_writes(change: Change, field: str) -> int:
    """Return the requests that a change takes: two for a rotation, besides what else an update changes."""
    if not isinstance(change, Update) or not change.get(field):
        return 1
    return 2 + any(each.path != (field,) for each in change.fields)
