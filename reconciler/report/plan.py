"""A plan or its drift → a report, from who gains and loses access to the next command."""

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from reconciler.model import Change, Plan
from reconciler.report import sections
from reconciler.report.access import by_organization, growth, in_total, permitted_by_hand
from reconciler.report.grouping import DRIFTED, PLANNED, action, blocks, folded_line, groups
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
    below = sections.below(plan, sections.unmanaged(plan), sections.unmatched(plan))
    return View(
        title=f"Plan for {sections.name(plan)}",
        highlights=tuple(in_total(plan)),
        first=tuple(chain(growth(plan), by_organization(plan))),
        groups=tuple(Part(group.name, blocks(group.runs, PLANNED)) for group in shown),
        folded=folded_line(folded, PLANNED),
        parts=(*adopted, *withheld, *below),
        footer=tuple(chain(_counts(plan, tally), sections.source(plan), _next(plan, apply_with))),
    )


def _going(plan: Plan) -> Iterator[Change]:
    return (change for change in plan.changes if change.withheld_by is None)


def _drift_view(plan: Plan) -> View:
    below = sections.below(plan, sections.unmanaged(plan), required_only=True)
    if not plan.changes and not plan.observed:
        open_ = tuple(left_open(plan, unmatched=False))
        return View(f"No drift: {sections.as_declared(plan)}", highlights=open_, parts=below)
    shown, folded = groups(plan.changes)
    differences = counted(len(plan.changes) + len(plan.observed), "difference")
    return View(
        title=f"Drift in {sections.name(plan)}: {differences}, changed behind git's back or not applied yet",
        first=tuple(permitted_by_hand(plan)),
        groups=tuple(Part(group.name, blocks(group.runs, DRIFTED)) for group in shown),
        folded=folded_line(folded, DRIFTED),
        parts=below,
        footer=(
            *([f"Next: reconciler -e {plan.environment} apply restores what is declared."] if plan.changes else []),
            "If the live value is right, declare it and commit the manifest.",
        ),
    )


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
