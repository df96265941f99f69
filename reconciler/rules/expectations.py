"""What a RuleTest expects of its users, against what the rules make of them: each difference at its place, and why."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from msgspec import Struct

from reconciler.documents.document import Document
from reconciler.expressions.text import trimmed
from reconciler.model import Json, Membership, Path, Problem, problem
from reconciler.rules.evaluate import Decision, evaluate
from reconciler.rules.explain import Explanation, RuleExplanation, explain
from reconciler.rules.rule import Rules
from reconciler.suggest import joined

DIFFERS: Final = "rule-test"
ANY: Final = "any"
_REASONS: Final = 3  # that one difference names
_LACKS: Final = ("matched", "excepted", "undecided", "nearly", "no")  # the least first
_BECAME: Final = {
    "not reached": "an earlier rule takes precedence",
    "vetoed": "a Member manifest has `ensure: absent`",
    "held": "it is held",
}


class Case(Struct, frozen=True, dict=True):
    """One expectation of a test: the user it is about, and what the rules make of that user."""

    document: Document
    index: int
    rules: Rules
    user: dict[str, Json]

    @property
    def expected(self) -> Mapping[str, Any]:
        """Return what is written."""
        body: Mapping[str, Any] = self.document.body["spec"]["expect"][self.index]
        return body

    @cached_property
    def decision(self) -> Decision:
        """Return what the rules decide."""
        return evaluate(self.rules, self.user)

    @cached_property
    def explanation(self) -> Explanation:
        """Return why, which takes so long that it is only asked for where something differs."""
        return explain(self.rules, self.user)

    @property
    def given(self) -> Mapping[str, Membership]:
        """Return the memberships that nothing holds, by organization."""
        held = self.decision.undecided
        return {one.organization: one for one in self.decision.memberships if one.organization not in held}

    def differs(self, wanted: str, found: str, hint: str, *path: str) -> Problem:
        """Return a difference at the place of what is expected."""
        message = f"{self.document.name}: {self.user['user_id']}: expected {wanted}, but {found}"
        at = self.document.at("spec", "expect", str(self.index), *path)
        return problem(DIFFERS, message, hint, at)


def differences(rules: Rules, document: Document, users: Mapping[str, dict[str, Json]]) -> Iterator[Problem]:
    """Yield everything in which the rules differ from what a test expects of its users, who are given by their ids."""
    for index, expected in enumerate(document.body["spec"]["expect"]):
        case = Case(document, index, rules, users[trimmed(expected["user"])])
        yield from _of_memberships(case)
        yield from _of_what_is_held(case)
        yield from _of_rules(case)


def _of_memberships(case: Case) -> Iterator[Problem]:
    wanted = {entry["organization"]: index for index, entry in enumerate(case.expected["memberships"])}
    given = case.given
    for slug, index in wanted.items():
        path = ("memberships", str(index))
        if slug in given:
            yield from _of_roles(case, given[slug], path)
        elif held := case.decision.undecided.get(slug) or case.decision.undecided.get(None):
            yield case.differs(f"a membership in {slug}", f"it is held: {held.message}", held.hint, *path)
        else:
            why = _reasons(case, _that_may_give(case, slug))
            yield case.differs(f"a membership in {slug}", "the rules give none", why, *path)
    for slug, membership in given.items():
        if slug not in wanted:
            found = f"the rules give one in {slug}{_with_roles(membership.roles)}"
            others = f"no membership but in {joined(wanted)}" if wanted else "no membership"
            yield case.differs(others, found, _given_by(case, membership), "memberships")


def _of_roles(case: Case, membership: Membership, path: Path) -> Iterator[Problem]:
    roles = case.expected["memberships"][int(path[1])].get("roles")
    if roles is not None and set(roles) != set(membership.roles):
        wanted = f"{_roles(sorted(set(roles)))} in {membership.organization}"
        found = f"the rules give {_roles(membership.roles)}"
        yield case.differs(wanted, found, _given_by(case, membership), *path, "roles")


def _of_what_is_held(case: Case) -> Iterator[Problem]:
    """Yield what is held and should not be, and the other way round; a membership that is held is told before."""
    wanted, undecided = case.expected.get("held", []), case.decision.undecided
    path = ("held",) if "held" in case.expected else ("memberships",)
    memberships = {entry["organization"] for entry in case.expected["memberships"]}
    if wanted == ANY:
        if None not in undecided:
            found = f"only {joined(filter(None, undecided))} is" if undecided else "nothing is"
            yield case.differs("every membership to be held", found, "", *path)
        return
    if None in undecided and memberships <= case.given.keys():
        why = undecided[None]
        yield case.differs("an answer", f"every membership is held: {why.message}", why.hint, *path)
    for slug, why in undecided.items():
        if slug is not None and slug not in wanted and slug not in memberships:
            yield case.differs(f"nothing of {slug}", f"a membership is held: {why.message}", why.hint, *path)
    for index, slug in enumerate(wanted):
        if slug not in undecided:
            given = f"it is given{_with_roles(case.given[slug].roles)}" if slug in case.given else ""
            why_not = "" if slug in case.given else _reasons(case, _that_may_give(case, slug))
            yield case.differs(
                f"a membership in {slug} that is held", given or "the rules give none", why_not, *path, str(index)
            )


def _of_rules(case: Case) -> Iterator[Problem]:
    if "rules" not in case.expected:
        return
    wanted = set(case.expected["rules"])
    found = {case.rules.causes[number].rule for one in case.given.values() for number in one.rules}
    if wanted == found:
        return
    by = f"they are given by {joined(sorted(map(str, found)))}" if found else "no rule gives any"
    missing = [one for one in case.explanation.rules if one.cause.rule in wanted - found]
    expected = f"memberships by {joined(sorted(wanted))}" if wanted else "no rule to give any"
    yield case.differs(expected, by, _reasons(case, missing) if missing else "", "rules")


def _roles(roles: Iterable[str]) -> str:
    return f"the {'roles' if len(listed := list(roles)) > 1 else 'role'} {joined(listed)}" if roles else "no role"


def _with_roles(roles: Sequence[str]) -> str:
    return f" with {_roles(roles)}" if roles else ""


def _given_by(case: Case, membership: Membership) -> str:
    """Return which rules give a membership, with their places."""
    causes = [case.rules.causes[number] for number in membership.rules]
    names = [f"{one.rule} ({one.file}:{one.line})" for one in causes]
    by_hand = ["a Member manifest"] if membership.declared >= 0 else []
    return f"given by {joined([*names, *by_hand])}"


def _that_may_give(case: Case, slug: str) -> Iterator[RuleExplanation]:
    """Yield the rules that give an organization to some users, and those that compute which one they give."""
    by_cause = dict(zip(case.rules.causes, case.rules.rules, strict=True))
    for one in case.explanation.rules:
        targets = [grant.target for grant in by_cause[one.cause].grants]
        if any(not target.is_literal or target.slug == slug for target in targets):
            yield one


def _reasons(case: Case, rules: Iterable[RuleExplanation]) -> str:
    """Return why rules gave nothing that might have, those first that the test names and that lacked the least."""
    named = case.expected.get("rules", ())
    ordered = sorted(rules, key=lambda one: (one.cause.rule not in named, _LACKS.index(one.verdict)))
    said = [text for one in ordered if (text := _reason(one))]
    return "; ".join(said[:_REASONS]) or "no rule gives it to anybody"


def _reason(rule: RuleExplanation) -> str:
    name = f"{rule.cause.rule} ({rule.cause.file}:{rule.cause.line})"
    if rule.verdict == "matched":
        became = sorted({_BECAME[one.became] for one in rule.gifts if one.became in _BECAME})
        return f"{name} matches, but {joined(became)}" if became else ""
    if rule.verdict == "undecided":
        return f"{name} could not be decided: {'; '.join(rule.troubles)}"
    lacked = "; ✗ ".join(f"{one.text}{f': {one.found}' if one.found else ''}" for one in rule.lacked)
    verdict = {"nearly": "nearly matches", "excepted": "matches, but is excepted"}.get(rule.verdict, "does not match")
    return f"{name} {verdict}: ✗ {lacked}" if lacked else ""
