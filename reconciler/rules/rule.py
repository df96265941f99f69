"""The compiled rules of one environment as values: a rule, a case in which it is about a user, what it then gives."""

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct, field

from reconciler.expressions.expression import Expression
from reconciler.expressions.nodes import ReadPath
from reconciler.expressions.values import Mistyped
from reconciler.model import Cause, Json, Position, Problem
from reconciler.rules.directory import COMMON_DOMAIN, Directory
from reconciler.rules.grant import Grant
from reconciler.rules.index import Index, index_of
from reconciler.rules.join import Join
from reconciler.rules.match import Match, filings_of
from reconciler.rules.patterns import Patterns
from reconciler.rules.person import Address, ByHand, Person
from reconciler.rules.unused import MATCHES_NOBODY, WHOLE, Tally, nobody, table_warnings, values_warnings

ALWAYS, UNLESS_IN_ORGANIZATION, UNLESS_ANYWHERE = range(3)  # the rounds: no fallback, `organization`, `user`


class RuleContext(Struct, frozen=True):
    """What rules look things up in, and where they note whom they matched."""

    directory: Directory
    patterns: Patterns
    tally: Tally = field(default_factory=Tally)


class Rule(Struct, frozen=True, kw_only=True):
    """A rule, compiled; ``at`` maps its parts ("when", …) to their places, ``number`` is its place among all rules."""

    number: int
    name: str
    position: Position
    at: Mapping[str, Position]
    round: int
    match: Match
    grants: tuple[Grant, ...]
    exceptions: tuple[Match, ...] = ()
    join: Join | None = None
    when: Expression | None = None
    when_each: Expression | None = None  # a `when` that reads an item, a row or an organization, so it is asked of each
    each: Expression | None = None
    simple: bool = False  # only whom it is about, and whose his domains are, depends on the user
    by_domain: dict[str, list["RuleResult"]] | None = None  # what it gave at a domain, where only that decides
    among: bool = False  # `when` asks whether something is among the addresses
    reads_proof: bool = False  # what decides or identifies reads addresses or phone numbers
    reads_organization: bool = False  # something reads more of a found organization than its slug
    untrusted: bool = False  # users write themselves what decides


class Case(Struct, frozen=True, gc=False):
    """One way in which a rule is about a user: the scope to render in, and what it rests on."""

    scope: Mapping[str, object]
    addresses: tuple[Address, ...] = ()
    unverified: bool = False
    organization: str | None = None
    row: int = -1
    item: Json = None


class Assignment(Struct, frozen=True):  # in a cycle with its rule, which remembers some
    """What a rule gave one user: an organization's slug, and the fields there. ``None`` is one declared elsewhere."""

    organization: str | None
    rule: Rule
    grant: Grant
    addresses: tuple[Address, ...]
    roles: tuple[str, ...]
    fields: dict[str, Json]
    initial: dict[str, Json]
    unverified: bool
    case: Case | None = None


class Undecided(Struct, frozen=True, gc=False):
    """A problem of one user, and what it leaves open: some organizations (slugs), or (None) every one.

    The problem's message holds neither a person's address nor any value of a user but the organization that was
    computed for him.
    """

    problem: Problem
    organizations: tuple[str, ...] | None


RuleResult = Assignment | Undecided


class Watch(Struct, frozen=True):
    """What every user is asked, whatever the rules ask: the exceptions of all documents, and tables that are joined.

    A rule asks only those who meet its other conditions, and an exception only those to whom a rule would give
    something. That an exception or a row is about nobody is true only if nobody at all is meant.
    """

    exceptions: tuple[Match, ...]
    index: Index
    joins: tuple[tuple[Join, bool], ...]

    def note(self, person: Person) -> None:
        """Note which exceptions and which rows are about a user."""
        if self.exceptions:
            for number in self.index.candidates(person):
                exception = self.exceptions[number]
                if exception.waiting:
                    try:
                        exception.hits(person)
                    except Mistyped:
                        continue
        for join, any_address in self.joins:
            try:
                join.mark(join.rows(person, person.scope(any_address=any_address), any_address=any_address))
            except Mistyped:
                continue


def watch_of(rules: Iterable[Rule]) -> Watch | None:
    """Return the watch that goes with some rules; None where they tell everything themselves."""
    rules = tuple(rules)
    exceptions = tuple({id(one): one for rule in rules for one in rule.exceptions}.values())
    joins = tuple((rule.join, rule.match.any_address) for rule in rules if rule.join and _asks_more(rule))
    if not exceptions and not joins:
        return None
    index = index_of((number, filings_of(exception)) for number, exception in enumerate(exceptions))
    return Watch(exceptions, index, joins)


def _asks_more(rule: Rule) -> bool:
    """Return whether a rule asks for a row only where something else holds already."""
    return bool(rule.match.keys) or rule.round != ALWAYS or rule.when is not None


class Rules(Struct, frozen=True, kw_only=True):
    """The compiled rules of one environment.

    ``causes`` are indexed by rule number, as ``Membership.rules`` has them. ``reads`` maps every top-level field of
    users that something reads to the places where, ``paths`` are all paths, with the table's name in those of rows;
    ``warnings`` change nothing; ``problems`` leave something open
    whoever the users are, and name none.
    """

    rules: tuple[Rule, ...] = ()
    context: RuleContext
    index: Index
    by_hand: ByHand
    watch: Watch | None = None
    any_address: bool = False  # whether any rule takes addresses that nobody verified
    external_id: Expression | None = None
    external_id_field: str | None = None  # the field of the user that the expression is, if it is no more than that
    causes: tuple[Cause, ...] = ()
    reads: Mapping[str, tuple[Position, ...]]
    paths: frozenset[ReadPath] = frozenset()
    warnings: tuple[Problem, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def user_fields(self) -> frozenset[str]:
        """Return the top-level fields of users that are read."""
        return frozenset(self.reads) | {"user_id", "emails"}

    def lasting(self) -> Iterator[Problem]:
        """Yield the warnings about the files that are not given again when users go through the rules."""
        yield from (one for one in self.warnings if one.code not in (MATCHES_NOBODY, COMMON_DOMAIN))

    def unused(self) -> Iterator[Problem]:
        """Yield a warning for what matched nobody, once every user went through the rules."""
        tally = self.context.tally
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
            grant.roles or grant.role_tree or grant.initial.get("roles") or grant.initial_tree
            for rule in self.rules
            for grant in rule.grants
        )
