"""The steps of a run on one screen.

::

    manifests ─┐
    rules ─────┼─ load ─→ DESIRED ─┐
    users ─────┘                   ├─ diff ─→ plan ─→ (review) ─→ apply ─→ report
    Stytch ───── read ──→ LIVE ────┘

``plan`` reads and decides, ``apply`` writes what a plan says; drift is a plan that nobody applies. There is no other
way to a write, and no flag that turns one into another.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain

from msgspec import structs

from reconciler.apply.bootstrap import environments_made, not_planned_again, once_open, opening, still_planned
from reconciler.apply.execute import Applied, execute
from reconciler.apply.journal import unfinished, unfinished_deletes
from reconciler.apply.write import INTERRUPTED, OnOutcome
from reconciler.config.read import Config
from reconciler.credentials.store import settled, waiting_warnings
from reconciler.diff.compare import compare
from reconciler.diff.pairs import Policy
from reconciler.errors import Fault, ReconcilerError
from reconciler.kinds import KINDS
from reconciler.load.examine import Declared
from reconciler.load.validate import validate
from reconciler.model import Change, Diff
from reconciler.plan.build import Compared, decide
from reconciler.plan.checks import (
    check_creates,
    check_readable,
    check_store,
    fleeting,
    unread_warning,
)
from reconciler.plan.compare import kinds_read, only_settled, over, thing_diffs, with_organizations, with_references
from reconciler.plan.compare_members import (
    cascade,
    external_in,
    is_written,
    member_diffs,
    with_members,
    with_who_is_there,
)
from reconciler.plan.holds import held_while_used
from reconciler.plan.manual_steps import open_steps
from reconciler.plan.planned import Planned
from reconciler.plan.resolve import check_leavers, resolve
from reconciler.plan.selection import Selection, narrow
from reconciler.read.live import read_offered, read_organizations
from reconciler.read.members import read_members
from reconciler.read.run import Run
from reconciler.read.target import find_target


def plan(run: Run, only: Sequence[str] = ()) -> Planned:
    """Read both sides whole and decide what would change; writes nothing. ``only`` narrows what comes out."""
    config, client, store = run.config, run.client, run.store
    declared, rules = validate(config)
    target = find_target(run, declared)
    live = read_organizations(client) if client.has_data else ()
    target = with_organizations(target, declared, live)
    selection = Selection.parse(only, declared, live)
    there, missing = read_offered(client, kinds_read(config, declared), target)
    begun = unfinished(config.root, config.environment)
    things = thing_diffs(config, declared, there, missing, target, store, begun)
    unread = check_readable(config, declared, target, things, has_data=client.has_data)
    desired = resolve(run, declared, rules, live, target)
    organizations = compare(
        KINDS["Organization"],
        with_references(declared.organizations, things),
        with_references(live, things),
        Policy(
            owner=config.owner,
            adopt=config.organizations.adopt,
            authoritative=config.authority_of("Organization") == "authoritative",
            elsewhere=declared.elsewhere,
        ),
    )
    organizations = with_who_is_there(organizations, partial(read_members, client))
    things = only_settled(
        things, organizations, made=is_written("Organization", config, declared), external=external_in(declared)
    )
    check_creates((*organizations.changes, *chain.from_iterable(each.changes for each in things.values())), declared)
    looked_at = with_members(config, declared, organizations, things)
    expected = {id: desired.memberships.count(slug) for slug, id in looked_at.items()}
    doomed = {id: slug for slug, id in organizations.deleted.items()}
    elsewhere = [each.id for each in live if each.id not in expected]
    compared = Compared(
        organizations=organizations,
        members=held_while_used(
            things,
            (*live, *chain.from_iterable(there.values())),
            read_members(client, expected),
            read_members(client, dict.fromkeys(elsewhere, 0)),
            partial(
                member_diffs,
                config,
                declared,
                rules,
                desired,
                organizations,
                unfinished_deletes(config.root, config.environment),
            ),
        ),
        doomed=cascade(doomed, read_members(client, dict.fromkeys(doomed, 0)), config.owner),
        things=things,
        manual_steps=open_steps(declared.manual_steps, client, target, there),
        warnings=(
            *(unread_warning(target, config) if unread else ()),
            *fleeting(_written(config, declared, things), store),
            *(waiting_warnings(store) if keeps_credentials(things) else ()),
        ),
        target=target,
        consumer=client.consumer_project_id
        if desired.users.readable and config.users and not config.users.file
        else "",
        reads=lambda: client.statistics.requests,
    )
    decided, stakes = decide(config, declared, desired, compared)
    check_leavers(decided.changes, desired, client)
    decided = structs.replace(decided, cost=structs.replace(decided.cost, reads=compared.reads()))
    return Planned(
        plan=narrow(decided, selection, stakes, config.rates.writes_per_second),
        organization_ids={**{slug: id for (_, slug), id in organizations.ids.items()}, **organizations.deleted},
        ids={kind: each.ids for kind, each in things.items()},
        target=target,
        stakes=stakes,
        unread=unread,
        over=over(begun, declared, things, decided),
    )


def apply(run: Run, planned: Planned, on_outcome: OnOutcome) -> Applied:
    """Write what the plan says and is not withheld, journalling each write before and after.

    Where no secret of the environment exists yet, what that takes is made first; then everything is read and planned
    again, now that it can be, and only what the first plan held is written.
    """
    check_store(run.store, planned.plan.changes)
    taken, refused = settled(run.store) if keeps_credentials(planned.ids) else ((), ())
    recovered = Applied(outcomes=refused, journal=None, kept=taken)
    applied = recovered.then(execute(run, planned, opening(planned), on_outcome))
    return _once_open(run, planned, applied, on_outcome) if planned.unread else applied


def _once_open(run: Run, planned: Planned, opened: Applied, on_outcome: OnOutcome) -> Applied:
    """Plan again, now that everything can be read, and write the rest; what goes wrong loses no outcome."""
    rest = once_open(planned)
    if opened.interrupted:
        return opened.skipping(rest, INTERRUPTED)
    try:
        again = plan(structs.replace(run, made=environments_made(opened.outcomes)))
        changes = still_planned(planned, again, run.config)
        applied = execute(run, again, changes, on_outcome)
        return opened.then(applied.with_outcomes(not_planned_again(planned, again, changes)))
    except KeyboardInterrupt:
        return structs.replace(opened.skipping(rest, INTERRUPTED), interrupted=True)
    except Exception as error:  # noqa: BLE001 # whatever it was, what has been written is still to be said
        said = str(error) if isinstance(error, ReconcilerError | Fault) else type(error).__name__
        return opened.skipping(rest, f"planning again failed: {said}")


def _written(config: Config, declared: Declared, things: Mapping[str, Diff]) -> Iterator[Change]:
    """Yield what changes in the kinds that this run may write."""
    for kind, diff in things.items():
        if is_written(kind, config, declared):
            yield from diff.changes


def keeps_credentials(kinds: Iterable[str]) -> bool:
    """Return whether things of these kinds have credentials, which the store keeps."""
    return any(KINDS[name].credential for name in kinds)
