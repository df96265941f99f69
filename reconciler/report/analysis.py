"""What a plan says of the rules: what edited ones do to people, which decide nothing, and whom nobody joins."""

from collections.abc import Iterator, Mapping
from typing import Final

from reconciler.model import IdleRule, Plan, RuleEffect
from reconciler.report.escaping import printable
from reconciler.report.values import counted
from reconciler.report.view import Part, few

_EFFECTS: Final = 10  # rules that are shown
_NAMED: Final = 3  # organizations of one rule
_SHOWN: Final = 5


def effects(plan: Plan) -> Iterator[Part]:
    """Yield what the rules do to people that they did not do when they were applied last."""
    found = plan.analysis.effects if plan.analysis else ()
    if found:
        more = [f"… and {counted(len(found) - _EFFECTS, 'more rule')}"] if len(found) > _EFFECTS else []
        yield Part("What the edited rules do", lines=(*map(_effect, found[:_EFFECTS]), *more))


def idle(plan: Plan) -> Iterator[Part]:
    """Yield the rules that decide nothing, and the organizations that nobody joins."""
    if plan.analysis is None:
        return
    if found := plan.analysis.idle:
        number = counted(len(found), "rule")
        hint = "remove it, or find out why others come first: `reconciler why USER`"
        yield Part(f"Decide nothing: {number}", lines=few(map(_idle, found), len(found), _SHOWN), hints=(hint,))
    if plan.analysis.empty:
        named = [f"{one.file}:{one.line} {one.address}" for one in plan.analysis.empty_organizations]
        number = counted(plan.analysis.empty, "declared organization")
        yield Part(f"Nobody joins: {number}", lines=few(map(printable, named), plan.analysis.empty, _SHOWN))


def _effect(one: RuleEffect) -> str:
    said = [*_by_organization("gain", "gains", one.gains, one.gains_in)]
    said += _by_organization("lose", "loses", one.loses, one.loses_in)
    if one.other_roles:
        said.append(counted(one.other_roles, "gets other roles", "get other roles"))
    people = counted(one.people, "person", "people")
    rule = f"{one.rule}, which is removed, moves" if one.removed else f"{one.rule} moves"
    return printable(f"{one.file}:{one.line} {rule} {people}: {', '.join(said)}")


def _by_organization(many: str, one: str, counts: Mapping[str, int], organizations: int) -> Iterator[str]:
    """Yield how many gain or lose what, the largest first."""
    named = list(counts.items())[:_NAMED]
    yield from (counted(number, f"{one} {slug}", f"{many} {slug}") for slug, number in named)
    if organizations > len(named):
        yield f"others {many} {counted(organizations - len(named), 'more organization')}"


def _idle(one: IdleRule) -> str:
    why = f"{' and '.join(one.others)} give the same" if one.others else "other rules or exceptions come first"
    if len(one.others) == 1:
        why = f"{one.others[0]} gives the same"
    return printable(f"{one.file}:{one.line} {one.rule}: {why}")
