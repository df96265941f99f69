"""What all commands share: their options, before or after the command's name; what these open; errors → exit codes."""

import math
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

import click
from msgspec import Struct

from reconciler.errors import InvalidInput, NotPrinted, ReconcilerError
from reconciler.report.formats import FORMATS, show_error

if TYPE_CHECKING:
    from reconciler.clients.b2b import Client
    from reconciler.config.read import Config
    from reconciler.history.look import History
    from reconciler.plan.planned import Planned

Command = Callable[..., int]
STATE: Final = "RECONCILER_STATE"
UNITS: Final = {"s": 1, "m": 60, "h": 3600}
DURATION: Final = re.compile(r"([0-9]{1,6})([smh])")


PAGE: Final = (
    click.option(
        "--html", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Also write a page to FILE."
    ),
    click.option("--mask", is_flag=True, help="Mask addresses on the page."),
)


class Asked(Struct, frozen=True, kw_only=True):
    """What the options say that every command has, before or after its name."""

    root: Path
    environment: str | None
    format: str
    only: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    users: str | None = None

    @property
    def again(self) -> tuple[str, ...]:
        """Return what must be typed again so that another command sees the same (but for the environment)."""
        given = [("-C", str(self.root))] if self.root != Path.cwd() else []
        given += [("--table", table) for table in self.tables] + [("--only", what) for what in self.only]
        given += [("--users", self.users)] if self.users else []
        return tuple(word for pair in given for word in pair)

    def config(self) -> "Config":
        """Read the configuration; raises ``InvalidInput`` with what is wrong with it, and with the documents."""
        from reconciler.config.read import load_config

        try:
            return load_config(self.root, self.environment, tables=self.tables, users=self.users)
        except InvalidInput as error:
            from reconciler.load.examine import mistakes_in_documents
            from reconciler.load.repository import refusal

            raise refusal([*error.problems, *mistakes_in_documents(self.root)]) from None


def shared_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that every command has, and the program before a command's name."""
    environment = "The environment in reconciler.yaml; required if there are several."
    for option in (
        click.option("--users", metavar="FILE", help="Read the users from FILE."),
        click.option("--table", "tables", multiple=True, metavar="NAME=FILE", help="Read a table from FILE."),
        click.option(
            "--only",
            multiple=True,
            metavar="WHAT",
            help="Show and write only this address, kind, or organization=SLUG.",
        ),
        click.option("--format", type=click.Choice(tuple(FORMATS)), help="The output format; text by default."),
        click.option("-e", "--environment", metavar="NAME", envvar="RECONCILER_ENVIRONMENT", help=environment),
        click.option("-C", "root", metavar="DIR", type=click.Path(path_type=Path), help="The repository's root."),
    ):
        command = option(command)
    return command


def command(*parameters: Callable[..., Any]) -> Callable[[Command], click.Command]:
    """Make a command of a function that takes ``Asked`` and gives an exit code; what it raises is reported here."""

    def decorate(function: Command) -> click.Command:
        @wraps(function)
        def run(context: click.Context, /, **options: Any) -> None:
            asked = _asked(context.obj or {}, options)
            try:
                code = function(asked, **options)
            except ReconcilerError as error:
                tell(error, asked.format)
                code = error.exit_code
            context.exit(code)

        wrapped = click.pass_context(run)
        for parameter in reversed(parameters):
            wrapped = parameter(wrapped)
        return click.command(name=function.__name__)(shared_options(wrapped))

    return decorate


def _asked(before: dict[str, Any], options: dict[str, Any]) -> Asked:
    """Take the shared options out of a command's own.

    What stands after its name wins over what stands before; of those that may be given several times, all count.
    """
    given = {name: _given(before.get(name), options.pop(name)) for name in Asked.__struct_fields__}
    for name, value in given.items():
        if value == "" or (isinstance(value, tuple) and "" in value):
            raise click.UsageError(f"--{name.removesuffix('s') if name == 'tables' else name} is given without a value")
    return Asked(
        root=given["root"] or Path.cwd(),
        environment=given["environment"],
        format=given["format"] or "text",
        only=tuple(given["only"] or ()),
        tables=tuple(given["tables"] or ()),
        users=given["users"],
    )


def _given(before: Any, after: Any) -> Any:
    if isinstance(after, tuple):
        return (*(before or ()), *after)
    return before if after is None else after


def seconds_of(_context: click.Context, _parameter: click.Parameter, text: str | None) -> float:
    """Return the seconds of an option that is a duration, infinitely many if it is not given."""
    if text is None:
        return math.inf
    found = DURATION.fullmatch(text)
    seconds = int(found[1]) * UNITS[found[2]] if found else 0
    if not seconds:
        raise click.BadParameter(f"{text!r} is not a duration, such as 90s, 30m or 5h")
    return seconds


def invoked_as() -> str:
    """Return what starts this program from the current folder: its name where PATH finds it, otherwise its path."""
    import shlex
    import shutil

    program = Path(sys.argv[0])
    if program.stem == "__main__":
        return shlex.join((sys.executable, "-m", "reconciler"))
    found = shutil.which(program.name)
    if found and program.exists() and Path(found).samefile(program):
        return program.name
    below = os.path.relpath(program)
    return shlex.quote(str(program.absolute()) if below.startswith("..") else below)


@contextmanager
def client_for(config: "Config") -> Iterator["Client"]:
    """Open a client with the credentials of the environment's variables."""
    from reconciler.clients.connect import open_client
    from reconciler.clients.credentials import Credentials

    with open_client(Credentials.from_environment(os.environ), config.rates) as client:
        yield client


def has_state(config: "Config") -> bool:
    """Return whether git has the state: as the environment's variables say, or else the configuration.

    That it is to do without the state counts once it was applied: no commit takes away by that what judges it.
    """
    said = os.environ.get(STATE)
    if said and said not in ("git", "none"):
        raise InvalidInput(f"{STATE} is {said!r}", hint="set it to git or none, or unset it")
    if said or config.state == "git":
        return (said or config.state) == "git"
    from reconciler.load.earlier import had_state

    return had_state(config)


def history_of(config: "Config") -> "History":
    """Return what git says, unless nobody asks it."""
    from reconciler.history.look import History, look

    return look(config.root, config.environment) if has_state(config) else History()


def planned_for(
    asked: Asked,
    config: "Config",
    client: "Client",
    history: "History | None" = None,
    origins: tuple[str, ...] = (),
) -> "Planned":
    """Plan, and show on a terminal that both sides are being read; ``history`` is what git says, if that is known."""
    from reconciler import pipeline
    from reconciler.apply.alone import apply_beside
    from reconciler.read.run import open_run
    from reconciler.report.escaping import harmless
    from reconciler.report.progress import reading

    if beside := apply_beside(config.root, config.environment):
        said = f"an apply runs in this folder ({beside}): what it has begun may look unfinished, so keep its journal"
        with suppress(OSError):
            click.echo(harmless(f"note: {said}"), err=True)
    with reading(asked.format, client):
        return pipeline.plan(open_run(config, client, history or history_of(config)), asked.only, origins)


def planned_live(asked: Asked, config: "Config") -> "Planned":
    """Plan with the credentials of the environment's variables."""
    with client_for(config) as client:
        return planned_for(asked, config, client)


def planned_from(asked: Asked, config: "Config", path: Path) -> "Planned":
    """Plan from a snapshot: nobody is asked for anything, and no credential is looked for."""
    from datetime import UTC, datetime

    from msgspec import structs

    from reconciler import pipeline
    from reconciler.model import Snapshot
    from reconciler.snapshot.source import run_from

    if asked.users:
        raise InvalidInput(
            "--users and --snapshot are given, but a snapshot has its own users", hint="give one of them"
        )
    with run_from(path, config) as (run, opened):
        redaction, head = run.redaction, opened.head
        only = [redaction.text(one) for one in asked.only] if redaction else asked.only
        planned = pipeline.plan(structs.replace(run, history=history_of(config)), only)
        age = (datetime.now(UTC) - run.client.now()).total_seconds()
        info = Snapshot(taken_at=head.taken_at, digest=opened.digest, salt=head.salt, age=max(0, int(age)))
        # People are hashed in it, so that what it would do has another digest than where they are not.
        return structs.replace(planned, plan=structs.replace(planned.plan, snapshot=info, operations_digest=""))


def tell(error: ReconcilerError, form: str) -> None:
    """Show an error; where standard output takes nothing, on standard error, and if need be nowhere."""
    lost = error if isinstance(error, NotPrinted) else None
    if lost is None:
        try:
            show_error(error, form)
        except NotPrinted as unprinted:
            lost = unprinted
        else:
            return
    discard(sys.stdout)
    if not lost.closed:
        with suppress(NotPrinted):
            for each in dict.fromkeys((lost, error)):
                show_error(each, "text")


def discard(stream: TextIO) -> None:
    """Let what is still to be written to a stream go nowhere, so that the end of the program does not trip over it."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
