"""What stays as it is although it should change, and why.

Each function of ``HOLDS`` takes the differences, and returns them with more held, with a better reason, or without
holds that do not matter here. Nothing is read while they decide. What one of them holds is no change any more: it is
listed with the reason, and with a problem where a person must do something. Guards come later: what they withhold stays
in the plan.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from functools import reduce
from itertools import chain
from typing import Final

from msgspec import structs

from reconciler.diff.fields import clears
from reconciler.expressions.redaction import HIDDEN
from reconciler.kinds import KINDS
from reconciler.kinds._writing import merged_into_live
from reconciler.kinds.rbac_policy import missing
from reconciler.load.references import POLICY, names_in
from reconciler.model import (
    MEMBER,
    ORGANIZATION,
    TEST,
    Change,
    Changes,
    Delete,
    Diff,
    FieldChange,
    Listed,
    Live,
    Path,
    Position,
    Problem,
    Update,
    is_inferred,
    problem,
)
from reconciler.plan.access import CUSTOM_ROLES, assigned_no_more, roles_removed
from reconciler.plan.situation import Diffs, RoleUsers, Situation

SHOWN: Final = 5  # of the resources that refer to something
Hold = Callable[[Diffs, Situation], Diffs]


def hold(diffs: Diffs, situation: Situation) -> Diffs:
    """Return the differences without what must stay as it is."""
    return reduce(lambda held, step: step(held, situation), HOLDS, diffs)


def not_offered(diffs: Diffs, situation: Situation) -> Diffs:
    """Hold whatever is of a kind that Stytch does not offer this project."""
    changed = {}
    for kind in situation.live.missing.keys() & diffs.keys():
        said = situation.live.missing[kind]
        declared = situation.declared.by_kind.get(kind, ())
        held = tuple(Listed.of(one, said.message, at=(one.position,)) for one in declared)
        at = tuple(one.position for one in declared)
        changed[kind] = _with(diffs[kind], held, structs.replace(said, code="not-offered", severity="problem", at=at))
    return {**diffs, **changed}


def unproven(diffs: Diffs, situation: Situation) -> Diffs:
    """Say of each organization that is held because only a slug led to it who is in it."""
    there = situation.presence.strangers
    held = tuple(
        structs.replace(item, reason=f"{item.reason}; {there[item.address]}") if item.address in there else item
        for item in diffs[ORGANIZATION].held
    )
    return {**diffs, ORGANIZATION: structs.replace(diffs[ORGANIZATION], held=held)}


def in_unsettled_parent(diffs: Diffs, situation: Situation) -> Diffs:
    """Hold what lies in an organization of which nobody knows which it is, or that nobody makes.

    What lies in one that is to be deleted goes with it.
    """
    organizations = diffs[ORGANIZATION]
    doomed = organizations.deleted.keys()
    made = organizations.created if situation.declared.writes(ORGANIZATION, situation.config) else frozenset()
    settled = {slug for _, slug in organizations.ids} | doomed | made
    reason = "it is not known yet to which organization it belongs"

    def settled_only(diff: Diff) -> Diff:
        gone = [change for change in diff.changes if change.namespace in doomed]
        adrift = [one for one in diff.changes if one.namespace is not None and one.namespace not in settled]
        held = [Listed.of(change, reason, id=change.id) for change in adrift]
        return _without(diff, [*gone, *adrift], held)

    return {kind: diff if kind == MEMBER else settled_only(diff) for kind, diff in diffs.items()}


def in_external_parent(diffs: Diffs, situation: Situation) -> Diffs:
    """Hold what would be deleted, or withdrawn, in an organization that is somebody else's."""
    external = situation.declared.external()

    def theirs_kept(diff: Diff) -> Diff:
        theirs = [change for change in diff.changes if change.namespace in external and _withdraws(change)]
        return _without(diff, theirs, [_held(change, _why_kept(change)) for change in theirs])

    return {kind: diff if kind == MEMBER else theirs_kept(diff) for kind, diff in diffs.items()}


def parent_not_written(diffs: Diffs, situation: Situation) -> Diffs:
    """Hold the members of organizations that are not live and that nobody makes, because their kind is not written."""
    config, declared = situation.config, situation.declared
    if declared.writes(ORGANIZATION, config) or not declared.writes(MEMBER, config):
        return diffs
    members, created = diffs[MEMBER], diffs[ORGANIZATION].created
    for one in declared.organizations:
        if one.name in created and situation.desired.memberships.count(one.name):
            found = f"{one.address} is not live, and organizations are not written here, so it cannot have members yet"
            hint = "create it, or let this repository write organizations"
            held = Listed.of(one, "not live, and not created here", at=(one.position,))
            members = _with(members, [held], one.problem("missing-organization", found, hint, severity="problem"))
    return {**diffs, MEMBER: members}


def used_elsewhere(diffs: Diffs, situation: Situation) -> Diffs:
    """Hold what can only be changed by recreating it while something else names it, which Stytch refuses."""

    def kept(diff: Diff) -> Diff:
        for change in Changes.of(diff.changes).only(Update):
            if change.replaces and (referrers := sorted(_referrers(change, situation.live.everything()))):
                first = referrers[0]
                found = f"{change.address} would have to be recreated, which Stytch refuses while {first} names it"
                hint = (
                    f"declare a new {change.kind} under another name, refer to that one "
                    "instead, and set `ensure: absent` on this one"
                )
                held = _held(change, "it would be recreated, and is in use")
                diff = _without(diff, [change], [held], _problem("in-use", found, hint, change, *referrers[:SHOWN]))
        return diff

    return {kind: kept(diff) for kind, diff in diffs.items()}


def roles_in_use(diffs: Diffs, situation: Situation) -> Diffs:
    """Hold the part of a change of the RBAC policy that removes roles that somebody has, and what needs them.

    Stytch does not say what happens to people whose role is removed. It refuses what refers to a resource that does not
    exist.
    """
    if POLICY not in diffs:
        return diffs
    policy = diffs[POLICY]
    for change in policy.changes:
        used = {
            name: situation.presence.roles[name]
            for name in sorted(roles_removed(change))
            if situation.presence.roles[name].first
        }
        policy = _without_roles_in_use(policy, change, situation.live.resources[POLICY][0], used)
    return {**diffs, POLICY: policy}


def delete_with_open_question(diffs: Diffs, situation: Situation) -> Diffs:
    """Hold the delete of an organization about which, or about whose members, something is open.

    A manifest's ``ensure: absent`` is explicit; a delete of what no manifest declares is only inferred.
    """
    named = frozenset(chain.from_iterable(one.addresses for one in situation.desired.problems))
    inferred = [one for one in diffs[ORGANIZATION].changes if is_inferred(one)]
    opened = [(change, why) for change in inferred if (why := _open_question(change, named, situation))]
    held = [Listed.of(change, why, id=change.id) for change, why in opened]
    return {**diffs, ORGANIZATION: _without(diffs[ORGANIZATION], [change for change, _ in opened], held)}


def written_elsewhere(diffs: Diffs, situation: Situation) -> Diffs:
    """Drop the holds, and make warnings of the problems, of shared kinds that an environment of type live writes."""
    target = situation.live.target
    if situation.config.target.type == "live" or not target.has_live:
        return diffs

    def left(kind: str, diff: Diff) -> Diff:
        elsewhere = {
            item.address for item in diff.held if kind != "Environment" or target.environments.get(item.name) != TEST
        }
        return structs.replace(
            diff,
            held=tuple(item for item in diff.held if item.address not in elsewhere),
            problems=tuple(
                structs.replace(one, severity="warning") if elsewhere and elsewhere.issuperset(one.addresses) else one
                for one in diff.problems
            ),
        )

    return {kind: left(kind, diff) if KINDS[kind].is_shared else diff for kind, diff in diffs.items()}


def redacted(diffs: Diffs, situation: Situation) -> Diffs:
    """Hold what would change a field that the snapshot leaves out: what it is now, nobody can tell."""
    if not situation.redacted:
        return diffs

    def told(diff: Diff) -> Diff:
        untold = [one for one in diff.changes if not isinstance(one, Delete) and any(map(_is_hidden, one.fields))]
        if not untold:
            return diff
        fields = {".".join(field.path) for change in untold for field in change.fields if _is_hidden(field)}
        found = f"the snapshot leaves out {', '.join(sorted(fields))}, so what it is now is unknown"
        said = structs.replace(
            _problem("redacted", found, "plan live to decide it", untold[0]),
            addresses=tuple(change.address for change in untold[:SHOWN]),
        )
        return _without(diff, untold, [_held(change, found) for change in untold], said)

    return {kind: told(diff) for kind, diff in diffs.items()}


def _is_hidden(field: FieldChange) -> bool:
    return field.before == HIDDEN


HOLDS: Final[tuple[Hold, ...]] = (
    redacted,
    not_offered,
    unproven,
    in_unsettled_parent,
    in_external_parent,
    parent_not_written,
    used_elsewhere,
    roles_in_use,
    delete_with_open_question,
    written_elsewhere,
)


def _without(diff: Diff, changes: Iterable[Change], held: Iterable[Listed], *problems: Problem) -> Diff:
    """Return a difference without some of its changes, with what is held instead."""
    out = set(map(_what, changes))
    left = tuple(change for change in diff.changes if _what(change) not in out) if out else diff.changes
    return _with(structs.replace(diff, changes=left), held, *problems)


def _what(change: Change) -> tuple[str, str, str | None]:
    return change.action, change.address, change.id


def _with(diff: Diff, held: Iterable[Listed], *problems: Problem) -> Diff:
    return structs.replace(diff, held=(*diff.held, *held), problems=(*diff.problems, *problems))


def _held(change: Change, reason: str) -> Listed:
    return Listed.of(change, reason, id=change.id, at=_places(change))


def _problem(code: str, message: str, hint: str, change: Change, *users: str) -> Problem:
    addresses = (change.address, *users)
    return problem(code, message, hint, *_places(change), severity="problem", addresses=addresses)


def _places(change: Change) -> tuple[Position, ...]:
    return tuple(Position(cause.file, cause.line) for cause in change.causes)


def _withdraws(change: Change) -> bool:
    return isinstance(change, Delete) or change.replaces or any(map(_takes, change.fields))


def _takes(field: FieldChange) -> bool:
    return clears(field) or bool(assigned_no_more(field))


def _why_kept(change: Change) -> str:
    if isinstance(change, Delete):
        return "declared absent, but nothing is deleted in an organization that is `ensure: external`"
    if change.replaces:
        return "it would be recreated, and nothing is deleted in an organization that is `ensure: external`"
    taken = ", ".join(".".join(field.path) for field in change.fields if _takes(field))
    return f"it would lose {taken}, and nothing is withdrawn in an organization that is `ensure: external`"


def _referrers(change: Change, live: Iterable[Live]) -> Iterator[str]:
    """Yield the address of each live resource that names what a change is about, once for each time."""
    for one in live:
        for _, reference, name in names_in(one.kind, one.spec):
            if (reference.kind, name) == (change.kind, change.name):
                yield one.address


def _without_roles_in_use(policy: Diff, change: Change, was: Live, used: Mapping[str, RoleUsers]) -> Diff:
    """Take out of a change of the policy what is used, and say so."""
    left = {field.path: field for field in change.fields}
    problems = []
    for name, users in used.items():
        left.pop((CUSTOM_ROLES, name))
        found = f"the role {name} stays in the policy while members have it ({users})"
        hint = "withdraw it from them first; the next plan then removes it"
        problems.append(_problem("in-use", found, hint, change, *users.first))
    while unmet := _unmet(change, was, left):
        path, what, whose = unmet
        left.pop(path)
        found = f"{'.'.join(path)} is not changed: {whose} would refer to {what}, which would not exist"
        hint = f"declare {what} in custom_resources, or remove it from {whose}"
        problems.append(_problem("in-use", found, hint, change))
    if len(left) == len(change.fields):
        return policy
    reason = "part of what it would remove is in use" if left else "what it would remove is in use"
    rest = _without(policy, [change], [_held(change, reason)], *problems)
    kept = (structs.replace(change, fields=tuple(left.values())),) if left else ()
    return structs.replace(rest, changes=(*rest.changes, *kept))


def _unmet(change: Change, was: Live, left: Mapping[Path, FieldChange]) -> tuple[Path, str, str] | None:
    """Return a field whose change leaves a reference to nothing, what it would refer to, and who refers to it.

    Returns None if there is none.
    """
    spec = merged_into_live(KINDS[POLICY], was.spec, structs.replace(change, fields=tuple(left.values())))
    unmet = [
        (path, what, whose)
        for resource, what, whose in missing(spec)
        for path in (("custom_resources", resource), whose)
        if path in left
    ]
    if not unmet:
        return None
    path, what, _ = unmet[0]
    return path, what, ", ".join(".".join(whose) for where, lacking, whose in unmet if (where, lacking) == (path, what))


def _open_question(change: Change, named: Container[str], situation: Situation) -> str:
    """Return what is open about an organization that would be deleted, or about its members; "" where nothing is."""
    desired = situation.desired
    if change.address in named:
        return "rules still name it, but nothing declares it"
    users = situation.presence.cascade.users.get(change.name, frozenset())
    if any(user in desired.users.undecided or user in desired.users.disputed for user in users):
        return "because of a problem it is unknown whether one of its users belongs there"
    if users and not desired.users.readable:
        return "the users cannot be read, and it has members who are users"
    return ""
