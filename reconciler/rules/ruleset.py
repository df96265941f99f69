"""The compiled rules of one environment, as a value."""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from reconciler.expressions import Expression
from reconciler.model import Cause, Position, Problem
from reconciler.rules.index import Index
from reconciler.rules.person import ByHand
from reconciler.rules.problems import COMMON_DOMAIN, UserProblem
from reconciler.rules.rule import Rule, World
from reconciler.rules.unused import MATCHES_NOBODY, WHOLE, nobody, table_warnings, values_warnings
from reconciler.rules.watch import Watch


class Rules(Struct, frozen=True, kw_only=True):
    """The compiled rules of one environment.

    ``causes`` are indexed by rule number, as ``Membership.rules`` has them. ``reads`` maps every top-level field of
    users that something reads to the places where; ``warnings`` change nothing; ``problems`` leave something open
    whoever the users are (their ``user`` is "").
    """

    rules: tuple[Rule, ...] = ()
    world: World
    index: Index
    by_hand: ByHand
    watch: Watch | None = None
    any_address: bool = False  # whether any rule takes addresses that nobody verified
    external_id: Expression | None = None
    external_id_field: str | None = None  # the field of the user that the expression is, if it is no more than that
    causes: tuple[Cause, ...] = ()
    reads: Mapping[str, tuple[Position, ...]]
    warnings: tuple[Problem, ...] = ()
    problems: tuple[UserProblem, ...] = ()

    @property
    def user_fields(self) -> frozenset[str]:
        """Return the top-level fields of users that are read."""
        return frozenset(self.reads) | {"user_id", "emails"}

    def lasting(self) -> Iterator[Problem]:
        """Yield the warnings about the files that are not given again when users go through the rules."""
        yield from (one for one in self.warnings if one.code not in (MATCHES_NOBODY, COMMON_DOMAIN))

    def unused(self) -> Iterator[Problem]:
        """Yield a warning for what matched nobody, once every user went through the rules."""
        tally = self.world.tally
        yield from table_warnings(tally.tables)
        for rule in self.rules:
            if rule.number in tally.unasked:
                continue
            if rule.number not in tally.matched:
                yield nobody(f"the rule {rule.name}", rule.position)
            else:
                yield from values_warnings(f"the rule {rule.name}", rule.match.waiting, rule.match.counts)
        for one in self.watch.exceptions if self.watch else ():
            if WHOLE in one.waiting:
                yield nobody("this exception", one.waiting[WHOLE][WHOLE])
            else:
                yield from values_warnings("this exception", one.waiting, one.counts)

    @property
    def gives_roles(self) -> bool:
        """Return whether any rule gives a role, or may."""
        return any(
            assign.roles or assign.role_tree or assign.initial.get("roles") or assign.initial_tree
            for rule in self.rules
            for assign in rule.assigns
        )
