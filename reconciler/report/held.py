"""The report of what is held: each cause once, with the held resources, the places and a hint."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from msgspec import Struct

from reconciler.model import Counted, GuardResult, Listed, Plan, Position, Problem
from reconciler.plan.planned import OF_DATA
from reconciler.report.escaping import printable
from reconciler.report.grouping import FIRST
from reconciler.report.problems import problem_lines
from reconciler.report.values import counted, listed
from reconciler.report.view import Line, Lines, Part, few

_NAMED = 5  # resources of one cause, and members that wait for one
_CAUSES = 5  # that are named on one line


class _Causes(Struct, frozen=True):
    """The problems of a plan by what they say, and by the resources that they are about."""

    of_data: Mapping[tuple[str, str, tuple[Position, ...]], Problem]
    by_message: Mapping[str, Problem]
    by_address: Mapping[str, Sequence[Problem]]

    def of_count(self, found: Counted) -> Problem | None:
        """Return the problem that is the cause of what is counted, if one is."""
        return self.of_data.get((found.cause, found.code, found.at)) if found.code else None

    def of_listed(self, item: Listed) -> Sequence[Problem]:
        """Return the problems that say why a resource is held, first the one that stands where it is declared."""
        found = []
        for problem in self.by_address.get(item.address, ()):
            text = problem.message.removeprefix(f"{item.address}: ")
            if text in item.reason or item.reason in text:
                found.append(problem)
        if not found and item.reason in self.by_message:
            found.append(self.by_message[item.reason])
        return sorted(found, key=lambda problem: problem.at[:1] != item.at[:1])


def held(plan: Plan) -> Iterator[Part]:
    """Yield what is held: what files declare, which ends a run with exit code 3, then what data leave open."""
    causes = _causes(plan)
    declared, of_data, others = _sorted_out(plan)
    if declared:
        title = f"Held although declared: {counted(len(declared), 'resource')}, not created, changed or deleted"
        yield Part(title, lines=_listed_lines(declared, causes), hints=("exit code 3 until this is resolved",))
    if plan.held_by:
        title = f"Held because of data: {counted(plan.summary.held_by_data, 'membership')}, by cause"
        shown = (_of_data(one, of_data.get(one.cause, ()), causes) for one in plan.held_by[:FIRST])
        lines: Lines = (*chain.from_iterable(shown), *few((), len(plan.held_by), FIRST))
        yield Part(title, lines=lines, hints=tuple(map(_guard_of_data, _failed(plan))))
    if others:
        title = f"Held, not created, changed or deleted: {counted(len(others), 'resource')}"
        yield Part(title, lines=_listed_lines(others, causes))


def shown_with_held(plan: Plan) -> frozenset[Problem]:
    """Return the problems that stand with what they hold, so that they need not be told again."""
    causes = _causes(plan)
    counted_ones = (problem for problem in map(causes.of_count, plan.held_by) if problem)
    return frozenset(chain(counted_ones, *map(causes.of_listed, plan.held)))


def number_held(plan: Plan) -> int:
    """Return how many held resources do not stand with a cause of data."""
    declared, _, others = _sorted_out(plan)
    return len(declared) + len(others)


def left_open(plan: Plan, *, unmatched: bool = True) -> Iterator[str]:
    """Yield on one line what data leave open, and whom no rule gives anything, by cause."""
    found = []
    if plan.held_by:
        names = ((one.count, one.code.replace("-", " ") or one.cause) for one in plan.held_by)
        held_here = counted(plan.summary.held_by_data, "membership")
        found.append(f"{held_here} held because of data ({_by_cause(names)})")
    if plan.unmatched and unmatched:
        names = ((one.count, one.cause) for one in plan.unmatched_by)
        causes = _by_cause(names)
        found.append(f"{counted(len(plan.unmatched), 'user')} unmatched{f' ({causes})' if causes else ''}")
    if found:
        yield printable(f"Left open: {'; '.join(found)}.")


def _by_cause(found: Iterator[tuple[int, str]]) -> str:
    counts: Counter[str] = Counter()
    for number, cause in found:
        counts[cause] += number
    most = counts.most_common()
    more = [f"{len(most) - _CAUSES:,} more causes"] if len(most) > _CAUSES else []
    return ", ".join([*(f"{number:,} × {cause}" for cause, number in most[:_CAUSES]), *more])


def _causes(plan: Plan) -> _Causes:
    by_address: dict[str, list[Problem]] = {}
    for problem in plan.problems:
        for address in problem.addresses:
            by_address.setdefault(address, []).append(problem)
    return _Causes(
        {(one.message, one.code, one.at): one for one in plan.problems},
        {one.message: one for one in plan.problems},
        by_address,
    )


def _sorted_out(plan: Plan) -> tuple[list[Listed], dict[str, list[Listed]], list[Listed]]:
    """Return what is held and declared, the members by the cause of data that is told with them, and the rest."""
    reasons = {one.cause for one in plan.held_by if not one.code}
    of_data: dict[str, list[Listed]] = {}
    others = []
    for item in plan.held:
        if not item.declared and item.reason in reasons:
            of_data.setdefault(item.reason, []).append(item)
        elif not item.declared:
            others.append(item)
    return [item for item in plan.held if item.declared], of_data, others


def _of_data(found: Counted, items: Sequence[Listed], causes: _Causes) -> Iterator[Line | str]:
    """Yield how many memberships a cause holds, then where it stands and whom it concerns."""
    if problem := causes.of_count(found):
        where = f" ({problem.at[0]})" if problem.at else ""
        yield printable(f"{found.count:,} × {problem.message}{where}")
        yield from (line.below("  ") for line in problem_lines(problem)[1:])
        return
    yield printable(f"{found.count:,} × {found.cause}{f' ({found.at[0]})' if found.at else ''}")
    for item in items[:_NAMED]:
        where = f" ({', '.join(map(str, item.at))})" if item.at else ""
        users = f": {listed(item.users, _NAMED)}" if item.users else ""
        yield printable(f"    {item.address}{where}{users}")
    yield from (line.below("    ") for line in few((), len(items), _NAMED))
    hints = dict.fromkeys(problem.hint for item in items for problem in causes.of_listed(item) if problem.hint)
    yield from (printable(f"    {hint}") for hint in hints)


def _listed_lines(items: Sequence[Listed], causes: _Causes) -> Lines:
    lines: list[Line | str] = []
    hints: set[str] = set()
    for item in items[:FIRST]:
        lines.append(listed_line(item))
        for problem in causes.of_listed(item)[:1]:
            lines += [printable(f"  also {place}") for place in problem.at if place not in item.at]
            lines += [f"  {counted(len(problem.users), 'user')}: {listed(problem.users, _NAMED)}"] * bool(problem.users)
            lines += [printable(f"  {problem.hint}")] * (problem.hint not in {"", *hints})
            hints.add(problem.hint)
        lines += _waiting(item)
    return (*lines, *few((), len(items), FIRST))


def listed_line(item: Listed) -> str:
    """Return a resource that is left alone, why, and where it is declared."""
    said = item.reason.removeprefix(f"{item.address}: ").removeprefix(f"{item.address} ")
    reason = f": {said}" if said else ""
    where = f" ({item.at[0]})" if item.at else ""
    return printable(f"{item.address}{reason}{where}")


def _waiting(item: Listed) -> Iterator[str]:
    if item.waiting:
        verb = "waits" if len(item.waiting) == 1 else "wait"
        yield printable(f"  {counted(len(item.waiting), 'member')} {verb} for it: {listed(item.waiting, _NAMED)}")


def _failed(plan: Plan) -> Iterator[GuardResult]:
    return (guard for guard in plan.guards if guard.name in OF_DATA and not guard.ok)


def _guard_of_data(guard: GuardResult) -> str:
    if guard.name == "held":
        return "exit code 3, because reconciler.yaml has `held: error`"
    return f"exit code 3: more causes of problems than guards.max_problems allows ({guard.detail})"
