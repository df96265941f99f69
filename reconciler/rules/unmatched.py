"""Why no rule gives a user anything, as a cause that can be counted over thousands of users."""

from typing import Any

from reconciler.expressions.values import Mistyped
from reconciler.rules.evaluate import Decision
from reconciler.rules.match import Match
from reconciler.rules.person import Person
from reconciler.rules.rule import Rule, Rules


def why_unmatched(rules: Rules, user: dict[str, Any], decision: Decision) -> str:
    """Return what a user lacks who matched no rule, as a cause that can be counted over thousands of users."""
    if decision.undecided:
        return "what a rule would give is held"
    person = Person(user, rules.context.patterns)
    if not person.addresses:
        return "no e-mail address"
    proven = [address for address in person.addresses if address.verified]
    if not proven:
        return "no verified e-mail address"
    if any(_is_about(exception, person) for rule in rules.rules for exception in rule.exceptions):
        return "an exception leaves this user out"
    lookups = [rule.match.lookup for rule in rules.rules if rule.match.lookup]
    joined = [rule for rule in rules.rules if rule.join]
    lacks = []
    if lookups and not any(
        lookup.domains.owner(address.domain, subdomains=lookup.subdomains) for lookup in lookups for address in proven
    ):
        lacks.append("no organization lists the domain of an address")
    if joined and not any(_has_row(rule, person) for rule in joined):
        lacks.append("no table has a row for this user")
    return " and ".join(lacks) or "no rule matches this user"


def _is_about(exception: Match, person: Person) -> bool:
    try:
        return bool(exception.hits(person))
    except Mistyped:
        return False


def _has_row(rule: Rule, person: Person) -> bool:
    if rule.join is None:
        return False
    any_address = rule.match.any_address
    try:
        return bool(rule.join.rows(person, person.scope(any_address=any_address), any_address=any_address))
    except Mistyped:
        return False
