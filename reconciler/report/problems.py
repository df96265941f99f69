"""Problems → lines: place, severity, message, hint."""

from collections.abc import Iterable, Sequence

from reconciler.model import FORMAT_VERSION, Problem
from reconciler.report.escaping import printable
from reconciler.report.values import counted, listed
from reconciler.report.view import Line, Listing, Report, Style, styled

_GRAVITY = {"error": 0, "problem": 1, "warning": 2}
_PLACES = 10
_NAMED = 5


def problems_report(problems: Sequence[Problem], *, title: str = "") -> Report:
    """Report every problem: what ``validate`` found, or what stopped a command; ``title`` says what was read."""

    def listing() -> Listing:
        lines = tuple(line for problem in in_order(problems) for line in problem_lines(problem))
        return Listing(lines, ": ".join(part for part in (title, tally(problems) or "no problems") if part))

    return Report(
        lambda: {"format_version": FORMAT_VERSION, "problems": in_order(problems)},
        lambda: [listing()],
    )


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Return problems by gravity, then by place, so that the same problems always read the same."""
    return sorted(problems, key=lambda problem: (_GRAVITY[problem.severity], problem.at, problem.code, problem.message))


def problem_lines(problem: Problem) -> list[Line]:
    """Return ``file:line:column: severity: message``, then its other places, whom it concerns, and the hint."""
    where = f"{problem.at[0]}: " if problem.at else ""
    style: Style = "error" if problem.severity == "error" else "warning"
    start = len(printable(where))
    first = printable(f"{where}{problem.severity}: {problem.message}")
    more = [f"  also {place}" for place in problem.at[1 : _PLACES + 1]]
    if len(problem.at) > _PLACES + 1:
        more.append(f"  and {len(problem.at) - _PLACES - 1:,} more places")
    if problem.addresses:
        more.append(f"  concerns {listed(problem.addresses, _NAMED)}")
    if problem.users:
        more.append(f"  {counted(len(problem.users), 'user')}: {listed(problem.users, _NAMED)}")
    if problem.hint:
        more.append(f"  {problem.hint}")
    return [styled(first, style, start, start + len(problem.severity)), *map(Line, map(printable, more))]


def tally(problems: Sequence[Problem]) -> str:
    """Return ``2 errors, 1 warning``."""
    counts = ((severity, sum(problem.severity == severity for problem in problems)) for severity in _GRAVITY)
    return ", ".join(counted(number, severity) for severity, number in counts if number)
