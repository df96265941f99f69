"""One user through all rules: three rounds of them, then one membership for each organization."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec import Struct

from reconciler.expressions.expression import Expression
from reconciler.expressions.values import UNKNOWN, Mistyped
from reconciler.model import Membership, Problem, problem
from reconciler.rules.apply_rule import apply_rule
from reconciler.rules.membership import membership_of
from reconciler.rules.person import Address, HandWritten, Person, addresses_of, written_for
from reconciler.rules.problems import OF_NO_RULE, UNREADABLE_ADDRESS, Undecided
from reconciler.rules.rule import UNLESS_ANYWHERE, Assignment, RuleResult, Rules


class Decision(Struct, frozen=True, gc=False):
    """What all rules together make of one user.

    ``undecided`` has what is left open, by the slug of the organization (None: of every one), with the first problem
    that leaves it open. ``matched`` says whether anything spoke of him: a rule that gave something (if only elsewhere,
    or in vain), an exception from one, or a Member written by hand.
    """

    memberships: tuple[Membership, ...] = ()
    undecided: Mapping[str | None, Problem] = {}  # msgspec copies an empty default
    problems: tuple[Problem, ...] = ()
    matched: bool = False


NO_MEMBERSHIPS: Final = Decision()
BY_HAND_ALONE: Final = Decision(matched=True)
_EXTERNAL_ID: Final = re.compile(r"[A-Za-z0-9._|-]{1,128}")  # as Stytch takes it (docs/stytch.md)


def evaluate(rules: Rules, user: dict[str, Any]) -> Decision:
    """Return a user's memberships, and what problems leave open.

    Never raises for anything a user may hold, as long as ``user_id`` is a string.
    """
    person = Person(user, rules.context.patterns)
    if rules.watch:
        rules.watch.note(person)
    numbers = rules.index.candidates(person)
    written = written_for(rules.by_hand, person) if rules.by_hand else []
    if person.unread and (True in person.unread or rules.any_address):
        return merge(rules, person, run_rules(rules, person, numbers, (_unread(person),)), written)
    if not numbers:
        return BY_HAND_ALONE if written else NO_MEMBERSHIPS
    if len(numbers) == 1 and not written:
        results = apply_rule(rules.rules[numbers[0]], person, rules.context)
        if not results:
            return NO_MEMBERSHIPS
        if len(results) == 1 and (decision := _from_one(rules, person, results[0])):
            return decision
    gathered = run_rules(rules, person, numbers)
    if not gathered.matched and not gathered.undecided:
        return BY_HAND_ALONE if written else NO_MEMBERSHIPS
    return merge(rules, person, gathered, written)


def _from_one(rules: Rules, person: Person, result: RuleResult) -> Decision | None:
    """Do what the rest of this module does where one rule gave one organization, and nothing else happened."""
    if isinstance(result, Undecided) or result.organization is None:
        return None
    external_id = None
    if rules.external_id:
        external_id, undecided = _external_id(rules, rules.external_id, person)
        if undecided:
            return None
    membership = membership_of(person, result.organization, (result,), (), external_id)
    return Decision((membership,), matched=True) if isinstance(membership, Membership) else None


class RuleResults(Struct):
    """What the rounds brought: assignments by organization, and what is undecided; ``matched`` as in ``Decision``."""

    assignments: dict[str, list[Assignment]]
    undecided: list[Undecided]
    matched: bool = False


def _unread(person: Person) -> Undecided:
    """Return the problem of a user's address that cannot be read, so memberships that rely on it are held."""
    message = "an address of this user is not a valid e-mail address, so memberships that rely on it are held"
    hint = "correct it in the source: written as ann@acme.example, without a name, mailto: or a dot at the end"
    found = problem(UNREADABLE_ADDRESS, message, hint, severity="problem", users=(person.user_id,))
    return Undecided(found, None)


def run_rules(rules: Rules, person: Person, numbers: list[int], undecided: Iterable[Undecided] = ()) -> RuleResults:
    """Send a user through the rules that may be about him, round by round; some is ``undecided`` from the start."""
    results = RuleResults({}, [*undecided])
    done: set[str] = set()  # organizations that an earlier round decided, or left open
    current = 0
    for number in numbers:
        rule = rules.rules[number]
        if rule.round != current:
            current = rule.round
            done.update(results.assignments)
            left = [one.organizations for one in results.undecided]
            done.update(slug for slugs in left for slug in slugs or ())
            if None in left or (current == UNLESS_ANYWHERE and not _vetoed(rules, person, done)):
                rules.context.tally.unasked.update(one for one in numbers if one >= number)
                return results
        for result in apply_rule(rule, person, rules.context):
            if isinstance(result, Undecided):
                open_ = result.organizations
                still = open_ if open_ is None or not current else tuple(slug for slug in open_ if slug not in done)
                results.undecided.append(Undecided(result.problem, still))
            else:
                results.matched = True
                if result.organization is not None and result.organization not in done:
                    results.assignments.setdefault(result.organization, []).append(result)
    return results


def _vetoed(rules: Rules, person: Person, organizations: set[str]) -> bool:
    """Return whether all of some organizations are ones that a hand-written Member keeps the user out of."""
    if not organizations or not rules.by_hand:
        return not organizations
    kept_out = {
        one.organization for _address, one in written_for(rules.by_hand, person) if one.member.ensure == "absent"
    }
    return organizations <= kept_out


def merge(rules: Rules, person: Person, results: RuleResults, written: list[tuple[Address, HandWritten]]) -> Decision:
    """Make memberships out of what the rules gave, and of the hand-written Members of the user."""
    memberships: list[Membership] = []
    undecided = results.undecided
    external_id = None
    if results.assignments and rules.external_id:
        external_id, no_id = _external_id(rules, rules.external_id, person)
        if no_id:
            undecided.append(no_id)
    for slug, assignments in results.assignments.items():
        here = [pair for pair in written if pair[1].organization == slug] if written else ()
        membership = membership_of(person, slug, assignments, here, external_id)
        if isinstance(membership, Membership):
            memberships.append(membership)
        else:
            undecided.extend(membership)
    if len(memberships) > 1:
        memberships.sort(key=lambda membership: membership.organization)
    if not undecided:
        return Decision(tuple(memberships), matched=True)
    first: dict[str | None, Problem] = {}
    for one in undecided:
        for slug_or_all in one.organizations if one.organizations is not None else (None,):
            first.setdefault(slug_or_all, one.problem)
    return Decision(
        tuple(memberships),
        first,
        tuple(dict.fromkeys(one.problem for one in undecided)),
        results.matched or bool(written) or any(one.problem.code not in OF_NO_RULE for one in undecided),
    )


def _external_id(rules: Rules, expression: Expression, person: Person) -> tuple[str | None, Undecided | None]:
    """Return the external id of the members that a user becomes; nothing, and a problem, where it cannot be one."""
    try:
        field = rules.external_id_field
        value = person.user.get(field) if field else expression.evaluate(person.scope(any_address=False))
    except Mistyped as odd:
        return None, _no_external_id(person, odd.message)
    if value is None or value is UNKNOWN:
        return None, None
    if type(value) is str and _EXTERNAL_ID.fullmatch(value):
        return value, None
    return None, _no_external_id(person, "1 to 128 letters, digits and . _ - | are needed")


def _no_external_id(person: Person, why: str) -> Undecided:
    message = f"members.external_id gives a value that is no valid external id, so no external id is set: {why}"
    return Undecided(problem("external-id", message, severity="problem", users=(person.user_id,)), ())


def why_unmatched(user: Mapping[str, Any], decision: Decision) -> str:
    """Return what a user lacks who matched no rule, as a cause that can be counted over thousands of users."""
    if decision.undecided:
        return "what a rule would give is held"
    addresses = addresses_of(user)
    if not addresses:
        return "no e-mail address"
    if not any(address.verified for address in addresses):
        return "no verified e-mail address"
    return "no rule matches this user"
