"""Desired against live: one plan, guarded and ordered.

The diffs say what differs, thing by thing; here they are put together, counted, guarded, and narrowed to the kinds and
the authority that the configuration gives.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import filterfalse

from msgspec import Struct, field, structs

from reconciler.config import Config
from reconciler.desired import Desired
from reconciler.diff.members import MemberDiff, MemberPolicy, Wanted, diff_members
from reconciler.diff.organizations import OrganizationDiff
from reconciler.diff.seats import read_present
from reconciler.guards import Census, hold_dependants, withhold
from reconciler.load import Declared
from reconciler.losses import loss_warnings
from reconciler.marks import Whose
from reconciler.model import Cause, Change, Cost, Delete, Listed, Membership, Plan, Problem, Resource, Summary
from reconciler.plan import finish, in_order
from reconciler.read import OrganizationMembers
from reconciler.rules import SHARED_DOMAIN, Rules

Members = Iterable[Mapping[str, OrganizationMembers]]


class Cascade(Struct, frozen=True, kw_only=True):
    """Who would go with the organizations that are to be deleted: all live members, and those that are not ours.

    ``users`` are those whose marks the members carry.
    """

    members: Mapping[str, int]
    strangers: Mapping[str, int]
    users: Mapping[str, frozenset[str]]


def cascade(doomed: Mapping[str, str], members: Members, owner: str) -> Cascade:
    """Count the live members of each doomed organization; ``doomed`` maps its id to its slug."""
    total: Counter[str] = Counter()
    strangers: Counter[str] = Counter()
    users: dict[str, frozenset[str]] = {}
    for batch in members:
        for identifier, read in batch.items():
            present = [read_present(row, owner) for row in read.members if row.status != "deleted"]
            total[doomed[identifier]] = len(present) + len(read.problems)
            strangers[doomed[identifier]] = sum(item.whose is not Whose.OURS for item in present) + len(read.problems)
            marks = (item.mark for item in present)
            users[doomed[identifier]] = frozenset(mark.user for mark in marks if mark and mark.user is not None)
    return Cascade(members=total, strangers=strangers, users=users)


def member_diffs(
    config: Config,
    declared: Declared,
    rules: Rules,
    desired: Desired,
    organizations: OrganizationDiff,
    members: Members,
) -> Iterator[MemberDiff]:
    """Diff the members of every settled organization as they are read, and of those that are still to be made."""
    if "Member" not in config.kinds_of(declared):
        return  # of a kind that is not managed nothing is said, and nothing is read for it
    slugs = {live.id: slug for slug, live in organizations.live.items()}
    policy = MemberPolicy(
        owner=config.owner,
        authoritative=config.authority_of("Member") == "authoritative",
        roles=config.members.roles,
        adopt=config.members.adopt,
        restore=config.members.removed == "restore",
        manage_address=config.members.email_address == "managed",
    )
    absent: dict[str, dict[str, Resource]] = {}
    for member in declared.members:
        if member.ensure == "absent":
            absent.setdefault(str(member.namespace), {})[member.name.lower()] = member

    def causes(membership: Membership) -> tuple[Cause, ...]:
        given = tuple(
            Cause(file=rule.file, line=rule.line, rule=rule.rule, user=membership.user)
            for rule in map(rules.causes.__getitem__, membership.rules)
        )
        if membership.declared < 0:
            return given
        position = declared.members[membership.declared].position
        return (Cause(file=position.file, line=position.line, user=membership.user), *given)

    def diff(slug: str, found: OrganizationMembers) -> MemberDiff:
        wanted = Wanted(
            organization=slug,
            organization_id=found.organization_id,
            memberships=list(desired.memberships.of(slug)),
            undecided=desired.undecided.get(slug, frozenset()),
            by_hand=declared.members,
            absent=absent.get(slug, {}),
            complete=found.complete,
        )
        result = diff_members(wanted, found.members, policy, desired.users, causes)
        result.problems.extend(found.problems)
        return result

    for batch in members:
        for identifier, found in batch.items():
            yield diff(slugs[identifier], found)
    made = _is_written("Organization", config, declared) or not _is_written("Member", config, declared)
    for slug in sorted(organizations.new):
        if made:
            yield diff(slug, OrganizationMembers(organization_id="", members=[]))
        elif desired.memberships.count(slug):
            yield _held_until_it_is_made(next(one for one in declared.organizations if one.name == slug))


def _is_written(kind: str, config: Config, declared: Declared) -> bool:
    return kind in config.kinds_of(declared) and config.authority_of(kind) != "observe"


def _held_until_it_is_made(organization: Resource) -> MemberDiff:
    """Hold the members of an organization that is not live and that nobody makes, because its kind is not written."""
    problem = Problem(
        code="missing-organization",
        severity="problem",
        message=f"{organization.address} is not live, and organizations are not written here: nobody can be in it yet",
        hint="create it, or let this repository write organizations",
        at=(organization.position,),
        addresses=(organization.address,),
    )
    held = Listed(address=organization.address, reason="not live, and nobody makes it", at=problem.at)
    return MemberDiff(organization=organization.name, held=[held], problems=[problem])


def decide(
    config: Config,
    declared: Declared,
    desired: Desired,
    organizations: OrganizationDiff,
    diffs: Iterable[MemberDiff],
    doomed: Cascade,
    *,
    project_id: str,
    reads: Callable[[], int],
) -> Plan:
    """Put the diffs together into one guarded plan."""
    members = _total(diffs)
    found = [*declared.problems, *organizations.problems, *desired.problems, *members.problems]
    kept = tuple(_kept(organizations, desired, doomed))
    held_here = {item.address for item in kept}
    census = Census(
        managed={"Organization": organizations.managed, "Member": members.managed},
        managed_members=members.managed_by_organization,
        marked=members.marked,
        missing=members.missing,
        memberships=members.memberships,
        problems=sum(problem.severity == "problem" or problem.code == SHARED_DOMAIN for problem in found),
        admins=members.admins,
        breakglass=members.breakglass,
        cascade={slug: count for slug, count in doomed.members.items() if f"Organization/{slug}" not in held_here},
        strangers=doomed.strangers,
        no_deletes=desired.no_deletes,
    )
    kinds = config.kinds_of(declared)
    in_scope = [
        change
        for change in (*organizations.changes, *members.changes)
        if change.kind in kinds and not (isinstance(change, Delete) and change.address in held_here)
    ]
    observed = [change for change in in_scope if config.authority_of(change.kind) == "observe"]
    written = [change for change in in_scope if config.authority_of(change.kind) != "observe"]
    changes, guards = withhold(in_order(written), census, config.guards)
    found.extend(loss_warnings(changes, census.admins, census.breakglass))
    plan = Plan(
        environment=config.environment,
        project_id=project_id,
        summary=Summary(
            unchanged=organizations.unchanged + members.unchanged,
            users=desired.count,
            on_unverified=members.unverified,
            on_untrusted=members.untrusted,
        ),
        changes=changes,
        observed=in_order(observed),
        unmatched=desired.unmatched if config.unmatched != "ignore" else (),
        held=tuple(sorted((*organizations.held, *kept, *members.held), key=_by_address)),
        removed=tuple(sorted(members.removed, key=_by_address)),
        unmanaged=tuple(sorted((*organizations.unmanaged, *members.unmanaged), key=_by_address)),
        problems=tuple(
            sorted(found, key=lambda problem: (problem.severity, problem.at, problem.code, problem.message))
        ),
        guards=guards,
        cost=Cost(reads=reads()),
    )
    return finish(plan, requests_per_second=config.rates.writes_per_second)


def _kept(organizations: OrganizationDiff, desired: Desired, doomed: Cascade) -> Iterator[Listed]:
    """List the organizations that would be deleted and about which, or about whose members, something is open.

    A manifest's ``ensure: absent`` is said aloud; that nobody declares an organization any more is only inferred.
    """
    named = {address for problem in desired.problems for address in problem.addresses}
    for change in organizations.changes:
        if not isinstance(change, Delete) or change.causes:
            continue
        slug = change.key[0]
        if change.address in named:
            yield Listed(address=change.address, id=change.id, reason="rules still name it, though nothing declares it")
        elif any(
            user in desired.users.undecided or user in desired.users.disputed for user in doomed.users.get(slug, ())
        ):
            reason = "a problem leaves open whether a user in it belongs there"
            yield Listed(address=change.address, id=change.id, reason=reason)
        elif not desired.users.readable and doomed.users.get(slug):
            yield Listed(address=change.address, id=change.id, reason="there are no users to read, and users are in it")


def narrow(plan: Plan, only: Sequence[str], requests_per_second: float) -> Plan:
    """Keep what ``--only`` names: an address, a kind, or ``organization=SLUG``; what was decided and counted stays."""
    if not only:
        return plan

    def named(item: Change | Listed) -> bool:
        kind, _, rest = item.address.partition("/")
        slug = rest.split("/", 1)[0]
        return any(one in (item.address, kind, f"organization={slug}") for one in only)

    return finish(
        structs.replace(
            plan,
            changes=hold_dependants(tuple(filter(named, plan.changes)), filterfalse(named, plan.changes)),
            observed=tuple(filter(named, plan.observed)),
            held=tuple(filter(named, plan.held)),
            removed=tuple(filter(named, plan.removed)),
            unmanaged=tuple(filter(named, plan.unmanaged)),
        ),
        requests_per_second=requests_per_second,
    )


class _Total(Struct, kw_only=True):
    """All organizations' member diffs together."""

    changes: list[Change] = field(default_factory=list)
    held: list[Listed] = field(default_factory=list)
    removed: list[Listed] = field(default_factory=list)
    unmanaged: list[Listed] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    unchanged: int = 0
    managed: int = 0
    marked: int = 0
    missing: int = 0
    memberships: int = 0
    unverified: int = 0
    untrusted: int = 0
    managed_by_organization: dict[str, int] = field(default_factory=dict)
    admins: dict[str, frozenset[str]] = field(default_factory=dict)
    breakglass: set[str] = field(default_factory=set)


def _total(diffs: Iterable[MemberDiff]) -> _Total:
    total = _Total()
    for diff in diffs:
        for name in ("changes", "held", "removed", "unmanaged", "problems"):
            getattr(total, name).extend(getattr(diff, name))
        total.unchanged += diff.unchanged
        total.managed += diff.managed
        total.marked += diff.marked
        total.missing += diff.missing_users
        total.memberships += diff.memberships
        total.unverified += diff.unverified
        total.untrusted += diff.untrusted
        total.managed_by_organization[diff.organization] = diff.managed
        total.admins[diff.organization] = diff.admins
        total.breakglass |= diff.breakglass
    return total


def _by_address(item: Listed) -> str:
    return item.address
