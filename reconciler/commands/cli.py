"""The program: its commands, and how it ends.

A command is a file with a function of its name, and an entry here.
"""

import gc
import io
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import click

from reconciler.commands.options import discard, shared_options, tell
from reconciler.commands.signals import HANDLED, SIGNALS
from reconciler.errors import InvalidInput, NotPrinted

# What `--help` says of each command, which is a function of its name in the file of its name.
COMMANDS: Final[Mapping[str, str]] = {
    "validate": "Check manifests, rules and tables, offline; every problem at once.",
    "plan": "Show what would change and why; writes nothing to Stytch.",
    "apply": "Plan and apply; or apply the reviewed plans in FILE… as far as planning again gives the same.",
    "check": "Say whether the reviewed plans in PLAN… still hold, and what moved; writes nothing.",
    "drift": "Show what is live and not as declared; what nobody declared is listed and never counts.",
    "snapshot": "Write what is live, and the users, without people, so that others can plan without a credential.",
    "github": "Keep the comment of a pull request, or the issue about drift, as FILE says it.",
    "report": "Print FILE (a plan, outcomes, problems) as a comment, annotations, SARIF, JUnit or outputs.",
    "why": "Show which rules gave USER (an id, external id or address) what, and which nearly did.",
    "doctor": "Show which project the credentials reach, test or live, and what can be read; writes nothing.",
    "schema": "Print the JSON Schema of every kind and document, for editors.",
    "init": "Write a repository to start from, into DIRECTORY or this folder; overwrites nothing.",
    "export": "Write manifests of what is live into DIRECTORY (export): planning with them changes nothing.",
    "demo": "Show the whole loop on the emulator in a scratch folder; needs no account.",
    "emulator": "Run a local Stytch on 127.0.0.1 until interrupted.",
}
# A million short-lived records pass through: with fewer collections they are read in a third of the time.
FEWER_COLLECTIONS: Final = (500_000, 20, 100)


class Commands(click.Group):
    """The commands, each imported when it is used: `--help` must be instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 # as click calls it
        """Return the names of all commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 # as click calls it
        """Return a command, or None where there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"reconciler.commands.{cmd_name}"), cmd_name)
        command.help = COMMANDS[cmd_name]
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with what each does."""
        named = {name: click.Command(name, help=text) for name, text in COMMANDS.items()}
        click.Group(commands=named).format_commands(ctx, formatter)


def _print_version(context: click.Context, _option: click.Parameter, asked: bool) -> None:  # noqa: FBT001 # as click calls it
    """Print the version and its commit, for which git may be asked: only here."""
    if asked and not context.resilient_parsing:
        from reconciler.commands.version import version

        click.echo(f"reconciler {version()}")
        context.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the version."
)
@shared_options
@click.pass_context
def cli(context: click.Context, /, **options: Any) -> None:
    """Keep a Stytch B2B project as its git repository says.

    Exit codes: 0 nothing to do, or all applied; 1 error, or a write failed; 2 changes planned, or drift found;
    3 anything was withheld; 4 not everything could be read, so nothing was decided; 130 or 143 interrupted.
    """
    context.obj = options


def main() -> None:
    """Run the command line; a usage error exits with 1, because 2 means that there are changes."""
    for number in HANDLED:
        signal.signal(number, SIGNALS.arrived)
    gc.set_threshold(*FEWER_COLLECTIONS)
    try:
        code = _run()
    except KeyboardInterrupt:  # while something else was being reported
        code = SIGNALS.interrupted()
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except (OSError, ValueError):
            discard(stream)  # Python itself would exit with 120
    for number in HANDLED:
        signal.signal(number, signal.SIG_IGN)  # all is said, and the exit code is known
    SIGNALS.end(code)
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
        return SIGNALS.interrupted()
    except OSError as error:  # of what is printed outside reports; whatever reads or writes files says so itself
        tell(NotPrinted(error.strerror or type(error).__name__, closed=isinstance(error, BrokenPipeError)), "text")
        return 1
    return int(code or 0)


def _show_usage(error: click.ClickException) -> None:
    """Show what was typed wrong; where JSON was asked for, whoever reads it gets JSON."""
    arguments = sys.argv[1:]
    if "--format=json" in arguments or ("--format", "json") in pairwise(arguments):
        tell(InvalidInput(error.format_message(), hint="`reconciler COMMAND --help` lists the options"), "json")
        return
    from reconciler.report.escaping import harmless

    said = io.StringIO()
    error.show(said)
    click.echo("\n".join(harmless(line) for line in said.getvalue().splitlines()), err=True)
