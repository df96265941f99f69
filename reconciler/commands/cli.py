"""The program: its commands, and how it ends.

A command is a file with a function of its name, and an entry here.
"""

import gc
import io
import os
import signal
import sys
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import click

from reconciler import __version__
from reconciler.commands import apply, demo, doctor, drift, emulator, export, init, plan, schema, validate, why
from reconciler.commands.options import discard, shared_options, tell
from reconciler.errors import InvalidInput, NotPrinted

COMMANDS: Final = (
    validate.validate,
    plan.plan,
    apply.apply,
    drift.drift,
    why.why,
    doctor.doctor,
    schema.schema,
    init.init,
    export.export,
    demo.demo,
    emulator.emulator,
)
INTERRUPTED: Final = 130
# A million short-lived records pass through: with fewer collections they are read in a third of the time.
FEWER_COLLECTIONS: Final = (50_000, 20, 100)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="reconciler")
@shared_options
@click.pass_context
def cli(context: click.Context, /, **options: Any) -> None:
    """Keep a Stytch B2B project as its git repository says.

    Exit codes: 0 nothing to do, or all applied; 1 error, or a write failed; 2 changes planned, or drift found;
    3 anything was withheld; 4 not everything could be read, so nothing was decided.
    """
    context.obj = options


for _command in COMMANDS:
    cli.add_command(_command)


def main() -> None:
    """Run the command line; a usage error exits with 1, because 2 means that there are changes."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    gc.set_threshold(*FEWER_COLLECTIONS)
    code = _run()
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except (OSError, ValueError):
            discard(stream)  # Python itself would exit with 120
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
