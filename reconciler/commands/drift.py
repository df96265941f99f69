"""``reconciler drift``: what is live and not as declared."""

from pathlib import Path

from reconciler.commands.options import PAGE, Asked, client_for, command, planned_for
from reconciler.report.formats import show


@command(*PAGE)
def drift(asked: Asked, *, html: Path | None, mask: bool) -> int:
    """Print the differences; return 3 if any of the drift is withheld, or something is held, 2 for drift, else 0."""
    from reconciler.commands.outputs import check_page, write_page
    from reconciler.plan.planned import drift_exit_code
    from reconciler.report.plan import drift_report

    config = asked.config()
    check_page(config, html, mask=mask)
    with client_for(config) as client:
        checked = planned_for(asked, config, client).plan
    if html:
        from reconciler.report.page import drift_page

        write_page(html, drift_page(checked, mask=mask))
    show(drift_report(checked), asked.format)
    return drift_exit_code(checked)
