"""One user through all rules: three rounds of them, then one membership for each organization."""

import re
from collections.abc import Iterable
from typing import Any, Final

from msgspec import Struct

from reconciler.expressions import UNKNOWN, Expression, Mistyped
from reconciler.model import Membership, Undecided
from reconciler.rules.evaluate import made_by
from reconciler.rules.membership import membership_of
from reconciler.rules.person import Address, Person, Written, written_for
from reconciler.rules.problems import OF_NO_RULE, UNREADABLE_ADDRESS, Trouble, UserProblem
from reconciler.rules.rule import UNLESS_ANYWHERE, Assignment, Made
from reconciler.rules.ruleset import Rules


class Assigned(Struct, frozen=True, gc=False):
    """What all rules together make of one user.

    ``causes`` are, of each of ``undecided``, the first problem that leaves it open. ``matched`` says whether anything
    spoke of him: a rule that gave something (if only elsewhere, or in vain), an exception from one, or a Member written
    by hand.
    """

    memberships: tuple[Membership, ...] = ()
    undecided: tuple[Undecided, ...] = ()
    causes: tuple[UserProblem, ...] = ()
    problems: tuple[UserProblem, ...] = ()
    matched: bool = False


NOTHING: Final = Assigned()
BY_HAND_ALONE: Final = Assigned(matched=True)
_EXTERNAL_ID: Final = re.compile(r"[A-Za-z0-9._|-]{1,128}")  # as Stytch takes it (docs/stytch.md)


def assign(rules: Rules, user: dict[str, Any]) -> Assigned:
    """Return a user's memberships, and what problems leave open.

    Never raises for anything a user may hold, as long as ``user_id`` is a string.
    """
    person = Person(user, rules.world.patterns)
    if rules.watch:
        rules.watch.note(person)
    numbers = rules.index.candidates(person)
    written = written_for(rules.by_hand, person) if rules.by_hand else []
    if person.unread and (True in person.unread or rules.any_address):
        return settle(rules, person, gather(rules, person, numbers, (_unread(person),)), written)
    if not numbers:
        return BY_HAND_ALONE if written else NOTHING
    if len(numbers) == 1 and not written:
        made = made_by(rules.rules[numbers[0]], person, rules.world)
        if not made:
            return NOTHING
        if len(made) == 1 and (alone := _alone(rules, person, made[0])):
            return alone
    gathered = gather(rules, person, numbers)
    if not gathered.matched and not gathered.troubles:
        return BY_HAND_ALONE if written else NOTHING
    return settle(rules, person, gathered, written)


def _alone(rules: Rules, person: Person, made: Made) -> Assigned | None:
    """Do what the rest of this module does where one rule gave one organization, and nothing else happened."""
    if isinstance(made, Trouble) or made.organization is None:
        return None
    external_id = None
    if rules.external_id:
        external_id, trouble = _external_id(rules, rules.external_id, person)
        if trouble:
            return None
    membership = membership_of(person, made.organization, (made,), (), external_id)
    return Assigned((membership,), matched=True) if isinstance(membership, Membership) else None


class Gathered(Struct):
    """What the rounds brought: assignments by organization, and troubles; ``matched`` as in ``Assigned``."""

    assignments: dict[str, list[Assignment]]
    troubles: list[Trouble]
    matched: bool = False


def _unread(person: Person) -> Trouble:
    """Return the problem of a user's address that cannot be read, so memberships that rely on it are held."""
    message = "an address of this user is not a valid e-mail address, so memberships that rely on it are held"
    hint = "correct it in the source: written as ann@acme.example, without a name, mailto: or a dot at the end"
    return Trouble(UserProblem(code=UNREADABLE_ADDRESS, message=message, hint=hint, user=person.user_id), None)


def gather(rules: Rules, person: Person, numbers: list[int], troubles: Iterable[Trouble] = ()) -> Gathered:
    """Send a user through the rules that may be about him, round by round; ``troubles`` are there from the start."""
    gathered = Gathered({}, [*troubles])
    done: set[str] = set()  # organizations that an earlier round decided, or left open
    current = 0
    for number in numbers:
        rule = rules.rules[number]
        if rule.round != current:
            current = rule.round
            done.update(gathered.assignments)
            left = [trouble.organizations for trouble in gathered.troubles]
            done.update(slug for slugs in left for slug in slugs or ())
            if None in left or (current == UNLESS_ANYWHERE and not _vetoed(rules, person, done)):
                rules.world.tally.unasked.update(one for one in numbers if one >= number)
                return gathered
        for made in made_by(rule, person, rules.world):
            if isinstance(made, Trouble):
                open_ = made.organizations
                still = open_ if open_ is None or not current else tuple(slug for slug in open_ if slug not in done)
                gathered.troubles.append(Trouble(made.problem, still))
            else:
                gathered.matched = True
                if made.organization is not None and made.organization not in done:
                    gathered.assignments.setdefault(made.organization, []).append(made)
    return gathered


def _vetoed(rules: Rules, person: Person, organizations: set[str]) -> bool:
    """Return whether all of some organizations are ones that a hand-written Member keeps the user out of."""
    if not organizations or not rules.by_hand:
        return not organizations
    kept_out = {
        one.organization for _address, one in written_for(rules.by_hand, person) if one.member.ensure == "absent"
    }
    return organizations <= kept_out


def settle(rules: Rules, person: Person, gathered: Gathered, written: list[tuple[Address, Written]]) -> Assigned:
    """Make memberships out of assignments."""
    memberships: list[Membership] = []
    troubles = gathered.troubles
    external_id = None
    if gathered.assignments and rules.external_id:
        external_id, trouble = _external_id(rules, rules.external_id, person)
        if trouble:
            troubles.append(trouble)
    for slug, assignments in gathered.assignments.items():
        here = [pair for pair in written if pair[1].organization == slug] if written else ()
        made = membership_of(person, slug, assignments, here, external_id)
        if isinstance(made, Membership):
            memberships.append(made)
        else:
            troubles.extend(made)
    if len(memberships) > 1:
        memberships.sort(key=lambda membership: membership.organization)
    if not troubles:
        return Assigned(tuple(memberships), matched=True)
    undecided: dict[str | None, UserProblem] = {}
    for trouble in troubles:
        for place in trouble.organizations if trouble.organizations is not None else (None,):
            undecided.setdefault(place, trouble.problem)
    return Assigned(
        tuple(memberships),
        tuple(Undecided(user=person.user_id, organization=slug) for slug in undecided),
        tuple(undecided.values()),
        tuple(dict.fromkeys(trouble.problem for trouble in troubles)),
        gathered.matched or bool(written) or any(trouble.problem.code not in OF_NO_RULE for trouble in troubles),
    )


def _external_id(rules: Rules, expression: Expression, person: Person) -> tuple[str | None, Trouble | None]:
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


def _no_external_id(person: Person, why: str) -> Trouble:
    message = f"members.external_id gives a value that is no valid external id, so no external id is set: {why}"
    return Trouble(UserProblem(code="external-id", message=message, user=person.user_id), ())
