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
from contextlib import suppress
from functools import partial
from itertools import chain

from msgspec import structs

from reconciler.apply.bootstrap import (
    built_on_it,
    environments_made,
    foundation,
    held_back,
    held_to_what_was_planned,
    not_planned_again,
    pins,
)
from reconciler.apply.journal import Journal, unfinished, unfinished_deletes
from reconciler.apply.run import INTERRUPTED, Applied, Told, apply_changes, skipped
from reconciler.config.read import Config
from reconciler.credentials.store import settled, waiting_warnings
from reconciler.diff.organizations import diff_organizations
from reconciler.errors import Fault, ReconcilerError
from reconciler.kinds import KINDS
from reconciler.kinds._writing import MALFORMED, ApplyContext
from reconciler.load.examine import Declared
from reconciler.load.validate import validate
from reconciler.model import Change, Diff
from reconciler.plan.access_loss import heirs
from reconciler.plan.build import Compared, decide
from reconciler.plan.checks import (
    check_creates,
    check_lasting,
    check_readable,
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
from reconciler.plan.planned import Planned, leaves_open
from reconciler.plan.resolve import check_leavers, resolve
from reconciler.plan.selection import Selection, narrow
from reconciler.plan.written_from_live import check_writes
from reconciler.read import live as read
from reconciler.read.run import Run
from reconciler.read.target import check_target, find_target
from reconciler.schema.secret_names import gives_credential


def plan(run: Run, only: Sequence[str] = ()) -> Planned:
    """Read both sides whole and decide what would change; writes nothing. ``only`` narrows what comes out."""
    config, client, store = run.config, run.client, run.store
    declared, rules = validate(config)
    target = find_target(run, declared)
    live = read.organizations(client) if client.has_data else ()
    target = with_organizations(target, declared, live)
    selection = Selection.parse(only, declared, live)
    there, missing = read.offered(client, kinds_read(config, declared), target)
    begun = unfinished(config.root, config.environment)
    things = thing_diffs(config, declared, there, missing, target, store, begun)
    unread = check_readable(config, declared, target, things, has_data=client.has_data)
    desired = resolve(run, declared, rules, live, target)
    organizations = diff_organizations(
        with_references(declared.organizations, things),
        with_references(live, things),
        owner=config.owner,
        adopt=config.organizations.adopt,
        authoritative=config.authority_of("Organization") == "authoritative",
        elsewhere=declared.elsewhere,
        create_values=KINDS["Organization"].create_values,
        late=KINDS["Organization"].late,
    )
    organizations = with_who_is_there(organizations, partial(read.members, client))
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
            read.members(client, expected),
            read.members(client, dict.fromkeys(elsewhere, 0)),
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
        doomed=cascade(doomed, read.members(client, dict.fromkeys(doomed, 0)), config.owner),
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


def apply(run: Run, planned: Planned, tell: Told) -> Applied:
    """Write what the plan says and is not withheld, journalling each write before and after.

    Where no secret of the environment exists yet, what that takes is made first; then everything is read and planned
    again, now that it can be, and only what the first plan held is written.
    """
    store = run.store
    check_lasting(planned.plan.changes, store)
    if any(gives_credential(change) for change in planned.plan.changes):
        store.check()
    first = foundation(planned) if planned.unread else planned.plan.changes
    taken, waiting = settled(store) if keeps_credentials(planned.ids) else ((), ())
    applied = _carry_out(run, planned, first, tell)
    applied = structs.replace(
        applied,
        outcomes=(*waiting, *applied.outcomes),
        manual_steps=planned.plan.manual_steps,
        held=planned.plan.held,
        leaves_open=leaves_open(planned.plan),
        kept=(*taken, *applied.kept),
        ledger=store.ledger,
    )
    with suppress(Fault, ReconcilerError, *MALFORMED):  # only a hint, and what is written is written
        applied = structs.replace(applied, pins=pins(run.client, planned.target, applied.outcomes))
    if not planned.unread:
        return applied
    if applied.interrupted:
        return structs.replace(applied, outcomes=(*applied.outcomes, *skipped(built_on_it(planned), INTERRUPTED)))
    try:
        return _built_on(run, applied, planned, tell)
    except KeyboardInterrupt:
        undone = skipped(built_on_it(planned), INTERRUPTED)
        return structs.replace(applied, outcomes=(*applied.outcomes, *undone), interrupted=True)
    except Exception as error:  # noqa: BLE001 # whatever it was, what has been written is still to be said
        said = str(error) if isinstance(error, ReconcilerError | Fault) else type(error).__name__
        undone = skipped(built_on_it(planned), f"planning again failed: {said}")
        return structs.replace(applied, outcomes=(*applied.outcomes, *undone))


def _built_on(run: Run, applied: Applied, planned: Planned, tell: Told) -> Applied:
    """Plan again, now that everything can be read, and write what is built on the foundation that was laid."""
    again = plan(structs.replace(run, made=environments_made(applied.outcomes)))
    left = held_to_what_was_planned(planned, again, run.config)
    left = held_back(left, again.target) if again.unread else left
    rest = _carry_out(run, again, left, tell)
    return structs.replace(
        applied,
        outcomes=(*applied.outcomes, *rest.outcomes, *not_planned_again(planned, again, left)),
        journal=rest.journal or applied.journal,
        kept=(*applied.kept, *rest.kept),
        manual_steps=again.plan.manual_steps,
        held=again.plan.held,
        leaves_open=leaves_open(again.plan),
    )


def _written(config: Config, declared: Declared, things: Mapping[str, Diff]) -> Iterator[Change]:
    """Yield what changes in the kinds that this run may write."""
    for kind, diff in things.items():
        if is_written(kind, config, declared):
            yield from diff.changes


def keeps_credentials(kinds: Iterable[str]) -> bool:
    """Return whether things of these kinds have credentials, which the store keeps."""
    return any(KINDS[name].credential for name in kinds)


def _carry_out(run: Run, planned: Planned, changes: Sequence[Change], tell: Told) -> Applied:
    config = run.config
    check_target(config, planned.target, to_write=True)
    check_writes(config, tuple(changes), planned.target)
    begun = unfinished(config.root, config.environment)
    deletes = unfinished_deletes(config.root, config.environment)
    with Journal(config.root, config.environment, begun={**begun, **deletes}) as journal:
        with suppress(OSError):  # what is over is over; the next run says so
            for address in sorted(planned.over & begun.keys()):
                journal.end(address)
        context = ApplyContext(
            owner=config.owner,
            organization_ids=dict(planned.organization_ids),
            target=planned.target,
            ids={kind: dict(ids) for kind, ids in planned.ids.items()},
            store=run.store,
            begun=begun,
            note=lambda event, change, body: journal.write(event, {"address": change.address, **body}),
        )
        return apply_changes(changes, run.client, context, journal, tell, heirs(changes, planned.stakes))
