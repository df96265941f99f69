"""Everything but the differences that holds and guards look at: what is declared, wanted and live, and who has what."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Final

from msgspec import Struct, field

from reconciler.config.read import Config
from reconciler.desired.members import Desired
from reconciler.diff.ownership import Owner, judge_copies, read_member
from reconciler.expressions.text import mailbox_or_text
from reconciler.history.look import History
from reconciler.load.applied import AppliedFiles
from reconciler.load.earlier import Earlier
from reconciler.load.policies import Policy
from reconciler.load.references import POLICY, names_in
from reconciler.load.repository import Declared
from reconciler.model import ADMIN_ROLE, MEMBER, Diff, OrganizationMembers, address
from reconciler.plan.access import roles_removed, widened
from reconciler.read.live import LiveResources
from reconciler.rules.rule import Rules

SHOWN: Final = 5  # of those who have a role, or are in an organization that is held
Members = Iterable[Mapping[str, OrganizationMembers]]  # as they are read, by the ids of organizations
Diffs = Mapping[str, Diff]  # by kind


class RoleUsers(Struct):
    """Who has a role: how many of each kind, and the addresses of the first few."""

    counts: Counter[str] = field(default_factory=Counter)
    first: list[str] = field(default_factory=list)

    def add(self, kind: str, address: str) -> None:
        """Count one more."""
        self.counts[kind] += 1
        self.first = sorted([*self.first, address])[:SHOWN]

    def __str__(self) -> str:
        return ", ".join(f"{kind}: {count}" for kind, count in sorted(self.counts.items()))


class Cascade(Struct, frozen=True, kw_only=True):
    """Who would go with the organizations that are to be deleted: all live members, and those that are not ours.

    ``users`` are those whose marks the members carry, ``breakglass`` counts the breakglass members.
    """

    members: dict[str, int]
    strangers: dict[str, int]
    users: dict[str, frozenset[str]]
    breakglass: dict[str, int]


class Presence(Struct, frozen=True, kw_only=True):
    """Who is there, as far as it decides what may change.

    ``cascade`` counts who would go with organizations; ``roles`` are the roles that the policy would lose, or let do
    more, and who has them; ``strangers`` says who is in each organization (by its address) that a slug alone led to.
    """

    cascade: Cascade
    roles: Mapping[str, RoleUsers]
    strangers: Mapping[str, str]


class Situation(Struct, frozen=True, kw_only=True):
    """What a plan is decided from, besides the differences; ``redacted`` says that all of it is without people.

    ``history`` is what git says, ``earlier`` what judged changes at the revision that was applied last, and ``applied``
    what people had written there.
    """

    config: Config
    declared: Declared
    desired: Desired
    rules: Rules
    live: LiveResources
    presence: Presence
    now: datetime
    history: History = History()
    earlier: Earlier | None = None
    applied: AppliedFiles | None = None
    redacted: bool = False

    @property
    def policies(self) -> Sequence[Policy]:
        """Return the policies that bind: those of the files, and what those that were applied last say besides."""
        policies = self.declared.safeguards.policies
        said = {policy.says() for policy in policies}
        applied = self.earlier.safeguards.policies if self.earlier else ()
        return (*policies, *(policy for policy in applied if policy.says() not in said))


def roles_at_stake(policy: Diff, live: LiveResources) -> Mapping[str, RoleUsers]:
    """Return the roles that a policy would lose, or let do more, with the resources that name them counted."""
    roles = {name: RoleUsers() for change in policy.changes for name in (*roles_removed(change), *widened(change))}
    for one in live.everything() if roles else ():
        for _, reference, name in names_in(one.kind, one.spec):
            if reference.kind == POLICY and name in roles:
                roles[name].add(one.kind, one.address)
    return roles


def count_role_users(members: Members, slugs: Mapping[str, str], roles: Mapping[str, RoleUsers]) -> Members:
    """Yield the members as they are read, and count who has which role."""
    for batch in members:
        for identifier, found in batch.items() if roles else ():
            for member in found.members:
                for role in member.roles if member.status != "deleted" else ():
                    if role.role_id in roles:
                        name = address(MEMBER, slugs[identifier], mailbox_or_text(member.email_address))
                        roles[role.role_id].add(MEMBER, name)
        yield batch


def cascade_of(doomed: Mapping[str, str], members: Members, owner: Owner) -> Cascade:
    """Count the live members of each doomed organization; ``doomed`` maps its id to its slug."""
    cascade = Cascade(members={}, strangers={}, users={}, breakglass={})
    for identifier, found in chain.from_iterable(batch.items() for batch in members):
        slug = doomed[identifier]
        present = judge_copies(read_member(row, owner) for row in found.members if row.status != "deleted")
        ours = sum(item.is_proven and item.member.member_id not in found.half_read for item in present)
        marks = [item.mark for item in present if item.mark]
        cascade.members[slug] = len(present) + found.unread
        cascade.strangers[slug] = len(present) - ours + found.unread
        cascade.breakglass[slug] = sum(item.member.is_breakglass for item in present)
        cascade.users[slug] = frozenset(mark.user for mark in marks if mark.user is not None)
    return cascade


def who_is_in(found: OrganizationMembers) -> str:
    """Return who is in an organization that is held because only a slug led to it, admins first."""
    present = [member for member in found.members if member.status != "deleted"]
    admins = {member.member_id for member in present if any(role.role_id == ADMIN_ROLE for role in member.roles)}
    named = sorted((one.member_id not in admins, one.email_address, one.member_id) for one in present)
    shown = [f"{email} (admin)" if id in admins else email for _, email, id in named[:SHOWN]]
    more = [f"{len(named) - SHOWN} more"] if len(named) > SHOWN else []
    unread = [f"{found.unread} that could not be read"] if found.unread else []
    return f"members: {', '.join([*shown, *more, *unread]) or 'nobody'}; admins: {len(admins)}"
