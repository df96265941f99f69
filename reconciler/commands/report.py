"""``reconciler report``: a plan, or what became of one, as a comment."""

import os
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_bytes
from typing import TYPE_CHECKING, Any

import click

from reconciler.commands.options import Asked, command
from reconciler.errors import InvalidInput
from reconciler.report.formats import write

if TYPE_CHECKING:
    from reconciler.model import Plan
    from reconciler.report.view import Report

LINK = re.compile(r"https?://[A-Za-z0-9._~:/?#@!$&*+,;=%-]{1,500}")
COMMIT = re.compile(r"[0-9a-f]{7,64}")
AT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?( ?(UTC|Z))?")
RUN = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")


def _like(pattern: re.Pattern[str], example: str) -> Callable[..., str]:
    def check(_context: click.Context, _parameter: click.Parameter, text: str | None) -> str:
        if text and not pattern.fullmatch(text):
            raise click.BadParameter(f"{text!r} is not like {example}")
        return text or ""

    return check


@command(
    click.argument("form", type=click.Choice(("comment",))),
    click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False)),
    click.option(
        "--max-bytes",
        type=click.IntRange(min=2_000),
        default=65_000,
        metavar="N",
        help="Cut a comment to so many bytes of UTF-8; 65,000 by default.",
    ),
    click.option("--drift", is_flag=True, help="The plan is what `drift --format json` printed."),
    click.option(
        "--link",
        callback=_like(LINK, "https://ci.example/run/1"),
        metavar="URL",
        help="Where the whole report is; by default the run of GitHub Actions.",
    ),
    click.option(
        "--commit",
        envvar="GITHUB_SHA",
        callback=_like(COMMIT, "1a2b3c4"),
        metavar="SHA",
        help="The commit it is about; by default GITHUB_SHA.",
    ),
    click.option(
        "--order",
        type=click.IntRange(min=0),
        envvar="GITHUB_RUN_ID",
        default=0,
        metavar="N",
        help="A number that is larger for a later run; by default GITHUB_RUN_ID.",
    ),
    click.option(
        "--at", callback=_like(AT, "2027-01-31 12:00 UTC"), metavar="TIME", help="When it was made; by default now."
    ),
)
def report(asked: Asked, form: str, file: Path, *, max_bytes: int, drift: bool, **said: Any) -> int:  # noqa: ARG001 # one form
    """Print the file as a comment; ``said`` is what its footer says of where it comes from."""
    from reconciler.report.comment import Stamp, comment

    found, environment = _read(file, drift=drift)
    if asked.environment not in (None, environment):
        raise InvalidInput(f"{file} is about the environment {environment!r}, not {asked.environment!r}")
    said["link"] = said["link"] or _run()
    said["at"] = said["at"] or datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    write(comment(found, Stamp(environment=environment, **said), max_bytes, token_bytes()), sys.stdout, "markdown")
    return 0


def _read(file: Path, *, drift: bool) -> "tuple[Report, str]":
    """Return the report of a file, and the environment that it is about."""
    from reconciler.plan.plan_file import read_plan
    from reconciler.report.comment import plan_comment
    from reconciler.report.outcome_file import is_plan, read_outcomes
    from reconciler.report.outcomes import apply_report
    from reconciler.report.plan import drift_report

    if is_plan(file):
        plan = _of_known_kinds(read_plan(file), file)
        return (drift_report(plan) if drift else plan_comment(plan)), plan.environment
    plan, applied, new = read_outcomes(file)
    return apply_report(plan, applied, new), plan.environment


def _of_known_kinds(plan: "Plan", file: Path) -> "Plan":
    from reconciler.kinds import KINDS

    unknown = sorted({one.kind for one in plan.changes} - {*KINDS})
    if unknown:
        raise InvalidInput(f"{file} has changes of a kind that there is not: {unknown[0]!r}", hint="plan again")
    return plan


def _run() -> str:
    """Return the address of the run of GitHub Actions that this is, "" where it is none."""
    server, repository, run = (os.environ.get(name, "") for name in RUN)
    link = f"{server}/{repository}/actions/runs/{run}"
    return link if server and repository and run and LINK.fullmatch(link) else ""
