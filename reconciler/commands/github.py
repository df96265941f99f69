"""``reconciler github``: keep the comment of a pull request, or the issue about drift, up to date."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.commands.options import Asked, command
from reconciler.errors import InvalidInput, ReconcilerError
from reconciler.report.formats import show_lines

if TYPE_CHECKING:
    from reconciler.github.client import Repository

WORKFLOW = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)/\.github/workflows/(?P<file>[\w.-]+)@.*")
SERVER = re.compile(r"https?://[A-Za-z0-9.:-]+")


@command(
    click.argument("what", type=click.Choice(("comment", "issue"))),
    click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False)),
    click.option("--pull", type=click.IntRange(min=1), metavar="N", help="The pull request of the comment."),
    click.option(
        "--of",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        metavar="RESULT",
        help="What `drift --format json` printed: it says whether the issue opens, lasts or is closed.",
    ),
    click.option("--bot", default="github-actions[bot]", metavar="LOGIN", help="Whose comments and issues are ours."),
)
def github(  # each option is an argument
    asked: Asked, what: str, file: Path, *, pull: int | None, of: Path | None, bot: str
) -> int:
    """Write the text into the comment or the issue, and print what was done."""
    from reconciler.github.client import open_repository
    from reconciler.github.kept import keep_comment

    try:
        body = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"cannot read {file}: {error}") from error
    repository = open_repository(os.environ)
    with repository.http:
        if what == "issue":
            if of is None:
                raise InvalidInput("the issue needs --of RESULT", hint="make it with `drift --format json > RESULT`")
            done = _issue(repository, body, of, bot)
        elif pull is None:
            raise InvalidInput("a comment needs --pull N", hint="`${{ github.event.pull_request.number }}`")
        else:
            done = keep_comment(repository, pull, body, bot)
    show_lines([f"{asked.environment or ''} {what} {done}".strip()])
    return 0


def _issue(repository: "Repository", body: str, of: Path, bot: str) -> str:
    """Keep the issue, and tell the web hook where drift came or went, or where no issue can say it."""
    from reconciler.github.kept import keep_issue
    from reconciler.plan.planned import leaves_open
    from reconciler.report.read_file import read_file
    from reconciler.report.values import counted

    plan = read_file(of).plan
    number = len(plan.changes) + len(plan.observed)
    drifts = True if number else (None if leaves_open(plan) else False)
    found = f"Drift in Stytch, {re.sub(r'[^ A-Za-z0-9._-]', '?', plan.environment)}: {counted(number, 'difference')}"
    try:
        kept = keep_issue(repository, body, bot, drifts=drifts, workflow=_workflow(os.environ))
    except ReconcilerError:
        if number:
            _tell(found)
        raise
    if kept.turned:
        _tell(f"{found}, issue {kept.done}: {kept.url}")
    return kept.done


def _workflow(environ: Mapping[str, str]) -> str:
    """Return in Markdown where the workflow that runs now can be started by hand."""
    found = WORKFLOW.fullmatch(environ.get("GITHUB_WORKFLOW_REF", ""))
    server = environ.get("GITHUB_SERVER_URL", "")
    if not found or not SERVER.fullmatch(server):
        return "the drift workflow"
    return f"[`{found['file']}`]({server}/{found['repository']}/actions/workflows/{found['file']})"


def _tell(text: str) -> None:
    """Tell the web hook, if there is one; that it does not listen is a warning and nothing else."""
    from reconciler.github.web_hook import VARIABLE, send

    url = os.environ.get(VARIABLE, "").strip()
    why = send(url, text) if url else ""
    if why:
        mark = "::warning::" if os.environ.get("GITHUB_ACTIONS") == "true" else "warning: "
        click.echo(f"{mark}the web hook was not told of the drift: {why}", err=True)
