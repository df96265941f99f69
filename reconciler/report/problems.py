"""Problems → lines: place, severity, message, hint."""

from collections.abc import Iterable, Sequence

from reconciler.model import Problem
from reconciler.report.escaping import printable
from reconciler.report.values import counted, listed

_GRAVITY = {"error": 0, "problem": 1, "warning": 2}
_PLACES = 10
_NAMED = 5


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Sort by gravity, then by place, so that the same problems always read the same."""
    return sorted(problems, key=lambda problem: (_GRAVITY[problem.severity], problem.at, problem.code, problem.message))


def problem_lines(problem: Problem) -> list[str]:
    """Write ``file:line:column: severity: message``, then its other places, whom it concerns, and the hint."""
    where = f"{problem.at[0]}: " if problem.at else ""
    lines = [printable(f"{where}{problem.severity}: {problem.message}")]
    lines += [printable(f"  also {place}") for place in problem.at[1 : _PLACES + 1]]
    if len(problem.at) > _PLACES + 1:
        lines.append(f"  and {len(problem.at) - _PLACES - 1:,} more places")
    if problem.addresses:
        lines.append(f"  concerns {listed(problem.addresses, _NAMED)}")
    if problem.users:
        lines.append(f"  {counted(len(problem.users), 'user')}: {listed(problem.users, _NAMED)}")
    if problem.hint:
        lines.append(printable(f"  {problem.hint}"))
    return lines


def tally(problems: Sequence[Problem]) -> str:
    """Write ``2 errors, 1 warning``."""
    counts = ((severity, sum(problem.severity == severity for problem in problems)) for severity in _GRAVITY)
    return ", ".join(counted(number, severity) for severity, number in counts if number)
