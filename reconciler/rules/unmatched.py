"""Why no rule gives a user a membership: causes that can be counted over thousands of users."""

from collections.abc import Mapping
from typing import Any

from reconciler.rules.assign import Assigned
from reconciler.rules.person import addresses_of


def why_unmatched(user: Mapping[str, Any], assigned: Assigned) -> str:
    """Return what a user lacks who matched no rule; ``why`` says it of one user rule by rule."""
    if assigned.undecided:
        return "what a rule would give is held"
    addresses = addresses_of(user)
    if not addresses:
        return "no e-mail address"
    if not any(address.verified for address in addresses):
        return "no verified e-mail address"
    return "no rule matches this user"
