"""A plan or its drift → a report, from who gains and loses access to the next command."""

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from reconciler.model import Change, Origin, Plan, is_drift
from reconciler.report import analysis, sections
from reconciler.report.access import by_organization, growth, in_total, permitted_by_hand
from reconciler.report.grouping import DRIFTED, PLANNED, action, blocks, folded_line, groups, runs
from reconciler.report.held import left_open
from reconciler.report.values import counted
from reconciler.report.view import Part, Report, View

_MOMENT = 0.1  # seconds
_MINUTES_FROM = 100  # seconds
_HOURS_FROM = 5400


def plan_report(plan: Plan, *, apply_with: Sequence[str] | None = ()) -> Report:
    """Report what a plan would do and why.

    ``apply_with`` is what to type after ``apply`` so that this plan is carried out: a file, the options that it was
    made with. None where that comes next anyway.
    """
    return Report(lambda: plan, lambda: [_plan_view(plan, apply_with)])


def drift_report(plan: Plan) -> Report:
    """Report what is live and not as declared; its JSON is the plan that would repair it."""
    return Report(lambda: plan, lambda: [_drift_view(plan)])


def _plan_view(plan: Plan, apply_with: Sequence[str] | None) -> View:
    if not plan.changes:
        return View(
            f"Nothing to do: {sections.as_declared(plan)}",
            highlights=tuple(left_open(plan)),
            first=tuple(growth(plan)),
            parts=sections.below(plan),
            footer=(*sections.aside(plan), *sections.source(plan)),
        )
    tally = Counter((action(one), one.adopts, one.withheld_by is not None) for one in plan.changes)
    adopted = sections.adoptions(_going(plan)) if any(adopts for _, adopts, _ in tally) else ()
    is_guarded = plan.approvals or any(is_withheld for *_, is_withheld in tally)
    withheld = sections.withheld(plan) if is_guarded else ()
    shown, folded = groups(plan.changes, lambda change: not (change.withheld_by or change.adopts))
    below = sections.below(plan, sections.unmanaged(plan), sections.unmatched(plan), analysis.idle(plan))
    return View(
        title=f"Plan for {sections.name(plan)}",
        highlights=tuple(in_total(plan)),
        first=tuple(chain(growth(plan), by_organization(plan), analysis.effects(plan))),
        groups=tuple(Part(group.name, blocks(group.runs, PLANNED)) for group in shown),
        folded=folded_line(folded, PLANNED),
        parts=(*adopted, *withheld, *below),
        footer=tuple(chain(_counts(plan, tally), sections.source(plan), _next(plan, apply_with))),
    )


def _going(plan: Plan) -> Iterator[Change]:
    return (change for change in plan.changes if change.withheld_by is None)


def _drift_view(plan: Plan) -> View:
    below = sections.below(plan, sections.unmanaged(plan), _not_drift(plan), required_only=True)
    drift, seen = list(filter(is_drift, plan.changes)), sum(map(is_drift, plan.observed))
    if not drift and not seen:
        open_ = tuple(left_open(plan, unmatched=False))
        said = sections.as_declared(plan) if not plan.changes else "nobody changed Stytch behind git's back"
        return View(f"No drift: {said}", highlights=open_, parts=below)
    shown, folded = groups(drift)
    differences = counted(len(drift) + seen, "difference")
    is_known = all(change.origin for change in chain(drift, plan.observed))
    said = "changed behind git's back" if is_known else "changed behind git's back or not applied yet"
    return View(
        title=f"Drift in {sections.name(plan)}: {differences}, {said}",
        first=tuple(permitted_by_hand(plan)),
        groups=tuple(Part(group.name, blocks(group.runs, DRIFTED)) for group in shown),
        folded=folded_line(folded, DRIFTED),
        parts=below,
        footer=(
            *([f"Next: reconciler -e {plan.environment} apply restores what is declared."] if drift else []),
            "If the live value is right, declare it and commit the manifest.",
        ),
    )


def _not_drift(plan: Plan) -> Iterator[Part]:
    """Yield what is no drift: what git asks for and nobody applied yet, and what the users moved."""
    for origin, said in (("git", "in git, and not applied yet"), ("users", "because the users changed")):
        if found := runs(change for change in plan.changes if change.origin == origin):
            number = counted(sum(run.number for run in found), "change")
            yield Part(f"No drift, {said}: {number}", blocks(found, PLANNED))


def _origins(plan: Plan) -> Iterator[str]:
    """Yield how many changes come from where, unless all of them come from git, or nobody knows."""
    found = Counter(change.origin for change in plan.changes if change.withheld_by is None)
    said: tuple[tuple[Origin, str], ...] = (
        ("git", "from git"),
        ("users", "from the users"),
        ("live", "against what somebody changed in Stytch"),
        ("conflict", "in conflict with that"),
    )
    if found.keys() - {"git", None}:
        yield f"Origins: {', '.join(f'{found[origin]:,} {what}' for origin, what in said if found[origin])}."


def _counts(plan: Plan, tally: Mapping[tuple[str, bool, bool], int]) -> Iterator[str]:
    going = Counter[str]()
    for (verb, _, is_withheld), number in tally.items():
        going[verb] += 0 if is_withheld else number
    counts = [f"{going[verb]:,} to {verb}" for verb in PLANNED.verbs if going[verb]]
    if plan.summary.withheld:
        counts.append(f"{plan.summary.withheld:,} withheld")
    if plan.summary.adopt:
        counts.append(f"{plan.summary.adopt:,} of these adopted")
    unchanged = f"; {plan.summary.unchanged:,} unchanged" if plan.summary.unchanged else ""
    yield f"Plan: {', '.join(counts)}{unchanged}."
    yield from _origins(plan)
    if plan.cost.writes:
        writes, seconds = counted(plan.cost.writes, "write"), _duration(plan.cost.seconds_at_rate)
        yield f"Cost: {writes}, {seconds} at the configured rate."


def _next(plan: Plan, apply_with: Sequence[str] | None) -> Iterator[str]:
    if plan.cost.writes and apply_with is not None:
        yield f"Next: {shlex.join(('reconciler', '-e', plan.environment, 'apply', *apply_with))}"


def _duration(seconds: float) -> str:
    if seconds <= _MOMENT:
        return "a moment"
    if seconds < _MINUTES_FROM:
        return f"about {seconds:.1f} s"
    return f"about {seconds / 60:.0f} min" if seconds < _HOURS_FROM else f"about {seconds / 3600:.1f} h"
