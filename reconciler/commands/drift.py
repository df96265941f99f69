"""``reconciler drift``: what is live and not as declared."""

from reconciler.commands.options import Asked, client_for, command, planned_for
from reconciler.report.formats import show


@command()
def drift(asked: Asked) -> int:
    """Print the differences; return 3 if anything is withheld or held, 2 if anything differs, else 0."""
    from reconciler.plan.planned import exit_code
    from reconciler.report.plan import drift_report

    config = asked.config()
    with client_for(config) as client:
        checked = planned_for(asked, config, client).plan
    show(drift_report(checked), asked.format)
    return exit_code(checked) or (2 if checked.observed else 0)
