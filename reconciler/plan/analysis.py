"""What a plan says of the rules: what edited ones do to people, which decide nothing, and whom nobody joins."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Final

from reconciler.desired.members import Desired
from reconciler.diff.fields import same
from reconciler.load.applied import AppliedFiles
from reconciler.load.repository import Declared
from reconciler.model import (
    MEMBER,
    Analysis,
    Changes,
    Create,
    Delete,
    EmptyOrganization,
    IdleRule,
    Json,
    RuleEffect,
)
from reconciler.plan.effects import user_of
from reconciler.plan.origins import MembersAsked
from reconciler.rules.rule import Rule, Rules

LARGEST: Final = 20  # organizations that are named


def analysis_of(
    changes: Changes, declared: Declared, desired: Desired, rules: Rules, applied: AppliedFiles | None
) -> Analysis | None:
    """Return what is to be said of the rules; None where that is nothing."""
    effects = tuple(_effects(changes, declared, desired, rules, applied)) if applied and not applied.is_same else ()
    idle = tuple(_idle(rules, desired.memberships.rule_sets)) if desired.count else ()
    empty = list(_empty(declared, desired)) if desired.count and rules.rules else []
    if not (effects or idle or empty):
        return None
    return Analysis(effects=effects, idle=idle, empty=len(empty), empty_organizations=tuple(empty[:LARGEST]))


def _effects(
    changes: Changes, declared: Declared, desired: Desired, rules: Rules, applied: AppliedFiles
) -> Iterator[RuleEffect]:
    """Yield what each rule does to people that it did not do when it was applied last, the most people first.

    What edited rules and others do together is put down to the edited ones.
    """
    before = MembersAsked(desired.memberships if desired.before is None else desired.before)
    edited = _edited(declared, applied.declared)
    gains: defaultdict[str, Counter[str]] = defaultdict(Counter)
    loses: defaultdict[str, Counter[str]] = defaultdict(Counter)
    roles: Counter[str] = Counter()
    people: defaultdict[str, set[str]] = defaultdict(set)
    for change in changes.only(kind=MEMBER):
        if change.origin != "git" or change.withheld_by:
            continue
        was = before.of(change)
        formerly = (applied.rules.causes[number].rule for number in was.rules) if was else ()
        named = {rule for rule in chain(formerly, (cause.rule for cause in change.causes)) if rule is not None}
        for rule in named & edited or named:
            if isinstance(change, Delete):
                loses[rule][str(change.namespace)] += 1
            elif isinstance(change, Create):
                gains[rule][str(change.namespace)] += 1
            elif change.get("roles"):
                roles[rule] += 1
            else:
                continue
            people[rule].add(user_of(change) or change.name)
    today = {cause.rule for cause in rules.causes}
    places = {cause.rule: cause for cause in chain(applied.rules.causes, rules.causes)}  # today's, if it is there
    for rule in sorted(people, key=lambda each: (-len(people[each]), each)):
        yield RuleEffect(
            rule=rule,
            file=places[rule].file,
            line=places[rule].line,
            people=len(people[rule]),
            gains=_largest(gains[rule]),
            gains_in=len(gains[rule]),
            loses=_largest(loses[rule]),
            loses_in=len(loses[rule]),
            other_roles=roles[rule],
            removed=rule not in today,
        )


def _edited(now: Declared, before: Declared) -> frozenset[str]:
    """Return the names of the rules that are not as they were."""
    rules, formerly = _rules_of(now), _rules_of(before)
    return frozenset(name for name in rules.keys() | formerly.keys() if not same(rules.get(name), formerly.get(name)))


def _rules_of(declared: Declared) -> Mapping[str, Json]:
    return {rule["name"]: rule for document in declared.rules for rule in document.body["spec"]["rules"]}


def _largest(counts: Counter[str]) -> Mapping[str, int]:
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:LARGEST])


def _idle(rules: Rules, rule_sets: Iterable[Sequence[int]]) -> Iterator[IdleRule]:
    """Yield the rules that match somebody and without which everybody would be a member of the same, with the same.

    Of two that always give the same, the one whose name comes later is named.
    """
    tally, left = rules.context.tally, [set(each) for each in rule_sets]
    for rule in sorted(rules.rules, key=lambda each: each.name, reverse=True):
        given = [each for each in left if rule.number in each]
        if rule.number not in tally.matched or rule.number in tally.unasked or _gives_more(rule):
            continue
        if all(len(each) > 1 for each in given):
            for each in given:
                each.discard(rule.number)
            others = {rules.rules[number].name for each in given for number in each}
            place = rule.position
            yield IdleRule(rule=rule.name, file=place.file, line=place.line, others=tuple(sorted(others)))


def _gives_more(rule: Rule) -> bool:
    """Return whether a rule gives more than that somebody is a member."""
    return any(
        grant.roles or grant.role_tree or grant.initial or grant.initial_tree or grant.fields or grant.field_tree
        for grant in rule.grants
    )


def _empty(declared: Declared, desired: Desired) -> Iterator[EmptyOrganization]:
    for one in declared.organizations:
        if one.ensure == "present" and not (desired.memberships.count(one.name) or desired.undecided.get(one.name)):
            yield EmptyOrganization(address=one.address, file=one.position.file, line=one.position.line)
