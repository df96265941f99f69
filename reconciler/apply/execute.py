"""Write changes of a plan, which are journalled before and after, and return what became of each."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from msgspec import Struct, structs

from reconciler.apply.bootstrap import pins
from reconciler.apply.dead import forget_dead
from reconciler.apply.earlier import Unfinished, prune, read_journals
from reconciler.apply.journal import Journal
from reconciler.apply.stop import Stop
from reconciler.apply.workers import OnOutcome, Workers
from reconciler.apply.write import Writer
from reconciler.diff.removed import Removed
from reconciler.kinds import KINDS
from reconciler.kinds._context import ApplyContext
from reconciler.model import MEMBER, Change, Changes, Create, Listed, ManualStep, Outcome, Outcomes, StoredCredential
from reconciler.plan.access import heirs
from reconciler.plan.build import check_writes
from reconciler.plan.planned import Planned, leaves_open
from reconciler.read.members import read_removed
from reconciler.read.run import Run
from reconciler.read.target import check_target


class Applied(Struct, frozen=True, kw_only=True):
    """The outcome of every change, in the order of the plan, and the journal of the run if anything was tried.

    ``pins`` gives the project ids of the environments that were made, by slug: what ``target`` should name from now on.
    ``manual_steps`` are those that are open, ``held`` what is held; ``leaves_open`` tells whether that, or the problems
    of data, must be looked at before a run can end well. ``stored`` are the credentials that the store took, and
    ``ledger`` is the file with the ids of what they belong to.
    """

    outcomes: Sequence[Outcome]
    journal: Path | None
    pins: Mapping[str, str] = {}
    manual_steps: tuple[ManualStep, ...] = ()
    held: tuple[Listed, ...] = ()
    leaves_open: bool = False
    stored: tuple[StoredCredential, ...] = ()
    ledger: str = ""

    @property
    def exit_code(self) -> int:
        """Return 1 if anything failed or was skipped, 3 if anything was withheld, is held or is left to a person."""
        results = {outcome.result for outcome in self.outcomes}
        if results & {"failed", "skipped"}:
            return 1
        left = self.leaves_open or any(step.required for step in self.manual_steps)
        return 3 if left or "withheld" in results else 0

    def then(self, later: "Applied") -> "Applied":
        """Return this stage and the next one as one; what is open is what the later plan says."""
        return structs.replace(
            later,
            outcomes=_both(self.outcomes, later.outcomes),
            journal=later.journal or self.journal,
            pins={**self.pins, **later.pins},
            stored=(*self.stored, *later.stored),
        )

    def with_outcomes(self, outcomes: Iterable[Outcome]) -> "Applied":
        """Return the same with more outcomes."""
        return structs.replace(self, outcomes=_both(self.outcomes, Outcomes(outcomes)))

    def skipping(self, changes: Iterable[Change], why: str) -> "Applied":
        """Return the same with an outcome for each of these changes, which are not tried at all."""
        return self.with_outcomes(Outcome.of(change, "skipped", why) for change in changes)


def _both(one: Sequence[Outcome], other: Sequence[Outcome]) -> Sequence[Outcome]:
    return Outcomes(chain(one, other)) if one and other else one or other


def execute(run: Run, planned: Planned, changes: Changes, on_outcome: OnOutcome, stop: Stop) -> Applied:
    """Carry out ``changes``, which are those of ``planned`` in its order, or some of them; give the outcome of each.

    What nothing orders is written side by side. Once ``stop`` says so the writes in progress end, and the rest is
    skipped.
    """
    check_target(run.config, planned.target, to_write=True)
    check_writes(run.config, changes, planned.target)
    journals = read_journals(run.config.root, run.config.environment)
    begun = Unfinished.of(journals)
    known = {**begun.credentials, **begun.deletes}
    with Journal(run.config.root, run.config.environment, begun=known) as journal:
        with suppress(OSError):  # what could not be noted as ended stays listed until the next run
            settled = forget_dead(run, planned.target, begun.deletes)
            for ended in sorted({*settled, *(planned.over & begun.credentials.keys())}):
                journal.end(ended)
        context = ApplyContext(
            removed=_removed(run, planned, changes),
            owner=run.config.owner,
            client=run.client,
            organization_ids=dict(planned.organization_ids),
            target=planned.target,
            ids={kind: dict(ids) for kind, ids in planned.ids.items()},
            store=run.store,
            begun=begun.credentials,
            note=lambda event, change, body: journal.write(event, {"address": change.address, **body}),
        )
        writer = Writer(context, journal, heirs(changes, planned.stakes), stop, planned.moved)
        outcomes = Workers(changes, writer.write, on_outcome, run.client, stop, run.config.rates).run()
    prune(run.config.root, journals, journal.summary, run.config.journal, datetime.now(UTC))
    with_credentials = chain.from_iterable(chunk for chunk in changes.chunks if KINDS[chunk.kind].credential)
    place = {change.address: place for place, change in enumerate(with_credentials)}
    return Applied(
        outcomes=outcomes,
        journal=journal.path,
        pins={} if stop.signals else pins(run.client, planned.target, outcomes),
        manual_steps=planned.plan.manual_steps,
        held=planned.plan.held,
        leaves_open=leaves_open(planned.plan),
        stored=tuple(sorted(context.stored, key=lambda stored: place[stored.address])),
        ledger=run.store.ledger,
    )


def _removed(run: Run, planned: Planned, changes: Sequence[Change]) -> Mapping[str, Removed]:
    """Read once more who was removed from the organizations that get members: one listing may miss somebody."""
    if run.config.members.removed == "restore":
        return {}
    made = (chunk.namespace for chunk in Changes.of(changes).chunks if chunk.kind == MEMBER and chunk.action is Create)
    there = {planned.organization_ids.get(str(slug)): None for slug in made}
    return read_removed(run.client, filter(None, there), run.config.owner)
