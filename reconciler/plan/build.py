"""Desired against live: one plan, guarded and ordered.

The diffs say what differs; this module combines, counts and guards the changes, and narrows them to the kinds and
the authority that the configuration gives.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from shlex import quote

from msgspec import Struct, structs

from reconciler.config.read import Config
from reconciler.desired.members import Desired
from reconciler.kinds import KINDS
from reconciler.load.examine import Declared
from reconciler.model import (
    Change,
    Cost,
    Delete,
    Diff,
    GuardResult,
    Listed,
    ManualStep,
    Plan,
    Problem,
    Stakes,
    Summary,
    Target,
)
from reconciler.plan.access_loss import loss_warnings
from reconciler.plan.compare_members import Cascade
from reconciler.plan.guards import Census, withhold
from reconciler.plan.held import as_declared, by_cause, guard
from reconciler.plan.order import rank, writes_of
from reconciler.plan.planned import finish, in_order
from reconciler.plan.written_from_live import without_held, written_from_live
from reconciler.rules.problems import OF_DOMAINS


class Compared(Struct, kw_only=True):
    """What the comparing of both sides gave, all of it.

    ``members`` yields a diff an organization, once; ``doomed`` counts who would go with organizations; ``warnings`` are
    about the run as a whole; ``consumer`` is the Consumer project that the users came from, if they
    did; ``reads`` gives the requests made, once all of them are.
    """

    organizations: Diff
    members: Iterable[Diff]
    doomed: Cascade
    things: Mapping[str, Diff]
    manual_steps: tuple[ManualStep, ...] = ()
    warnings: tuple[Problem, ...] = ()
    target: Target
    consumer: str = ""
    reads: Callable[[], int]


def decide(config: Config, declared: Declared, desired: Desired, compared: Compared) -> tuple[Plan, Stakes]:
    """Put the diffs together into one guarded plan; beside it, what of the live members is at stake."""
    organizations, doomed, target = compared.organizations, compared.doomed, compared.target
    members = Diff.total(compared.members)
    things = {kind: without_held(config, kind, each, target) for kind, each in compared.things.items()}
    others = tuple(things.values())
    found = [*declared.problems, *organizations.problems, *desired.problems, *members.problems]
    found.extend(chain(compared.warnings, chain.from_iterable(each.problems for each in others)))
    kept = tuple(_kept(organizations, desired, doomed))
    held_here = {item.address for item in kept}
    stakes = structs.replace(members.stakes, may_lose=_named_losers(declared, members.changes))
    census = Census(
        managed={
            "Organization": organizations.managed.total(),
            "Member": members.managed.total(),
            **{kind: each.managed.total() for kind, each in things.items()},
        },
        managed_members=members.managed,
        marked=members.counts["marked"],
        missing=members.counts["missing_users"],
        memberships=members.counts["memberships"],
        problems=sum(problem.severity == "problem" or problem.code in OF_DOMAINS for problem in found),
        stakes=stakes,
        held_roles=frozenset().union(*(each.held_roles for each in others)),
        loss_limits={
            each.name: each.lifecycle.max_loss_percent
            for each in declared.organizations
            if each.lifecycle.max_loss_percent is not None
        },
        cascade={slug: count for slug, count in doomed.members.items() if f"Organization/{slug}" not in held_here},
        strangers=doomed.strangers,
        breakglass_in=doomed.breakglass,
        no_deletes=desired.no_deletes,
    )
    kinds = declared.kinds(config)
    in_scope = [
        change
        for change in (
            *(_with_its_members(change, doomed) for change in organizations.changes),
            *members.changes,
            *(change for each in others for change in each.changes),
        )
        if change.kind in kinds and not (isinstance(change, Delete) and change.address in held_here)
    ]
    from_live = [change for change in in_scope if written_from_live(config, change, target)]
    if from_live:
        in_scope = [change for change in in_scope if not written_from_live(config, change, target)]
    observed = [change for change in in_scope if config.authority_of(change.kind) == "observe"]
    written = [change for change in in_scope if config.authority_of(change.kind) != "observe"]
    missing = tuple(_missing(config, written, target))
    standing = _standing(in_order(written, rank)) if missing else in_order(written, rank)
    changes, guards = withhold(standing, census, config.guards)
    found.extend(loss_warnings(changes, stakes))
    held = _listed(
        as_declared(chain(organizations.held, kept, members.held, *(each.held for each in others)), declared, desired)
    )
    held_by = by_cause(desired, held)
    plan = Plan(
        environment=config.environment,
        project_id=target.project_id,
        target=f"{target.project}/{target.environment}" if target.project else "",
        summary=Summary(
            unchanged=organizations.unchanged + members.unchanged + sum(each.unchanged for each in others),
            users=desired.count,
            on_unverified=members.counts["unverified"],
            on_untrusted=members.counts["untrusted"],
        ),
        changes=changes,
        observed=in_order(observed, rank),
        written_from_live=in_order(from_live, rank),
        users_project_id=compared.consumer,
        unmatched=desired.unmatched if config.unmatched != "ignore" else (),
        unmatched_by=desired.unmatched_by if config.unmatched != "ignore" else (),
        held=held,
        held_by=held_by,
        removed=_listed(members.removed),
        kept=_listed(_no_longer_wanted(config, (*organizations.kept, *members.kept))),
        unmanaged=_listed(organizations.unmanaged, members.unmanaged, *(each.unmanaged for each in others)),
        problems=tuple(
            sorted(found, key=lambda problem: (problem.severity, problem.at, problem.code, problem.message))
        ),
        manual_steps=compared.manual_steps,
        guards=(*missing, *guards, *guard(config, held_by)),
        cost=Cost(reads=compared.reads()),
    )
    return finish(plan, writes_of, requests_per_second=config.rates.writes_per_second), stakes


def _no_longer_wanted(config: Config, items: Iterable[Listed]) -> Iterator[Listed]:
    """Add to the reason of what is kept that its kind's authority keeps it, if so."""
    for item in items:
        reasons = {"observe": f"{item.kind} is only observed", "additive": f"{item.kind} is additive"}
        why = reasons.get(config.authority_of(item.kind))
        yield structs.replace(item, reason=f"{item.reason}; kept because {why}") if why else item


def _named_losers(declared: Declared, changes: Iterable[Change]) -> frozenset[str]:
    """Return the addresses of the members of which a manifest says by name that they may go, or lose something.

    A manifest may name one by another address of the user's: then it is a cause of what changes.
    """
    named = [each for each in declared.members if each.ensure == "absent" or each.lifecycle.allow_loss]
    places = {(each.position.file, each.position.line) for each in named}
    by_cause = (
        change.address for change in changes if any((cause.file, cause.line) in places for cause in change.causes)
    )
    return frozenset(each.address for each in named).union(by_cause)


def _missing(config: Config, changes: Iterable[Change], target: Target) -> Iterator[GuardResult]:
    """Yield a guard's result if the environment does not exist and this run does not create it: who does."""
    made = any(change.kind == "Environment" and change.name == target.environment for change in changes)
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


def _standing(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """Withhold what lies in an environment that is not there."""
    return tuple(
        structs.replace(change, withheld_by="dependency")
        if KINDS[change.kind].scope in ("environment", "organization")
        else change
        for change in changes
    )


def _with_its_members(change: Change, doomed: Cascade) -> Change:
    """Add to the delete of an organization how many members it deletes."""
    return structs.replace(change, members=doomed.members.get(change.name)) if isinstance(change, Delete) else change


def _kept(organizations: Diff, desired: Desired, doomed: Cascade) -> Iterator[Listed]:
    """List the organizations that would be deleted and about which, or about whose members, something is open.

    A manifest's ``ensure: absent`` is explicit; a delete of what no manifest declares is only inferred.
    """
    named = {address for problem in desired.problems for address in problem.addresses}
    for change in organizations.changes:
        if not isinstance(change, Delete) or change.causes:
            continue
        slug = change.name
        if change.address in named:
            yield Listed.of(change, "rules still name it, but nothing declares it", id=change.id)
        elif any(
            user in desired.users.undecided or user in desired.users.disputed for user in doomed.users.get(slug, ())
        ):
            reason = "because of a problem it is unknown whether one of its users belongs there"
            yield Listed.of(change, reason, id=change.id)
        elif not desired.users.readable and doomed.users.get(slug):
            yield Listed.of(change, "the users cannot be read, and it has members who are users", id=change.id)


def _listed(*parts: Iterable[Listed]) -> tuple[Listed, ...]:
    return tuple(sorted(chain.from_iterable(parts), key=lambda item: item.address))
