"""Why a user is a member of what: every rule, what it asked for, what it found, and what it gave."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import starmap
from typing import Any, Literal

from msgspec import Struct

from reconciler.expressions.expression import Expression, Term
from reconciler.expressions.expression import explain as terms_of
from reconciler.expressions.text import mailbox_or_text, trimmed
from reconciler.expressions.values import UNKNOWN, Mistyped
from reconciler.model import MEMBER, Cause, Membership, Problem, address, fold_problems
from reconciler.rules.apply_rule import apply_rule, cases_before_when, is_excepted, scope_of
from reconciler.rules.directory import Owner
from reconciler.rules.evaluate import Decision, evaluate
from reconciler.rules.join import Join
from reconciler.rules.keys import AddressKey, UserKey, shown
from reconciler.rules.match import Match
from reconciler.rules.person import Address, Person, written_for
from reconciler.rules.rule import Assignment, Rule, RuleContext, Rules, Undecided
from reconciler.suggest import joined

Verdict = Literal["matched", "nearly", "no", "excepted", "undecided"]
Became = Literal["given", "held", "vetoed", "elsewhere", "not reached"]
_FALLBACKS = ("", "organization", "user")


class Condition(Struct, frozen=True, kw_only=True):
    """One condition: its text, whether it holds (None: the data does not let it be told), and what was found.

    ``nearly``: it would hold if an address were verified.
    """

    text: str
    holds: bool | None
    found: str = ""
    nearly: bool = False


class Gift(Struct, frozen=True, kw_only=True):
    """What a rule would give, and what became of it.

    ``organization`` is a slug ("" for one that is declared elsewhere only and was not named literally); ``became`` is
    *not reached* where an earlier round had decided, *vetoed* by a Member that is ``ensure: absent``.
    """

    organization: str
    roles: tuple[str, ...] = ()
    became: Became
    row: str = ""  # file:line:column of the table's row it rests on
    item: str = ""  # the item of `each`, as JSON


class RuleExplanation(Struct, frozen=True, kw_only=True):
    """One rule and one user: *nearly* is all conditions but one, or an address that only lacks its verification."""

    cause: Cause
    fallback: str = ""
    verdict: Verdict
    conditions: tuple[Condition, ...] = ()
    gifts: tuple[Gift, ...] = ()
    troubles: tuple[str, ...] = ()

    @property
    def lacked(self) -> tuple[Condition, ...]:
        """Return the conditions that did not hold."""
        return tuple(condition for condition in self.conditions if condition.holds is not True)


class MembershipExplanation(Struct, frozen=True, kw_only=True):
    """One membership: its rules, its address and why that one."""

    organization: str
    address: str
    why_address: str
    roles: tuple[str, ...]
    causes: tuple[Cause, ...]
    by_hand: Cause | None = None
    on_unverified: bool = False
    on_untrusted: bool = False


class Open(Struct, frozen=True, kw_only=True):
    """What a problem leaves open: whether ``user`` belongs to ``organization`` (None: to any at all)."""

    user: str
    organization: str | None = None


class Explanation(Struct, frozen=True, kw_only=True):
    """Everything the rules have to say about one user; ``rules`` holds every rule, in the order of the files."""

    user: str
    addresses: tuple[Address, ...] = ()
    matched: bool = False
    memberships: tuple[MembershipExplanation, ...] = ()
    rules: tuple[RuleExplanation, ...] = ()
    undecided: tuple[Open, ...] = ()
    problems: tuple[Problem, ...] = ()


def explain(rules: Rules, user: dict[str, Any]) -> Explanation:
    """Explain what ``evaluate`` decides for one user and why; never raises for anything the user may hold."""
    person = Person(user, rules.context.patterns)
    decision = evaluate(rules, user)
    explained = [_explained(rules, rule, person, decision) for rule in rules.rules]
    return Explanation(
        user=person.user_id,
        addresses=person.addresses,
        matched=decision.matched,
        memberships=tuple(_membership(rules, membership, person) for membership in decision.memberships),
        rules=tuple(sorted(explained, key=lambda one: one.cause)),
        undecided=tuple(Open(user=person.user_id, organization=slug) for slug in decision.undecided),
        problems=fold_problems(decision.problems),
    )


def _explained(rules: Rules, rule: Rule, person: Person, decision: Decision) -> RuleExplanation:
    results = apply_rule(rule, person, rules.context)
    given = [one for one in results if isinstance(one, Assignment)]
    troubles = dict.fromkeys(one.problem.message for one in results if isinstance(one, Undecided))
    conditions = tuple(_conditions_of(rule, person, rules.context))
    verdict = _verdict(given, troubles, conditions)
    if results and _is_excepted(rule, person):
        text, place = "no `except` of the document excludes this user", str(rule.at["except"])
        conditions = (Condition(text=text, holds=False, found=place), *conditions)
        verdict, given = "excepted" if given else verdict, []
    return RuleExplanation(
        cause=rules.causes[rule.number],
        fallback=_FALLBACKS[rule.round],
        verdict=verdict,
        conditions=conditions,
        gifts=tuple(_gifts(rules, rule, person, given, decision)),
        troubles=tuple(troubles),
    )


def _verdict(given: Collection[object], troubles: Collection[str], conditions: Sequence[Condition]) -> Verdict:
    if given or troubles:
        return "matched" if given else "undecided"
    lacked = [condition for condition in conditions if condition.holds is not True]
    if len(lacked) == 1 and (len(conditions) > 1 or lacked[0].nearly):
        return "nearly"
    return "no"


def _is_excepted(rule: Rule, person: Person) -> bool:
    try:
        return is_excepted(rule, person)
    except Mistyped:
        return False


def _conditions_of(rule: Rule, person: Person, context: RuleContext) -> Iterator[Condition]:
    """Yield every condition of a rule in the order in which they are asked."""
    yield from _of_match(rule.match, person)
    scope = scope_of(rule, person)
    if rule.join:
        yield _of_join(rule.join, person, scope, any_address=rule.match.any_address)
    if rule.when:
        yield from _of_when(rule.when, scope)
    if rule.when_each:
        yield from _best(rule, rule.when_each, person, context)
    if rule.each:
        yield _of_each(rule, rule.each, person, context)


def _of_match(match: Match, person: Person) -> Iterator[Condition]:
    """Yield what each key about the user asks, and one condition for all keys about addresses."""
    on_addresses = [key.text(criterion.values) for key, criterion in match.keys if isinstance(key, AddressKey)]
    for key, criterion in match.keys:
        if isinstance(key, UserKey):
            yield _of_user(key, criterion.values, person)
        elif on_addresses:
            yield _of_addresses(match, on_addresses, person)
            on_addresses = []


def _of_user(key: UserKey[Any], values: Any, person: Person) -> Condition:
    text = key.text(values)
    try:
        return Condition(text=text, holds=key.holds(values, person), found=key.found(values, person))
    except Mistyped as odd:
        return Condition(text=text, holds=None, found=odd.message)


def _of_addresses(match: Match, keys: Sequence[str], person: Person) -> Condition:
    """Put the keys about addresses into one condition, as one address must satisfy all of them."""
    text = f"{'an address' if match.any_address else 'a verified address'} {joined(keys)}"
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
    return f"{address.text}: {owner.domain} is listed by {joined(owner.organizations)} ({places})"


def _of_join(join: Join, person: Person, scope: Mapping[str, object], *, any_address: bool) -> Condition:
    joined = " and ".join(f"{column} = {key.text}" for column, key in zip(join.columns, join.keys, strict=True))
    text = f"a row of the table {join.table.name} has {joined}"
    try:
        rows = join.rows(person, scope, any_address=any_address)
        unproven = () if rows else join.rows(person, person.scope(any_address=True), any_address=True)
    except Mistyped as odd:
        return Condition(text=text, holds=None, found=odd.message)
    places = ", ".join(str(join.table.at(row.number)) for row in rows or unproven)
    if unproven:
        return Condition(text=text, holds=False, found=f"{places}, but only by an unverified value", nearly=True)
    return Condition(text=text, holds=bool(rows), found=places or "there is none")


def _of_when(when: Expression, scope: Mapping[str, object]) -> Iterator[Condition]:
    for term in terms_of(when, scope):
        holds = None if term.problem else term.value is True
        yield Condition(text=" ".join(term.text.split()), holds=holds, found=term.problem or _reads(term))


def _reads(term: Term) -> str:
    found = [f"{path} is {shown(value)}" for path, value in term.reads]
    unknown = "; a comparison with null is unknown" if term.value is UNKNOWN else ""
    return ", ".join(found) + unknown


def _best(rule: Rule, when: Expression, person: Person, context: RuleContext) -> Iterator[Condition]:
    """Yield the terms over the case (row, item, organization) in which the most of them hold."""
    text = " ".join(when.text.split())
    try:
        tried = [tuple(_of_when(when, case.scope)) for case in cases_before_when(rule, person, context)]
    except Mistyped as odd:
        yield Condition(text=text, holds=None, found=odd.message)
        return
    if tried:
        yield from max(tried, key=lambda terms: sum(term.holds is True for term in terms))
    else:
        yield Condition(text=text, holds=False, found="there is nothing to evaluate it for")


def _of_each(rule: Rule, each: Expression, person: Person, context: RuleContext) -> Condition:
    text = f"{each.text} has items"
    try:
        cases = cases_before_when(rule, person, context, split=False)
        items = [item for case in cases for item in each.items(case.scope)]
    except Mistyped as odd:
        return Condition(text=text, holds=None, found=odd.message)
    return Condition(text=text, holds=bool(items), found=", ".join(map(shown, items)) or "there is none")


def _gifts(rules: Rules, rule: Rule, person: Person, given: Iterable[Assignment], decision: Decision) -> Iterator[Gift]:
    memberships = {membership.organization: membership for membership in decision.memberships}
    written = [one for _address, one in written_for(rules.by_hand, person)]
    absent = {one.organization for one in written if one.member.ensure == "absent"}
    for one in given:
        row = "" if one.case is None or one.case.row < 0 or not rule.join else str(rule.join.table.at(one.case.row))
        item = "" if one.case is None or not rule.each else json.dumps(one.case.item, ensure_ascii=False)
        slug = one.organization
        became: Became = "not reached"
        if slug is None:
            became = "elsewhere"
        elif slug in memberships and rule.number in memberships[slug].rules:
            became = "given"
        elif slug in absent:
            became = "vetoed"
        elif slug not in memberships and (slug in decision.undecided or None in decision.undecided):
            became = "held"
        yield Gift(organization=slug or "", roles=one.roles, became=became, row=row, item=item)


def _membership(rules: Rules, membership: Membership, person: Person) -> MembershipExplanation:
    written = [one for _address, one in written_for(rules.by_hand, person) if one.number == membership.declared]
    place = written[0].member.position if written else None
    return MembershipExplanation(
        organization=membership.organization,
        address=membership.addresses[0],
        why_address=_why_address(rules, membership, person, address(MEMBER, membership.organization)),
        roles=membership.roles,
        causes=tuple(rules.causes[number] for number in membership.rules),
        by_hand=Cause(file=place.file, line=place.line) if place else None,
        on_unverified=membership.unverified,
        on_untrusted=membership.untrusted,
    )


def _why_address(rules: Rules, membership: Membership, person: Person, member: str) -> str:
    """Return why the first admissible address is the first."""
    chosen = membership.addresses[0]
    if any(one.number == membership.declared for one in rules.by_hand.get(chosen, ())):
        return f"it is the address of the hand-written manifest {member}/…"
    for number in membership.rules:
        for one in apply_rule(rules.rules[number], person, rules.context):
            here = isinstance(one, Assignment) and one.organization == membership.organization and one.addresses
            if here and any(found.text == chosen for found in here):
                return f"the rule {rules.rules[number].name} matched it"
    return "it is the user's first verified address" if membership.verified[0] else "the user has no verified address"


def is_user(user: Mapping[str, Any], wanted: str) -> bool:
    """Return whether a user is the one that is asked for: by id, external id or an address, however it is spelled."""
    if trimmed(wanted) in (user.get("user_id"), user.get("external_id")):
        return True
    if "@" not in wanted:
        return False
    address = mailbox_or_text(wanted)
    return any(mailbox_or_text(entry["email"]) == address for entry in user.get("emails") or ())
