"""Approvals → guards with the limits that people agreed to for this plan; what each approval is used for, or why not.

An approval that lets nothing through, because another guard withholds the same, is not used: it can be used only once.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct, structs

from reconciler.config.schema import Limits
from reconciler.load.consents import ANY, Approval, is_over
from reconciler.model import Approval as Said
from reconciler.model import Changes, Growth, GuardResult, Plan
from reconciler.plan.guards import Census, withhold

WEEK: Final = timedelta(days=7)
Guarded = tuple[Changes, tuple[GuardResult, ...]]
Lets = Mapping[str, Changes]  # by the id of an approval, what it alone lets through


class Asked(Struct, frozen=True, kw_only=True):
    """For what consent is asked: the digest of what would be done, and when.

    ``used`` are the approvals that were used before, None where nobody can record that one is used; what is in files
    that are ``uncommitted`` nobody reviewed. Where people are hashed (``redacted``) it is another digest than that of
    the plan that is applied, which compares it.
    """

    digest: Callable[[], str]
    now: datetime
    used: Collection[str] | None = None
    uncommitted: Collection[str] = ()
    redacted: bool = False


def guarded(
    changes: Changes, census: Census, limits: Limits, approvals: Sequence[Approval], asked: Asked
) -> tuple[Guarded, tuple[Said, ...], Lets]:
    """Return what guards withhold under the limits that are approved, what became of every approval, and what it lets.

    The last is by the ids of the approvals that are used.
    """
    whole = withhold(changes, census, limits)
    failing = _failing(whole[1])
    chosen = {setting: _chosen(setting, seen, approvals, asked) for setting, seen in failing.items()}
    raised = {setting: approval for setting, approval in chosen.items() if approval}

    def under(some: Collection[str]) -> Guarded:
        higher = {setting: raised[setting].up_to for setting in some}
        return withhold(changes, _raised(census, higher), structs.replace(limits, **higher)) if some else whole

    used = _needed(under, raised)
    result = under(used)
    said = tuple(_said(approval, used, raised, failing, asked) for approval in approvals)
    wanted = failing.keys() - raised.keys() if asked.used is not None else ()
    lets = {raised[one].id: _let_through(result[0], under(used - {one})[0]) for one in used}
    return result, (*said, *(_missing(setting, failing[setting], asked) for setting in sorted(wanted))), lets


def _failing(results: Sequence[GuardResult]) -> dict[str, list[GuardResult]]:
    """Return what guards with a limit saw that is beyond it, by the setting of the limit."""
    failing: dict[str, list[GuardResult]] = {}
    for result in results:
        if not result.ok and result.setting in Limits.__struct_fields__:
            failing.setdefault(result.setting, []).append(result)
    return failing


def _chosen(setting: str, seen: Sequence[GuardResult], approvals: Sequence[Approval], asked: Asked) -> Approval | None:
    """Return the narrowest approval that suffices for what a guard saw."""
    fit = [one for one in approvals if one.guard == setting and not _unfit(one, seen, asked)]
    return min(fit, key=lambda one: (one.up_to, one.until, one.name), default=None)


def _unfit(approval: Approval, seen: Sequence[GuardResult], asked: Asked) -> str:
    """Return why an approval does not let through what a guard saw, "" if it does."""
    if asked.used is None:
        return "nobody can record that it is used, as its folder is not in git"
    if approval.at.file in asked.uncommitted:
        return "nobody committed it"
    if approval.id in asked.used:
        return "it was used before"
    if is_over(approval.until, asked.now):
        return f"it ended with {approval.until}"
    if approval.digest != ANY and not asked.redacted and approval.digest != asked.digest():
        return "it is for other changes, or what they rest on changed since"
    if not all(_suffices(approval.up_to, result) for result in seen):
        return f"{_needed_by(seen)} are needed"
    return ""


def _suffices(limit: float, result: GuardResult) -> bool:
    seen = result.seen
    return not isinstance(seen, str) and structs.replace(seen, limit=limit).is_within


def _needed_by(seen: Sequence[GuardResult]) -> int:
    """Return the limit that would let all of it through."""
    return max(int(result.needed) for result in seen)


def _raised(census: Census, higher: dict[str, float]) -> Census:
    """Return the census with an approved share of losses also where an organization has one of its own."""
    least = higher.get("max_organization_loss_percent", 0)
    losses = {slug: max(limit, least) for slug, limit in census.loss_limits.items()}
    return structs.replace(census, loss_limits=losses)


def _needed(under: Callable[[Collection[str]], Guarded], raised: Collection[str]) -> frozenset[str]:
    """Return the settings without whose approval less would go through."""
    if not raised:
        return frozenset()
    most = _going(under(raised))
    return frozenset(one for one in raised if _going(under([other for other in raised if other != one])) != most)


def _going(guarded: Guarded) -> int:
    return sum(change.withheld_by is None for change in guarded[0])


def _said(
    approval: Approval,
    used: Collection[str],
    raised: dict[str, Approval],
    failing: dict[str, list[GuardResult]],
    asked: Asked,
) -> Said:
    seen = failing.get(approval.guard, [])
    is_used = approval.guard in used and raised[approval.guard] is approval
    why = "" if is_used else _unfit(approval, seen, asked)
    if not (is_used or why):
        why = "its guard withholds nothing" if not seen else "another guard, or approval, decides"
    return Said(
        name=approval.name,
        guard=approval.guard,
        up_to=_number(approval.up_to),
        until=approval.until.isoformat(),
        digest=approval.digest,
        state="used" if is_used else "unused",
        why=why,
        id=approval.id,
        at=approval.at,
    )


def _missing(setting: str, seen: Sequence[GuardResult], asked: Asked) -> Said:
    """Return the approval that somebody may write for what a guard withholds."""
    today = asked.now.date()
    return Said(
        name=f"{setting.replace('_', '-')}-{today}",
        guard=setting,
        up_to=_needed_by(seen),
        until=(today + WEEK).isoformat(),
        digest="" if asked.redacted else asked.digest(),
        state="missing",
    )


def _number(limit: float) -> int | float:
    return int(limit) if limit == int(limit) else limit


def _let_through(changes: Changes, without: Changes) -> Changes:
    """Return the changes that would be withheld without an approval."""
    pairs = zip(changes, without, strict=True)
    return Changes.of(one for one, other in pairs if other.withheld_by and not one.withheld_by)


def still_used(plan: Plan, lets: Lets) -> Plan:
    """Return a plan that became narrower, and uses only the approvals of which it holds something."""
    going = {change.address for change in plan.changes if not change.withheld_by} if lets else set()
    idle = {id for id, changes in lets.items() if not any(change.address in going for change in changes)}
    if not idle:
        return plan
    names = {f"Approval/{one.name}" for one in plan.approvals if one.id in idle}
    approvals = (
        structs.replace(one, state="unused", why="nothing that it lets through would be written")
        if one.id in idle
        else one
        for one in plan.approvals
    )
    access = plan.access and structs.replace(
        plan.access, loosened=tuple(left for one in plan.access.loosened if (left := _without(one, names)).number)
    )
    return structs.replace(plan, approvals=tuple(approvals), access=access)


def _without(growth: Growth, names: Collection[str]) -> Growth:
    """Return a growth of power without the approvals of some names."""
    if growth.what != "approval":
        return growth
    first = tuple(one for one in growth.first if one.address not in names)
    return structs.replace(growth, first=first, number=growth.number - len(names))


def used_in(approvals: Sequence[Said]) -> Iterator[str]:
    """Yield the ids of the approvals that a plan uses."""
    yield from (one.id for one in approvals if one.state == "used")
