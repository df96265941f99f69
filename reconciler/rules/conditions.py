"""What a rule asks of a user, condition by condition, and what it found: for ``why``."""

import json
from collections.abc import Iterator, Mapping

from msgspec import Struct

from reconciler.expressions import UNKNOWN, Expression, Mistyped, Term, explain
from reconciler.rules.evaluate import cases_before_when, scope_of
from reconciler.rules.match import Match
from reconciler.rules.person import Address, Person
from reconciler.rules.problems import these
from reconciler.rules.rule import Case, Rule, World

_SHOWN = 3  # so many values are named, then counted
_LONGEST = 80  # characters of a value


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
    yield from _of_match(rule.match, person, world)
    scope = scope_of(rule, person)
    if rule.join:
        yield _of_join(rule, person, scope)
    if rule.when and not rule.when_each:
        yield from _of_when(rule.when, scope)
    elif rule.when:
        yield from _best(rule, rule.when, person, world)
    if rule.each:
        yield _of_each(rule, person, world)


def _of_match(match: Match, person: Person, world: World) -> Iterator[Condition]:
    if match.user_ids is not None:
        yield Condition(text=f"user_id is {_any_of(match.user_ids)}", holds=person.user_id in match.user_ids)
    if match.external_ids is not None:
        found = person.user.get("external_id")
        holds = isinstance(found, str) and found in match.external_ids
        yield Condition(text=f"external_id is {_any_of(match.external_ids)}", holds=holds, found=_value(found))
    if match.on_addresses:
        yield _of_addresses(match, person, world)
    scope = person.scope(any_address=True)
    for wanted in match.metadata:
        path = wanted.expression.text.removeprefix("user.")
        text = f"{path} is {' or '.join(map(_value, wanted.values[:_SHOWN]))}"
        try:
            value = wanted.find(scope)
        except Mistyped as odd:
            yield Condition(text=text, holds=None, found=odd.message)
            continue
        yield Condition(text=text, holds=wanted.has(value), found=f"it is {_value(value)}")


def _of_addresses(match: Match, person: Person, world: World) -> Condition:
    """Put the keys about addresses into one condition, as one address must satisfy all of them."""
    keys = []
    if match.addresses is not None:
        keys.append(f"is {_any_of(match.addresses)}")
    if match.domains is not None:
        keys.append(f"is at {_any_of(match.domains)}")
    if match.patterns is not None:
        texts = [world.patterns.text(number) for number in sorted(match.patterns)]
        keys.append(f"matches {' or '.join(texts[:_SHOWN])}")
    if match.lookup:
        under = " or under" if match.lookup.subdomains else ""
        keys.append(f"is at{under} a domain that an organization lists in {match.lookup.path}")
    kind = "an address" if match.any_address else "a verified address"
    text = f"{kind} {these(keys)}"
    satisfying = [one for one in person.addresses if _satisfies(one, match, person, world)]
    counted = [one for one in satisfying if one.verified or match.any_address]
    if counted:
        return Condition(text=text, holds=True, found=", ".join(_told(one, match) for one in counted))
    if satisfying:
        found = ", ".join(f"{_told(one, match)}, but it is not verified" for one in satisfying)
        return Condition(text=text, holds=False, found=found, nearly=True)
    found = f"there are {', '.join(one.text for one in person.addresses)}" if person.addresses else "there is none"
    return Condition(text=text, holds=False, found=found)


def _satisfies(address: Address, match: Match, person: Person, world: World) -> bool:
    return (
        (match.addresses is None or address.text in match.addresses)
        and (match.domains is None or address.domain in match.domains)
        and (match.patterns is None or not match.patterns.isdisjoint(person.matched(address, world.patterns)))
        and (match.lookup is None or match.lookup.owner(address) is not None)
    )


def _told(address: Address, match: Match) -> str:
    owner = match.lookup.owner(address) if match.lookup else None
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
    found = [f"{path} is {_value(value)}" for path, value in term.reads]
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
    return Condition(text=text, holds=bool(items), found=", ".join(map(_value, items)) or "there is none")


def _items(rule: Rule, case: Case) -> list[object]:
    return rule.each.items(case.scope) if rule.each else []


def _any_of(values: frozenset[str]) -> str:
    some = sorted(values)[:_SHOWN]
    more = f" or {len(values) - len(some)} more" if len(values) > len(some) else ""
    return (" or ".join(some) or "one of none") + more


def _value(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
