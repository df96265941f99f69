"""How a member is stored."""

from collections.abc import Iterator

from reconciler.emulator.core.call import Call
from reconciler.emulator.core.store import Fields, Row


def keep(call: Call, fields: Fields, row: Row | None, organization: Row | None = None) -> Row:
    """Store a member. ``row`` is its former row; a new member needs ``organization``."""
    parent = row.parent if row else organization.number if organization else 0
    number = row.number if row else 0
    kept = Row(fields["member_id"], fields, tuple(names(fields)), fields["status"], parent, number)
    return call.store.put(call.collection("member"), kept)


def names(fields: Fields) -> Iterator[str]:
    """Yield the names by which a member is found, apart from its id."""
    yield f"email:{fields['email_address'].lower()}"
    yield from (f"retired:{each['email_address'].lower()}" for each in fields.get("retired_email_addresses", ()))
    if fields.get("external_id"):
        yield f"external:{fields['external_id']}"
    if fields.get("member_password_id"):
        yield f"factor:{fields['member_password_id']}"
