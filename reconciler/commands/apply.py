"""``reconciler apply``: write what a plan says, and say what became of it."""

import math
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import click

from reconciler.commands.options import PAGE, Asked, client_for, command, has_state, planned_for, seconds_of, tell
from reconciler.commands.signals import SIGNALS
from reconciler.errors import NotPrinted, Refused
from reconciler.report.formats import FORMATS, show

if TYPE_CHECKING:
    from reconciler.apply.stop import Stop
    from reconciler.clients.b2b import Client
    from reconciler.config.read import Config
    from reconciler.history.turn import Turn
    from reconciler.model import Change
    from reconciler.plan.planned import Planned
    from reconciler.report.view import Report


@command(
    click.argument("file", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False)),
    click.option(
        "--reviewed",
        type=click.Choice(("all", "some")),
        help="Write only what the FILEs hold, even where there is none; some: others are missing.",
    ),
    click.option(
        "--origin",
        "origins",
        multiple=True,
        type=click.Choice(("git", "users", "live", "conflict")),
        help="Write only what comes from there, such as users.",
    ),
    click.option("--yes", is_flag=True, help="Do not ask before writing to a live project."),
    click.option(
        "--wait",
        type=click.IntRange(min=0),
        default=0,
        metavar="SECONDS",
        help="Wait so long for another apply of this environment to end.",
    ),
    click.option(
        "--time-limit",
        callback=seconds_of,
        metavar="DURATION",
        help="Begin no write after so long, such as 90s, 30m or 5h; the next apply goes on.",
    ),
    *PAGE,
)
def apply(
    asked: Asked,
    file: tuple[Path, ...],
    *,
    reviewed: str | None,
    origins: tuple[str, ...],
    yes: bool,
    wait: int,
    time_limit: float,
    html: Path | None,
    mask: bool,
) -> int:
    """Print a plan, carry it out, print what became of it; return 1 if anything failed, 3 if anything is withheld."""
    from reconciler import pipeline
    from reconciler.apply.stop import Stop
    from reconciler.commands.outputs import check_page, write_page
    from reconciler.commands.recording import binding, noting, record
    from reconciler.plan.approvals import used_in
    from reconciler.plan.narrow import hold_to
    from reconciler.plan.plan_file import read_plan
    from reconciler.read.run import open_run
    from reconciler.report.outcomes import apply_report
    from reconciler.report.plan import plan_report
    from reconciler.report.progress import applying

    stop = Stop(time_limit)
    config = asked.config()
    check_page(config, html, mask=mask, beside=file)
    plans = list(map(read_plan, file))
    is_held = bool(plans or reviewed)
    with client_for(config) as client, _turn(config, ("apply", *map(str, file)), wait, stop) as turn:
        _be_patient(client, stop, time_limit)
        planned = planned_for(asked, config, client, turn.history, origins)
        judged_by = binding(turn.history, planned.plan)
        new: Sequence[Change] = ()
        if is_held:
            planned, new = hold_to(plans, planned)
        elif planned.plan.changes and not FORMATS[asked.format].whole:
            show(plan_report(planned.plan, apply_with=None), asked.format, end="\n")
        is_live = config.target.type == "live" or planned.target.is_live
        if planned.plan.cost.writes and is_live:
            turn.check()
            _confirm(planned, agreed=yes, reviewed=is_held)
        history = turn.history  # as it was planned with: what is used now was not used before
        if planned.plan.cost.writes:
            turn.use(used_in(planned.plan.approvals))
        plan = noting(planned.plan, turn.doubt)
        with SIGNALS.given_to(stop), stop.enduring():
            with applying(planned.plan, asked.format, client) as on_outcome:
                applied = pipeline.apply(open_run(config, client, history), planned, on_outcome, stop)
            recorded = None
            if not (asked.only or origins or stop.waits_no_more):
                recorded = record(config, turn, planned.plan, applied, new, judged_by)
            plan = noting(plan, recorded)
            shown = _show(stop, apply_report(plan, applied, new), asked.format, applied.journal)
    if html:
        from reconciler.report.page import outcomes_page

        write_page(html, outcomes_page(plan, applied, new, mask=mask))
    code = 1 if recorded and recorded.severity == "error" else applied.exit_code
    if code == 0 and reviewed == "some" and new:
        code = 3  # somebody may have meant to review it
    is_cut_short = stop.signals and (code == 1 or not shown)
    return SIGNALS.exit_code if is_cut_short else code


def _be_patient(client: "Client", stop: "Stop", time_limit: float) -> None:
    """Wait in an outage for as long as an apply should, and for nothing after the time limit."""
    from reconciler.apply.stop import GRACE
    from reconciler.clients.outage import APPLYING

    client.patience.seconds = APPLYING if math.isinf(time_limit) else math.inf
    client.clock.until = client.clock.monotonic() + stop.left + GRACE


def _show(stop: "Stop", report: "Report", form: str, journal: Path | None) -> bool:
    """Print what became of a plan, and return whether that was done.

    Only a second signal after it began interrupts that: nobody may be reading.
    """
    hint = f"the journal says what was applied: {journal}" if journal else ""
    try:
        with stop.enduring(1):
            show(report, form)
    except NotPrinted as error:
        raise NotPrinted(error.reason, hint, closed=error.closed and not hint) from error
    except KeyboardInterrupt:
        tell(NotPrinted("interrupted", hint), form)
        return False
    return True


@contextmanager
def _turn(config: "Config", command: tuple[str, ...], wait: float, stop: "Stop") -> Iterator["Turn"]:
    """Be alone in this folder, and wherever else its git repository is; the time that it takes counts once."""
    from reconciler.apply.alone import alone
    from reconciler.history.look import History
    from reconciler.history.turn import Turn, turn

    until = monotonic() + wait

    def here(folder: Path) -> AbstractContextManager[None]:
        return alone(folder, config.environment, command, max(0, until - monotonic()))

    with here(config.root):
        if not has_state(config):
            yield Turn(config.environment, History())
            return
        left = max(0, until - monotonic())
        with turn(config.root, config.environment, shlex.join(command), left, stop.wake, here) as found:
            stop.is_lost = lambda: found.is_lost
            yield found


def _confirm(planned: "Planned", *, agreed: bool, reviewed: bool) -> None:
    """Ask once on a terminal before a live project is written to; where nobody can be asked, nobody has agreed."""
    if agreed:
        return
    writes = planned.plan.cost.writes
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
    if not _says_yes(f"Write {writes} requests to the LIVE project {where}?"):
        raise Refused("not confirmed, so nothing was written", hint="answer y, or give --yes")


def _says_yes(question: str) -> bool:
    """Return whether somebody answers yes; Ctrl-D is no answer."""
    try:
        return click.confirm(question, err=True)
    except click.Abort:
        if SIGNALS.came:
            raise
        return False


def _can_ask() -> bool:
    """Return whether somebody sees the question, which goes to standard error, and can answer it."""
    streams = (sys.stdin, sys.stderr)  # None where the program was started with them closed
    return all(stream is not None and stream.isatty() for stream in streams)
