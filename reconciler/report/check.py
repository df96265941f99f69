"""The report of ``check``: whether reviewed plans still hold, and what moved."""

from collections.abc import Iterator, Sequence

from msgspec import structs

from reconciler.model import FORMAT_VERSION, Plan
from reconciler.plan.reviewed import Checked
from reconciler.report.escaping import printable
from reconciler.report.sections import name, source
from reconciler.report.values import counted
from reconciler.report.view import Part, Report, View, few

SHOWN = 20
AGAIN = "plan again and have the new plan reviewed"


def check_report(fresh: Plan, checked: Checked) -> Report:
    """Report whether a fresh plan still does what was reviewed."""
    data = {"format_version": FORMAT_VERSION, "holds": checked.holds, **structs.asdict(checked)}
    return Report(lambda: data, lambda: [_view(fresh, checked)])


def _view(fresh: Plan, checked: Checked) -> View:
    outcome = "still hold" if checked.holds else "do not hold any more"
    return View(
        title=f"The reviewed plans for {name(fresh)} {outcome}: {counted(checked.same, 'change')} as reviewed.",
        parts=(
            *_part("Moved", [_with_difference(one, checked) for one in checked.moved[:SHOWN]], AGAIN, of=checked.moved),
            *_part("Applied already, or not needed any more", checked.gone, AGAIN),
            *_part("Not in the reviewed plans, so not written with them", checked.unrelated),
        ),
        footer=tuple(source(fresh)),
    )


def _part(title: str, addresses: Sequence[str], *hints: str, of: Sequence[str] = ()) -> Iterator[Part]:
    """Yield a part with addresses, the first of all that it is ``of``."""
    if addresses:
        number = len(of or addresses)
        lines = few((printable(f"  {address}") for address in addresses), number, SHOWN)
        yield Part(f"{title}: {number:,}", lines=lines, hints=hints)


def _with_difference(address: str, checked: Checked) -> str:
    difference = checked.differences.get(address)
    return f"{address} ({difference})" if difference else address
