"""Roles that a connection gives to the members who sign in through it [2.21, 2.22]."""

from typing import Any, Final

from reconciler.emulator.core.call import Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import given, ordered
from reconciler.emulator.core.rbac import role_ids
from reconciler.emulator.core.store import Fields, Row

TO_EVERYBODY: Final = ("role_id",)
TO_GROUPS: Final = ("role_id", "group")


def known_roles(call: Call, organization: Row) -> set[str]:
    """Return the roles of the project's policy and the organization's own roles."""
    return {*role_ids(call), *(role["role_id"] for role in organization.fields.get("custom_roles", ()))}


def assignments(call: Call, organization: Row, name: str, parts: tuple[str, ...]) -> list[Fields] | None:
    """Return the assignments in the request's field ``name``, with these parts each; None where it has none.

    Raises:
        Refusal: ``invalid_role`` for an unknown role.
    """
    values: list[Any] | None = given(call.body, name, list, call.behaviour)
    if values is None:
        return None
    kept: list[Fields] = []
    for value in values:
        one = {part: value.get(part) for part in parts} if isinstance(value, dict) else {}
        if not one or not all(isinstance(text, str) and text for text in one.values()):
            raise Refusal("bad_request", f"Each of {name} must have {' and '.join(parts)}.")
        kept.append(one)
    if {each["role_id"] for each in kept} - known_roles(call, organization):
        raise Refusal("invalid_role", "An implicit role assignment names a role that is not in the RBAC policy.")
    return ordered([each for place, each in enumerate(kept) if each not in kept[:place]], call.behaviour)
