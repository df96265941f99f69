"""Match the members of all organizations, one organization at a time, to save memory; return what differs."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Final

from msgspec import Struct, structs

from reconciler.config.read import Config
from reconciler.desired.members import Desired
from reconciler.diff.members import MemberPolicy, Wanted, diff_members, stakes_alone
from reconciler.diff.ownership import Owner, read_member, told_apart
from reconciler.load.examine import Declared
from reconciler.model import ADMIN_ROLE, Begun, Cause, Diff, Listed, Membership, Resource
from reconciler.plan.power import sources_taken
from reconciler.read.members import OrganizationMembers
from reconciler.rules.rule import Rules

Members = Iterable[Mapping[str, OrganizationMembers]]
SHOWN: Final = 5  # of those who are in an organization that is held


class Cascade(Struct, frozen=True, kw_only=True):
    """Who would go with the organizations that are to be deleted: all live members, and those that are not ours.

    ``users`` are those whose marks the members carry, ``breakglass`` counts the breakglass members.
    """

    members: Mapping[str, int]
    strangers: Mapping[str, int]
    users: Mapping[str, frozenset[str]]
    breakglass: Mapping[str, int]


def cascade(doomed: Mapping[str, str], members: Members, owner: Owner) -> Cascade:
    """Count the live members of each doomed organization; ``doomed`` maps its id to its slug."""
    total: Counter[str] = Counter()
    strangers: Counter[str] = Counter()
    users: dict[str, frozenset[str]] = {}
    breakglass: Counter[str] = Counter()
    for batch in members:
        for identifier, read in batch.items():
            present = told_apart(read_member(row, owner) for row in read.members if row.status != "deleted")
            total[doomed[identifier]] = len(present) + read.unread
            ours = sum(item.is_proven and item.member.member_id not in read.odd for item in present)
            strangers[doomed[identifier]] = len(present) - ours + read.unread
            breakglass[doomed[identifier]] = sum(item.member.is_breakglass for item in present)
            marks = (item.mark for item in present)
            users[doomed[identifier]] = frozenset(mark.user for mark in marks if mark and mark.user is not None)
    return Cascade(members=total, strangers=strangers, users=users, breakglass=breakglass)


def with_who_is_there(organizations: Diff, members: Callable[[Mapping[str, int]], Members]) -> Diff:
    """Add members and admins to the reason of each organization held because only a slug led to it."""
    slugs = {id: f"Organization/{slug}" for (_, slug), id in organizations.strangers.items()}
    if not slugs:
        return organizations
    there = {slugs[each]: _who(found) for batch in members(dict.fromkeys(slugs, 0)) for each, found in batch.items()}
    held = (
        structs.replace(one, reason=f"{one.reason}; {there[one.address]}") if one.address in there else one
        for one in organizations.held
    )
    return structs.replace(organizations, held=tuple(held))


def _who(found: OrganizationMembers) -> str:
    present = [member for member in found.members if member.status != "deleted"]
    admins = {member.member_id for member in present if any(role.role_id == ADMIN_ROLE for role in member.roles)}
    named = sorted((one.member_id not in admins, one.email_address, one.member_id) for one in present)
    shown = [f"{address} (admin)" if id in admins else address for _, address, id in named[:SHOWN]]
    more = [f"{len(named) - SHOWN} more"] if len(named) > SHOWN else []
    unread = [f"{found.unread} that could not be read"] if found.unread else []
    return f"members: {', '.join([*shown, *more, *unread]) or 'nobody'}; admins: {len(admins)}"


def with_members(
    config: Config, declared: Declared, organizations: Diff, things: Mapping[str, Diff]
) -> Mapping[str, str]:
    """Return, by slug, the ids of the settled organizations whose members must be read.

    Where members are not managed, those are the ones in which many at once would lose ``stytch_admin``.
    """
    settled = {slug: id for (_, slug), id in organizations.ids.items()}
    if "Member" in declared.kinds(config):
        return settled
    changes = (*organizations.changes, *chain.from_iterable(each.changes for each in things.values()))
    poorer = {change.namespace or change.name for change in changes if sources_taken(change)}
    return {slug: id for slug, id in settled.items() if slug in poorer}


def member_diffs(
    config: Config,
    declared: Declared,
    rules: Rules,
    desired: Desired,
    organizations: Diff,
    deleting: Begun,
    members: Members,
) -> Iterator[Diff]:
    """Diff the members of every settled organization as they are read, and of those that are still to be made.

    ``deleting`` are the deletes of members that earlier runs began and never ended.
    Where members are not managed, nothing is said of them but which of them are admins.
    """
    slugs = {id: slug for (_, slug), id in organizations.ids.items()}
    if "Member" not in declared.kinds(config):
        yield from _stakes(slugs, members)
        return
    policy = MemberPolicy(
        owner=config.owner,
        authoritative=config.authority_of("Member") == "authoritative",
        roles=config.members.roles,
        adopt=config.members.adopt,
        restore=config.members.removed == "restore",
        manage_address=config.members.email_address == "managed",
    )
    external = external_in(declared)
    unfinished = _written_at(deleting)
    absent: dict[str, dict[str, Resource]] = {}
    for member in declared.members:
        if member.ensure == "absent":
            absent.setdefault(str(member.namespace), {})[member.name] = member

    def causes(membership: Membership) -> tuple[Cause, ...]:
        given = tuple(
            Cause(file=rule.file, line=rule.line, rule=rule.rule, user=membership.user)
            for rule in map(rules.causes.__getitem__, membership.rules)
        )
        if membership.declared < 0:
            return given
        position = declared.members[membership.declared].position
        return (Cause(file=position.file, line=position.line, user=membership.user), *given)

    def diff(slug: str, found: OrganizationMembers) -> Diff:
        wanted = Wanted(
            organization=slug,
            organization_id=found.organization_id,
            memberships=list(desired.memberships.of(slug)),
            undecided=desired.undecided.get(slug, frozenset()),
            by_hand=declared.members,
            absent=absent.get(slug, {}),
            complete=found.complete,
            odd=found.odd,
            external=slug in external,
            unfinished=unfinished,
        )
        result = diff_members(wanted, found.members, policy, desired.users, causes)
        return structs.replace(result, problems=(*result.problems, *found.problems))

    for batch in members:
        for identifier, found in batch.items():
            yield diff(slugs[identifier], found)
    made = is_written("Organization", config, declared) or not is_written("Member", config, declared)
    for slug in sorted(organizations.created):
        if made:
            yield diff(slug, OrganizationMembers(organization_id="", members=[]))
        elif desired.memberships.count(slug):
            yield _held_until_it_is_made(next(one for one in declared.organizations if one.name == slug))


def _written_at(deleting: Begun) -> Mapping[str, Sequence[str | None]]:
    """Return when the marks were written of each member whose delete earlier runs began and never ended, by its id."""
    found: dict[str, list[str | None]] = {}
    for intent in chain.from_iterable(deleting.values()):
        found.setdefault(str(intent.id), []).append(intent.marked_at)
    return found


def _stakes(slugs: Mapping[str, str], members: Members) -> Iterator[Diff]:
    for identifier, found in chain.from_iterable(batch.items() for batch in members):
        yield stakes_alone(slugs[identifier], found.members)


def external_in(declared: Declared) -> frozenset[str]:
    """Return the slugs of the organizations that must exist and are somebody else's."""
    return frozenset(one.name for one in declared.organizations if one.ensure == "external")


def is_written(kind: str, config: Config, declared: Declared) -> bool:
    """Return whether this run may write things of a kind."""
    return kind in declared.kinds(config) and config.authority_of(kind) != "observe"


def _held_until_it_is_made(organization: Resource) -> Diff:
    """Hold the members of an organization that is not live and that nobody makes, because its kind is not written."""
    missing = organization.problem(
        "missing-organization",
        f"{organization.address} is not live, and organizations are not written here, so it cannot have members yet",
        "create it, or let this repository write organizations",
        severity="problem",
    )
    held = Listed.of(organization, "not live, and not created here", at=missing.at)
    return Diff(held=(held,), problems=(missing,))
