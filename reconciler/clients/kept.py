"""What answers in Stytch's place: what somebody kept of an earlier reading."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from reconciler.model import Json, Live, OrganizationMembers, Position, Target

Malformed = tuple[str | None, str, Position]  # whose record it is, if known, what is wrong with it, and where it is


class Kept(Protocol):
    """What is asked of Stytch while a plan is made, as values."""

    why_no_deletes: str  # once all users were gone through: why one who is not there may not be gone
    user_fields: frozenset[str]  # the top-level fields of users that are there, whole or in part

    def organizations(self) -> tuple[Live, ...]:
        """Return every organization."""

    def resources(self, kind: str, target: Target) -> Sequence[Live]:
        """Return everything of a kind; raises ``NotOffered`` where that was not read."""

    def members(self, organization_ids: Sequence[str]) -> Iterator[Mapping[str, OrganizationMembers]]:
        """Yield the members of organizations, some at a time, in their order; raises ``Unreadable``."""

    def users(self) -> Iterator[Sequence[Json | Malformed]] | None:
        """Yield the users, some at a time; None where no user was read."""
