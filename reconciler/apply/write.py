"""Carry out changes, and say what became of each. The only module that writes to Stytch.

Nothing is guessed. Before a list is replaced or a resource deleted, its live state is read again, and a create
whose answer was lost is looked up by its key before it is tried again. One failure stops only what depends on it; where
Stytch refuses many things of a kind the rest of that kind is not tried, and many other failures stop the run.
"""

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from contextlib import suppress

from msgspec import UNSET, Struct, structs

from reconciler.apply.journal import Journal
from reconciler.apply.stop import TIME_LIMIT, Stop
from reconciler.apply.verify import not_taken, other_name
from reconciler.diff.fields import same
from reconciler.errors import Ambiguous, Ended, Fault, ReconcilerError, Rejected, Unreadable
from reconciler.kinds import KINDS
from reconciler.kinds._context import ApplyContext, Gone, NotNoted, NotStored, Stale, Undecided
from reconciler.kinds._writing import MALFORMED, WriteResult, noting_finds
from reconciler.load.references import names_in
from reconciler.model import (
    ADMIN_ROLE,
    MEMBER,
    ORGANIZATION,
    Change,
    Create,
    Delete,
    Live,
    Outcome,
    Result,
    address,
    completes,
    public,
    withdrawn_roles,
)
from reconciler.plan.access import LAST_ADMIN
from reconciler.plan.order import writes_of
from reconciler.plan.reviewed import MOVED
from reconciler.read.live import read_resources
from reconciler.schema.kind import Kind

CIRCUIT_WINDOW = 200  # outcomes looked back on
CIRCUIT_SHARE = 0.05  # more failures than this share of them stop the run
CIRCUIT_FROM = 10  # failures; fewer never stop it
HELD = "held"  # what blocks a change of a live resource that is not proven to be ours


class Circuit:
    """Stops writes of which too many fail."""

    def __init__(self) -> None:
        self._recent: deque[bool] = deque()
        self._failures = 0
        self.open = False

    def note(self, *, failed: bool) -> None:
        """Count one outcome."""
        self._recent.append(failed)
        self._failures += failed
        if len(self._recent) > CIRCUIT_WINDOW:
            self._failures -= self._recent.popleft()
        too_many = self._failures >= CIRCUIT_FROM and self._failures > CIRCUIT_SHARE * len(self._recent)
        self.open = self.open or too_many


Moved = Mapping[str, str]  # what moved of changes that are not as they were reviewed, by address


class Attempt(Struct, frozen=True):
    """What became of a change that was tried. ``refused`` says that Stytch did not take it.

    One that is ``open`` may have happened and may not: the next run looks.
    """

    outcome: Outcome
    refused: bool = False
    open: bool = False


class Writer:
    """Carries out changes of one plan, in many threads; what one becomes may decide about another."""

    def __init__(
        self, context: ApplyContext, journal: Journal, heirs: Mapping[str, frozenset[str]], stop: Stop, moved: Moved
    ) -> None:
        self._context = context
        self._moved = moved
        self._journal = journal
        self._heirs = heirs  # by the address of an organization's last admin: of whom one must have become admin before
        self._stop = stop
        self._awaited = frozenset[str]().union(*heirs.values())
        self._applied_members: set[str] = set()  # addresses of those who are awaited
        self._lock = threading.Lock()
        self._circuit = Circuit()  # for what goes wrong, whatever is written
        self._refusals: defaultdict[str, Circuit] = defaultdict(Circuit)  # by kind: for what Stytch refuses
        self._not_made: dict[str, Result] = {}  # addresses of what was to be created, and was not
        self._made: set[str] = set()  # addresses of what is there, be it as it should or not
        self._looking = threading.Lock()
        self._seen: dict[str, Mapping[str, Live]] = {}  # what is live of the kinds that things are deleted of, by id

    def write(self, change: Change) -> Outcome:
        """Carry out a change, unless something keeps it from that, and journal both; return what became of it."""
        attempt = Attempt(blocked) if (blocked := self._blocked(change)) else self._journalled(change)
        self._note(change, attempt)
        return attempt.outcome

    def _blocked(self, change: Change) -> Outcome | None:
        """Return the outcome of a change that is not to be tried, None if nothing keeps it from that."""
        if change.withheld_by:
            reason = self._moved.get(change.address, "") if change.withheld_by == MOVED else ""
            return Outcome.of(change, "withheld", reason, blocked_by=change.withheld_by)
        if why := self._stop.why:
            return Outcome.of(change, "skipped", why)
        if self._circuit.open:
            return Outcome.of(change, "skipped", "too many writes failed, so the run was stopped")
        if self._refusals[change.kind].open:
            return Outcome.of(
                change, "skipped", f"Stytch refused too many {change.kind} writes, so the rest was skipped"
            )
        if missing := self._missing(change):
            result: Result = "withheld" if self._not_made.get(missing) == "withheld" else "skipped"
            return Outcome.of(change, result, f"{missing} was not created", blocked_by="dependency")
        if (needed := self._heirs.get(change.address)) and _takes_admin(change) and not needed & self._applied_members:
            reason = f"{', '.join(sorted(needed))} did not become admin"
            return Outcome.of(change, "withheld", reason, blocked_by=LAST_ADMIN)
        return None

    def _journalled(self, change: Change) -> Attempt:
        """Carry out a change between two lines of the journal."""
        try:
            self._journal.write("intent", _intent(change))
        except OSError as error:
            return Attempt(Outcome.of(change, "skipped", f"cannot write the journal: {error.strerror}"))
        attempt = self._carry_out(change)
        outcome = attempt.outcome
        with suppress(OSError):  # what has happened has happened; the next plan shows it
            ends = self._journal.ends(change.address) if outcome.result == "applied" else ()
            body = {**structs.asdict(public.published(outcome)), **({"ends": ends} if ends else {})}
            self._journal.write("open" if attempt.open else "outcome", body)
        return attempt

    def _missing(self, change: Change) -> str:
        """Return the address of what a change needs, and what could not be made before it, or ""."""
        slug = change.namespace if change.namespace is not None else completes(change)
        if slug is not None and slug not in self._context.organization_ids:
            return address(ORGANIZATION, slug)
        spec = {field.path[0]: field.after for field in change.fields if len(field.path) == 1}
        named = (address(reference.kind, name) for _, reference, name in names_in(change.kind, spec))
        return next((needed for needed in named if needed in self._not_made), "")

    def _carry_out(self, change: Change) -> Attempt:
        """Write, and say what became of it."""
        kind = KINDS[change.kind]
        try:
            if isinstance(change, Delete):
                self._look_again(kind, change)
            with noting_finds() as found:
                written = _verb(kind, change)(change, self._context)
                attempt = self._compared(kind, change, written)
                if not found() or change.action == "update":
                    return attempt
                return structs.replace(attempt, outcome=structs.replace(attempt.outcome, found=True))
        except Undecided as undecided:
            return Attempt(Outcome.of(change, "withheld", str(undecided), blocked_by=HELD), open=True)
        except Stale as stale:
            return Attempt(_stale(change, stale))
        except NotNoted as error:
            return Attempt(Outcome.of(change, "skipped", str(error)))
        except NotStored as refused:
            return Attempt(Outcome.of(change, "failed", str(refused), file=refused.file, id=refused.id))
        except Fault as fault:
            return self._faulted(change, fault)
        except ReconcilerError as error:
            return Attempt(Outcome.of(change, "failed", str(error)), open=True)
        except MALFORMED as error:
            missing = f" ({error} is missing)" if isinstance(error, KeyError) else ""
            detail = f"Stytch's response does not match its API description{missing}: the write may have happened"
            return Attempt(Outcome.of(change, "failed", detail), open=True)
        except Exception as error:  # noqa: BLE001 # whatever it was, the outcomes of all others are still to be said
            return Attempt(
                Outcome.of(change, "failed", f"{type(error).__name__}: the write may have happened"), open=True
            )

    def _faulted(self, change: Change, fault: Fault) -> Attempt:
        """Return what became of a change one of whose requests went wrong, or was not sent before the run ended."""
        if not isinstance(fault, Ended):
            detail = f"{fault.error_type or type(fault).__name__}: {fault}"
            outcome = Outcome.of(change, "failed", detail, request_id=fault.request_id)
            return Attempt(outcome, refused=isinstance(fault, Rejected), open=isinstance(fault, Ambiguous))
        why = self._stop.why or TIME_LIMIT
        if writes_of(change) == 1:
            return Attempt(Outcome.of(change, "skipped", why))
        return Attempt(Outcome.of(change, "failed", f"{why} before it was complete: {fault}"), open=True)

    def _compared(self, kind: Kind, change: Change, written: WriteResult) -> Attempt:
        """Return the outcome "applied", or "failed" if Stytch's answer differs from what was sent."""
        if not isinstance(change, Delete) and change.kind != MEMBER:
            self._context.ids.setdefault(change.kind, {})[change.namespace, change.name] = written.id
        is_gone = isinstance(change, Delete) and not kind.identity.singletons
        if odd := "" if is_gone else self._otherwise(kind, change, written):
            detail = f"Stytch accepted the write, but its response differs from what was sent: {odd}"
            outcome = Outcome.of(change, "failed", detail, id=written.id, request_id=written.request_id)
            return Attempt(outcome, refused=True)
        return Attempt(Outcome.of(change, "applied", id=written.id, request_id=written.request_id))

    def _otherwise(self, kind: Kind, change: Change, written: WriteResult) -> str:
        """Return what the answer has otherwise than it was sent; under another name it is another thing."""
        if written.answered is None:
            return ""
        called = other_name(kind, change, written.answered)
        if called:
            self._context.ids.get(change.kind, {}).pop((change.namespace, change.name), None)
            if change.kind == ORGANIZATION:
                self._context.organization_ids.pop(change.name, None)
        elif isinstance(change, Create) and change.kind != MEMBER:
            self._made.add(change.address)
        sent = tuple(
            structs.replace(field, after=written.sent[field.path[0]]) if field.path[0] in written.sent else field
            for field in change.fields
        )
        others = not_taken(kind, structs.replace(change, fields=sent), written.answered, self._context.with_ids)
        return "; ".join(filter(None, (called, *others)))

    def _look_again(self, kind: Kind, change: Delete) -> None:
        """Raise ``Stale`` if what would be deleted is no longer what the plan saw.

        Everything of the kind is read again, once for all deletes of it. Members and organizations, which have their
        marks, and what can only be reset are looked at by their own verbs.
        """
        if kind.is_searched or kind.identity.singletons:
            return
        with self._looking:
            if kind.name not in self._seen:
                try:
                    found = read_resources(self._context.client, [kind.name], self._context.target)[kind.name]
                except Unreadable as error:
                    raise Stale(f"it could not be read again: {error}") from error
                self._seen[kind.name] = {live.id: live for live in found}
        live = self._seen[kind.name].get(str(change.id))
        if live is None:
            raise Gone
        for field in change.fields:
            if not same(live.spec.get(field.path[0], UNSET), field.before):
                raise Stale(f"{field.path[0]} has changed since")

    def _note(self, change: Change, attempt: Attempt) -> None:
        """Remember what decides about other changes."""
        outcome = attempt.outcome
        with self._lock:
            if outcome.result in ("applied", "failed") and not self._stop.why:
                failed, refused = outcome.result == "failed", attempt.refused
                self._refusals[change.kind].note(failed=failed and refused)
                self._circuit.note(failed=failed and not refused)
            if change.kind == MEMBER:  # nothing names members, of whom there are millions
                if outcome.result == "applied" and change.address in self._awaited:
                    self._applied_members.add(change.address)
            elif isinstance(change, Create) and outcome.result != "applied" and change.address not in self._made:
                self._not_made[change.address] = outcome.result


def _takes_admin(change: Change) -> bool:
    return isinstance(change, Delete) or ADMIN_ROLE in withdrawn_roles(change)


def _verb(kind: Kind, change: Change) -> Callable[[Change, ApplyContext], WriteResult]:
    verb: Callable[[Change, ApplyContext], WriteResult] | None = getattr(kind.verbs, change.action)
    if verb is None:
        raise Stale(f"{kind.name} cannot be {change.action}d through the API")
    return verb


def _stale(change: Change, stale: Stale) -> Outcome:
    """Withhold a change that no longer fits what is live; a delete of what is gone is done, by somebody else."""
    if isinstance(stale, Gone) and isinstance(change, Delete):
        return structs.replace(Outcome.of(change, "applied"), found=True)
    return Outcome.of(change, "withheld", str(stale), blocked_by=MOVED)


def _intent(change: Change) -> dict[str, object]:
    """What the journal says of a change before it is made: what, to which id, why, and every field's two values."""
    return {
        "action": change.action,
        "address": change.address,
        "id": change.id,
        "fields": change.fields,
        "causes": change.causes,
    }
