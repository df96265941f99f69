"""The values of rules at work: a rule, a case in which it is about a user, and what it then gives him."""

from collections.abc import Mapping

from msgspec import Struct, field

from reconciler.expressions import Expression
from reconciler.model import Json, Position
from reconciler.rules.directory import Directory
from reconciler.rules.grant import Assign
from reconciler.rules.join import Join
from reconciler.rules.match import Match
from reconciler.rules.patterns import Patterns
from reconciler.rules.person import Address
from reconciler.rules.problems import Trouble
from reconciler.rules.unused import Tally

ALWAYS, UNLESS_IN_ORGANIZATION, UNLESS_ANYWHERE = range(3)  # the rounds: no fallback, `organization`, `user`


class World(Struct, frozen=True):
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
    assigns: tuple[Assign, ...]
    exceptions: tuple[Match, ...] = ()
    join: Join | None = None
    when: Expression | None = None
    each: Expression | None = None
    when_each: bool = False  # `when` reads an item, a row or an organization, so it is asked of each
    plain: bool = False  # no case is split or asked again
    simple: bool = False  # nothing but whether the rule is about him depends on the user
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


class Assignment(Struct, frozen=True, gc=False):
    """What a rule gave one user: an organization's slug, and the fields there. ``None`` is one declared elsewhere."""

    organization: str | None
    rule: Rule
    assign: Assign
    addresses: tuple[Address, ...]
    roles: tuple[str, ...]
    fields: dict[str, Json]
    initial: dict[str, Json]
    unverified: bool
    case: Case | None = None


Made = Assignment | Trouble
