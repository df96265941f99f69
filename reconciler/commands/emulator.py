"""``reconciler emulator``: a local Stytch."""

from pathlib import Path

import click

from reconciler.commands.options import Asked, command
from reconciler.errors import InvalidInput
from reconciler.report.formats import show_lines
from reconciler.report.view import styled


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
    """Serve until somebody interrupts it; print where it listens."""
    from reconciler.commands.outputs import check_apart
    from reconciler.emulator.seed.command import run

    users = options.pop("seed_users") or (Path(asked.users) if asked.users else None)
    read = {"the users": users, "the RBAC policy": options["rbac_policy"], "the database": options["database"]}
    inputs = [(what, path) for what, path in read.items() if isinstance(path, Path)]
    for name in ("env_file", "database"):
        if isinstance(output := options[name], Path):
            check_apart(output, (each for each in inputs if each[1] is not output))
    try:
        run(users=users, announce=lambda line: show_lines([styled(line, "title")]), **options)  # type: ignore[arg-type] # click has parsed each to run's type
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise InvalidInput(f"{where}{error.strerror or error}") from error
    except ValueError as error:
        raise InvalidInput(str(error)) from error
    return 0
