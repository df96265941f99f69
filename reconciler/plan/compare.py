"""Compare the resources of every kind but members, of whom there may be millions, with what is live."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache

from reconciler.diff.compare import compare
from reconciler.diff.pairs import KnownCredentials, Policy
from reconciler.kinds import KINDS
from reconciler.load.repository import Declared
from reconciler.model import ORGANIZATION, Diff, Live, Plan
from reconciler.model.changes import Begun
from reconciler.plan.situation import Diffs
from reconciler.read.live import LiveResources, Named, with_names
from reconciler.read.run import Run


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
        compared = compare(KINDS[name], desired, _named(name, rows, diffs), policy)
        diffs[name] = compared if name in managed else Diff(ids=compared.ids)
    organizations = compare(
        KINDS[ORGANIZATION],
        _with_references(declared.organizations, diffs),
        _with_references(live.organizations, diffs),
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
    open_ = {each.address for each in (*plan.changes, *plan.observed, *plan.held)}
    settled = {address for diff in diffs.values() for address in diff.settled}
    waits = {
        resource.address
        for resource in declared.resources
        if (KINDS[resource.kind].credential or KINDS[resource.kind].secret_fields) and resource.address not in settled
    }
    return frozenset(begun.keys() - open_ - waits)


def _with_references(organizations: Sequence[Named], diffs: Diffs) -> tuple[Named, ...]:
    """Return organizations, declared or live, with the names of the things that they name by id."""
    names, kind = _names(diffs), KINDS[ORGANIZATION]
    return tuple(with_names(kind, each, names) for each in organizations) if names else tuple(organizations)


def _named(kind: str, rows: Sequence[Live], diffs: Diffs) -> Sequence[Live]:
    references = KINDS[kind].references.values()
    names = _names(diffs) if any(each.by_id for each in references) else {}
    return [with_names(KINDS[kind], row, names) for row in rows] if names else rows


def _names(diffs: Diffs) -> Mapping[str, Mapping[str, str]]:
    return {kind: {id: name for (_, name), id in each.ids.items()} for kind, each in diffs.items() if each.ids}
