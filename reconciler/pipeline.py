"""The steps of a run on one screen.

::

    manifests ─┐
    rules ─────┼─ load ─→ DESIRED ─┐
    users ─────┘                   ├─ diff ─→ plan ─→ (review) ─→ apply ─→ report
    Stytch ───── read ──→ LIVE ────┘

``plan`` reads and decides, ``apply`` writes what a plan says; drift is a plan that nobody applies. There is no other
way to a write, and no flag that turns one into another.
"""

from collections.abc import Sequence
from itertools import chain

from msgspec import structs

from reconciler.apply.bootstrap import environments_made, not_planned_again, still_planned, written_first, written_later
from reconciler.apply.earlier import unfinished
from reconciler.apply.execute import Applied, execute
from reconciler.apply.stop import INTERRUPTED, Stop
from reconciler.apply.workers import OnOutcome
from reconciler.credentials.store import hand_over_waiting
from reconciler.errors import Fault, ReconcilerError
from reconciler.load.applied import as_applied, with_omitted
from reconciler.load.earlier import earlier
from reconciler.load.repository import load
from reconciler.model import MEMBER, ORGANIZATION
from reconciler.plan.build import build
from reconciler.plan.checks import check_creates, check_store, is_unread, keeps_credentials, warnings_of
from reconciler.plan.compare import compare_members, compare_resources, over
from reconciler.plan.holds import hold
from reconciler.plan.manual_steps import open_steps
from reconciler.plan.narrow import Selection, narrow
from reconciler.plan.planned import Planned
from reconciler.plan.resolve import check_leavers, resolve
from reconciler.plan.situation import Situation
from reconciler.read.live import read_live
from reconciler.read.run import Run
from reconciler.read.target import find_target


def plan(run: Run, only: Sequence[str] = (), origins: Sequence[str] = ()) -> Planned:
    """Read both sides whole and decide what would change; writes nothing.

    ``only`` and ``origins`` narrow what comes out.
    """
    declared, rules = load(run.config, run.redaction, tested=True)  # files → resources and rules, or every mistake
    history = run.history.of_project(run.client.project_id)
    applied, unknown = as_applied(run.config, declared, rules, history, run.redaction)
    omitting = with_omitted(declared, applied, run.config)  # of what is authoritative: as absent
    target = find_target(run, omitting)  # which project and environment, as far as they are there
    run = structs.replace(run, history=history.of_project(target.project_id))
    if run.history is history:
        declared = omitting
    else:
        applied, unknown = None, ()  # another project
    live = read_live(run, declared, target)  # everything but members, who are read batch by batch
    selection = Selection.parse(only, declared, live.organizations, origins, are_known=applied is not None)
    begun = unfinished(run.config.root, run.config.environment)
    resources = compare_resources(run, declared, live, begun.credentials)
    unread = is_unread(run, declared, target, resources)
    desired = resolve(run, declared, rules, live, applied)  # users through the rules → memberships
    members, presence = compare_members(run, declared, desired, live, resources, begun.deletes)
    situation = Situation(
        config=run.config,
        declared=declared,
        desired=desired,
        rules=rules,
        live=live,
        presence=presence,
        now=run.client.now(),
        history=run.history,
        earlier=earlier(run.config, declared.safeguards, run.history, run.redaction),
        applied=applied,
        redacted=run.redaction is not None,
    )
    diffs = hold({**resources, MEMBER: members}, situation)  # without what must stay as it is
    check_creates(diffs, declared)
    steps = open_steps(declared.manual_steps, run.client, live.target, live.resources)
    doubts = chain(run.history.doubts(run.config.environment), unknown)
    warnings = chain(warnings_of(run, situation, diffs, unread=unread), doubts)
    whole, lets = build(diffs, situation, steps, warnings)  # in order, and guarded
    check_leavers(whole, desired, run.client)
    planned = Planned(
        plan=structs.replace(
            whole,
            cost=structs.replace(whole.cost, reads=run.client.statistics.requests),
            revision=run.history.planned,
            applied=run.history.applied,
        ),
        organization_ids=resources[ORGANIZATION].live_ids,
        ids={kind: diff.ids for kind, diff in diffs.items() if kind not in (ORGANIZATION, MEMBER)},
        target=live.target,
        stakes=members.stakes,
        unread=unread,
        over=over(begun.credentials, declared, diffs, whole),
        rate=run.config.rates.writes_per_second,
        doomed=presence.cascade.users,
        lets=lets,
    )
    return narrow(planned, selection)


def apply(run: Run, planned: Planned, on_outcome: OnOutcome, stop: Stop | None = None) -> Applied:
    """Write what the plan says and is not withheld, journalling each write before and after.

    Where no secret of the environment exists yet, what that takes is made first; then everything is read and planned
    again, now that it can be, and only what the first plan held is written.
    """
    stop = stop or Stop()
    with stop.enduring(0):
        check_store(run.store, planned.plan.changes)
        taken, refused = hand_over_waiting(run.store) if keeps_credentials(planned.ids) else ((), ())
    recovered = Applied(outcomes=refused, journal=None, stored=taken)
    applied = recovered.then(execute(run, planned, written_first(planned), on_outcome, stop))
    return _plan_and_apply_rest(run, planned, applied, on_outcome, stop) if planned.unread else applied


def _plan_and_apply_rest(run: Run, planned: Planned, opened: Applied, on_outcome: OnOutcome, stop: Stop) -> Applied:
    """Plan again, now that everything can be read, and write the rest; what goes wrong loses no outcome."""
    rest = written_later(planned)
    if stop.why:
        return opened.skipping(rest, stop.why)
    try:
        with stop.enduring(0):
            again = plan(structs.replace(run, made=environments_made(opened.outcomes)))
        changes = still_planned(planned, again)
        applied = execute(run, again, changes, on_outcome, stop)
        return opened.then(applied.with_outcomes(not_planned_again(planned, again, changes)))
    except KeyboardInterrupt:
        return opened.skipping(rest, INTERRUPTED)
    except Exception as error:  # noqa: BLE001 # whatever it was, what has been written is still to be said
        said = str(error) if isinstance(error, ReconcilerError | Fault) else type(error).__name__
        return opened.skipping(rest, f"planning again failed: {said}")
