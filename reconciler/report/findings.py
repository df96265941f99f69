"""A plan, outcomes or problems → findings, each at its place in a file: what machines show of them."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Final, Literal

from msgspec import Struct, structs

from reconciler.model import Change, Outcome, Plan, Position, Problem
from reconciler.report.escaping import harmless
from reconciler.report.grouping import PLANNED, action
from reconciler.report.markdown import masked
from reconciler.report.sections import next_step
from reconciler.report.values import counted, listed

Level = Literal["error", "warning", "notice"]
_GRAVITY: Final = {"error": 0, "warning": 1, "notice": 2}
_LEVEL: Final[dict[str, Level]] = {"error": "error", "problem": "error", "warning": "warning"}
_NAMED = 3
_LONGEST = 1_000  # characters of a message


class Finding(Struct, frozen=True, kw_only=True):
    """Something at a place in a file: ``code`` is the same for all of its kind."""

    level: Level
    code: str
    title: str
    message: str
    at: Position | None = None


def by_gravity(findings: Iterable[Finding], hide: Callable[[str], str] = masked) -> list[Finding]:
    """Return findings with the gravest first, then by place; of equal ones one.

    Their texts do nothing, and ``hide`` hides people in them.
    """
    found = sorted(
        dict.fromkeys(findings),
        key=lambda one: (_GRAVITY[one.level], one.at or Position("", 0), one.code, one.title, one.message),
    )
    return [structs.replace(one, title=_said(one.title, hide), message=_said(one.message, hide)) for one in found]


def of_problems(problems: Iterable[Problem]) -> Iterator[Finding]:
    """Yield a finding for each place of each problem."""
    for one in problems:
        said = ". ".join(filter(None, (one.message, one.hint)))
        for at in one.at or (None,):
            yield _finding(_LEVEL[one.severity], one.code, f"{one.severity}: {one.code}", said, at)


def of_plan(plan: Plan) -> Iterator[Finding]:
    """Yield what stops a plan, what permits more than before, and what it does, by the line that asks for it."""
    yield from of_problems(plan.problems)
    yield from _withheld(plan)
    yield from _growth(plan)
    for held in plan.held:
        if held.declared:
            at = held.at[0] if held.at else None
            yield _finding("error", "held", "held", f"{held.address} is held: {held.reason}", at)
    for step in plan.manual_steps:
        if step.required:
            yield _finding(
                "error", "by-hand", "to be done by hand", f"{step.name}: {step.what} [{step.where}]", step.at
            )
    yield from _by_line(plan.changes)


def of_outcomes(outcomes: Iterable[Outcome]) -> Iterator[Finding]:
    """Yield what was not applied."""
    for one in outcomes:
        if one.result != "applied":
            level: Level = "error" if one.result == "failed" else "warning"
            yield _finding(level, one.result, one.result, f"{one.action} {one.address}: {one.detail}")


def _withheld(plan: Plan) -> Iterator[Finding]:
    found: dict[str, list[Change]] = {}
    for change in plan.changes:
        if change.withheld_by:
            found.setdefault(change.withheld_by, []).append(change)
    for guard, changes in found.items():
        result = next((one for one in plan.guards if one.name == guard and not one.ok), None)
        said = f"{counted(len(changes), 'change')}: {_names(changes)}"
        seen = f" ({result.detail})" if result else ""
        hint = next_step(guard, result, plan.environment)
        yield _finding(
            "error", f"withheld-{guard}", f"withheld by {guard}", f"{said}{seen}. {hint}", _place(changes[0])
        )


def _growth(plan: Plan) -> Iterator[Finding]:
    if plan.access is None:
        return
    wanted = {one.address for found in plan.access.growth for one in found.first}
    places = {one.address: _place(one) for one in plan.changes if one.address in wanted}
    for found in chain(plan.access.loosened, plan.access.growth):
        for one in found.first:
            at = one.at or places.get(one.address)
            yield _finding("warning", f"power-{found.what}", "growth of power", f"{found.says}: {one.address}", at)
        if (more := found.number - len(found.first)) > 0:
            yield _finding("warning", f"power-{found.what}", "growth of power", f"{more:,} more: {found.says}")


def _by_line(changes: Iterable[Change]) -> Iterator[Finding]:
    """Yield one finding for each line that asks for changes, which counts them."""
    by_place: dict[Position, tuple[Counter[str], list[Change]]] = {}
    for change in changes:
        at = _place(change)
        if at and not change.withheld_by:
            counts, first = by_place.setdefault(at, (Counter(), []))
            counts[action(change)] += 1
            if len(first) < _NAMED:
                first.append(change)
    for at, (counts, first) in by_place.items():
        number = ", ".join(f"{counts[verb]:,} to {verb}" for verb in PLANNED.verbs if counts[verb])
        yield _finding("notice", "changes", number, _names(first, counts.total()), at)


def _names(changes: Sequence[Change], number: int = 0) -> str:
    return listed([f"{action(one)} {one.address}" for one in changes[:_NAMED]], _NAMED, number or len(changes))


def _place(change: Change) -> Position | None:
    return Position(change.causes[0].file, change.causes[0].line) if change.causes else None


def _finding(level: Level, code: str, title: str, message: str, at: Position | None = None) -> Finding:
    return Finding(level=level, code=code, title=title, message=message, at=at)


def _said(text: str, hide: Callable[[str], str]) -> str:
    shown = hide(harmless(text))
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"
