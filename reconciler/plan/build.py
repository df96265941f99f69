"""Desired against live: one plan, guarded and ordered.

The diffs say what differs; this module combines, counts and guards the changes, and narrows them to the kinds and
the authority that the configuration gives.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from shlex import quote

from msgspec import structs

from reconciler.config.read import Config
from reconciler.desired.members import Desired
from reconciler.diff.conflicts import IN_CONFLICT
from reconciler.errors import Refused
from reconciler.history.look import History
from reconciler.kinds import KINDS
from reconciler.load.repository import Declared
from reconciler.model import (
    MEMBER,
    ORGANIZATION,
    TEST,
    Change,
    Changes,
    Counted,
    Create,
    Delete,
    Diff,
    GuardResult,
    Listed,
    ManualStep,
    Plan,
    Problem,
    Summary,
    Target,
    address,
)
from reconciler.plan.accepted import Left
from reconciler.plan.access import loss_warnings
from reconciler.plan.access_diff import with_loosened
from reconciler.plan.analysis import analysis_of
from reconciler.plan.approvals import Asked, Lets, guarded
from reconciler.plan.guards import Census
from reconciler.plan.loosened import loosened
from reconciler.plan.order import finish, in_order_by
from reconciler.plan.origins import with_origins
from reconciler.plan.planned import digest
from reconciler.plan.policies import judge
from reconciler.plan.situation import Diffs, Situation
from reconciler.rules.directory import OF_DOMAINS


def build(
    diffs: Diffs, situation: Situation, steps: tuple[ManualStep, ...], warnings: Iterable[Problem]
) -> tuple[Plan, Lets]:
    """Return the plan of what is left to do: in order, guarded, and counted; and what approvals let through.

    ``steps`` are what is left to people, ``warnings`` about the run as a whole.
    """
    config, desired, target = situation.config, situation.desired, situation.live.target
    every = Diff.total(diffs.values())
    found = [*situation.declared.problems, *desired.problems, *every.problems, *warnings]
    left = Left.of(situation.declared.safeguards.accepted, situation.now)
    changes = with_origins(
        Changes.of(every.changes), config, situation.declared, desired, situation.applied, redacted=situation.redacted
    )
    written, observed, from_live = map(left.without, _by_writer(changes, situation))
    found.extend(left.problems)
    missing = tuple(_missing(config, written, target))
    census = _census(diffs, situation, found)
    judged, policies, doubts = judge(written, situation.policies, situation.declared.organizations)
    found.extend(doubts)
    possible = _without_environment(judged) if missing else judged
    asked = _asked(written, situation)
    approvals = situation.declared.safeguards.approvals
    (changes, guards), consents, lets = guarded(possible, census, config.guards, approvals, asked)
    found.extend(loss_warnings(changes, census.stakes))
    held = _listed(_as_declared(every.held, situation.declared, desired))
    held_by = _by_cause(desired, held)
    plan = Plan(
        environment=config.environment,
        project_id=target.project_id,
        target=f"{target.project}/{target.environment}" if target.project else "",
        summary=Summary(
            unchanged=every.unchanged,
            users=desired.count,
            on_unverified=every.counts["unverified"],
            on_untrusted=every.counts["untrusted"],
        ),
        changes=changes,
        observed=observed,
        written_from_live=from_live,
        users_project_id=desired.users_project_id,
        unmatched=desired.unmatched if config.unmatched != "ignore" else (),
        unmatched_by=desired.unmatched_by if config.unmatched != "ignore" else (),
        held=held,
        held_by=held_by,
        removed=_listed(every.removed),
        kept=_listed(_no_longer_wanted(config, every.kept)),
        unmanaged=_listed(every.unmanaged),
        problems=tuple(sorted(found, key=lambda one: (one.severity, one.at, one.code, one.message))),
        manual_steps=steps,
        approvals=consents,
        accepted=tuple(sorted(left.accepted, key=lambda one: (one.address, one.path))),
        guards=(*missing, *policies, *guards, *_too_much_held(config, held_by)),
    )
    analysis = analysis_of(Changes.of(plan.changes), situation.declared, desired, situation.rules, situation.applied)
    plan = structs.replace(plan, analysis=analysis)
    plan = finish(plan, config.rates.writes_per_second, situation.presence.cascade.users)
    safeguards = situation.declared.safeguards
    permitted = loosened(config, safeguards, situation.earlier, plan.approvals, plan.accepted)
    return with_loosened(plan, permitted), lets


def written_from_live(config: Config, change: Change, target: Target) -> bool:
    """Return whether a change is one that only an environment of `type: live` writes.

    That hangs on what a write would touch, as Stytch has it at plan time, and on nothing that manifests or names say: a
    live environment itself, the project of one, and what lies in that project outside its environments. While a project
    has no live environment nothing is live yet, so that a test configuration can make all of it.
    """
    if config.target.type == "live" or not KINDS[change.kind].is_shared:
        return False
    if change.kind != "Environment":
        return target.has_live
    if change.name in target.environments:
        return target.environments[change.name] != TEST
    made = change.get("type") if isinstance(change, Create) else None
    return target.has_live and made.after != TEST if made else True


def check_writes(config: Config, changes: Iterable[Change], target: Target) -> None:
    """Raise where something is about to be written that the environment never writes, whoever planned it."""
    if wrong := [change.address for change in changes if written_from_live(config, change, target)]:
        raise Refused(
            f"{wrong[0]} is used by a live environment, but environment {config.environment} is of type test",
            hint="apply it from an environment of `type: live`",
        )


def _by_writer(changes: Changes, situation: Situation) -> tuple[Changes, Changes, Changes]:
    """Return, each in order, the changes that this run writes, those it only observes, and those that live writes."""
    config, doomed = situation.config, situation.presence.cascade.members
    kinds = situation.declared.kinds(config)

    def writer(change: Change) -> str:
        if change.kind not in kinds:
            return "nobody"
        if written_from_live(config, change, situation.live.target):
            return "live"
        return "others" if config.authority_of(change.kind) == "observe" else "we"

    by_writer = in_order_by(writer, changes)
    written, observed, from_live = (by_writer.get(who, Changes()) for who in ("we", "others", "live"))
    if not doomed:
        return written, observed, from_live
    with_members = partial(_with_its_members, doomed=doomed)
    return written.altered(with_members), observed.altered(with_members), from_live


def _asked(changes: Changes, situation: Situation) -> Asked:
    """Return for what consent is asked."""
    return Asked(
        digest=cache(lambda: digest(situation.live.target.project_id, changes).operations),
        now=situation.now,
        used=_used(situation.history),
        uncommitted=situation.history.uncommitted_here,
        redacted=situation.redacted,
    )


def _used(history: History) -> frozenset[str] | None:
    """Return the approvals that were used before; None where nobody can record that one is used."""
    if history.repository is None or history.unread:
        return None
    return history.state.used_approvals if history.state else frozenset()


def _census(diffs: Diffs, situation: Situation, found: Iterable[Problem]) -> Census:
    """Count what guards look at."""
    members, cascade, deleted = diffs[MEMBER], situation.presence.cascade, diffs[ORGANIZATION].deleted
    return Census(
        managed={kind: diff.managed.total() for kind, diff in diffs.items()},
        managed_members=members.managed,
        marked=members.counts["marked"],
        missing=members.counts["missing_users"],
        memberships=members.counts["memberships"],
        problems=sum(one.severity == "problem" or one.code in OF_DOMAINS for one in found),
        stakes=members.stakes,
        held_roles=frozenset(name for name, users in situation.presence.roles.items() if users.first),
        loss_limits={
            one.name: one.lifecycle.max_loss_percent
            for one in situation.declared.organizations
            if one.lifecycle.max_loss_percent is not None
        },
        cascade={slug: n for slug, n in cascade.members.items() if slug in deleted},
        strangers=cascade.strangers,
        breakglass_in=cascade.breakglass,
        no_deletes=situation.desired.no_deletes,
    )


def _no_longer_wanted(config: Config, items: Iterable[Listed]) -> Iterator[Listed]:
    """Add to the reason of what is kept that its kind's authority keeps it, if so."""
    for item in items:
        reasons = {"observe": f"{item.kind} is only observed", "additive": f"{item.kind} is additive"}
        why = reasons.get(config.authority_of(item.kind))
        yield structs.replace(item, reason=f"{item.reason}; kept because {why}") if why else item


def _as_declared(held: Iterable[Listed], declared: Declared, desired: Desired) -> Iterator[Listed]:
    """Mark each held resource that a file declares, and list who waits for an organization."""
    organizations = {resource.address: resource.name for resource in declared.organizations}
    addresses = {resource.address for resource in declared.resources}
    members = {(member.position.file, member.position.line) for member in declared.members}
    for item in held:
        is_declared = item.address in addresses or any((at.file, at.line) in members for at in item.at)
        slug = organizations.get(item.address)
        waiting = desired.memberships.of(slug) if slug is not None else ()
        names = (address(MEMBER, one.organization, one.addresses[0]) for one in waiting)
        yield structs.replace(item, declared=is_declared, waiting=tuple(sorted(names)))


def _by_cause(desired: Desired, held: Iterable[Listed]) -> tuple[Counted, ...]:
    """Count the memberships that data leave open, the most frequent cause first, each under one cause."""
    counts: Counter[str] = Counter()
    seen: set[tuple[str, str]] = set()
    for item in sorted(held, key=lambda item: item.reason == IN_CONFLICT):
        if item.kind != MEMBER or item.declared:
            continue
        slug = str(item.namespace)
        known = {user for user in item.users if _is_known(user, slug, desired)}
        new = {(slug, user) for user in item.users if user not in known} - seen
        counts[item.reason] += len(new) if item.users else 1
        seen |= new
    found = (*desired.held_by, *(Counted(cause=cause, count=n) for cause, n in counts.items() if n))
    return tuple(sorted(found, key=lambda one: (-one.count, one.code, one.cause, one.at)))


def _is_known(user: str, slug: str, desired: Desired) -> bool:
    """Return whether what a user is in an organization is open, and counted, whatever is live."""
    users = desired.users
    return user in users.undecided or user in users.disputed or user in desired.undecided.get(slug, ())


def _too_much_held(config: Config, held: Sequence[Counted]) -> Iterator[GuardResult]:
    """Yield what the configuration makes of data that leave something open, where it makes anything of them."""
    if config.held == "error":
        number = sum(one.count for one in held)
        yield GuardResult(name="held", ok=not number, seen=f"{number} held because of data")


def _missing(config: Config, changes: Changes, target: Target) -> Iterator[GuardResult]:
    """Yield a guard's result if the environment does not exist and this run does not create it: who does."""
    made = any(change.name == target.environment for change in changes.only(kind="Environment"))
    if target.is_there or made or not target.project:
        return
    what = (
        f"the environment {target.project}/{target.environment}"
        if target.project_is_there
        else f"the project {target.project}"
    )
    owner = config.owner_of_project
    who = f": `reconciler -e {quote(owner)} apply` creates it" if owner not in ("", config.environment) else ""
    yield GuardResult(name="dependency", ok=False, seen=f"{what} does not exist yet{who}")


def _without_environment(changes: Changes) -> Changes:
    """Withhold what lies in an environment that is not there."""
    return changes.altered(
        lambda change: structs.replace(change, withheld_by="dependency") if not KINDS[change.kind].is_shared else change
    )


def _with_its_members(change: Change, doomed: Mapping[str, int]) -> Change:
    """Add to the delete of an organization how many members it deletes."""
    deletes = change.kind == ORGANIZATION and isinstance(change, Delete)
    return structs.replace(change, members=doomed.get(change.name)) if deletes else change


def _listed(items: Iterable[Listed]) -> tuple[Listed, ...]:
    return tuple(sorted(items, key=lambda item: item.address))
