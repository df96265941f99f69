"""Hold deletes of what is in use: roles of members, resources in permissions, default templates.

Stytch does not say what happens to people whose role is removed from the RBAC policy. It refuses what refers to a
resource that does not exist, and refuses to delete what is named elsewhere, even to recreate it. So a change, or the
part of one that would do so, is held until it is not used any more.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain

from msgspec import UNSET, Struct, field, structs

from reconciler.expressions.text import mailbox_or_text
from reconciler.kinds import KINDS
from reconciler.kinds._writing import merged_into_live
from reconciler.kinds.rbac_policy import missing
from reconciler.load.references import POLICY, names_in
from reconciler.model import Change, Diff, FieldChange, Listed, Live, Path, Position, Problem, address, problem
from reconciler.plan.compare_members import Members
from reconciler.plan.power import widened

ROLES = "custom_roles"
SHOWN = 5  # of those who have a role


class _Users(Struct):
    """Who uses a part of the policy: how many of each kind, and the first few."""

    counts: Counter[str] = field(default_factory=Counter)
    first: list[str] = field(default_factory=list)

    def add(self, kind: str, address: str) -> None:
        self.counts[kind] += 1
        self.first = sorted([*self.first, address])[:SHOWN]

    def __str__(self) -> str:
        return ", ".join(f"{kind}: {count}" for kind, count in sorted(self.counts.items()))


def held_while_used(
    things: dict[str, Diff],
    live: Sequence[Live],
    members: Members,
    others: Members,
    diffs: Callable[[Members], Iterator[Diff]],
) -> Iterator[Diff]:
    """Yield the diffs of ``members``, and then hold in ``things`` what they, ``others`` or ``live`` still use.

    Members that no diff is made of are read only where a role is to go, or to permit more: then it is noted whether
    anybody has it.
    """
    for kind, diff in things.items():
        things[kind] = _hold_replaced(diff, live)
    policy = things.get(POLICY, Diff())
    users = {name: _Users() for change in policy.changes for name in (*_roles_that_go(change), *widened(change))}
    for one in live if users else ():
        for _, reference, name in names_in(one.kind, one.spec):
            if reference.kind == POLICY and name in users:
                users[name].add(one.kind, one.address)
    if users:
        slugs = {one.id: one.name for one in live if one.kind == "Organization"}
        members, others = _noted(members, slugs, users), _noted(others, slugs, users)
    yield from diffs(members)
    if users:
        deque(chain(members, others), maxlen=0)
    held_roles = frozenset(name for change in policy.changes for name in widened(change) if users[name].first)
    for change in policy.changes:
        going = {*_roles_that_go(change)}
        was = next(one for one in live if one.kind == POLICY)
        used = {name: each for name, each in users.items() if each.first and name in going}
        things[POLICY] = structs.replace(_hold(policy, change, was, used), held_roles=held_roles)


def _hold_replaced(diff: Diff, live: Sequence[Live]) -> Diff:
    """Hold what can only be changed by recreating it while something else names it."""
    for change in (each for each in diff.changes if each.replaces):
        users = sorted(
            one.address
            for one in live
            for _, reference, name in names_in(one.kind, one.spec)
            if (reference.kind, name) == (change.kind, change.name)
        )
        if users:
            message = f"{change.address} would have to be recreated, which Stytch refuses while {users[0]} names it"
            hint = (
                f"declare a new {change.kind} under another name, refer to that one "
                "instead, and set `ensure: absent` on this one"
            )
            at = _places(change)
            reason = "it would be recreated, and is in use"
            diff = structs.replace(
                diff,
                changes=tuple(each for each in diff.changes if each is not change),
                problems=(*diff.problems, _problem(message, hint, at, (change.address, *users[:SHOWN]))),
                held=(*diff.held, Listed.of(change, reason, id=change.id, at=at)),
            )
    return diff


def _places(change: Change) -> tuple[Position, ...]:
    return tuple(Position(cause.file, cause.line) for cause in change.causes)


def _roles_that_go(change: Change) -> Iterator[str]:
    return (one.path[1] for one in change.fields if one.path[0] == ROLES and one.after is UNSET)


def _noted(members: Members, slugs: Mapping[str, str], users: Mapping[str, _Users]) -> Members:
    """Yield the members as they are read, and note who has which role."""
    for batch in members:
        for identifier, found in batch.items():
            for member in found.members:
                for role in member.roles if member.status != "deleted" else ():
                    if role.role_id in users:
                        name = address("Member", slugs[identifier], mailbox_or_text(member.email_address))
                        users[role.role_id].add("Member", name)
        yield batch


def _hold(policy: Diff, change: Change, was: Live, users: Mapping[str, _Users]) -> Diff:
    """Take out of a change what is used, and say so."""
    at = _places(change)
    left = {one.path: one for one in change.fields}
    problems = list(policy.problems)
    for name, each in users.items():
        left.pop((ROLES, name))
        message = f"the role {name} stays in the policy while members have it ({each})"
        hint = "withdraw it from them first; the next plan then removes it"
        problems.append(_problem(message, hint, at, (change.address, *each.first)))
    while unmet := _unmet(change, was, left):
        path, what, whose = unmet
        left.pop(path)
        message = f"{'.'.join(path)} is not changed: {whose} would refer to {what}, which would not exist"
        hint = f"declare {what} in custom_resources, or remove it from {whose}"
        problems.append(_problem(message, hint, at, (change.address,)))
    if len(left) == len(change.fields):
        return structs.replace(policy, problems=tuple(problems))
    changes = [each for each in policy.changes if each is not change]
    if left:
        changes.append(structs.replace(change, fields=tuple(left.values())))
    reason = "part of what it would remove is in use" if left else "what it would remove is in use"
    held = Listed.of(change, reason, id=change.id, at=at)
    return structs.replace(policy, changes=tuple(changes), held=(*policy.held, held), problems=tuple(problems))


def _unmet(change: Change, was: Live, left: Mapping[Path, FieldChange]) -> tuple[Path, str, str] | None:
    """Return a field of a change that makes something be about what is then not there, that, and what is about it."""
    spec = merged_into_live(KINDS[POLICY], was.spec, structs.replace(change, fields=tuple(left.values())))
    unmet = [
        (path, what, whose)
        for resource, what, whose in missing(spec)
        for path in (("custom_resources", resource), whose)
        if path in left
    ]
    for path, what, _ in unmet[:1]:
        names = [".".join(whose) for where, lacking, whose in unmet if (where, lacking) == (path, what)]
        return path, what, ", ".join(names)
    return None


def _problem(message: str, hint: str, at: tuple[Position, ...], addresses: Iterable[str]) -> Problem:
    return problem("in-use", message, hint, *at, severity="problem", addresses=addresses)
