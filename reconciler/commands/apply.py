"""``reconciler apply``: write what a plan says, and say what became of it."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.commands.options import Asked, client_for, command, planned_for
from reconciler.errors import NotPrinted, Refused
from reconciler.report.formats import FORMATS, show

if TYPE_CHECKING:
    from reconciler.config.read import Config
    from reconciler.model import Change
    from reconciler.plan.planned import Planned


@command(
    click.argument("file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False)),
    click.option("--yes", is_flag=True, help="Do not ask before writing to a live project."),
    click.option(
        "--wait",
        type=click.IntRange(min=0),
        default=0,
        metavar="SECONDS",
        help="Wait so long for another apply in this folder to end.",
    ),
)
def apply(asked: Asked, file: Path | None, *, yes: bool, wait: int) -> int:
    """Print a plan, carry it out, print what became of it; return 1 if anything failed, 3 if anything is withheld."""
    from reconciler import pipeline
    from reconciler.apply.alone import alone
    from reconciler.plan.narrow import hold_to
    from reconciler.plan.plan_file import read_plan
    from reconciler.read.run import open_run
    from reconciler.report.outcomes import apply_report
    from reconciler.report.plan import plan_report
    from reconciler.report.progress import applying

    config = asked.config()
    reviewed = read_plan(file) if file else None
    this = ("apply", *([str(file)] if file else []))
    with client_for(config) as client, alone(config.root, config.environment, this, wait):
        planned = planned_for(asked, config, client)
        new: Sequence[Change] = ()
        if reviewed:
            planned, new = hold_to(reviewed, planned)
        elif planned.plan.changes and not FORMATS[asked.format].whole:
            show(plan_report(planned.plan, apply_with=None), asked.format, end="\n")
        _confirm(config, planned, agreed=yes, reviewed=reviewed is not None)
        with applying(planned.plan, asked.format) as on_outcome:
            applied = pipeline.apply(open_run(config, client), planned, on_outcome)
    try:
        show(apply_report(planned.plan, applied, new), asked.format)
    except NotPrinted as error:
        hint = f"the journal says what was applied: {applied.journal}" if applied.journal else ""
        raise NotPrinted(error.reason, hint, closed=error.closed and not hint) from error
    return applied.exit_code


def _confirm(config: "Config", planned: "Planned", *, agreed: bool, reviewed: bool) -> None:
    """Ask once on a terminal before a live project is written to; where nobody can be asked, nobody has agreed."""
    writes = planned.plan.cost.writes
    if agreed or not writes or not (config.target.type == "live" or planned.target.is_live):
        return
    where = planned.plan.project_id or planned.plan.target
    if not _can_ask():
        if reviewed:
            return
        raise Refused(
            f"{writes} requests would be written to the LIVE project {where}, but "
            "there is no terminal to confirm: nothing was "
            "written",
            hint="apply a reviewed plan (`plan -o FILE`, then `apply FILE`), or give --yes",
        )
    if not click.confirm(f"Write {writes} requests to the LIVE project {where}?", err=True):
        raise Refused("not confirmed, so nothing was written", hint="answer y, or give --yes")


def _can_ask() -> bool:
    """Return whether somebody sees the question, which goes to standard error, and can answer it."""
    streams = (sys.stdin, sys.stderr)  # None where the program was started with them closed
    return all(stream is not None and stream.isatty() for stream in streams)
