"""How a project's e-mail templates and their defaults are stored."""

from reconciler.emulator.core.call import Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.store import Fields, Row


def collection(call: Call) -> int:
    """Return the number of the collection of the project's templates."""
    return call.store.collection(call.project.key, "email_template")


def found(call: Call, template_id: str) -> Row:
    """Return the template with this id.

    Raises:
        Refusal: ``email_template_not_found``.
    """
    row = call.store.get(collection(call), template_id)
    if row is None:
        raise Refusal("email_template_not_found", "The e-mail template could not be found.")
    return row


def keep(call: Call, fields: Fields, row: Row | None = None) -> Fields:
    """Store a template. ``row`` is its former row."""
    kept = Row(fields["template_id"], fields, number=row.number if row else 0)
    return call.store.put(collection(call), kept).fields


def defaults(call: Call) -> dict[str, str]:
    """Return the ids of the default templates by type."""
    kept: dict[str, str] = call.store.setting(f"default_email_templates {call.project.key}") or {}
    return kept


def keep_defaults(call: Call, by_type: dict[str, str]) -> None:
    """Store the ids of the default templates by type."""
    call.store.set(f"default_email_templates {call.project.key}", by_type)
