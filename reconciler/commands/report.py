"""``reconciler report``: a plan, what became of one, or problems, as machines take them that show them to people."""

import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from secrets import token_bytes
from typing import TYPE_CHECKING, Any

import click

from reconciler.commands.options import Asked, command
from reconciler.errors import InvalidInput
from reconciler.report.formats import write

if TYPE_CHECKING:
    from reconciler.report.read_file import Found

LINK = re.compile(r"https?://[A-Za-z0-9._~:/?#@!$&*+,;=%-]{1,500}")
COMMIT = re.compile(r"[0-9a-f]{7,64}")
AT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?( ?(UTC|Z))?")
PATH = re.compile(r"[a-z_]+=[^=].*")
RUN = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")


def _like(pattern: re.Pattern[str], example: str) -> Callable[..., str]:
    def check(_context: click.Context, _parameter: click.Parameter, text: str | None) -> str:
        if text and not pattern.fullmatch(text):
            raise click.BadParameter(f"{text!r} is not like {example}")
        return text or ""

    return check


def _paths(_context: click.Context, _parameter: click.Parameter, given: Sequence[str]) -> dict[str, str]:
    for each in given:
        if not PATH.fullmatch(each):
            raise click.BadParameter(f"{each!r} is not like markdown=plan.md")
    return dict(each.split("=", 1) for each in given)


@command(
    click.argument("form", type=click.Choice(("comment", "junit", "sarif", "annotations", "outputs"))),
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
    click.option("--prefix", default="", metavar="DIR", help="Where the repository's root is in the checkout."),
    click.option(
        "--visibility",
        type=click.Choice(("private", "public")),
        default="public",
        help="Who may read it; only where that is private, `addresses: whole` in reconciler.yaml counts.",
    ),
    click.option(
        "--path", "paths", multiple=True, metavar="NAME=FILE", callback=_paths, help="A path to be among the outputs."
    ),
)
def report(
    asked: Asked,
    form: str,
    file: Path,
    *,
    max_bytes: int,
    prefix: str,
    visibility: str,
    paths: dict[str, str],
    **said: Any,
) -> int:
    """Print the file in a form; ``said`` is what a comment is told of where it comes from."""
    from reconciler.report import machines
    from reconciler.report.findings import by_gravity
    from reconciler.report.read_file import read_file

    found = read_file(file)
    if asked.environment and found.environment and asked.environment != found.environment:
        raise InvalidInput(f"{file} is about the environment {found.environment!r}, not {asked.environment!r}")
    hide = _hiding(asked, found.environment, is_private=visibility == "private")
    if form == "comment":
        write(_comment(found, max_bytes, hide, **said), sys.stdout, "markdown")
        return 0
    if form == "outputs":
        write(machines.outputs({**found.numbers(), **paths}), sys.stdout, "json")
        return 0
    findings = by_gravity(found.findings(), hide)
    if form == "annotations":
        write(machines.annotations(findings, prefix), sys.stdout, "json", acts=True)
    elif form == "sarif":
        write(machines.sarif(findings, prefix), sys.stdout, "json")
    else:
        write(machines.junit(findings, found.environment, prefix), sys.stdout, "json")
    return 0


def _hiding(asked: Asked, environment: str, *, is_private: bool) -> Callable[[str], str]:
    """Return what hides people: addresses too, unless few may read them and reconciler.yaml wants them whole."""
    from reconciler.config.read import load_config
    from reconciler.report.markdown import masked, without_phones

    with suppress(InvalidInput):  # what is wrong with it is for the commands that need it
        if is_private and load_config(asked.root, environment or asked.environment).addresses == "whole":
            return without_phones
    return partial(masked, salt=token_bytes())


def _comment(
    found: "Found", limit: int, hide: Callable[[str], str], *, drift: bool, link: str, at: str, **said: Any
) -> str:
    from reconciler.report.comment import Stamp, comment, plan_comment
    from reconciler.report.outcomes import apply_report
    from reconciler.report.plan import drift_report
    from reconciler.report.problems import problems_report

    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    is_applied = found.applied is not None
    stamp = Stamp(environment=found.environment, link=link or _run(), at=at or now, is_applied=is_applied, **said)
    if found.applied:
        made = apply_report(found.plan, found.applied, found.new)
    elif found.is_plan:
        made = drift_report(found.plan) if drift else plan_comment(found.plan)
    else:
        made = problems_report(found.plan.problems)
    return comment(made, stamp, limit, hide)


def _run() -> str:
    """Return the address of the run of GitHub Actions that this is, "" where it is none."""
    server, repository, run = (os.environ.get(name, "") for name in RUN)
    link = f"{server}/{repository}/actions/runs/{run}"
    return link if server and repository and run and LINK.fullmatch(link) else ""
