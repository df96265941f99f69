"""A plan or its drift → a report, from the title to the next command."""

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain

from reconciler.model import Plan
from reconciler.report import sections as parts
from reconciler.report.access import access, access_lines
from reconciler.report.grouping import action, groups
from reconciler.report.held import left_open
from reconciler.report.layout import DRIFTED, PLANNED, Part, View, blocks, folded_line
from reconciler.report.values import counted

_MOMENT = 0.1  # seconds
_MINUTES_FROM = 100  # seconds
_HOURS_FROM = 5400


def plan_view(plan: Plan, *, apply_with: Sequence[str] | None = ()) -> View:
    """Lay out what a plan would do; ``apply_with`` is what to type after ``apply``, None where nothing need be."""
    if not plan.changes:
        found = chain(
            parts.stays(plan),
            parts.observed(plan),
            parts.written_from_live(plan),
            parts.manual_steps(plan),
            parts.problems(plan),
        )
        return View(
            f"Nothing to do: {parts.as_declared(plan)}",
            highlights=tuple(left_open(plan)),
            parts=tuple(found),
            footer=(*parts.aside(plan), *parts.source(plan)),
        )
    going = [change for change in plan.changes if change.withheld_by is None]
    shown, folded = groups(change for change in going if not change.adopts)
    below = (
        parts.adoptions(going),
        parts.withheld(plan),
        parts.stays(plan),
        parts.unmanaged(plan),
        parts.unmatched(plan),
        parts.observed(plan),
        parts.written_from_live(plan),
        parts.manual_steps(plan),
        parts.problems(plan),
    )
    return View(
        title=f"Plan for {parts.name(plan)}",
        highlights=access_lines(access(going), plan.summary),
        groups=tuple(Part(group.name, blocks(group.runs, PLANNED)) for group in shown),
        folded=folded_line(folded, PLANNED),
        parts=tuple(chain.from_iterable(below)),
        footer=tuple(chain(_counts(plan), parts.source(plan), _next(plan, apply_with))),
    )


def drift_view(plan: Plan) -> View:
    """Lay out what is live and not as declared: changed behind git's back, or not applied yet."""
    below = tuple(
        chain(
            parts.stays(plan),
            parts.unmanaged(plan),
            parts.observed(plan),
            parts.written_from_live(plan),
            parts.required_steps(plan),
            parts.problems(plan),
        )
    )
    if not plan.changes and not plan.observed:
        open_ = tuple(left_open(plan, unmatched=False))
        return View(f"No drift: {parts.as_declared(plan)}", highlights=open_, parts=below)
    shown, folded = groups(plan.changes)
    differences = counted(len(plan.changes) + len(plan.observed), "difference")
    return View(
        title=f"Drift in {parts.name(plan)}: {differences}, changed behind git's back or not applied yet",
        groups=tuple(Part(group.name, blocks(group.runs, DRIFTED)) for group in shown),
        folded=folded_line(folded, DRIFTED),
        parts=below,
        footer=(
            *([f"Next: reconciler -e {plan.environment} apply restores what is declared."] if plan.changes else []),
            "If the live value is right, declare it and commit the manifest.",
        ),
    )


def _counts(plan: Plan) -> Iterator[str]:
    going = Counter(action(change) for change in plan.changes if change.withheld_by is None)
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
