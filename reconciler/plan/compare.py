"""Desired against live, kind by kind; members while they are read, one organization at a time, to save memory.

In: what is declared, what is live, the desired memberships. Out: the differences, and who is there.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import chain
from typing import Final

from msgspec import structs

from reconciler.config.read import Config
from reconciler.desired.members import Desired
from reconciler.diff.compare import compare
from reconciler.diff.member_identity import stakes_of
from reconciler.diff.member_pairs import DesiredMembers, MemberPolicy
from reconciler.diff.ownership import Owner, read_member, told_apart
from reconciler.diff.pairs import KnownCredentials, Policy
from reconciler.expressions.text import mailbox_or_text
from reconciler.kinds import KINDS
from reconciler.load.references import POLICY, names_in
from reconciler.load.repository import Declared
from reconciler.model import (
    ADMIN_ROLE,
    MEMBER,
    ORGANIZATION,
    Begun,
    Cause,
    Change,
    Diff,
    Membership,
    OrganizationMembers,
    Plan,
    address,
)
from reconciler.plan.access import roles_removed, sources_taken, widened
from reconciler.plan.situation import Cascade, Diffs, Presence, RoleUsers
from reconciler.read.live import LiveResources, Named, with_names
from reconciler.read.members import read_members
from reconciler.read.run import Run
from reconciler.rules.rule import Rules

Members = Iterable[Mapping[str, OrganizationMembers]]
SHOWN: Final = 5  # of those who are in an organization that is held


def compare_resources(run: Run, declared: Declared, live: LiveResources, begun: Begun) -> Diffs:
    """Compare what is declared with what is live, kind by kind.

    ``begun`` is what earlier runs began and never ended. Of a kind that is not managed there is only what its names
    lead to; of one that Stytch does not offer there is nothing.
    """
    managed = declared.kinds(run.config)
    known = KnownCredentials(
        id_of=run.store.id_of,
        last_four=cache(lambda name: found.last_four if (found := run.store.value(name)) else None),
        lost=run.store.lost,
        begun=begun,
        now=datetime.now(UTC),
    )
    policy = Policy(target=live.target, known=known)
    diffs = {name: Diff() for name in live.missing if name in managed}
    for name, rows in live.resources.items():
        desired = declared.things.get(name, ()) if name in managed else ()
        compared = compare(KINDS[name], desired, _with_names(name, rows, diffs), policy)
        diffs[name] = compared if name in managed else Diff(ids=compared.ids)
    organizations = compare(
        KINDS[ORGANIZATION],
        _with_names(ORGANIZATION, declared.organizations, diffs),
        _with_names(ORGANIZATION, live.organizations, diffs),
        Policy(
            owner=run.config.owner,
            adopt=run.config.organizations.adopt,
            authoritative=run.config.authority_of(ORGANIZATION) == "authoritative",
            elsewhere=declared.elsewhere,
        ),
    )
    return {ORGANIZATION: organizations, **diffs}


def over(begun: Begun, declared: Declared, diffs: Diffs, plan: Plan) -> frozenset[str]:
    """Name what earlier runs began and never ended, and what is settled all the same, or not declared any more."""
    unsettled = {item.address for item in (*plan.changes, *plan.observed, *plan.held)}
    settled = frozenset(chain.from_iterable(diff.settled for diff in diffs.values()))
    waits = {
        resource.address
        for resource in declared.resources
        if (KINDS[resource.kind].credential or KINDS[resource.kind].secret_fields) and resource.address not in settled
    }
    return frozenset(begun.keys() - unsettled - waits)


def _with_names(kind: str, items: Sequence[Named], diffs: Diffs) -> Sequence[Named]:
    """Return resources, declared or live, with the names of the others that they name by id."""
    has_ids = any(reference.by_id for reference in KINDS[kind].references.values())
    names = _names(diffs) if has_ids else {}
    return [with_names(KINDS[kind], item, names) for item in items] if names else items


def _names(diffs: Diffs) -> Mapping[str, Mapping[str, str]]:
    return {kind: {id: name for (_, name), id in diff.ids.items()} for kind, diff in diffs.items() if diff.ids}


def compare_members(
    run: Run, declared: Declared, rules: Rules, desired: Desired, live: LiveResources, diffs: Diffs, deleting: Begun
) -> tuple[Diff, Presence]:
    """Read and compare the members of every organization; beside the differences, count who is there.

    ``diffs`` are those of all other kinds, ``deleting`` the deletes of members that earlier runs began and never ended.
    Members that no difference is made of are read only where a role is to go, or to permit more, or an organization.
    """
    config, client, organizations = run.config, run.client, diffs[ORGANIZATION]
    unproven = {id: address(ORGANIZATION, slug) for (_, slug), id in organizations.strangers.items()}
    doomed = {id: slug for slug, id in organizations.deleted.items()}
    looked_at = _looked_at(config, declared, diffs)
    elsewhere = [one.id for one in live.organizations if one.id not in looked_at]
    roles = _roles_of(diffs.get(POLICY, Diff()), live)
    presence = Presence(
        strangers={
            unproven[id]: who_is_in(found) for id, found in _each(read_members(client, dict.fromkeys(unproven, 0)))
        },
        cascade=_cascade(doomed, read_members(client, dict.fromkeys(doomed, 0)), config.owner),
        roles=roles,
    )
    expected = {id: desired.memberships.count(slug) for id, slug in looked_at.items()}
    slugs = {one.id: one.name for one in live.organizations}
    members = _counted(read_members(client, expected), slugs, roles)
    diff = Diff.total(_member_diffs(config, declared, rules, desired, organizations, deleting, members))
    if roles:
        deque(_counted(read_members(client, dict.fromkeys(elsewhere, 0)), slugs, roles), maxlen=0)
    stakes = structs.replace(diff.stakes, may_lose=_named_losers(declared, diff.changes))
    return structs.replace(diff, stakes=stakes), presence


def _each(members: Members) -> Iterator[tuple[str, OrganizationMembers]]:
    return chain.from_iterable(batch.items() for batch in members)


def _looked_at(config: Config, declared: Declared, diffs: Diffs) -> Mapping[str, str]:
    """Return, by their ids, the slugs of the settled organizations whose members must be read.

    Where members are not managed, those are the ones in which many at once would lose ``stytch_admin``.
    """
    settled = {id: slug for (_, slug), id in diffs[ORGANIZATION].ids.items()}
    if MEMBER in declared.kinds(config):
        return settled
    changes = chain.from_iterable(diff.changes for diff in diffs.values())
    poorer = {change.namespace or change.name for change in changes if sources_taken(change)} - declared.external()
    return {id: slug for id, slug in settled.items() if slug in poorer}


def _roles_of(policy: Diff, live: LiveResources) -> Mapping[str, RoleUsers]:
    """Return the roles that a policy would lose, or let do more, with the resources that name them counted."""
    roles = {name: RoleUsers() for change in policy.changes for name in (*roles_removed(change), *widened(change))}
    for one in live.everything() if roles else ():
        for _, reference, name in names_in(one.kind, one.spec):
            if reference.kind == POLICY and name in roles:
                roles[name].add(one.kind, one.address)
    return roles


def _counted(members: Members, slugs: Mapping[str, str], roles: Mapping[str, RoleUsers]) -> Members:
    """Yield the members as they are read, and count who has which role."""
    for batch in members:
        for identifier, found in batch.items() if roles else ():
            for member in found.members:
                for role in member.roles if member.status != "deleted" else ():
                    if role.role_id in roles:
                        name = address(MEMBER, slugs[identifier], mailbox_or_text(member.email_address))
                        roles[role.role_id].add(MEMBER, name)
        yield batch


def _cascade(doomed: Mapping[str, str], members: Members, owner: Owner) -> Cascade:
    """Count the live members of each doomed organization; ``doomed`` maps its id to its slug."""
    total: Counter[str] = Counter()
    strangers: Counter[str] = Counter()
    users: dict[str, frozenset[str]] = {}
    breakglass: Counter[str] = Counter()
    for batch in members:
        for identifier, found in batch.items():
            present = told_apart(read_member(row, owner) for row in found.members if row.status != "deleted")
            total[doomed[identifier]] = len(present) + found.unread
            ours = sum(item.is_proven and item.member.member_id not in found.half_read for item in present)
            strangers[doomed[identifier]] = len(present) - ours + found.unread
            breakglass[doomed[identifier]] = sum(item.member.is_breakglass for item in present)
            marks = (item.mark for item in present)
            users[doomed[identifier]] = frozenset(mark.user for mark in marks if mark and mark.user is not None)
    return Cascade(members=total, strangers=strangers, users=users, breakglass=breakglass)


def who_is_in(found: OrganizationMembers) -> str:
    """Return who is in an organization that is held because only a slug led to it, admins first."""
    present = [member for member in found.members if member.status != "deleted"]
    admins = {member.member_id for member in present if any(role.role_id == ADMIN_ROLE for role in member.roles)}
    named = sorted((one.member_id not in admins, one.email_address, one.member_id) for one in present)
    shown = [f"{email} (admin)" if id in admins else email for _, email, id in named[:SHOWN]]
    more = [f"{len(named) - SHOWN} more"] if len(named) > SHOWN else []
    unread = [f"{found.unread} that could not be read"] if found.unread else []
    return f"members: {', '.join([*shown, *more, *unread]) or 'nobody'}; admins: {len(admins)}"


def _member_diffs(
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
    if MEMBER not in declared.kinds(config):
        yield from _stakes(slugs, members)
        return

    def causes(membership: Membership) -> tuple[Cause, ...]:
        given = tuple(
            Cause(file=rule.file, line=rule.line, rule=rule.rule, user=membership.user)
            for rule in map(rules.causes.__getitem__, membership.rules)
        )
        if membership.declared < 0:
            return given
        position = declared.members[membership.declared].position
        return (Cause(file=position.file, line=position.line, user=membership.user), *given)

    policy = MemberPolicy(
        owner=config.owner,
        authoritative=config.authority_of(MEMBER) == "authoritative",
        roles=config.members.roles,
        adopt=config.members.adopt,
        restore=config.members.removed == "restore",
        manage_address=config.members.email_address == "managed",
        users=desired.users,
        causes=causes,
        by_hand=declared.members,
        unfinished=_written_at(deleting),
    )
    external = declared.external()
    absent: dict[str, list[Membership]] = {}
    for index, member in enumerate(declared.members):
        if member.ensure == "absent":
            slug = str(member.namespace)
            absent.setdefault(slug, []).append(Membership(organization=slug, addresses=(member.name,), declared=index))

    def diff(slug: str, live: OrganizationMembers) -> Diff:
        wanted = DesiredMembers(
            organization=slug,
            memberships=list(desired.memberships.of(slug)),
            absent=absent.get(slug, ()),
            undecided=desired.undecided.get(slug, frozenset()),
            external=slug in external,
        )
        return compare(KINDS[MEMBER], wanted, live, policy)

    for batch in members:
        for identifier, found in batch.items():
            yield diff(slugs[identifier], found)
    if declared.writes(ORGANIZATION, config) or not declared.writes(MEMBER, config):  # they are held if not
        for slug in sorted(organizations.created):
            yield diff(slug, OrganizationMembers(organization_id="", members=[]))


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


def _written_at(deleting: Begun) -> Mapping[str, Sequence[str | None]]:
    """Return when the marks were written of each member whose delete earlier runs began and never ended, by its id."""
    found: dict[str, list[str | None]] = {}
    for intent in chain.from_iterable(deleting.values()):
        found.setdefault(str(intent.id), []).append(intent.marked_at)
    return found


def _stakes(slugs: Mapping[str, str], members: Members) -> Iterator[Diff]:
    for identifier, found in _each(members):
        yield Diff(stakes=stakes_of(KINDS[MEMBER], slugs[identifier], found.members))
