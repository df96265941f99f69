"""``reconciler snapshot``: write what is live, and the users, without people, for plans without a credential."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from reconciler.commands.options import Asked, client_for, command
from reconciler.errors import InvalidInput, Refused
from reconciler.files import write_whole

if TYPE_CHECKING:
    from reconciler.config.read import Config

TRUSTED: Final = frozenset({"push", "schedule"})  # events of GitHub that run what is on the default branch
ASKED: Final = "workflow_dispatch"  # runs what is on any branch
LARGEST_EVENT: Final = 25 << 20  # bytes: what GitHub sends at most
PUBLIC: Final = "set `snapshot: {public: true}` in reconciler.yaml, if everybody may have its hashes"


@command(
    click.option(
        "-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="Write it here."
    ),
    click.option(
        "--visibility",
        type=click.Choice(("private", "public")),
        help="Who can read this repository; by default what GitHub says of it.",
    ),
)
def snapshot(asked: Asked, output: Path, visibility: str | None) -> int:
    """Read everything live, and the users, and write it without people; return 0."""
    from reconciler.commands.outputs import check_output
    from reconciler.read.run import open_run
    from reconciler.report.progress import reading
    from reconciler.snapshot.file import compressed
    from reconciler.snapshot.take import lines_of

    config = asked.config()
    check_output(config, output)
    check_place(config, os.environ, visibility)
    given = frozenset(table.partition("=")[0] for table in asked.tables)
    with client_for(config) as client, reading(asked.format, client):
        try:
            write_whole(output.resolve(), compressed(lines_of(open_run(config, client), given)))
        except OSError as error:
            raise InvalidInput(f"cannot write {output}: {error.strerror}", hint="name another file with -o") from error
    if asked.format == "json":
        click.echo(json.dumps({"environment": config.environment, "snapshot": str(output)}))
        return 0
    click.echo(f"Wrote {output}: what is live in {config.environment}, and its users, with their addresses hashed.")
    return 0


def check_place(config: "Config", environ: Mapping[str, str], visibility: str | None) -> None:
    """Raise ``Refused`` where a snapshot must not be taken: in a pull request's run, or for everybody to read."""
    event = _event(environ)
    repository = event.get("repository") if isinstance(event.get("repository"), dict) else {}
    if environ.get("GITHUB_ACTIONS"):
        name, ref = environ.get("GITHUB_EVENT_NAME", ""), environ.get("GITHUB_REF", "")
        default = repository.get("default_branch") if repository else None
        is_default = bool(default) and ref == f"refs/heads/{default}"
        if not (is_default and name == ASKED) and (name not in TRUSTED or (default and not is_default)):
            said = f"a run of {name or 'an unknown event'} on {ref or 'an unknown branch'} takes no snapshot"
            raise Refused(said, hint="take it in a run of push, schedule or workflow_dispatch, on the default branch")
    private = repository.get("private") if repository else None
    if config.snapshot.public or (
        private is not False and (visibility == "private" or (private is True and not visibility))
    ):
        return
    if visibility == "public" or private is False:
        raise Refused("this repository is public, so anybody could download the snapshot", hint=PUBLIC)
    hint = f"give --visibility private if few can; or {PUBLIC}"
    raise Refused("it is unknown who can read this repository", hint=hint)


def _event(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return what GitHub says of the event that started this run; nothing where that cannot be read."""
    path = environ.get("GITHUB_EVENT_PATH")
    try:
        with Path(path or "").open("rb") as file:
            event = json.loads(file.read(LARGEST_EVENT))
    except (OSError, ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}
