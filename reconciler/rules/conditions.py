"""What a rule asks of a user, condition by condition, and what it found: for ``why``."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import starmap
from typing import Any

from msgspec import Struct

from reconciler.expressions import UNKNOWN, Expression, Mistyped, Term, explain
from reconciler.rules.directory import Owner
from reconciler.rules.evaluate import cases_before_when, scope_of
from reconciler.rules.keys import AddressKey, Asked, UserKey, shown
from reconciler.rules.match import Match
from reconciler.rules.person import Address, Person
from reconciler.rules.problems import these
from reconciler.rules.rule import Case, Rule, World


class Condition(Struct, frozen=True, kw_only=True):
    """One condition: its text, whether it holds (None: the data does not let it be told), and what was found.

    ``nearly``: it would hold if an address were verified.
    """

    text: str
    holds: bool | None
    found: str = ""
    nearly: bool = False


def conditions_of(rule: Rule, person: Person, world: World) -> Iterator[Condition]:
    """Yield every condition of a rule in the order in which they are asked."""
    yield from _of_match(rule.match, person)
    scope = scope_of(rule, person)
    if rule.join:
        yield _of_join(rule, person, scope)
    if rule.when and not rule.when_each:
        yield from _of_when(rule.when, scope)
    elif rule.when:
        yield from _best(rule, rule.when, person, world)
    if rule.each:
        yield _of_each(rule, person, world)


def _of_match(match: Match, person: Person) -> Iterator[Condition]:
    """Yield what each key about the user asks, and one condition for all keys about addresses."""
    on_addresses = [key.text(asked.values) for key, asked in match.keys if isinstance(key, AddressKey)]
    for key, asked in match.keys:
        if isinstance(key, UserKey):
            yield _of_user(key, asked, person)
        elif on_addresses:
            yield _of_addresses(match, on_addresses, person)
            on_addresses = []


def _of_user(key: UserKey[Any], asked: Asked[Any], person: Person) -> Condition:
    text = key.text(asked.values)
    try:
        return Condition(text=text, holds=key.holds(asked.values, person), found=key.found(asked.values, person))
    except Mistyped as odd:
        return Condition(text=text, holds=None, found=odd.message)


def _of_addresses(match: Match, keys: Sequence[str], person: Person) -> Condition:
    """Put the keys about addresses into one condition, as one address must satisfy all of them."""
    text = f"{'an address' if match.any_address else 'a verified address'} {these(keys)}"
    satisfying = [
        (address, hit.owner) for hit in match.address_hits(person, any_address=True) for address in hit.addresses
    ]
    satisfying.sort(key=lambda pair: person.addresses.index(pair[0]))
    counted = [pair for pair in satisfying if pair[0].verified or match.any_address]
    if counted:
        return Condition(text=text, holds=True, found=", ".join(starmap(_told, counted)))
    if satisfying:
        found = ", ".join(f"{_told(*pair)}, but it is not verified" for pair in satisfying)
        return Condition(text=text, holds=False, found=found, nearly=True)
    found = f"there are {', '.join(one.text for one in person.addresses)}" if person.addresses else "there is none"
    return Condition(text=text, holds=False, found=found)


def _told(address: Address, owner: Owner | None) -> str:
    if owner is None:
        return address.text
    places = ", ".join(map(str, owner.places))
    return f"{address.text}: {owner.domain} is listed by {these(owner.organizations)} ({places})"


def _of_join(rule: Rule, person: Person, scope: Mapping[str, object]) -> Condition:
    join = rule.join
    if join is None:
        raise ValueError("this rule joins no table")
    joined = " and ".join(f"{column} = {key.text}" for column, key in zip(join.columns, join.keys, strict=True))
    text = f"a row of the table {join.table.name} has {joined}"
    try:
        rows = join.rows(person, scope, any_address=rule.match.any_address)
        unproven = () if rows else join.rows(person, person.scope(any_address=True), any_address=True)
    except Mistyped as odd:
        return Condition(text=text, holds=None, found=odd.message)
    if rows:
        return Condition(text=text, holds=True, found=", ".join(str(join.table.at(row.number)) for row in rows))
    if unproven:
        places = ", ".join(str(join.table.at(row.number)) for row in unproven)
        return Condition(text=text, holds=False, found=f"{places}, but only by an unverified value", nearly=True)
    return Condition(text=text, holds=False, found="there is none")


def _of_when(when: Expression, scope: Mapping[str, object]) -> Iterator[Condition]:
    for term in explain(when, scope):
        holds = None if term.problem else term.value is True
        yield Condition(text=" ".join(term.text.split()), holds=holds, found=term.problem or _reads(term))


def _reads(term: Term) -> str:
    found = [f"{path} is {shown(value)}" for path, value in term.reads]
    unknown = "; a comparison with null is unknown" if term.value is UNKNOWN else ""
    return ", ".join(found) + unknown


def _best(rule: Rule, when: Expression, person: Person, world: World) -> Iterator[Condition]:
    """Yield the terms over the case (row, item, organization) in which the most of them hold."""
    text = " ".join(when.text.split())
    try:
        tried = [tuple(_of_when(when, case.scope)) for case in cases_before_when(rule, person, world)]
    except Mistyped as odd:
        yield Condition(text=text, holds=None, found=odd.message)
        return
    if tried:
        yield from max(tried, key=lambda terms: sum(term.holds is True for term in terms))
    else:
        yield Condition(text=text, holds=False, found="there is nothing to evaluate it for")


def _of_each(rule: Rule, person: Person, world: World) -> Condition:
    text = f"{rule.each.text if rule.each else ''} has items"
    try:
        items = [item for case in cases_before_when(rule, person, world, split=False) for item in _items(rule, case)]
    except Mistyped as odd:
        return Condition(text=text, holds=None, found=odd.message)
    return Condition(text=text, holds=bool(items), found=", ".join(map(shown, items)) or "there is none")


def _items(rule: Rule, case: Case) -> list[object]:
    return rule.each.items(case.scope) if rule.each else []
