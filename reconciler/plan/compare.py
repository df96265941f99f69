"""Read and compare the resources of all kinds except organizations and members, which have their own modules."""

from collections.abc import Container, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache

from msgspec import structs

from reconciler.config.read import Config
from reconciler.credentials.store import CredentialStore
from reconciler.diff.compare import compare
from reconciler.diff.fields import clears
from reconciler.diff.identity import led_to
from reconciler.diff.pairs import KnownCredentials, Policy
from reconciler.kinds import KINDS
from reconciler.load.examine import Declared
from reconciler.model import Change, Delete, Diff, FieldChange, Listed, Live, Plan, Position, Problem, Resource, Target
from reconciler.model.changes import Begun
from reconciler.plan.power import assigned_no_more
from reconciler.read.live import Missing, Named, with_names

Things = dict[str, Diff]


def kinds_read(config: Config, declared: Declared) -> Sequence[str]:
    """Return the kinds that are managed, and those that a managed thing names: they are read, and never written."""
    managed = declared.kinds(config)
    named = {
        reference.kind
        for resource in declared.resources
        if resource.kind in managed
        for name, reference in KINDS[resource.kind].references.items()
        if reference.by_id and name in resource.spec.keys() | resource.initial.keys()
    }
    return [name for name, kind in KINDS.items() if kind.verbs.list and name in managed | named]


def with_organizations(target: Target, declared: Declared, live: Sequence[Live]) -> Target:
    """Return the place with the organizations that things are looked for in: those in which something is declared."""
    wanted = {resource.namespace for every in declared.things.values() for resource in every}
    wanted |= {
        resource.name
        for resource in declared.organizations
        for name, reference in KINDS["Organization"].references.items()
        if reference.late and name in resource.spec
    }
    found = led_to((each for each in declared.organizations if each.name in wanted), live)
    return structs.replace(target, organizations={slug: each.id for slug, each in found.items()})


def thing_diffs(
    config: Config,
    declared: Declared,
    live: Mapping[str, Sequence[Live]],
    missing: Missing,
    target: Target,
    store: CredentialStore,
    begun: Begun,
) -> Things:
    """Compare what is declared with what is live, kind by kind; hold what is of a kind that Stytch does not offer.

    ``begun`` is what earlier runs began and never ended.
    """
    managed = declared.kinds(config)
    known = KnownCredentials(
        id_of=store.id_of,
        last_four=cache(lambda name: found.last_four if (found := store.value(name)) else None),
        lost=store.lost,
        begun=begun,
        now=datetime.now(UTC),
    )
    policy = Policy(target=target, known=known)
    found = {name: _held(declared.things.get(name, ()), missing[name]) for name in missing if name in managed}
    for name, rows in live.items():
        desired = declared.things.get(name, ()) if name in managed else ()
        compared = compare(KINDS[name], desired, _named(name, rows, found), policy)
        found[name] = compared if name in managed else Diff(ids=compared.ids)
    return found


def over(begun: Begun, declared: Declared, things: Things, plan: Plan) -> frozenset[str]:
    """Name what earlier runs began and never ended, and what is settled all the same, or not declared any more."""
    open_ = {each.address for each in (*plan.changes, *plan.observed, *plan.held)}
    settled = {address for each in things.values() for address in each.settled}
    waits = {
        resource.address
        for resource in declared.resources
        if (KINDS[resource.kind].credential or KINDS[resource.kind].secret_fields) and resource.address not in settled
    }
    return frozenset(begun.keys() - open_ - waits)


def _held(desired: Sequence[Resource], problem: Problem) -> Diff:
    held = [Listed.of(each, problem.message, at=(each.position,)) for each in desired]
    told = structs.replace(problem, code="not-offered", severity="problem", at=tuple(one.at[0] for one in held))
    return Diff(held=tuple(held), problems=(told,))


def only_settled(things: Things, organizations: Diff, *, made: bool, external: Container[str | None] = ()) -> Things:
    """Hold whatever lies in an organization of which nobody knows which it is, or that nobody makes.

    ``made`` says whether this run may make organizations. What lies in one that is to be deleted goes with it. In one
    that is ``external`` nothing is deleted or withdrawn.
    """
    doomed = organizations.deleted.keys()
    settled = {slug for _, slug in organizations.ids} | doomed | (organizations.created if made else frozenset())
    return {kind: _only_settled(diff, doomed, settled, external) for kind, diff in things.items()}


def _only_settled(
    diff: Diff, doomed: Container[str | None], settled: Container[str | None], external: Container[str | None]
) -> Diff:
    changes = [each for each in diff.changes if each.namespace not in doomed]
    adrift = [each for each in changes if each.namespace is not None and each.namespace not in settled]
    theirs = [each for each in changes if each.namespace in external and _withdraws(each)]
    reason = "it is not known yet to which organization it belongs"
    return structs.replace(
        diff,
        changes=tuple(each for each in changes if each not in adrift and each not in theirs),
        held=(
            *diff.held,
            *(Listed.of(each, _kept(each), id=each.id, at=_places(each)) for each in theirs),
            *(Listed.of(each, reason, id=each.id) for each in adrift),
        ),
    )


def _withdraws(change: Change) -> bool:
    return isinstance(change, Delete) or change.replaces or any(map(_takes, change.fields))


def _takes(field: FieldChange) -> bool:
    return clears(field) or bool(assigned_no_more(field))


def _kept(change: Change) -> str:
    if isinstance(change, Delete):
        return "declared absent, but nothing is deleted in an organization that is `ensure: external`"
    if change.replaces:
        return "it would be recreated, and nothing is deleted in an organization that is `ensure: external`"
    taken = ", ".join(".".join(field.path) for field in change.fields if _takes(field))
    return f"it would lose {taken}, and nothing is withdrawn in an organization that is `ensure: external`"


def _places(change: Change) -> tuple[Position, ...]:
    return tuple(Position(cause.file, cause.line) for cause in change.causes)


def with_references(organizations: Sequence[Named], things: Things) -> tuple[Named, ...]:
    """Return organizations, declared or live, with the names of the things that they name by id."""
    names, kind = _names(things), KINDS["Organization"]
    return tuple(with_names(kind, each, names) for each in organizations) if names else tuple(organizations)


def _named(kind: str, rows: Sequence[Live], things: Things) -> Sequence[Live]:
    references = KINDS[kind].references.values()
    names = _names(things) if any(each.by_id for each in references) else {}
    return [with_names(KINDS[kind], row, names) for row in rows] if names else rows


def _names(things: Things) -> Mapping[str, Mapping[str, str]]:
    return {kind: {id: name for (_, name), id in each.ids.items()} for kind, each in things.items() if each.ids}
