"""What a plan says of the rules: what edited ones do to people, which decide nothing, and whom nobody joins."""

from collections.abc import Mapping

from msgspec import Struct


class RuleEffect(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a rule does to people that the rules which were applied last did not do.

    ``gains`` and ``loses`` count people by organization, the largest first; ``gains_in`` and ``loses_in`` say how many
    organizations there are, ``other_roles`` counts memberships. The place is today's; where the rule was ``removed``,
    it is where it was.
    """

    rule: str
    file: str
    line: int
    people: int
    gains: Mapping[str, int] = {}
    gains_in: int = 0
    loses: Mapping[str, int] = {}
    loses_in: int = 0
    other_roles: int = 0
    removed: bool = False


class IdleRule(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A rule that matches users and decides nothing: ``others`` give them the same, or take what it gives away."""

    rule: str
    file: str
    line: int
    others: tuple[str, ...] = ()


class EmptyOrganization(Struct, frozen=True, kw_only=True):
    """A declared organization in which nobody is wanted."""

    address: str
    file: str
    line: int


class Analysis(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is to be said of the rules; ``empty`` counts organizations that nobody joins, of which some are named."""

    effects: tuple[RuleEffect, ...] = ()
    idle: tuple[IdleRule, ...] = ()
    empty: int = 0
    empty_organizations: tuple[EmptyOrganization, ...] = ()
