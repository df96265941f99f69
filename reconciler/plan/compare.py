"""Desired against live, kind by kind; members while they are read, one organization at a time, to save memory.

In: what is declared, what is live, the desired memberships. Out: the differences, and who is there.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from types import MappingProxyType
from typing import Final

from msgspec import structs

from reconciler.config.read import Config
from reconciler.desired.members import Desired
from reconciler.diff.compare import compare
from reconciler.diff.member_identity import stakes_of
from reconciler.diff.member_pairs import MemberPolicy, Taken
from reconciler.diff.pairs import KnownCredentials, Policy
from reconciler.kinds import KINDS
from reconciler.load.references import POLICY
from reconciler.load.repository import Declared
from reconciler.model import MEMBER, ORGANIZATION, Begun, Change, Diff, OrganizationMembers, Plan, address
from reconciler.plan.access import sources_taken
from reconciler.plan.situation import (
    Diffs,
    Members,
    Presence,
    cascade_of,
    count_role_users,
    roles_at_stake,
    who_is_in,
)
from reconciler.read.live import LiveResources, Named, with_names
from reconciler.read.members import read_members
from reconciler.read.run import Run

CLAIMED: Final = "claimed_email_domains"
NO_NUMBERS: Final[Mapping[str, int]] = MappingProxyType({})


def compare_resources(run: Run, declared: Declared, live: LiveResources, begun: Begun) -> Diffs:
    """Compare what is declared with what is live, kind by kind.

    ``begun`` is what earlier runs began and never ended. Of a kind that is not managed there is only what its names
    lead to; of one that Stytch does not offer there is nothing.
    """
    managed = declared.kinds(run.config)
    known = KnownCredentials(
        id_of=run.store.id_of,
        last_four=cache(lambda name: found.last_four if (found := run.store.value(name)) else None),
        at_hand=cache(lambda name: found.last_four if (found := run.store.at_hand(name)) else None),
        lost=run.store.lost,
        begun=begun,
        now=run.client.now(),
    )
    policy = Policy(target=live.target, known=known)
    diffs = {name: Diff() for name in live.missing if name in managed}
    for name, rows in live.resources.items():
        desired = declared.by_kind.get(name, ()) if name in managed else ()
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
    if not begun:
        return frozenset()
    unsettled = {item.address for item in chain(plan.changes, plan.observed, plan.held) if item.address in begun}
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
    run: Run, declared: Declared, desired: Desired, live: LiveResources, diffs: Diffs, deleting: Begun
) -> tuple[Diff, Presence]:
    """Read and compare the members of every organization, batch by batch; beside the differences, count who is there.

    ``diffs`` are those of all other kinds, ``deleting`` the deletes of members that earlier runs began and never ended.
    Members that no difference is made of are read only where a role is to go, or to permit more, or an organization.
    """
    organizations = diffs[ORGANIZATION]

    def read(ids: Collection[str], expected: Mapping[str, int] = NO_NUMBERS) -> Members:
        return read_members(run.client, {id: expected.get(id, 0) for id in ids})

    unproven = {id: address(ORGANIZATION, slug) for (_, slug), id in organizations.strangers.items()}
    doomed = {id: slug for slug, id in organizations.deleted.items()}
    looked_at = _looked_at(run.config, declared, diffs)
    roles = roles_at_stake(diffs.get(POLICY, Diff()), live)
    presence = Presence(
        strangers={unproven[id]: who_is_in(found) for batch in read(unproven) for id, found in batch.items()},
        cascade=cascade_of(doomed, read(doomed), run.config.owner),
        roles=roles,
    )
    expected = {id: desired.memberships.count(slug) for id, slug in looked_at.items()}
    slugs = {one.id: one.name for one in live.organizations}
    members = count_role_users(read(looked_at, expected), slugs, roles)
    diff = Diff.total(_member_diffs(run, declared, desired, live, organizations, deleting, members))
    if roles:
        elsewhere = [id for id in slugs if id not in looked_at]
        deque(count_role_users(read(elsewhere), slugs, roles), maxlen=0)
    stakes = structs.replace(diff.stakes, may_lose=_named_losers(declared, diff.changes))
    return structs.replace(diff, stakes=stakes), presence


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


def _member_diffs(
    run: Run,
    declared: Declared,
    desired: Desired,
    live: LiveResources,
    organizations: Diff,
    deleting: Begun,
    members: Members,
) -> Iterator[Diff]:
    """Yield the differences of every settled organization as it is read, and of those that are still to be created.

    Where members are not managed, nothing is said of them but which of them are admins.
    """
    config, kind = run.config, KINDS[MEMBER]
    slugs = {id: slug for (_, slug), id in organizations.ids.items()}
    found = ((slugs[id], there) for batch in members for id, there in batch.items())
    if MEMBER not in declared.kinds(config):
        yield from (Diff(stakes=stakes_of(kind, slug, there.members)) for slug, there in found)
        return
    policy = MemberPolicy(
        owner=config.owner,
        authoritative=config.authority_of(MEMBER) == "authoritative",
        roles=config.members.roles,
        adopt=config.members.adopt,
        restore=config.members.removed == "restore",
        manage_address=config.members.email_address == "managed",
        users=desired.users,
        causes=desired.causes,
        by_hand=desired.by_hand,
        unfinished=_written_at(deleting),
        taken=Taken(claimed=_claimed(declared, live, slugs), roles=desired.roles),
    )
    created: Sequence[str] = ()
    if declared.writes(ORGANIZATION, config) or not declared.writes(MEMBER, config):  # they are held if not
        created = sorted(organizations.created)
    nobody = ((slug, OrganizationMembers(organization_id="", members=[])) for slug in created)
    external = declared.external()
    for slug, there in chain(found, nobody):
        yield compare(kind, desired.members_of(slug, external=slug in external), there, policy)


def _claimed(declared: Declared, live: LiveResources, slugs: Mapping[str, str]) -> Mapping[str, str]:
    """Return which organization claims each domain, once the plan is applied."""
    claims = {slugs.get(each.id, each.name): each.spec.get(CLAIMED) or () for each in live.organizations}
    claims |= {each.name: each.spec[CLAIMED] for each in declared.organizations if CLAIMED in each.spec}
    return {domain: slug for slug, domains in claims.items() for domain in domains}


def _named_losers(declared: Declared, changes: Iterable[Change]) -> frozenset[str]:
    """Return the addresses of the members of which a manifest says by name that they may go, or lose something.

    A manifest may name one by another address of the user's: then it is a cause of what changes.
    """
    named = [member for member in declared.members if member.ensure == "absent" or member.lifecycle.allow_loss]
    if not named:
        return frozenset()
    places = {(member.position.file, member.position.line) for member in named}
    by_cause = (
        change.address for change in changes if any((cause.file, cause.line) in places for cause in change.causes)
    )
    return frozenset(member.address for member in named).union(by_cause)


def _written_at(deleting: Begun) -> Mapping[str, Sequence[str | None]]:
    """Return when the marks were written of each member whose delete earlier runs began and never ended, by its id."""
    found: dict[str, list[str | None]] = {}
    for intent in chain.from_iterable(deleting.values()):
        found.setdefault(str(intent.id), []).append(intent.marked_at)
    return found
