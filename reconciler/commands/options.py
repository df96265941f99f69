"""The shared options of all commands, before or after the command's name; errors → exit codes."""

import gc
import io
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from itertools import pairwise
from pathlib import Path
from typing import Any, TextIO

import click
from msgspec import Struct

from reconciler import __version__
from reconciler.errors import InvalidInput, NotPrinted, ReconcilerError

FORMATS = ("text", "json", "markdown")
INTERRUPTED = 130
FEWER_COLLECTIONS = (50_000, 20, 100)  # a million short-lived records pass through: a third of the time to read them

Command = Callable[..., int]


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


def _shared_options(command: Callable[..., Any]) -> Callable[..., Any]:
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
        click.option("--format", "format", type=click.Choice(FORMATS), help="The output format; text by default."),
        click.option("-e", "--environment", metavar="NAME", envvar="RECONCILER_ENVIRONMENT", help=environment),
        click.option("-C", "root", metavar="DIR", type=click.Path(path_type=Path), help="The repository's root."),
    ):
        command = option(command)
    return command


# In what form live state becomes manifests, and how much of it.
EXPORT_OPTIONS = (
    click.option(
        "--organizations",
        type=click.Choice(("manifests", "table")),
        default="manifests",
        help="Write one manifest per organization, or one OrganizationSet and its table.",
    ),
    click.option("--members", is_flag=True, help="Also export members that no rule matches."),
    click.option("--adopt", is_flag=True, help="Declare organizations without a mark as this repository's."),
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="reconciler")
@_shared_options
@click.pass_context
def cli(context: click.Context, /, **options: Any) -> None:
    """Keep a Stytch B2B project as its git repository says.

    Exit codes: 0 nothing to do, or all applied; 1 error, or a write failed; 2 changes planned, or drift found;
    3 anything was withheld; 4 not everything could be read, so nothing was decided.
    """
    context.obj = options


def command(*parameters: Callable[..., Any]) -> Callable[[Command], click.Command]:
    """Make a command of a function that takes ``Asked`` and gives an exit code; what it raises is reported here."""

    def decorate(function: Command) -> click.Command:
        @wraps(function)
        def run(context: click.Context, /, **options: Any) -> None:
            asked = _asked(context.obj or {}, options)
            try:
                code = function(asked, **options)
            except ReconcilerError as error:
                _tell(error, asked.format)
                code = error.exit_code
            context.exit(code)

        wrapped = click.pass_context(run)
        for parameter in reversed(parameters):
            wrapped = parameter(wrapped)
        return cli.command(name=function.__name__)(_shared_options(wrapped))

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


def _show_usage(error: click.ClickException) -> None:
    """Show what was typed wrong; where JSON was asked for, whoever reads it gets JSON."""
    arguments = sys.argv[1:]
    if "--format=json" in arguments or ("--format", "json") in pairwise(arguments):
        _tell(InvalidInput(error.format_message(), hint="`reconciler COMMAND --help` lists the options"), "json")
        return
    from reconciler.report.escaping import on_a_line

    said = io.StringIO()
    error.show(said)
    click.echo("\n".join(f"{on_a_line(line)}" for line in said.getvalue().splitlines()), err=True)


def _tell(error: ReconcilerError, form: str) -> None:
    """Show an error; where standard output takes nothing, on standard error, and if need be nowhere."""
    from reconciler.report.show import show_error

    lost = error if isinstance(error, NotPrinted) else None
    if lost is None:
        try:
            show_error(error, form)
        except NotPrinted as unprinted:
            lost = unprinted
        else:
            return
    _discard(sys.stdout)
    if not lost.closed:
        with suppress(NotPrinted):
            for each in dict.fromkeys((lost, error)):
                show_error(each, "text")


def _discard(stream: TextIO) -> None:
    """Let what is still to be written to a stream go nowhere, so that the end of the program does not trip over it."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def main() -> None:
    """Run the command line; a usage error exits with 1, because 2 means that there are changes."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    gc.set_threshold(*FEWER_COLLECTIONS)
    code = _run()
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except (OSError, ValueError):
            _discard(stream)  # Python itself would exit with 120
    sys.exit(code)


def _run() -> int:
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 # it stays open to the end
    if sys.stdout is None:
        click.echo("error: standard output is closed, so nothing can be printed", err=True)
        return 1
    try:
        code = cli.main(prog_name="reconciler", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        with suppress(OSError):
            _show_usage(error)
        return 1
    except (click.Abort, KeyboardInterrupt):
        with suppress(OSError):
            click.echo("interrupted", err=True)
        return INTERRUPTED
    except OSError as error:  # of what is printed outside reports; whatever reads or writes files says so itself
        _tell(NotPrinted(error.strerror or type(error).__name__, closed=isinstance(error, BrokenPipeError)), "text")
        return 1
    return int(code or 0)
