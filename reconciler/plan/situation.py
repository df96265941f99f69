"""Everything but the differences that holds and guards look at: what is declared, wanted and live, and who has what."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from msgspec import Struct, field

from reconciler.config.read import Config
from reconciler.desired.members import Desired
from reconciler.load.repository import Declared
from reconciler.model import Diff
from reconciler.read.live import LiveResources

SHOWN: Final = 5  # of those who have a role
Diffs = Mapping[str, Diff]  # by kind


class RoleUsers(Struct):
    """Who has a role: how many of each kind, and the addresses of the first few."""

    counts: Counter[str] = field(default_factory=Counter)
    first: list[str] = field(default_factory=list)

    def add(self, kind: str, address: str) -> None:
        """Count one more."""
        self.counts[kind] += 1
        self.first = sorted([*self.first, address])[:SHOWN]

    def __str__(self) -> str:
        return ", ".join(f"{kind}: {count}" for kind, count in sorted(self.counts.items()))


class Cascade(Struct, frozen=True, kw_only=True):
    """Who would go with the organizations that are to be deleted: all live members, and those that are not ours.

    ``users`` are those whose marks the members carry, ``breakglass`` counts the breakglass members.
    """

    members: Mapping[str, int]
    strangers: Mapping[str, int]
    users: Mapping[str, frozenset[str]]
    breakglass: Mapping[str, int]


class Presence(Struct, frozen=True, kw_only=True):
    """Who is there, as far as it decides what may change.

    ``cascade`` counts who would go with organizations; ``roles`` are the roles that the policy would lose, or let do
    more, and who has them; ``strangers`` says who is in each organization (by its address) that a slug alone led to.
    """

    cascade: Cascade
    roles: Mapping[str, RoleUsers]
    strangers: Mapping[str, str]


class Situation(Struct, frozen=True, kw_only=True):
    """What a plan is decided from, besides the differences."""

    config: Config
    declared: Declared
    desired: Desired
    live: LiveResources
    presence: Presence
