"""The report of ``why``: a user's memberships, then the rules that matched, nearly matched, or did not match."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from reconciler.model import FORMAT_VERSION
from reconciler.report.escaping import printable
from reconciler.report.problems import in_order, problem_lines
from reconciler.report.values import cause_line, counted
from reconciler.report.view import Line, Part, Report, View, styled

if TYPE_CHECKING:
    from reconciler.rules.explain import Condition, Explanation, Gift, MembershipExplanation, RuleExplanation

_VERDICTS = {
    "matched": "matched",
    "excepted": "matched, but `except` excludes this user",
    "undecided": "could not be decided",
    "nearly": "nearly matched",
}
_BECAME = {
    "given": "gives",
    "held": "would give, but held because of a problem:",
    "vetoed": "would give, but a Member manifest has `ensure: absent`:",
    "elsewhere": "would give, but it is declared for another environment:",
    "not reached": "would give, but an earlier rule takes precedence:",
}
_FALLBACKS = {
    "organization": "a fallback: applies only if no other rule gives this user the same organization",
    "user": "a fallback: applies only if no other rule gives this user anything",
}
_SIGNS = {True: "✓", False: "✗", None: "?"}


def why_report(explanations: Sequence["Explanation"], wanted: str) -> Report:
    """Report why the users that ``wanted`` names are members of what; there may be several of one address, or none."""
    return Report(
        lambda: {"format_version": FORMAT_VERSION, "users": explanations},
        lambda: list(map(_view, explanations)) or [_nobody(wanted)],
    )


def _view(explanation: "Explanation") -> View:
    what = counted(len(explanation.memberships), "membership")
    if not explanation.memberships:
        matched = any(rule.verdict in _VERDICTS and rule.verdict != "nearly" for rule in explanation.rules)
        what = "belongs to no organization" if matched else "no rule matches: belongs to no organization"
    if any(one.organization is None for one in explanation.undecided):
        what = f"{what}; others are held" if explanation.memberships else "every membership is held"
    return View(
        title=printable(f"{explanation.user}: {what}"),
        highlights=tuple(
            printable(f"{one.text} ({'verified' if one.verified else 'not verified'})") for one in explanation.addresses
        )
        or ("without any address that can be read",),
        parts=(
            *map(_membership, explanation.memberships),
            *_rules(explanation),
            *_others(explanation),
            *_undecided(explanation),
        ),
    )


def _nobody(wanted: str) -> View:
    return View(
        title=printable(f"There is no user {wanted} in the source that the rules read."),
        footer=("USER is a user's id, its external id, or one of its addresses.",),
    )


def _membership(membership: "MembershipExplanation") -> Part:
    lines = [f"as {membership.address}: {membership.why_address}"]
    if membership.roles:
        lines.append(f"with the roles {', '.join(membership.roles)}")
    causes = [*([membership.by_hand] if membership.by_hand else []), *membership.causes]
    lines += [f"by {cause_line(cause)}" for cause in causes]
    if membership.on_unverified:
        lines.append("it relies on an address that is not verified")
    if membership.on_untrusted:
        lines.append("it relies on a value that users can change themselves")
    return Part(f"Member of {printable(membership.organization)}", lines=tuple(map(printable, lines)))


def _rules(explanation: "Explanation") -> Iterator[Part]:
    for verdict, title in _VERDICTS.items():
        for rule in explanation.rules:
            if rule.verdict == verdict:
                yield Part(f"{cause_line(rule.cause)}: {title}", lines=tuple(_rule_lines(rule)))


def _rule_lines(rule: "RuleExplanation") -> Iterator[Line | str]:
    if rule.fallback:
        yield _FALLBACKS[rule.fallback]
    yield from (_condition(condition) for condition in rule.conditions)
    yield from (styled(printable(f"! {trouble}"), "alarm") for trouble in rule.troubles)
    yield from map(_gift, rule.gifts)


def _condition(condition: "Condition", before: str = "") -> Line:
    text = f"{before}{_SIGNS[condition.holds]} {condition.text}{f': {condition.found}' if condition.found else ''}"
    if condition.holds is None:
        return Line(printable(text))
    at = len(printable(before))
    return styled(printable(text), "ok" if condition.holds else "wrong", at, at + 1)


def _gift(gift: "Gift") -> Line:
    source = f" ({', '.join(part for part in (gift.row, gift.item) if part)})" if gift.row or gift.item else ""
    roles = f" with {', '.join(gift.roles)}" if gift.roles else ""
    text = f"→ {_BECAME[gift.became]} {gift.organization or 'an organization'}{roles}{source}"
    return styled(printable(text), "hint")


def _others(explanation: "Explanation") -> Iterator[Part]:
    others = [rule for rule in explanation.rules if rule.verdict == "no"]
    if others:
        lines = [
            _condition(rule.lacked[0], f"{cause_line(rule.cause)}: ")
            if rule.lacked
            else printable(cause_line(rule.cause))
            for rule in others
        ]
        yield Part(f"Not matched: {counted(len(others), 'rule')}", lines=tuple(lines))


def _undecided(explanation: "Explanation") -> Iterator[Part]:
    if explanation.undecided:
        held = [
            f"Organization/{item.organization}" if item.organization else "everything" for item in explanation.undecided
        ]
        lines = [line for problem in in_order(explanation.problems) for line in problem_lines(problem)]
        yield Part(f"Held: {printable(', '.join(dict.fromkeys(held)))}", lines=tuple(lines))
