"""Drop the fields of a request that Stytch may accept without applying them [2, 7.19]."""

from typing import Any

from reconciler.emulator.core.behaviour import Behaviour

UPDATES = frozenset({"PUT", "PATCH"})
NAMES = frozenset({"name", "display_name", "client_name", "organization_name"})
NEEDED = frozenset({"org_policy"})
"""Fields that an update requires: the official SDK for Go sends a policy without roles as ``{}``."""


def taken(body: dict[str, Any], method: str, behaviour: Behaviour, *, manages: bool) -> dict[str, Any]:
    """Return the body without the fields that are not applied. ``manages``: a request to the management API."""
    found = body
    if behaviour.trims_names:
        found = {name: _trimmed(value) if name in NAMES else value for name, value in found.items()}
    if method in UPDATES and not manages:
        if behaviour.empty_list == "ignored":
            found = {name: value for name, value in found.items() if name in NEEDED or value not in ([], {})}
        if behaviour.false_flag == "ignored":
            found = {name: value for name, value in found.items() if value is not False}
    return found


def _trimmed(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value
