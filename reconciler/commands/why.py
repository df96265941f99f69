"""``reconciler why``: which rules gave a user what, and which nearly did."""

import click

from reconciler.commands.options import Asked, client_for, command
from reconciler.report.formats import show


@command(click.argument("user"))
def why(asked: Asked, user: str) -> int:
    """Print what the rules decide for a user; return 1 if there is no such user."""
    from reconciler.commands.explain import explain_user
    from reconciler.report.why import why_report

    explanations = explain_user(asked.config(), user, client_for)
    show(why_report(explanations, user), asked.format)
    return 0 if explanations else 1
