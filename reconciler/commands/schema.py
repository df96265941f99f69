"""``reconciler schema``: the JSON Schema of everything that people write."""

from reconciler.commands.options import Asked, command
from reconciler.report.formats import show
from reconciler.report.view import Report


@command()
def schema(asked: Asked) -> int:  # noqa: ARG001 # every command is asked the same way
    """Print the schema."""
    from reconciler.load.schemas import editor_schema

    show(Report(editor_schema, list), "json")
    return 0
