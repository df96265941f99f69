"""The command line: one function per command.

0 nothing to do, or all applied · 1 error, or a write failed · 2 changes planned, or drift found · 3 anything was
withheld · 4 an incomplete read stopped the run.
"""

import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.commands.options import EXPORT_OPTIONS, Asked, command, invoked_as, main
from reconciler.errors import InvalidInput, NotPrinted, Refused

if TYPE_CHECKING:
    from reconciler.clients.b2b import Client
    from reconciler.config.read import Config
    from reconciler.credentials.store import CredentialStore
    from reconciler.export.gather import Exported, ExportRequest
    from reconciler.model import Change
    from reconciler.plan.planned import Planned

    Make = Callable[[Config, Client, CredentialStore, ExportRequest], Exported]

__all__ = ["main"]


def _config(asked: Asked) -> "Config":
    from reconciler.config.read import load_config

    try:
        return load_config(asked.root, asked.environment, tables=asked.tables, users=asked.users)
    except InvalidInput as error:
        from reconciler.load.examine import mistakes_in_documents
        from reconciler.load.repository import refusal

        raise refusal([*error.problems, *mistakes_in_documents(asked.root)]) from None


@contextmanager
def _client(config: "Config") -> Iterator["Client"]:
    from reconciler.clients.connect import open_client
    from reconciler.clients.credentials import Credentials

    with open_client(Credentials.from_environment(os.environ), config.rates) as client:
        yield client


def _plan(asked: Asked, config: "Config", client: "Client") -> "Planned":
    from reconciler import pipeline
    from reconciler.read.run import open_run
    from reconciler.report.progress import reading

    with reading(asked.format):
        return pipeline.plan(open_run(config, client), asked.only)


@command()
def validate(asked: Asked) -> int:
    """Check manifests, rules and tables, offline; every problem at once."""
    from reconciler.load.repository import load
    from reconciler.report.show import show_validated

    declared, rules = load(_config(asked))
    show_validated(declared, rules, asked.format)
    return 0


@command(
    click.option(
        "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Also write the plan here, as JSON."
    )
)
def plan(asked: Asked, output: Path | None) -> int:
    """Show what would change and why; writes nothing to Stytch."""
    from reconciler.commands.outputs import check_output
    from reconciler.plan.planned import exit_code
    from reconciler.report.show import plan_json, show_plan

    config = _config(asked)
    if output:
        check_output(config, output)
    with _client(config) as client:
        planned = _plan(asked, config, client).plan
    if output:
        _write_privately(output, plan_json(planned))
    show_plan(planned, asked.format, apply_with=(*asked.again, *([str(output)] if output else [])))
    return exit_code(planned)


@command(
    click.argument("file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False)),
    click.option("--yes", is_flag=True, help="Do not ask before writing to a live project."),
)
def apply(asked: Asked, file: Path | None, *, yes: bool) -> int:
    """Plan and apply; or apply the reviewed plan in FILE as far as planning again gives the same."""
    from reconciler import pipeline
    from reconciler.plan.narrow import hold_to, read_plan
    from reconciler.read.run import open_run
    from reconciler.report.progress import applying
    from reconciler.report.show import show_outcomes, show_plan

    config = _config(asked)
    reviewed = read_plan(file) if file else None
    with _client(config) as client:
        planned = _plan(asked, config, client)
        new: tuple[Change, ...] = ()
        if reviewed:
            planned, new = hold_to(reviewed, planned, config.rates.writes_per_second)
        elif planned.plan.changes and asked.format != "json":
            show_plan(planned.plan, asked.format, apply_with=None)
        _confirm(config, planned, agreed=yes, reviewed=reviewed is not None)
        with applying(planned.plan, asked.format) as tell:
            applied = pipeline.apply(open_run(config, client), planned, tell)
    try:
        show_outcomes(planned.plan, applied, new, asked.format)
    except NotPrinted as error:
        hint = f"the journal says what was applied: {applied.journal}" if applied.journal else ""
        raise NotPrinted(error.reason, hint, closed=error.closed and not hint) from error
    return applied.exit_code


@command()
def drift(asked: Asked) -> int:
    """Show what is live and not as declared; what nobody declared is listed and never counts."""
    from reconciler.plan.planned import exit_code
    from reconciler.report.show import show_drift

    config = _config(asked)
    with _client(config) as client:
        planned = _plan(asked, config, client).plan
    show_drift(planned, asked.format)
    return exit_code(planned) or (2 if planned.observed else 0)


@command(click.argument("user"))
def why(asked: Asked, user: str) -> int:
    """Show which rules gave USER (an id, external id or address) what, and which nearly did."""
    from reconciler.commands.explain import explain_user
    from reconciler.report.show import show_why

    explanations = explain_user(_config(asked), user, _client)
    show_why(explanations, user, asked.format)
    return 0 if explanations else 1


@command()
def doctor(asked: Asked) -> int:
    """Show which project the credentials reach, test or live, and what can be read; writes nothing."""
    from reconciler.clients.credentials import Credentials
    from reconciler.commands.doctor import examine
    from reconciler.report.show import show_findings

    config = _config(asked)
    findings = examine(config, Credentials.from_environment(os.environ))
    return 0 if show_findings(findings, asked.format) else 1


@command()
def schema(asked: Asked) -> int:  # noqa: ARG001 # every command is asked the same way
    """Print the JSON Schema of every kind and document, for editors."""
    from reconciler.load.schemas import editor_schema
    from reconciler.report.show import show_json

    show_json(editor_schema())
    return 0


@command(
    click.argument("directory", required=False, type=click.Path(path_type=Path, file_okay=False)),
    click.option("--from-live", is_flag=True, help="Declare the live state of the project that the credentials open."),
    click.option("--from-consumer", is_flag=True, help="Declare a B2B project that replaces a Consumer project."),
    click.option(
        "--project", default="", metavar="SLUG", help="With --from-live or --from-consumer: the B2B project's slug."
    ),
    click.option(
        "--environments",
        multiple=True,
        metavar="SLUG",
        help="With --from-live or --from-consumer: read only this environment.",
    ),
    *EXPORT_OPTIONS,
)
def init(
    asked: Asked,
    directory: Path | None,
    *,
    from_live: bool,
    from_consumer: bool,
    project: str,
    environments: tuple[str, ...],
    **form: Any,
) -> int:
    """Write a repository to start from, into DIRECTORY or this folder; overwrites nothing."""
    from reconciler.report.show import show_lines

    root = directory or asked.root
    if from_live and from_consumer:
        raise InvalidInput("--from-live and --from-consumer exclude each other", hint="give only one of them")
    if not from_live and any(value != "manifests" for value in form.values() if value):
        raise InvalidInput("--organizations, --members and --adopt need --from-live", hint="add it")
    if from_live:
        from reconciler.config.read import Config
        from reconciler.config.schema import Target
        from reconciler.export.from_live import repository

        target = Target(project=project or None, environment=next(iter(environments), None))
        config = Config(root=root, environment=asked.environment or "", environments=(), target=target)
        return _export(asked, config, root, repository, **form)
    if from_consumer:
        from reconciler.migration.repository import init_from_consumer

        written = init_from_consumer(root, os.environ, project, environments)
    else:
        from reconciler.export.starter import scaffold

        written = scaffold(root)
    wrote = [f"wrote {path}" for path in written or ("nothing: every file already exists with this content",)]
    read_first = f"read {root / 'MIGRATION.md'}, then run " if from_consumer else ""
    there = "" if root.resolve() == Path.cwd() else f" -C {shlex.quote(str(root))}"
    show_lines([*wrote, f"Next: {read_first}{invoked_as()}{there} validate"])
    return 0


@command(
    click.argument("directory", required=False, type=click.Path(path_type=Path, file_okay=False)),
    click.option("--unmanaged", is_flag=True, help="Also export what no manifest of this repository declares."),
    *EXPORT_OPTIONS,
)
def export(asked: Asked, directory: Path | None, *, unmanaged: bool, **form: Any) -> int:
    """Write manifests of what is live into DIRECTORY (export): planning with them changes nothing."""
    from reconciler.export.gather import export as made

    config = _config(asked)
    return _export(asked, config, directory or config.root / "export", made, unmanaged=unmanaged, **form)


def _export(asked: Asked, config: "Config", root: Path, made: "Make", *, organizations: str, **wanted: bool) -> int:
    """Read, then write into a folder that holds nothing else."""
    from reconciler.export.files import check_nothing_else, write_files
    from reconciler.export.gather import ExportRequest
    from reconciler.read.run import store_of
    from reconciler.report.progress import reading
    from reconciler.report.show import show_exported

    with _client(config) as client, reading(asked.format):
        asked_for = ExportRequest(only=asked.only, table=organizations == "table", **wanted)
        exported = made(config, client, store_of(config), asked_for)
    check_nothing_else(root, exported.files)
    show_exported(exported, write_files(root, exported.files), str(root), asked.format)
    return 0


@command(
    click.option("--keep", is_flag=True, help="Keep the scratch folder."),
)
def demo(asked: Asked, *, keep: bool) -> int:  # noqa: ARG001 # every command is asked the same way
    """Show the whole loop on the emulator in a scratch folder; needs no account."""
    from reconciler.commands.demo import run

    return run(keep=keep)


@command(
    click.option("--port", type=int, default=0, help="The port on 127.0.0.1; 0 takes any free one."),
    click.option(
        "--database", type=click.Path(path_type=Path, dir_okay=False), help="Keep the data in this SQLite file."
    ),
    click.option(
        "--seed-users",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        help="A Consumer export to load at the start; --users does the same.",
    ),
    click.option(
        "--rbac-policy", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="The RBAC policy, JSON."
    ),
    click.option(
        "--env-file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Write the credentials here once it listens.",
    ),
    click.option("--https", is_flag=True, help="Serve HTTPS with a temporary self-signed certificate."),
    click.option(
        "--faults", multiple=True, metavar="SPEC", help="Faults to make, e.g. drop_before:0.03,status_503:0.02."
    ),
    click.option(
        "--behaviour", multiple=True, metavar="NAME=VALUE", help="How to behave where Stytch's documentation is silent."
    ),
    click.option("--synthetic-users", type=int, help="Start with this many made-up Consumer users."),
    click.option("--seed", type=int, default=0, help="Seed of made-up users and faults."),
)
def emulator(asked: Asked, **options: object) -> int:
    """Run a local Stytch on 127.0.0.1 until interrupted."""
    from reconciler.commands.outputs import check_apart
    from reconciler.emulator.seed.command import run
    from reconciler.report.show import show_lines

    users = options.pop("seed_users") or (Path(asked.users) if asked.users else None)
    read = {"the users": users, "the RBAC policy": options["rbac_policy"], "the database": options["database"]}
    inputs = [(what, path) for what, path in read.items() if isinstance(path, Path)]
    for name in ("env_file", "database"):
        if isinstance(output := options[name], Path):
            check_apart(output, (each for each in inputs if each[1] is not output))
    try:
        run(users=users, announce=lambda line: show_lines([line]), **options)  # type: ignore[arg-type] # click has parsed each to run's type
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise InvalidInput(f"{where}{error.strerror or error}") from error
    except ValueError as error:
        raise InvalidInput(str(error)) from error
    return 0


def _confirm(config: "Config", planned: "Planned", *, agreed: bool, reviewed: bool) -> None:
    """Ask once on a terminal before a live project is written to; where nobody can be asked, nobody has agreed."""
    writes = planned.plan.cost.writes
    if agreed or not writes or not (config.target.type == "live" or planned.target.is_live):
        return
    where = planned.plan.project_id or planned.plan.target
    if not _can_ask():
        if reviewed:
            return
        raise Refused(
            f"{writes} requests would be written to the LIVE project {where}, but "
            "there is no terminal to confirm: nothing was "
            "written",
            hint="apply a reviewed plan (`plan -o FILE`, then `apply FILE`), or give --yes",
        )
    if not click.confirm(f"Write {writes} requests to the LIVE project {where}?", err=True):
        raise Refused("not confirmed, so nothing was written", hint="answer y, or give --yes")


def _can_ask() -> bool:
    """Return whether somebody sees the question, which goes to standard error, and can answer it."""
    streams = (sys.stdin, sys.stderr)  # None where the program was started with them closed
    return all(stream is not None and stream.isatty() for stream in streams)


def _write_privately(path: Path, text: bytes) -> None:
    """Write a file that names people: readable by its owner alone."""
    from reconciler.files import write_whole

    if path.exists() and not path.is_file():
        raise InvalidInput(f"{path} is not a plain file", hint="name another file with -o")
    try:
        write_whole(path.resolve(), text)
    except OSError as error:
        raise InvalidInput(f"cannot write {path}: {error.strerror}", hint="name another file with -o") from error
