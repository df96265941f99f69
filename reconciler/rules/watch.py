"""What every user is asked, whatever the rules ask: whether an exception or a row of a table is about anybody.

A rule asks only those who meet its other conditions, and an exception only those to whom a rule would give something.
That an exception or a row is about nobody is true only if nobody at all is meant.
"""

from collections.abc import Iterable

from msgspec import Struct

from reconciler.expressions import Mistyped
from reconciler.rules.index import Index, index_of
from reconciler.rules.join import Join
from reconciler.rules.match import Match, filing_of
from reconciler.rules.person import Person
from reconciler.rules.rule import ALWAYS, Rule


class Watch(Struct, frozen=True):
    """The exceptions of all documents, and the joins of rules that have other conditions too."""

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
    """Make the watch that goes with some rules; None where they tell everything themselves."""
    rules = tuple(rules)
    exceptions = tuple({id(one): one for rule in rules for one in rule.exceptions}.values())
    joins = tuple((rule.join, rule.match.any_address) for rule in rules if rule.join and _asks_more(rule))
    if not exceptions and not joins:
        return None
    index = index_of((number, filing_of(exception)) for number, exception in enumerate(exceptions))
    return Watch(exceptions, index, joins)


def _asks_more(rule: Rule) -> bool:
    """Return whether a rule asks for a row only where something else holds already."""
    return bool(rule.match.keys) or rule.round != ALWAYS or (rule.when is not None and not rule.when_each)
