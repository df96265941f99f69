"""``reconciler plan``: what would change and why."""

from collections.abc import Iterable
from pathlib import Path

import click

from reconciler.commands.options import Asked, command, planned_from, planned_live
from reconciler.errors import InvalidInput
from reconciler.files import write_whole
from reconciler.report.formats import show


@command(
    click.option(
        "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Also write the plan here, as JSON."
    ),
    click.option(
        "--snapshot",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="Plan from this snapshot, with no credential and no request.",
    ),
)
def plan(asked: Asked, output: Path | None, snapshot: Path | None) -> int:
    """Print a plan; return 3 if anything is withheld or held, 2 if anything would change, else 0."""
    from reconciler.commands.outputs import check_output
    from reconciler.plan.planned import exit_code
    from reconciler.report.json import plan_json
    from reconciler.report.plan import plan_report

    config = asked.config()
    if output:
        check_output(config, output)
    checked = (planned_from(asked, config, snapshot) if snapshot else planned_live(asked, config)).plan
    if output:
        _write_privately(output, plan_json(checked))
    apply_with = (*asked.again, *([str(output)] if output else []))
    show(plan_report(checked, apply_with=apply_with), asked.format)
    return exit_code(checked)


def _write_privately(path: Path, content: Iterable[bytes]) -> None:
    """Write a file that names people: readable by its owner alone."""
    if path.exists() and not path.is_file():
        raise InvalidInput(f"{path} is not a plain file", hint="name another file with -o")
    try:
        write_whole(path.resolve(), content)
    except OSError as error:
        raise InvalidInput(f"cannot write {path}: {error.strerror}", hint="name another file with -o") from error
