"""``reconciler plan``: what would change and why."""

from pathlib import Path

import click

from reconciler.commands.options import PAGE, Asked, command, planned_from, planned_live
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
    *PAGE,
)
def plan(asked: Asked, *, output: Path | None, snapshot: Path | None, html: Path | None, mask: bool) -> int:
    """Print a plan; return 3 if anything is withheld or held, 2 if anything would change, else 0."""
    from reconciler.commands.outputs import check_output, check_page, write_page, write_privately
    from reconciler.plan.planned import exit_code
    from reconciler.report.json import plan_json
    from reconciler.report.plan import plan_report

    config = asked.config()
    if output:
        check_output(config, output)
    check_page(config, html, mask=mask, beside=[output] if output else ())
    checked = (planned_from(asked, config, snapshot) if snapshot else planned_live(asked, config)).plan
    apply_with = (*asked.again, *([str(output)] if output else []))
    if output:
        write_privately(output, plan_json(checked))
    if html:
        from reconciler.report.page import plan_page

        write_page(html, plan_page(checked, mask=mask, apply_with=apply_with))
    show(plan_report(checked, apply_with=apply_with), asked.format)
    return exit_code(checked)
