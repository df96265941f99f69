"""The report of an apply: counts, and the names of what was not applied."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from msgspec import structs

from reconciler.documents.yaml_writer import scalar
from reconciler.model import (
    FORMAT_VERSION,
    Change,
    Changes,
    Delete,
    Outcome,
    Plan,
    Result,
    Update,
    public,
    type_of,
)
from reconciler.plan.reviewed import MOVED
from reconciler.report import sections
from reconciler.report.escaping import printable
from reconciler.report.grouping import FIRST, PLANNED, action, blocks, runs
from reconciler.report.held import held, left_open
from reconciler.report.problems import in_order
from reconciler.report.sections import next_step
from reconciler.report.values import counted
from reconciler.report.view import Part, Report, View, few

if TYPE_CHECKING:
    from reconciler.apply.execute import Applied

Verbs = Mapping[tuple[str, str], str]  # what a change is called where that is not its action, by action and address
GONE = "gone already"  # what somebody else deleted since the plan was made
THERE = "there already"  # what somebody else made since the plan was made
_DONE = {
    "create": "created",
    THERE: "already existing (new since the plan)",
    "update": "updated",
    "replace": "replaced",
    "reset": "reset",
    "delete": "deleted",
    GONE: "gone already (deleted since the plan)",
}
_HEADINGS = {"failed": "Failed", "withheld": "Withheld", "skipped": "Skipped"}


def apply_report(plan: Plan, applied: "Applied", new: Sequence[Change] = ()) -> Report:
    """Report what became of a plan's changes: those that were not applied line by line, the others counted.

    ``new`` are changes that planning again gave and the reviewed plan does not hold.
    """
    plan = structs.replace(plan, manual_steps=applied.manual_steps, held=applied.held)
    return Report(lambda: _data(plan, applied, new), lambda: [_view(plan, applied, new)])


def _data(plan: Plan, applied: "Applied", new: Sequence[Change]) -> Mapping[str, object]:
    """Return the outcome of every change, in the plan's order, their counts, and what the plan file lacked."""
    counts = Counter(outcome.result for outcome in applied.outcomes)
    found = sum(outcome.found for outcome in applied.outcomes)
    return {
        "format_version": FORMAT_VERSION,
        "environment": plan.environment,
        "project_id": plan.project_id,
        "digest": plan.digest,
        "summary": {**{result: counts[result] for result in get_args(Result)}, "found": found},
        "outcomes": public.in_parts(applied.outcomes),
        "new": public.in_parts(new),
        "pins": dict(applied.pins),
        "credentials": applied.stored,
        "manual_steps": plan.manual_steps,
        "held": list(map(public.published, plan.held)),
        "held_by": plan.held_by,
        "problems": in_order(plan.problems),
    }


def _view(plan: Plan, applied: "Applied", new: Sequence[Change]) -> View:
    outcomes = applied.outcomes
    made = applied.pins.get(plan.target.rpartition("/")[2])
    name = sections.name(structs.replace(plan, project_id=plan.project_id or made or ""))
    if not outcomes and not new:
        return View(
            title=f"Nothing to apply: {sections.as_declared(plan)}",
            highlights=tuple(left_open(plan, unmatched=False)),
            parts=(*_kept(applied), *sections.below(plan, required_only=True)),
        )
    results = Counter(str(outcome.result) for outcome in outcomes)
    verbs = _verbs(plan)
    became = Counter(_became(one, verbs) for one in outcomes if one.result == "applied")
    done = [f"{became[verb]:,} {past}" for verb, past in _DONE.items() if became[verb]]
    rest = [f"{results[result]:,} {result}" for result in _HEADINGS if results[result]]
    return View(
        title=f"Applied to {name}: {', '.join([*(done or ['nothing']), *rest])}.",
        parts=(
            *_not_applied(plan, outcomes),
            *_not_reviewed(new),
            *_kept(applied),
            *held(plan),
            *sections.by_hand(plan, required_only=True),
        ),
        footer=(*_pinned(plan, applied.pins), *_footer(plan, results, applied.journal)),
    )


def _not_applied(plan: Plan, outcomes: Sequence[Outcome]) -> Iterator[Part]:
    alike: dict[tuple[Result, str, str], list[Outcome]] = {}  # the first of them
    numbers = Counter[tuple[Result, str, str]]()
    verbs = _verbs(plan)
    for outcome in outcomes:
        if outcome.result in _HEADINGS:
            why = (outcome.result, outcome.blocked_by, "" if outcome.blocked_by == MOVED else outcome.reason)
            numbers[why] += 1
            if numbers[why] <= FIRST:
                alike.setdefault(why, []).append(outcome)
    for why, found in alike.items():
        result, obstacle, _ = why
        by_guard = (seen for seen in plan.guards if seen.name == found[0].why and not seen.ok)
        guard = next(by_guard, None)
        said = MOVED if obstacle == MOVED else found[0].why
        reason = printable(f"{said}, {guard.detail}" if guard else said)
        yield Part(
            f"{_HEADINGS[result]}: {counted(numbers[why], 'change')}",
            lines=(*filter(None, [reason]), *few([_line(one, verbs) for one in found], numbers[why], FIRST)),
            hints=(next_step(obstacle, guard, plan.environment),) if result == "withheld" else (),
        )


def _verbs(plan: Plan) -> Verbs:
    """Return what people call the changes for which that is not their action, by action and address."""
    called = ((change, action(change)) for change in Changes.of(plan.changes).only(Update, Delete))
    return {(change.action, change.address): verb for change, verb in called if verb in ("replace", "reset")}


def _verb(outcome: Outcome, verbs: Verbs) -> str:
    return verbs.get((outcome.action, outcome.address), outcome.action)


def _not_reviewed(new: Sequence[Change]) -> Iterator[Part]:
    if new:
        title = f"Not in the reviewed plan, so not applied: {counted(len(new), 'change')}"
        yield Part(title, blocks(runs(new), PLANNED), hints=("plan again and have the new plan reviewed",))


def _kept(applied: "Applied") -> Iterator[Part]:
    """Yield where each credential is now; its value is written nowhere."""
    if applied.stored:
        lines = tuple(printable(f"{one.name}, of {one.address}: {one.place}") for one in applied.stored)
        hint = f"commit {applied.ledger}, so that every checkout knows their ids; it contains ids and no secrets"
        yield Part(f"Credentials kept: {len(applied.stored):,}", lines=lines, hints=(printable(hint),))


def _became(outcome: Outcome, verbs: Verbs) -> str:
    if outcome.found:
        return GONE if outcome.action == "delete" else THERE
    return _verb(outcome, verbs)


def _line(outcome: Outcome, verbs: Verbs) -> str:
    request = f" ({outcome.request_id})" if outcome.request_id else ""
    file = f": the credential is now in {outcome.file}" if outcome.file else ""
    moved = f" ({outcome.reason})" if outcome.blocked_by == MOVED and outcome.reason else ""
    return printable(f"  {_verb(outcome, verbs)} {outcome.address}{request}{file}{moved}")


def _pinned(plan: Plan, pins: Mapping[str, str]) -> Iterator[str]:
    project = scalar(plan.target.rpartition("/")[0], flow=True)
    for slug, project_id in sorted(pins.items()):
        place = f"project: {project}, environment: {scalar(slug, flow=True)}"
        target = f"{{type: {type_of(project_id)}, {place}, project_id: {project_id}}}"
        yield f"Created {slug}: pin it in reconciler.yaml, target: {target}"


def _footer(plan: Plan, results: Mapping[str, int], journal: Path | None) -> Iterator[str]:
    if journal:
        yield f"Journal: {journal}"
    if results["failed"] or results["skipped"]:
        yield f"Next: reconciler -e {plan.environment} apply continues from the live state; nothing is written twice."
