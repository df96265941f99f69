"""Carry out changes one by one or side by side, and say what became of each. The only module that writes to Stytch.

Nothing is guessed. Before a list is replaced or a resource deleted, its live state is read again, and a create
whose answer was lost is looked up by its key before it is tried again. One failure stops only what depends on it; where
Stytch refuses many things of a kind the rest of that kind is not tried, and many other failures stop the run.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from msgspec import UNSET, structs

from reconciler.apply.journal import Journal
from reconciler.apply.verify import not_taken, other_name
from reconciler.diff.fields import same
from reconciler.errors import Ambiguous, Fault, ReconcilerError, Rejected, Unreadable
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
from reconciler.read.live import read_resources
from reconciler.schema.kind import Kind

WORKERS = 32  # enough in flight for 32 requests/s at a second's latency; the client paces them
CIRCUIT_WINDOW = 200  # outcomes looked back on
CIRCUIT_SHARE = 0.05  # more failures than this share of them stop the run
CIRCUIT_FROM = 10  # failures; fewer never stop it
INTERRUPTED = "interrupted"  # why a change was not tried, or not waited for, in a run that was interrupted
MOVED = "moved"  # what blocks a change whose live resource is not as the plan saw it
HELD = "held"  # what blocks a change of a live resource that is not proven to be ours

OnOutcome = Callable[[Outcome], None]


class Circuit:
    """Stops writes of which too many fail."""

    def __init__(self) -> None:
        self._recent: deque[bool] = deque(maxlen=CIRCUIT_WINDOW)
        self.open = False

    def note(self, *, failed: bool) -> None:
        """Count one outcome."""
        self._recent.append(failed)
        failures = sum(self._recent)
        self.open = self.open or (failures >= CIRCUIT_FROM and failures > CIRCUIT_SHARE * len(self._recent))


class Writer:
    """Carries out changes of one plan, and knows what became of each; its workers share it."""

    def __init__(
        self, context: ApplyContext, journal: Journal, on_outcome: OnOutcome, heirs: Mapping[str, frozenset[str]]
    ) -> None:
        self._context = context
        self._journal = journal
        self._on_outcome = on_outcome
        self._heirs = heirs  # by the address of an organization's last admin: of whom one must have become admin before
        self._outcomes: dict[str, Outcome] = {}
        self._applied_members: set[str] = set()  # addresses
        self._taken: set[str] = set()  # what a worker has begun with
        self._lock = threading.Lock()
        self._circuit = Circuit()  # for what goes wrong, whatever is written
        self._refusals: dict[str, Circuit] = {}  # by kind: for what Stytch refuses
        self._refused: set[str] = set()
        self._interrupted = threading.Event()
        self._not_made: dict[str, Result] = {}  # addresses of what was to be created, and was not
        self._made: set[str] = set()  # addresses of what is there, be it as it should or not
        self._open: set[str] = set()  # what may have happened and may not
        self._seen: Mapping[str, Live] | None = None  # what is live of the kind that things are being deleted of, by id

    @property
    def interrupted(self) -> bool:
        """Return whether the run was interrupted."""
        return self._interrupted.is_set()

    def outcome(self, change: Change) -> Outcome:
        """Return what became of a change; of one that nobody waited for any longer, whether it may have happened."""
        with self._lock:
            found, taken = self._outcomes.get(_name(change)), _name(change) in self._taken
        if found or not taken:
            return found or Outcome.of(change, "skipped", INTERRUPTED)
        return Outcome.of(change, "failed", f"{INTERRUPTED} during this write: the write may have happened")

    def batch(self, changes: Sequence[Change]) -> None:
        """Carry out changes that do not depend on one another, with several workers."""
        queue = iter(changes)
        self._seen = None
        self._refusals.setdefault(changes[0].kind, Circuit())
        workers = min(WORKERS, len(changes)) if KINDS[changes[0].kind].is_searched else 1
        pool = ThreadPoolExecutor(workers, thread_name_prefix="apply")
        try:
            for future in [pool.submit(self._work, queue) for _ in range(workers)]:
                future.result()
        except KeyboardInterrupt:
            self._interrupted.set()
        finally:
            with suppress(KeyboardInterrupt):  # a second one: what is under way is not waited for either
                pool.shutdown()

    def _work(self, queue: Iterator[Change]) -> None:
        while True:
            with self._lock:
                change = next(queue, None)
                if change is None:
                    return
                self._taken.add(_name(change))
            self._finish(change, self._attempt(change))

    def _attempt(self, change: Change) -> Outcome:
        """Journal a change and carry it out, unless something keeps it from that; return what became of it."""
        if change.withheld_by:
            return Outcome.of(change, "withheld", blocked_by=change.withheld_by)
        if self.interrupted:
            return Outcome.of(change, "skipped", INTERRUPTED)
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
        try:
            with self._lock:
                self._journal.write("intent", _journalled(change))
        except OSError as error:
            return Outcome.of(change, "skipped", f"cannot write the journal: {error.strerror}")
        return self._carry_out(change)

    def _missing(self, change: Change) -> str:
        """Return the address of what a change needs, and what could not be made before it, or ""."""
        slug = change.namespace if change.namespace is not None else completes(change)
        if slug is not None and slug not in self._context.organization_ids:
            return address(ORGANIZATION, slug)
        spec = {field.path[0]: field.after for field in change.fields if len(field.path) == 1}
        named = (address(reference.kind, name) for _, reference, name in names_in(change.kind, spec))
        return next((needed for needed in named if needed in self._not_made), "")

    def _carry_out(self, change: Change) -> Outcome:
        """Write, and say what became of it."""
        kind = KINDS[change.kind]
        try:
            if isinstance(change, Delete):
                self._look_again(kind, change)
            with noting_finds() as found:
                written = _verb(kind, change)(change, self._context)
                outcome = self._compared(kind, change, written)
                return structs.replace(outcome, found=found() and change.action != "update")
        except Undecided as undecided:
            self._open.add(_name(change))
            return Outcome.of(change, "withheld", str(undecided), blocked_by=HELD)
        except Stale as stale:
            return _stale(change, stale)
        except NotNoted as error:
            return Outcome.of(change, "skipped", str(error))
        except NotStored as refused:
            return Outcome.of(change, "failed", str(refused), file=refused.file, id=refused.id)
        except Fault as fault:
            if isinstance(fault, Ambiguous):
                self._open.add(_name(change))
            if isinstance(fault, Rejected):
                self._refused.add(_name(change))
            detail = f"{fault.error_type or type(fault).__name__}: {fault}"
            return Outcome.of(change, "failed", detail, request_id=fault.request_id)
        except ReconcilerError as error:
            self._open.add(_name(change))
            return Outcome.of(change, "failed", str(error))
        except MALFORMED as error:
            self._open.add(_name(change))
            missing = f" ({error} is missing)" if isinstance(error, KeyError) else ""
            detail = f"Stytch's response does not match its API description{missing}: the write may have happened"
            return Outcome.of(change, "failed", detail)
        except Exception as error:  # noqa: BLE001 # whatever it was, the outcomes of all others are still to be said
            self._open.add(_name(change))
            return Outcome.of(change, "failed", f"{type(error).__name__}: the write may have happened")

    def _compared(self, kind: Kind, change: Change, written: WriteResult) -> Outcome:
        """Return the outcome "applied", or "failed" if Stytch's answer differs from what was sent."""
        if not isinstance(change, Delete):
            self._context.ids.setdefault(change.kind, {})[change.namespace, change.name] = written.id
        is_gone = isinstance(change, Delete) and not kind.identity.singletons
        if odd := "" if is_gone else self._otherwise(kind, change, written):
            self._refused.add(_name(change))
            detail = f"Stytch accepted the write, but its response differs from what was sent: {odd}"
            return Outcome.of(change, "failed", detail, id=written.id, request_id=written.request_id)
        return Outcome.of(change, "applied", id=written.id, request_id=written.request_id)

    def _otherwise(self, kind: Kind, change: Change, written: WriteResult) -> str:
        """Return what the answer has otherwise than it was sent; under another name it is another thing."""
        if written.answered is None:
            return ""
        called = other_name(kind, change, written.answered)
        if called:
            self._context.ids[change.kind].pop((change.namespace, change.name))
            if change.kind == ORGANIZATION:
                self._context.organization_ids.pop(change.name, None)
        elif isinstance(change, Create):
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
        if self._seen is None:
            try:
                found = read_resources(self._context.client, [kind.name], self._context.target)[kind.name]
            except Unreadable as error:
                raise Stale(f"it could not be read again: {error}") from error
            self._seen = {live.id: live for live in found}
        live = self._seen.get(str(change.id))
        if live is None:
            raise Gone
        for field in change.fields:
            if not same(live.spec.get(field.path[0], UNSET), field.before):
                raise Stale(f"{field.path[0]} has changed since")

    def _finish(self, change: Change, outcome: Outcome) -> None:
        with self._lock:
            if outcome.result in ("applied", "failed") or _was_looked_at(outcome):
                with suppress(OSError):  # what has happened has happened; the next plan shows it
                    ended = _name(change) not in self._open  # if not, the next run looks at what became of it
                    ends = self._journal.ends(change.address) if outcome.result == "applied" else ()
                    body = {**structs.asdict(public.published(outcome)), **({"ends": ends} if ends else {})}
                    self._journal.write("outcome" if ended else "open", body)
            if outcome.result in ("applied", "failed"):
                failed, refused = outcome.result == "failed", _name(change) in self._refused
                self._refusals[change.kind].note(failed=failed and refused)
                self._circuit.note(failed=failed and not refused)
            if isinstance(change, Create) and outcome.result != "applied" and change.address not in self._made:
                self._not_made[change.address] = outcome.result
            if change.kind == MEMBER and outcome.result == "applied":
                self._applied_members.add(change.address)
            self._outcomes[_name(change)] = outcome
            with suppress(Exception):  # whoever follows may be gone; the outcome is said at the end
                self._on_outcome(outcome)


def _was_looked_at(outcome: Outcome) -> bool:
    """Return whether a write had begun when its change turned out to be blocked: the plan itself gives no reason."""
    return outcome.blocked_by in (MOVED, HELD) and bool(outcome.reason)


def _name(change: Change) -> str:
    return f"{change.action} {change.address}"


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


def _journalled(change: Change) -> dict[str, object]:
    """What the journal says of a change before it is made: what, to which id, why, and every field's two values."""
    return {
        "action": change.action,
        "address": change.address,
        "id": change.id,
        "fields": change.fields,
        "causes": change.causes,
    }
