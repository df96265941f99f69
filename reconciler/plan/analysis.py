"""What a plan says of the rules: what edited ones do to people, which decide nothing, and whom nobody joins."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from reconciler.desired.members import Desired
from reconciler.load.applied import AppliedFiles
from reconciler.load.repository import Declared
from reconciler.model import (
    MEMBER,
    Analysis,
    Cause,
    Changes,
    Create,
    Delete,
    EmptyOrganization,
    IdleRule,
    RuleEffect,
    is_inferred,
)
from reconciler.plan.origins import MembersAsked
from reconciler.rules.rule import Rule, Rules

LARGEST: Final = 20  # organizations that are named


def analysis_of(
    changes: Changes, declared: Declared, desired: Desired, rules: Rules, applied: AppliedFiles | None
) -> Analysis | None:
    """Return what is to be said of the rules; None where that is nothing."""
    effects = tuple(_effects(changes, desired, rules, applied)) if applied and not applied.is_same else ()
    idle = tuple(_idle(rules, desired.memberships.rule_sets)) if desired.count else ()
    empty = list(_empty(declared, desired)) if desired.count and rules.rules else []
    if not (effects or idle or empty):
        return None
    return Analysis(effects=effects, idle=idle, empty=len(empty), empty_organizations=tuple(empty[:LARGEST]))


def _effects(changes: Changes, desired: Desired, rules: Rules, applied: AppliedFiles) -> Iterator[RuleEffect]:
    """Yield what each rule does to people that it did not do when it was applied last, the most people first."""
    before = MembersAsked(desired.before or desired.memberships)
    gains: defaultdict[str, Counter[str]] = defaultdict(Counter)
    loses: defaultdict[str, Counter[str]] = defaultdict(Counter)
    roles: Counter[str] = Counter()
    people: defaultdict[str, set[str]] = defaultdict(set)
    places: dict[str, Cause] = {}
    for change in changes.only(kind=MEMBER):
        if change.origin != "git" or change.withheld_by:
            continue
        causes: Iterable[Cause] = change.causes
        was = before.of(change) if is_inferred(change) else None
        if was is not None:
            causes = (applied.rules.causes[number] for number in was.rules)
        for cause in causes:
            if cause.rule is None:
                continue
            key = cause.rule
            if isinstance(change, Delete):
                loses[key][str(change.namespace)] += 1
            elif isinstance(change, Create):
                gains[key][str(change.namespace)] += 1
            elif change.get("roles"):
                roles[key] += 1
            else:
                continue
            user = cause.user or (change.mark.user if change.mark else None)
            people[key].add(user or change.name)
            if key not in places or not is_inferred(change):  # where it stands today, if it does
                places[key] = cause
    today = {cause.rule for cause in rules.causes}
    for key in sorted(people, key=lambda each: (-len(people[each]), each)):
        yield RuleEffect(
            rule=key,
            file=places[key].file,
            line=places[key].line,
            people=len(people[key]),
            gains=_largest(gains[key]),
            gains_in=len(gains[key]),
            loses=_largest(loses[key]),
            loses_in=len(loses[key]),
            other_roles=roles[key],
            removed=key not in today,
        )


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
