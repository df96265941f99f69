"""Checks that may withhold some changes of a plan, never all of it.

Each guard is a function of the changes and of the *census* (what is live, counted) that says what it saw and which
changes it withholds; the rest goes through. A guard that has a limit bears the name of its setting under
``guards:``; the others have none.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain

from msgspec import Struct, structs

from reconciler.config.schema import Limits
from reconciler.model import (
    MEMBER,
    ORGANIZATION,
    Change,
    Changes,
    Count,
    Create,
    Delete,
    GuardResult,
    Share,
    Stakes,
    Update,
    completes,
    is_inferred,
    withdrawn_roles,
)
from reconciler.plan.access import (
    LAST_ADMIN,
    POLICY,
    from_breakglass,
    grants,
    like_deletes,
    new_roles,
    orphaning,
    roles_given,
    widened,
)

FROM_CHANGES = 10  # below this many changes a percentage says nothing
FROM_MEMBERS = 3  # below this many members an organization is not emptied by a percentage
NAMED = 5  # of the organizations and members that a guard's detail names


class Census(Struct, frozen=True, kw_only=True):
    """What is live and wanted, counted.

    ``managed`` counts the live resources of ours by kind, ``managed_members`` members by organization; ``marked`` the
    live members whose mark names a user, ``missing`` those of them whose user the source no longer has;
    ``memberships`` what rules and manifests want; ``problems`` the causes of problems. ``stakes`` are the admins and
    breakglass members, ``held_roles`` the roles of the policy that live members have, as far as it changes them.
    ``loss_limits`` are the percentages that organizations say for themselves. ``cascade`` counts the live members of
    each organization that is to be deleted, ``strangers`` those of them that are not ours, ``breakglass_in`` the
    breakglass ones. ``no_deletes`` says why the users permit none, if they do not.
    """

    managed: Mapping[str, int]
    managed_members: Mapping[str | None, int]
    marked: int
    missing: int
    memberships: int
    problems: int
    stakes: Stakes = Stakes()
    held_roles: Collection[str] = frozenset()
    loss_limits: Mapping[str, float] = {}
    cascade: Mapping[str, int]
    strangers: Mapping[str, int]
    breakglass_in: Mapping[str, int] = {}
    no_deletes: str = ""


class _Verdict(Struct, frozen=True):
    result: GuardResult
    withholds: Callable[[Change], bool]


Guard = Callable[[Changes, Census, Limits], Iterator[_Verdict]]


def withhold(changes: Iterable[Change], census: Census, limits: Limits) -> tuple[Changes, tuple[GuardResult, ...]]:
    """Return the changes, each with the first guard that withholds it, and what every guard saw."""
    results: list[GuardResult] = []
    changes = Changes.of(changes)
    for guard in GUARDS:
        changes, seen = _judged(guard, changes, census, limits)
        results += seen
    changes = withhold_dependants(changes, (change for change in _needed(changes) if change.withheld_by))
    # Whether an admin is the last one hangs on what is withheld of those who come and those who go.
    changes, seen = _judged(_last_admins, changes, census, limits)
    return changes, (*results, *seen)


def _judged(guard: Guard, changes: Changes, census: Census, limits: Limits) -> tuple[Changes, list[GuardResult]]:
    verdicts = list(guard(changes, census, limits))
    refusals = [verdict for verdict in verdicts if not verdict.result.ok]
    judged = changes.altered(partial(_judge, refusals=refusals)) if refusals else changes
    return judged, [verdict.result for verdict in verdicts]


def _judge(change: Change, refusals: Sequence[_Verdict]) -> Change:
    name = next((refusal.result.name for refusal in refusals if refusal.withholds(change)), None)
    return structs.replace(change, withheld_by=name) if name and not change.withheld_by else change


def _needed(changes: Changes) -> Iterator[Change]:
    """Yield the changes that others may depend on."""
    return chain(changes.only(kind=ORGANIZATION), changes.only(kind=POLICY))


def withhold_dependants(changes: Changes, undone: Iterable[Change]) -> Changes:
    """Withhold each change that depends on an undone one.

    Such are a change inside an organization that is not created, one that completes it, and one that gives a role that
    is not added.
    """
    undone = tuple(undone)
    missing = {change.name for change in undone if change.kind == ORGANIZATION and isinstance(change, Create)}
    roles = frozenset().union(*map(new_roles, undone))
    if not missing and not roles:
        return changes

    def judged(change: Change) -> Change:
        depends = (change.namespace or completes(change)) in missing or bool(roles and roles & roles_given(change))
        return structs.replace(change, withheld_by="dependency") if depends and not change.withheld_by else change

    return changes.altered(judged)


def _alters(change: Change) -> bool:
    """Return whether a change alters what is live already."""
    return isinstance(change, Update) and bool(change.fields) and not completes(change)


def _takes_access(change: Change) -> bool:
    """Return whether a change deletes, or withdraws a role."""
    return isinstance(change, Delete) or bool(withdrawn_roles(change))


def _share(part: int, whole: int, limit: float) -> Share:
    return Share(part, whole, limit, FROM_CHANGES)


def _limited(
    name: str, seen: Count | Share, withholds: Callable[[Change], bool], *, kind: str = "", organization: str = ""
) -> _Verdict:
    result = GuardResult(name=name, ok=seen.is_within, seen=seen, kind=kind, organization=organization)
    return _Verdict(result, withholds)


def _refused(name: str, seen: str, withholds: Callable[[Change], bool], *, kind: str) -> _Verdict:
    return _Verdict(GuardResult(name=name, ok=False, seen=seen, kind=kind), withholds)


def _is_delete_of(kind: str, change: Change) -> bool:
    return change.kind == kind and isinstance(change, Delete)


def _is_update_of(kind: str, change: Change) -> bool:
    return change.kind == kind and _alters(change)


def _is_inferred_loss_in(slug: str, change: Change) -> bool:
    return change.kind == MEMBER and change.namespace == slug and is_inferred(change)


def _is_one_in(slug: str, addresses: Collection[str], change: Change) -> bool:
    return change.namespace == slug and change.address in addresses


def _deletes(changes: Changes, census: Census, limits: Limits) -> Iterator[_Verdict]:
    guarded = like_deletes(changes, census.stakes)
    addresses = {change.address for change in guarded}
    number = len(guarded) + sum(census.cascade.values())
    managed = census.managed.get(MEMBER, 0)

    def withholds(change: Change) -> bool:
        return change.address in addresses or (
            isinstance(change, Delete) and (change.namespace or change.name) in census.cascade
        )

    yield _limited("max_deletes", Count(number, limits.max_deletes), withholds, kind=MEMBER)
    share = _share(number, managed, limits.max_delete_percent)
    yield _limited("max_delete_percent", share, withholds, kind=MEMBER)
    for slug, count in sorted(Counter(change.namespace or "" for change in guarded).items()):
        here = _share(count, census.managed_members.get(slug, 0), limits.max_delete_percent_per_organization)
        if not here.is_within:
            yield _limited(
                "max_delete_percent",
                here,
                partial(_is_one_in, slug, addresses),
                kind=MEMBER,
                organization=slug,
            )


def _organization_losses(changes: Changes, census: Census, limits: Limits) -> Iterator[_Verdict]:
    """Look at each organization by itself, however few members it has; what a manifest says by name does not count."""
    inferred = (change for change in changes.only(Delete, kind=MEMBER) if is_inferred(change))
    for slug, count in sorted(Counter(change.namespace or "" for change in inferred).items()):
        limit = census.loss_limits.get(slug, limits.max_organization_loss_percent)
        share = Share(count, census.managed_members.get(slug, 0), limit)
        if share.whole >= FROM_MEMBERS and not share.is_within:
            yield _limited(
                "max_organization_loss_percent",
                share,
                partial(_is_inferred_loss_in, slug),
                kind=MEMBER,
                organization=slug,
            )


def _breakglass(changes: Changes, census: Census, _: Limits) -> Iterator[_Verdict]:
    taking = {change.address for change in from_breakglass(changes, census.stakes)}
    doomed = {
        change.address
        for change in changes.only(Delete, kind=ORGANIZATION)
        if is_inferred(change) and census.breakglass_in.get(change.name)
    }
    if both := sorted(taking | doomed):
        yield _refused(
            "breakglass",
            _named(both),
            lambda change: change.address in taking or (change.address in doomed and isinstance(change, Delete)),
            kind=MEMBER,
        )


def _last_admins(changes: Changes, census: Census, _: Limits) -> Iterator[_Verdict]:
    taking = orphaning(changes, census.stakes)
    if taking:
        slugs = sorted({change.namespace or change.name for change in taking})
        names = {(type(change), change.address) for change in taking}
        yield _refused(LAST_ADMIN, _named(slugs), lambda change: (type(change), change.address) in names, kind=MEMBER)


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"


def _organization_deletes(changes: Changes, census: Census, limits: Limits) -> Iterator[_Verdict]:
    number = sum(1 for _ in changes.only(Delete, kind=ORGANIZATION))
    crowded = {slug for slug, count in census.strangers.items() if count}
    if crowded:
        yield _refused(
            "unmanaged_members",
            f"unmanaged members are in {', '.join(sorted(crowded))}",
            lambda change: _is_delete_of(ORGANIZATION, change) and change.name in crowded,
            kind=ORGANIZATION,
        )
    yield _limited(
        "max_organization_deletes",
        Count(number, limits.max_organization_deletes),
        partial(_is_delete_of, ORGANIZATION),
        kind=ORGANIZATION,
    )


def _resource_deletes(changes: Changes, census: Census, limits: Limits) -> Iterator[_Verdict]:
    counts = Counter(change.kind for change in changes.only(Delete) if change.kind not in (MEMBER, ORGANIZATION))
    for kind, number in sorted(counts.items()):
        withholds = partial(_is_delete_of, kind)
        share = _share(number, census.managed.get(kind, 0), limits.max_delete_percent)
        yield _limited("max_deletes", Count(number, limits.max_deletes), withholds, kind=kind)
        yield _limited("max_delete_percent", share, withholds, kind=kind)


def _updates(changes: Changes, census: Census, limits: Limits) -> Iterator[_Verdict]:
    counts = Counter(change.kind for change in changes.only(Update) if _alters(change))
    for kind in sorted({*counts, MEMBER, ORGANIZATION}):
        yield _limited(
            "max_update_percent",
            _share(counts[kind], census.managed.get(kind, 0), limits.max_update_percent),
            partial(_is_update_of, kind),
            kind=kind,
        )


def _new_admins(changes: Changes, census: Census, limits: Limits) -> Iterator[_Verdict]:
    granted = (
        frozenset().union(*map(roles_given, changes)) if any(map(widened, changes.only(kind=POLICY))) else frozenset()
    )
    held = granted.union(census.held_roles)
    number = sum(grants(change, held) for change in changes)
    count = Count(number, limits.max_new_admins)
    yield _limited("max_new_admins", count, lambda change: grants(change, held) > 0, kind=MEMBER)


def _source(_: Changes, census: Census, limits: Limits) -> Iterator[_Verdict]:
    missing = _share(census.missing, census.marked, limits.max_missing_users_percent)
    yield _limited("max_missing_users_percent", missing, _takes_access, kind=MEMBER)
    shrunk = _share(max(0, census.marked - census.memberships), census.marked, limits.max_shrink_percent)
    yield _limited("max_shrink_percent", shrunk, _takes_access, kind=MEMBER)
    yield _limited("max_problems", Count(census.problems, limits.max_problems), _takes_access)
    if census.no_deletes:
        yield _refused("users", census.no_deletes, partial(_is_delete_of, MEMBER), kind=MEMBER)


GUARDS: tuple[Guard, ...] = (  # and, when they have judged, ``_last_admins``
    _source,
    _organization_deletes,
    _resource_deletes,
    _updates,
    _new_admins,
    _breakglass,
    _deletes,
    _organization_losses,
)
