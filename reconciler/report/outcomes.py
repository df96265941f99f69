"""The report of an apply: counts, and the names of what was not applied."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Final

from msgspec import structs

from reconciler.documents.yaml_writer import scalar
from reconciler.model import Change, Kept, Outcome, Plan, type_of
from reconciler.report import sections as parts
from reconciler.report.escaping import printable
from reconciler.report.grouping import FIRST, action, runs
from reconciler.report.held import held, left_open
from reconciler.report.layout import PLANNED, Part, View, blocks, few
from reconciler.report.next_steps import next_step
from reconciler.report.values import counted

Verbs = Mapping[tuple[str, str], str]  # what a change is called where that is not its action, by action and address

Credentials = tuple[Sequence[Kept], str]  # what was kept, and the file of ids
NO_CREDENTIALS: Final[Credentials] = ((), "")
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


def outcomes_view(
    plan: Plan,
    outcomes: Sequence[Outcome],
    new: Sequence[Change],
    journal: str | None,
    pins: Mapping[str, str],
    credentials: Credentials = NO_CREDENTIALS,
) -> View:
    """Lay out the outcomes of an apply; ``new`` are changes that the reviewed plan does not hold.

    ``pins`` are the project ids of environments that were made, by slug, ``credentials`` what the store has taken.
    """
    made = pins.get(plan.target.rpartition("/")[2])
    name = parts.name(structs.replace(plan, project_id=plan.project_id or made or ""))
    if not outcomes and not new:
        found = chain(
            parts.stays(plan),
            parts.observed(plan),
            parts.written_from_live(plan),
            parts.required_steps(plan),
            parts.problems(plan),
        )
        return View(
            title=f"Nothing to apply: {parts.as_declared(plan)}",
            highlights=tuple(left_open(plan, unmatched=False)),
            parts=(*_kept(*credentials), *found),
        )
    results = Counter(str(outcome.result) for outcome in outcomes)
    verbs = _verbs(plan)
    applied = [one for one in outcomes if one.result == "applied"]
    became = Counter(_became(one, verbs) for one in applied)
    done = [f"{became[verb]:,} {past}" for verb, past in _DONE.items() if became[verb]]
    rest = [f"{results[result]:,} {result}" for result in _HEADINGS if results[result]]
    return View(
        title=f"Applied to {name}: {', '.join([*(done or ['nothing']), *rest])}.",
        parts=(
            *_not_applied(plan, outcomes),
            *_not_reviewed(new),
            *_kept(*credentials),
            *held(plan),
            *parts.required_steps(plan),
        ),
        footer=(*_pinned(plan, pins), *_footer(plan, results, journal)),
    )


def _not_applied(plan: Plan, outcomes: Sequence[Outcome]) -> Iterator[Part]:
    alike: dict[tuple[str, str, str], list[Outcome]] = {}
    verbs = _verbs(plan)
    for outcome in outcomes:
        if outcome.result in _HEADINGS:
            alike.setdefault((outcome.result, outcome.blocked_by, outcome.reason), []).append(outcome)
    for (result, obstacle, _), found in alike.items():
        by_guard = (seen for seen in plan.guards if seen.name == found[0].why and not seen.ok)
        guard = next(by_guard, None)
        reason = printable(f"{found[0].why}, {guard.detail}" if guard else found[0].why)
        yield Part(
            f"{_HEADINGS[result]}: {counted(len(found), 'change')}",
            lines=(*filter(None, [reason]), *few([_line(one, verbs) for one in found[:FIRST]], len(found), FIRST)),
            hints=(next_step(obstacle, guard, plan.environment),) if result == "withheld" else (),
        )


def _verbs(plan: Plan) -> Verbs:
    """Return what people call the changes for which that is not their action, by action and address."""
    called = ((change, action(change)) for change in plan.changes)
    return {(change.action, change.address): verb for change, verb in called if verb in ("replace", "reset")}


def _verb(outcome: Outcome, verbs: Verbs) -> str:
    return verbs.get((outcome.action, outcome.address), outcome.action)


def _not_reviewed(new: Sequence[Change]) -> Iterator[Part]:
    if new:
        title = f"Not in the reviewed plan, so not applied: {counted(len(new), 'change')}"
        yield Part(title, blocks(runs(new), PLANNED), hints=("plan again and have the new plan reviewed",))


def _kept(kept: Sequence[Kept], ledger: str) -> Iterator[Part]:
    """Write where each credential is now; its value is written nowhere."""
    if kept:
        lines = tuple(printable(f"{one.name}, of {one.address}: {one.place}") for one in kept)
        hint = f"commit {ledger}, so that every checkout knows their ids; it contains ids and no secrets"
        yield Part(f"Credentials kept: {len(kept):,}", lines=lines, hints=(printable(hint),))


def _became(outcome: Outcome, verbs: Verbs) -> str:
    if outcome.found:
        return GONE if outcome.action == "delete" else THERE
    return _verb(outcome, verbs)


def _line(outcome: Outcome, verbs: Verbs) -> str:
    request = f" ({outcome.request_id})" if outcome.request_id else ""
    file = f": the credential is now in {outcome.file}" if outcome.file else ""
    return printable(f"  {_verb(outcome, verbs)} {outcome.address}{request}{file}")


def _pinned(plan: Plan, pins: Mapping[str, str]) -> Iterator[str]:
    project = scalar(plan.target.rpartition("/")[0], flow=True)
    for slug, project_id in sorted(pins.items()):
        place = f"project: {project}, environment: {scalar(slug, flow=True)}"
        target = f"{{type: {type_of(project_id)}, {place}, project_id: {project_id}}}"
        yield f"Created {slug}: pin it in reconciler.yaml, target: {target}"


def _footer(plan: Plan, results: Mapping[str, int], journal: str | None) -> Iterator[str]:
    if journal:
        yield f"Journal: {journal}"
    if results["failed"] or results["skipped"]:
        yield f"Next: reconciler -e {plan.environment} apply continues from the live state; nothing is written twice."
