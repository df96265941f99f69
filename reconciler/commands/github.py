"""``reconciler github``: what a workflow fetches from GitHub, and what it says there."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.commands.options import Asked, client_for, command, planned_for, planned_from, seconds_of
from reconciler.commands.step import step
from reconciler.errors import InvalidInput, ReconcilerError, Unreadable
from reconciler.report.formats import show_lines

if TYPE_CHECKING:
    from reconciler.github.client import Repository
    from reconciler.github.pulls import Pull
    from reconciler.github.reviewed import Review
    from reconciler.plan.reviewed import Checked

WORKFLOW = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)/\.github/workflows/(?P<file>[\w.-]+)@.*")
SERVER = re.compile(r"https?://[A-Za-z0-9.:-]+")
BOT = click.option("--bot", default="github-actions[bot]", metavar="LOGIN", help="Whose comments and issues are ours.")
FILE = click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
PULLS = click.option(
    "--pull", "pulls", multiple=True, type=click.IntRange(min=1), metavar="N", help="The pull request."
)


@click.group()
def github() -> None:
    """Group the commands below it."""


@command(
    click.argument("file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False)),
    PULLS,
    click.option(
        "--from-run", type=click.IntRange(min=1), metavar="ID", help="Comment on what this run planned, as advice."
    ),
    BOT,
)
def comment(asked: Asked, file: Path | None, pulls: tuple[int, ...], *, from_run: int | None, bot: str) -> int:
    """Keep the comment of a pull request as FILE says."""
    from reconciler.github.kept import keep_comment

    if from_run is not None:
        if file or pulls:
            raise click.UsageError("--from-run finds the plan and the pull request itself: give neither")
        return _comment_from(from_run, bot)
    if file is None or not pulls:
        raise InvalidInput("a comment needs FILE and --pull N", hint="`--pull ${{ github.event.pull_request.number }}`")
    body = _text(file)
    with _repository() as repository:
        for pull in pulls:
            done = keep_comment(repository, pull, body, bot)
            show_lines([f"{asked.environment or ''} comment on #{pull} {done}".strip()])
    return 0


@command(
    FILE,
    click.option(
        "--of",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        metavar="RESULT",
        help="What `drift --format json` printed: it says whether the issue opens, lasts or is closed.",
    ),
    BOT,
)
def issue(asked: Asked, file: Path, *, of: Path | None, bot: str) -> int:
    """Keep the issue about drift as FILE says."""
    if of is None:
        raise InvalidInput("the issue needs --of RESULT", hint="make it with `drift --format json > RESULT`")
    body = _text(file)
    with _repository() as repository:
        done = _issue(repository, body, of, bot)
    show_lines([f"{asked.environment or ''} issue {done}".strip()])
    return 0


@command(
    click.option(
        "-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="Write it here."
    ),
    click.option("--max-age", callback=seconds_of, metavar="DURATION", help="Take none that is older, such as 24h."),
)
def snapshot(asked: Asked, output: Path, *, max_age: float) -> int:
    """Download the newest snapshot that a run of the default branch published."""
    from datetime import UTC, datetime

    from reconciler.files import write_whole
    from reconciler.github.artifacts import content_of, newest_snapshot
    from reconciler.snapshot.file import opened

    config = asked.config()
    with _repository() as repository, _writing(output):
        write_whole(output.resolve(), content_of(repository, newest_snapshot(repository, config.environment)))
    with opened(output) as found:
        taken = found.head.taken_at
    age = (datetime.now(UTC) - datetime.fromisoformat(taken)).total_seconds()
    if age > max_age:
        raise Unreadable(
            f"the newest snapshot, of {taken}, is {age:,.0f} s old, which is more than --max-age",
            hint="run the workflow that takes snapshots on the default branch",
        )
    show_lines([f"Wrote {output}: the snapshot of {taken}."])
    return 0


@command(
    click.option(
        "-o", "--output", required=True, type=click.Path(path_type=Path, file_okay=False), help="Write them here."
    ),
    PULLS,
)
def reviewed(asked: Asked, output: Path, pulls: tuple[int, ...]) -> int:
    """Download the reviewed plans of all that is to be applied, or of pull requests; return 3 if some are missing."""
    from reconciler.github.reviewed import review_of_commits, review_of_pulls
    from reconciler.history.between import to_apply
    from reconciler.history.look import look

    config = asked.config()
    with _repository() as repository, _writing(output):
        output.mkdir(parents=True, exist_ok=True)
        if pulls:
            found = review_of_pulls(repository, pulls, config.environment, output)
        else:
            commits = to_apply(look(config.root, config.environment), config.environment)
            found = review_of_commits(repository, commits, config.environment, output)
        _list(found, output)
    show_lines(found.lines())
    return 0 if found.is_whole else 3


@command(
    click.option(
        "--snapshot", required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Plan from it."
    ),
    BOT,
)
def refresh(asked: Asked, snapshot: Path, bot: str) -> int:
    """Say in the comments of open pull requests whose plan does not hold any more."""
    from msgspec import structs

    from reconciler.github.refresh import refresh as refreshed
    from reconciler.history.between import as_merged
    from reconciler.history.look import look
    from reconciler.plan.plan_file import read_plan
    from reconciler.plan.reviewed import checked

    config = asked.config()
    here = look(config.root, config.environment).repository
    if here is None:
        raise InvalidInput("pull requests are looked at in a git repository", hint="check the default branch out")

    def check(pull: "Pull", plan: Path) -> "Checked":
        with as_merged(here, pull.number) as root:
            there = structs.replace(asked, root=root, environment=config.environment)
            return checked([read_plan(plan)], planned_from(there, there.config(), snapshot.resolve()).plan)

    with _repository() as repository:
        show_lines(refreshed(repository, config.environment, check, bot))
    return 0


@command()
def propose(asked: Asked) -> int:
    """Open a pull request that declares what somebody changed in Stytch as it is live; update it if it is there."""
    from reconciler.export.live_wins import edited
    from reconciler.github.propose import propose as proposed
    from reconciler.history.look import look
    from reconciler.load.repository import load_documents
    from reconciler.model import is_drift
    from reconciler.report.markdown import masked

    config = asked.config()
    here = look(config.root, config.environment)
    if here.repository is None or here.uncommitted:
        raise InvalidInput(
            "the files that are proposed are those of HEAD, and here is none, or it was changed",
            hint="check the default branch out",
        )
    with client_for(config) as client:
        plan = planned_for(asked, config, client).plan
    edits = edited(config.root, filter(is_drift, plan.changes), load_documents(config))
    left = [masked(f"by hand: {address}: {why}") for address, why in edits.by_hand]
    if not edits.taken:
        show_lines([*left, "Nothing is proposed: no drift can be declared in its place."])
        return 0
    with _repository() as repository:
        done = proposed(repository, here.repository, config.environment, edits)
    show_lines([*left, f"{config.environment}: {done}"])
    return 0


@command()
def visibility(_asked: Asked) -> int:
    """Print who can read the repository: private or public."""
    from reconciler.github.artifacts import about

    with _repository() as repository:
        show_lines(["private" if about(repository).private else "public"])
    return 0


def _list(found: "Review", folder: Path) -> None:
    """Write the numbers of the pull requests into a file, one a line, for who comments on them."""
    (folder / "pulls").write_text("".join(f"{one.pull}\n" for one in found.pulls), encoding="utf-8")


def _comment_from(run: int, bot: str) -> int:
    from reconciler.github.from_run import comments_of
    from reconciler.github.kept import keep_comment

    with _repository() as repository:
        pull, bodies = comments_of(repository, run)
        if pull is None:
            show_lines([f"No open pull request ends with the commit of run {run}: nothing is said."])
            return 0
        for environment, body in bodies:
            show_lines([f"{environment} comment on #{pull.number} {keep_comment(repository, pull.number, body, bot)}"])
    return 0


def _issue(repository: "Repository", body: str, of: Path, bot: str) -> str:
    """Keep the issue, and tell the web hook where drift came or went, or where no issue can say it."""
    from reconciler.github.kept import keep_issue
    from reconciler.model import is_drift
    from reconciler.plan.planned import leaves_open
    from reconciler.report.read_file import read_file
    from reconciler.report.values import counted

    plan = read_file(of).plan
    number = sum(map(is_drift, chain(plan.changes, plan.observed)))
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


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"cannot read {file}: {error}") from error


@contextmanager
def _repository() -> "Iterator[Repository]":
    from reconciler.github.client import open_repository

    repository = open_repository(os.environ)
    with repository.http:
        yield repository


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InvalidInput(f"cannot write {path}: {error.strerror}", hint="name another place with -o") from error


HELP = {
    comment: "Keep the comment of a pull request as FILE says, or as a run planned it.",
    issue: "Keep the issue about drift as FILE says.",
    snapshot: "Download the newest snapshot that a run of the default branch published.",
    reviewed: "Download the plans that were reviewed of all that is to be applied since the last apply.",
    refresh: "Say in the comments of open pull requests whose plan does not hold any more.",
    propose: "Open a pull request that declares what somebody changed in Stytch as it is live.",
    step: "Do what a step of the action does, as the variables ask that action.yml sets.",
    visibility: "Print whether everybody can read the repository: private or public.",
}
for _command, _help in HELP.items():
    _command.help = _help
    github.add_command(_command)
