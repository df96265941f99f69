"""Why a user is a member of what: every rule, what it asked for, what it found, and what it gave."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from reconciler.expressions import Mistyped, mailbox_or_text, trimmed
from reconciler.model import Cause, Membership, Problem, Undecided, address
from reconciler.rules.assign import Assigned, assign
from reconciler.rules.conditions import Condition, conditions_of
from reconciler.rules.evaluate import is_excepted, made_by
from reconciler.rules.person import Address, Person, written_for
from reconciler.rules.problems import Trouble, fold_problems
from reconciler.rules.rule import Assignment, Made, Rule
from reconciler.rules.ruleset import Rules

Verdict = Literal["matched", "nearly", "no", "excepted", "undecided"]
Became = Literal["given", "held", "vetoed", "elsewhere", "not reached"]
_FALLBACKS = ("", "organization", "user")


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


class Explanation(Struct, frozen=True, kw_only=True):
    """Everything the rules have to say about one user; ``rules`` holds every rule, in the order of the files."""

    user: str
    addresses: tuple[Address, ...] = ()
    matched: bool = False
    memberships: tuple[MembershipExplanation, ...] = ()
    rules: tuple[RuleExplanation, ...] = ()
    undecided: tuple[Undecided, ...] = ()
    problems: tuple[Problem, ...] = ()


def explain(rules: Rules, user: dict[str, Any]) -> Explanation:
    """Explain what ``assign`` decides for one user and why; never raises for anything the user may hold."""
    person = Person(user, rules.world.patterns)
    assigned = assign(rules, user)
    explained = [_explained(rules, rule, person, assigned) for rule in rules.rules]
    return Explanation(
        user=person.user_id,
        addresses=person.addresses,
        matched=assigned.matched,
        memberships=tuple(_membership(rules, membership, person) for membership in assigned.memberships),
        rules=tuple(sorted(explained, key=lambda one: one.cause)),
        undecided=assigned.undecided,
        problems=fold_problems(assigned.problems),
    )


def _explained(rules: Rules, rule: Rule, person: Person, assigned: Assigned) -> RuleExplanation:
    made = made_by(rule, person, rules.world)
    conditions = tuple(conditions_of(rule, person, rules.world))
    if made and _excepted(rule, person):
        excepted = Condition(
            text="no `except` of the document excludes this user", holds=False, found=str(rule.at["except"])
        )
        conditions = (excepted, *conditions)
    return RuleExplanation(
        cause=rules.causes[rule.number],
        fallback=_FALLBACKS[rule.round],
        verdict=_verdict(rule, person, made, conditions),
        conditions=conditions,
        gifts=tuple(_gifts(rules, rule, person, made, assigned)),
        troubles=tuple(dict.fromkeys(one.problem.message for one in made if isinstance(one, Trouble))),
    )


def _verdict(rule: Rule, person: Person, made: Sequence[Made], conditions: Sequence[Condition]) -> Verdict:
    if any(isinstance(one, Assignment) for one in made):
        return "excepted" if _excepted(rule, person) else "matched"
    if made:
        return "undecided"
    lacked = [condition for condition in conditions if condition.holds is not True]
    if len(lacked) == 1 and (len(conditions) > 1 or lacked[0].nearly):
        return "nearly"
    return "no"


def _excepted(rule: Rule, person: Person) -> bool:
    try:
        return is_excepted(rule, person)
    except Mistyped:
        return False


def _gifts(rules: Rules, rule: Rule, person: Person, made: Sequence[Made], assigned: Assigned) -> Iterator[Gift]:
    if _excepted(rule, person):
        return
    given = {membership.organization: membership for membership in assigned.memberships}
    open_ = {undecided.organization for undecided in assigned.undecided}
    absent = {
        written.organization
        for _address, written in written_for(rules.by_hand, person)
        if written.member.ensure == "absent"
    }
    for one in made:
        if isinstance(one, Trouble):
            continue
        row = "" if one.case is None or one.case.row < 0 or not rule.join else str(rule.join.table.at(one.case.row))
        item = "" if one.case is None or not rule.each else _shown(one.case.item)
        if one.organization is None:
            yield Gift(organization="", became="elsewhere", row=row, item=item)
            continue
        slug = one.organization
        became: Became = "not reached"
        if slug in given and rule.number in given[slug].rules:
            became = "given"
        elif slug in absent:
            became = "vetoed"
        elif slug not in given and (slug in open_ or None in open_):
            became = "held"
        yield Gift(organization=slug, roles=one.roles, became=became, row=row, item=item)


def _membership(rules: Rules, membership: Membership, person: Person) -> MembershipExplanation:
    written = [one for _address, one in written_for(rules.by_hand, person) if one.number == membership.declared]
    place = written[0].member.position if written else None
    return MembershipExplanation(
        organization=membership.organization,
        address=membership.addresses[0],
        why_address=_why_address(rules, membership, person, address("Member", membership.organization)),
        roles=membership.roles,
        causes=tuple(rules.causes[number] for number in membership.rules),
        by_hand=Cause(file=place.file, line=place.line) if place else None,
        on_unverified=membership.unverified,
        on_untrusted=membership.untrusted,
    )


def _why_address(rules: Rules, membership: Membership, person: Person, member: str) -> str:
    """Return why the first admissible address is the first."""
    chosen = membership.addresses[0]
    by_hand = rules.by_hand.get(chosen, ())
    if any(one.number == membership.declared for one in by_hand):
        return f"it is the address of the hand-written manifest {member}/…"
    for number in membership.rules:
        rule = rules.rules[number]
        for one in made_by(rule, person, rules.world):
            if (
                isinstance(one, Assignment)
                and one.organization == membership.organization
                and any(found.text == chosen for found in one.addresses)
            ):
                return f"the rule {rule.name} matched it"
    return "it is the user's first verified address" if membership.verified[0] else "the user has no verified address"


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def is_user(user: Mapping[str, Any], wanted: str) -> bool:
    """Return whether a user is the one that is asked for: by id, external id or an address, however it is spelled."""
    if trimmed(wanted) in (user.get("user_id"), user.get("external_id")):
        return True
    if "@" not in wanted:
        return False
    address = mailbox_or_text(wanted)
    return any(mailbox_or_text(entry["email"]) == address for entry in user.get("emails") or ())
