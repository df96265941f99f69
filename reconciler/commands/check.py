"""``reconciler check``: whether reviewed plans still hold."""

import math
from pathlib import Path

import click

from reconciler.commands.options import Asked, command, planned_from, planned_live, seconds_of
from reconciler.report.formats import show


@command(
    click.argument("plan", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False)),
    click.option(
        "--snapshot",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="Plan from this snapshot, with no credential and no request.",
    ),
    click.option(
        "--max-age",
        callback=seconds_of,
        metavar="DURATION",
        help="Do not believe a snapshot that is older, such as 30m or 5h.",
    ),
)
def check(asked: Asked, plan: tuple[Path, ...], snapshot: Path | None, *, max_age: float) -> int:
    """Print what moved since plans were reviewed; return 0 if nothing did, else 3."""
    from reconciler.errors import Unreadable
    from reconciler.plan.plan_file import read_plan
    from reconciler.plan.reviewed import checked
    from reconciler.report.check import check_report

    if snapshot is None and not math.isinf(max_age):
        raise click.UsageError("--max-age is given without --snapshot")
    config = asked.config()
    reviewed = list(map(read_plan, plan))
    fresh = (planned_from(asked, config, snapshot) if snapshot else planned_live(asked, config)).plan
    if fresh.snapshot and fresh.snapshot.age > max_age:
        old = f"the snapshot of {fresh.snapshot.taken_at} is {fresh.snapshot.age:,} s old"
        raise Unreadable(f"{old}, which is more than --max-age", hint="take a new one on the default branch")
    found = checked(reviewed, fresh)
    show(check_report(fresh, found), asked.format)
    return 0 if found.holds else 3
