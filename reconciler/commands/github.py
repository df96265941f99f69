"""``reconciler github``: keep the comment of a pull request, or the issue about drift, up to date."""

import os
from pathlib import Path

import click

from reconciler.commands.options import Asked, command
from reconciler.errors import InvalidInput
from reconciler.report.formats import show_lines


@command(
    click.argument("what", type=click.Choice(("comment", "issue"))),
    click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False)),
    click.option("--pull", type=click.IntRange(min=1), metavar="N", help="The pull request of the comment."),
    click.option("--no-drift", is_flag=True, help="There is no drift: close the issue, if there is one."),
    click.option("--bot", default="github-actions[bot]", metavar="LOGIN", help="Whose comments and issues are ours."),
)
def github(  # each option is an argument
    asked: Asked, what: str, file: Path, *, pull: int | None, no_drift: bool, bot: str
) -> int:
    """Write the text into the comment or the issue, and print what was done."""
    from reconciler.github.client import open_repository
    from reconciler.github.kept import keep_comment, keep_issue

    try:
        body = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"cannot read {file}: {error}") from error
    repository = open_repository(os.environ)
    with repository.http:
        if what == "issue":
            done = keep_issue(repository, body, bot, drifts=not no_drift)
        elif pull is None:
            raise InvalidInput("a comment needs --pull N", hint="`${{ github.event.pull_request.number }}`")
        else:
            done = keep_comment(repository, pull, body, bot)
    show_lines([f"{asked.environment or ''} {what} {done}".strip()])
    return 0
