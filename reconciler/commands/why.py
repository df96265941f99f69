"""``reconciler why``: which rules gave a user what, and which nearly did."""

import click

from reconciler.commands.options import Asked, client_for, command
from reconciler.report.formats import show


@command(click.argument("user"))
def why(asked: Asked, user: str) -> int:
    """Show which rules gave USER (an id, external id or address) what, and which nearly did."""
    from reconciler.commands.explain import explain_user
    from reconciler.report.why import why_report

    explanations = explain_user(asked.config(), user, client_for)
    show(why_report(explanations, user), asked.format)
    return 0 if explanations else 1
