"""One user through all rules: three rounds of them, then one membership for each organization."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from reconciler.expressions.expression import Expression
from reconciler.expressions.values import UNKNOWN, Mistyped, same
from reconciler.model import (
    ORGANIZATION,
    Json,
    Membership,
    Path,
    Position,
    Problem,
    Resource,
    Severity,
    address,
    problem,
)
from reconciler.rules.apply_rule import apply_rule
from reconciler.rules.directory import OF_DOMAINS
from reconciler.rules.grant import METADATA
from reconciler.rules.person import UNREADABLE_ADDRESS, Address, HandWritten, Person, unread, written_for
from reconciler.rules.rule import UNLESS_ANYWHERE, Assignment, Rule, RuleResult, Rules, Undecided
from reconciler.suggest import joined

# What leaves a user's memberships open without any rule having spoken of him.
_OF_NO_RULE: Final = OF_DOMAINS | {UNREADABLE_ADDRESS}


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
_REMEMBERED: Final = 1 << 16  # domains of a rule
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
        return merge(rules, person, run_rules(rules, person, numbers, (Undecided(unread(person), None),)), written)
    if not numbers:
        return BY_HAND_ALONE if written else NO_MEMBERSHIPS
    if len(numbers) == 1 and not written:
        results = _results_of(rules.rules[numbers[0]], person, rules)
        if not results:
            return NO_MEMBERSHIPS
        if len(results) == 1 and (alone := _alone(rules, person, results[0])):
            return Decision((alone,), matched=True)
    gathered = run_rules(rules, person, numbers)
    if not gathered.matched and not gathered.undecided:
        return BY_HAND_ALONE if written else NO_MEMBERSHIPS
    return merge(rules, person, gathered, written)


def _results_of(rule: Rule, person: Person, rules: Rules) -> Sequence[RuleResult]:
    """Return what a rule gives a user: what it gave another at the same domain, where nothing else counts for it."""
    addresses = person.addresses
    if rule.by_domain is None or len(addresses) != 1 or not addresses[0].verified:
        return apply_rule(rule, person, rules.context)
    domain = addresses[0].domain
    found = rule.by_domain.get(domain)
    if found is None:
        found = apply_rule(rule, person, rules.context)
        if len(rule.by_domain) < _REMEMBERED and all(isinstance(one, Assignment) for one in found):
            rule.by_domain[domain] = found
    return found


def _alone(rules: Rules, person: Person, given: RuleResult) -> Membership | None:
    """Return the membership of most users: one rule gave one organization to one verified address.

    None where it takes the rest of this module.
    """
    addresses = person.addresses
    if len(addresses) != 1 or not addresses[0].verified:
        return None
    if not isinstance(given, Assignment) or given.organization is None:
        return None
    fields = given.fields
    if rules.external_id:
        external_id, undecided = _external_id(rules, rules.external_id, person)
        if undecided:
            return None
        if external_id is not None and "external_id" not in fields and "external_id" not in given.initial:
            fields = {**fields, "external_id": external_id}
    (own,) = addresses
    return Membership(
        organization=given.organization,
        addresses=(own.text,),
        user=person.user_id,
        verified=(True,),
        rules=(given.rule.number,),
        roles=given.roles,
        fields=fields,
        initial=given.initial,
        unverified=given.unverified,
        untrusted=given.rule.untrusted,
    )


class RuleResults(Struct):
    """What the rounds brought: assignments by organization, and what is undecided; ``matched`` as in ``Decision``."""

    assignments: dict[str, list[Assignment]]
    undecided: list[Undecided]
    matched: bool = False


def run_rules(rules: Rules, person: Person, numbers: Sequence[int], undecided: Iterable[Undecided] = ()) -> RuleResults:
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
            if isinstance(result, Assignment):
                results.matched = True
                if result.organization is not None and result.organization not in done:
                    results.assignments.setdefault(result.organization, []).append(result)
            else:
                open_ = result.organizations
                still = open_ if open_ is None or not current else tuple(slug for slug in open_ if slug not in done)
                results.undecided.append(Undecided(result.problem, still))
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
    """Return the memberships that follow from what the rules gave and from the user's hand-written Members."""
    memberships: list[Membership] = []
    undecided = results.undecided
    external_id = None
    if results.assignments and rules.external_id:
        external_id, no_id = _external_id(rules, rules.external_id, person)
        if no_id:
            undecided.append(no_id)
    for slug, assignments in results.assignments.items():
        here = [pair for pair in written if pair[1].organization == slug] if written else ()
        membership = _membership_of(person, slug, assignments, here, external_id)
        if isinstance(membership, list):
            undecided.extend(membership)
        else:
            memberships.append(membership)
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
        results.matched or bool(written) or any(one.problem.code not in _OF_NO_RULE for one in undecided),
    )


def _membership_of(
    person: Person,
    slug: str,
    assignments: Sequence[Assignment],
    written: Sequence[tuple[Address, HandWritten]],
    external_id: str | None,
) -> Membership | list[Undecided]:
    """Return the membership, or what keeps it from being made: nothing, where a hand-written Member forbids it.

    ``written`` are the Members by hand in this organization that stand on an address of the user; ``external_id`` is
    what a member gets who is given no other.
    """
    declared: HandWritten | None = None
    if written:
        if any(one.member.ensure == "absent" for _address, one in written):
            return []
        own_address, declared = written[0]
        if declared.member.ensure == "external":
            return _held(person, slug, declared.member, "left-alone")
        if not own_address.verified and not any(one.rule.match.any_address for one in assignments):
            return _held(person, slug, declared.member, "unproven-member")
    addresses = _admissible(person, assignments, written[0][0] if declared else None)
    if not addresses:
        return _no_address(person, slug, assignments)
    by_hand = declared.member if declared else None
    if len(assignments) == 1 and by_hand is None:
        (alone,) = assignments
        numbers: tuple[int, ...] = (alone.rule.number,)
        roles, fields, initial = alone.roles, alone.fields, alone.initial
        unverified, untrusted = alone.unverified, alone.rule.untrusted
    else:
        merged = _merged(person, slug, assignments, by_hand)
        if isinstance(merged, list):
            return merged
        fields, initial = merged
        numbers = tuple(sorted({one.rule.number for one in assignments}))
        roles = _roles(by_hand.spec if by_hand else {}, (one.roles for one in assignments))
        unverified = any(one.unverified for one in assignments)
        untrusted = any(one.rule.untrusted for one in assignments)
    if external_id is not None and "external_id" not in fields and "external_id" not in initial:
        fields = {**fields, "external_id": external_id}
    return Membership(
        organization=slug,
        addresses=tuple([one.text for one in addresses]),
        user=person.user_id,
        verified=tuple([one.verified for one in addresses]),
        rules=numbers,
        roles=roles,
        fields=fields,
        initial=initial,
        declared=declared.number if declared else -1,
        unverified=unverified or not addresses[0].verified,
        untrusted=untrusted,
    )


def _roles(stated: Mapping[str, Json], given: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """Unite roles."""
    return tuple(sorted({*(stated.get("roles") or ()), *(role for roles in given for role in roles)}))


def _admissible(person: Person, assignments: Sequence[Assignment], own: Address | None) -> Sequence[Address]:
    """Return the admissible addresses, best first.

    First that of a hand-written Member (``own``); then those that an ``email*`` key or a join matched, verified ones
    first; then the user's other verified ones; last, if a rule says ``verified: any``, the others: each in the user's
    order.
    """
    if len(person.addresses) == 1 and person.addresses[0].verified:
        return person.addresses
    any_address = any(one.rule.match.any_address for one in assignments)
    matched = {found for one in assignments for found in one.addresses}
    allowed = [one for one in person.addresses if one.verified or any_address or one == own]
    return sorted(allowed, key=lambda one: (own is not None and one != own, one not in matched, not one.verified))


def _merged(
    person: Person, slug: str, assignments: Sequence[Assignment], by_hand: Resource | None
) -> tuple[dict[str, Json], dict[str, Json]] | list[Undecided]:
    """Put the fields of several assignments together, those of a hand-written Member over all; or say what differs."""
    stated = dict(_flat(by_hand.spec, by_hand.initial)) if by_hand else {}
    given: dict[Path, list[tuple[Json, Assignment]]] = {}
    for one in assignments:
        for path, value in _flat(one.fields, one.initial):
            if path not in stated:
                given.setdefault(path, []).append((value, one))
    contradictions = []
    for path, values in sorted(given.items()):
        first, rule = values[0]
        other = next((other for value, other in values if not same(first, value)), None)
        if other:
            contradictions.append(_contradiction(person, slug, path, rule, other))
    if contradictions:
        return contradictions
    fields, initial = _nested({**{path: values[0][0] for path, values in given.items()}, **stated})
    roles = _roles(by_hand.initial if by_hand else {}, (one.initial.get("roles") or () for one in assignments))
    return fields, {**initial, "roles": list(roles)} if roles else initial


def _flat(spec: Mapping[str, Json], initial: Mapping[str, Json]) -> Iterator[tuple[Path, Json]]:
    """Yield every field by its path, metadata key by key; roles unite and are none."""
    for part, fields in (("spec", spec), ("initial", initial)):
        for name, value in fields.items():
            if name in METADATA and isinstance(value, Mapping) and value:
                yield from (((part, name, key), inner) for key, inner in value.items())
            elif name != "roles":
                yield (part, name), value


def _nested(flat: Mapping[Path, Json]) -> tuple[dict[str, Json], dict[str, Json]]:
    parts: dict[str, dict[str, Json]] = {"spec": {}, "initial": {}}
    for path, value in sorted(flat.items()):
        part, name, *key = path
        if key and isinstance(inner := parts[part].setdefault(name, {}), dict):
            inner[key[0]] = value
        else:
            parts[part][name] = value
    return parts["spec"], parts["initial"]


def _contradiction(person: Person, slug: str, path: Path, one: Assignment, other: Assignment) -> Undecided:
    in_files = path[1:] if path[0] == "spec" else path
    rules = sorted({one.rule.name, other.rule.name})
    who = f"the rule {rules[0]} gives" if len(rules) == 1 else f"the rules {joined(rules)} give"
    return _undecided(
        person,
        slug,
        "contradicting-rules",
        f"{who} different values for {'.'.join(in_files)} in {slug}",
        "let only one of them set it, or write a Member manifest, which takes precedence",
        sorted({one.grant.position, other.grant.position}),
        "error" if in_files in one.grant.literals and in_files in other.grant.literals else "problem",
    )


def _held(person: Person, slug: str, member: Resource, code: str) -> list[Undecided]:
    """Hold a membership because of a hand-written Member."""
    if code == "left-alone":
        message, hint = "a Member manifest has `ensure: external`, so no rule writes this member", ""
    else:
        message = "a Member manifest has an address of this user that is not verified, so it may be another person"
        hint = "let the user verify the address; or set `verified: any` in the rule's match"
    return [_undecided(person, slug, code, message, hint, (member.position,))]


def _no_address(person: Person, slug: str, assignments: Sequence[Assignment]) -> list[Undecided]:
    names = sorted({one.rule.name for one in assignments})
    message = f"{'rule' if len(names) == 1 else 'rules'} {joined(names)}: a member needs an address, and this "
    message += "user has none that is verified"
    hint = "let the user verify one; or set `verified: any` in the rule's match"
    at = sorted({one.grant.position for one in assignments})
    return [_undecided(person, slug, "no-admissible-address", message, hint, at)]


def _undecided(
    person: Person,
    slug: str,
    code: str,
    message: str,
    hint: str,
    at: Iterable[Position],
    severity: Severity = "problem",
) -> Undecided:
    organization, users = address(ORGANIZATION, slug), (person.user_id,)
    found = problem(code, message, hint, *at, severity=severity, addresses=(organization,), users=users)
    return Undecided(found, (slug,))


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
