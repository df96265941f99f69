"""The steps of a run on one screen.

::

    manifests ─┐
    rules ─────┼─ load ─→ DESIRED ─┐
    users ─────┘                   ├─ diff ─→ plan ─→ (review) ─→ apply ─→ report
    Stytch ───── read ──→ LIVE ────┘

``plan`` reads and decides, ``apply`` writes what a plan says; drift is a plan that nobody applies. There is no other
way to a write, and no flag that turns one into another.
"""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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
from reconciler.clients.b2b import Client
from reconciler.config.read import Config
from reconciler.credentials.recovery import settled, waiting_warnings
from reconciler.credentials.store import Store, open_store
from reconciler.desired.members import desired_members
from reconciler.diff.compare import ThingDiff
from reconciler.diff.organizations import diff_organizations
from reconciler.errors import Fault, ReconcilerError
from reconciler.kinds import KINDS
from reconciler.kinds._writing import MALFORMED, ApplyContext
from reconciler.load.examine import Declared
from reconciler.load.validate import validate
from reconciler.model import TEST, Change, Target
from reconciler.plan.access_loss import heirs
from reconciler.plan.build import Compared, decide, narrow
from reconciler.plan.checks import (
    check_consumer,
    check_creates,
    check_environment,
    check_lasting,
    check_leavers,
    check_only,
    check_readable,
    check_roles,
    check_target,
    check_unmatched,
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
from reconciler.plan.written_from_live import check_writes
from reconciler.read import live as read
from reconciler.read.target import find_target
from reconciler.rules import Rules
from reconciler.schema.secret_names import gives_credential
from reconciler.sources.users import UserStream, read_users


def plan(
    config: Config,
    client: Client,
    only: Sequence[str] = (),
    store: Store | None = None,
    made: Collection[str] = (),
) -> Planned:
    """Read both sides whole and decide what would change; writes nothing. ``only`` narrows what comes out.

    ``made`` are the slugs of the environments that the same run has made since it planned for the first time: while
    nobody else has made a live one, nothing of the project is live yet.
    """
    declared, rules = validate(config)
    store = store or store_of(config)
    target = find_target(config, declared, client, store)
    not_made = {slug: sort for slug, sort in target.environments.items() if slug not in made or sort == TEST}
    target = structs.replace(target, environments=not_made)
    check_target(config, target)
    check_environment(config, declared, target)
    live = read.organizations(client) if client.has_data else ()
    target = with_organizations(target, declared, live)
    only = check_only(only, declared, live)
    there, missing = read.offered(client, kinds_read(config, declared), target)
    begun = unfinished(config.root, config.environment)
    things = thing_diffs(config, declared, there, missing, target, store, begun)
    unread = check_readable(config, declared, target, things, has_data=client.has_data)
    roles = check_roles(config, declared, rules, live, client)
    source = users(config, rules, client, target=target)
    desired = desired_members(rules, source, declared.members, roles)
    check_unmatched(config, desired)
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
    expected = {live.id: desired.memberships.count(slug) for slug, live in looked_at.items()}
    doomed = {live.id: slug for slug, live in organizations.doomed.items()}
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
        consumer=client.consumer_project_id if source and config.users and not config.users.file else "",
        reads=lambda: client.statistics.requests,
    )
    decided, stakes = decide(config, declared, desired, compared)
    if source and source.uncounted:
        check_leavers(decided.changes, desired, client)
        decided = structs.replace(decided, cost=structs.replace(decided.cost, reads=compared.reads()))
    return Planned(
        plan=narrow(decided, only, stakes, config.rates.writes_per_second),
        organization_ids={slug: each.id for slug, each in {**organizations.live, **organizations.doomed}.items()},
        ids={kind: each.ids for kind, each in things.items()},
        target=target,
        stakes=stakes,
        unread=unread,
        over=over(begun, declared, things, decided),
    )


def apply(planned: Planned, config: Config, client: Client, tell: Told, store: Store | None = None) -> Applied:
    """Write what the plan says and is not withheld, journalling each write before and after.

    Where no secret of the environment exists yet, what that takes is made first; then everything is read and planned
    again, now that it can be, and only what the first plan held is written.
    """
    store = store or store_of(config)
    check_lasting(planned.plan.changes, store)
    if any(gives_credential(change) for change in planned.plan.changes):
        store.check()
    first = foundation(planned) if planned.unread else planned.plan.changes
    taken, waiting = settled(store) if keeps_credentials(planned.ids) else ((), ())
    applied = _carry_out(planned, first, config, client, tell, store)
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
        applied = structs.replace(applied, pins=pins(client, planned.target, applied.outcomes))
    if not planned.unread:
        return applied
    if applied.interrupted:
        return structs.replace(applied, outcomes=(*applied.outcomes, *skipped(built_on_it(planned), INTERRUPTED)))
    try:
        return _built_on(applied, planned, config, client, tell, store)
    except KeyboardInterrupt:
        undone = skipped(built_on_it(planned), INTERRUPTED)
        return structs.replace(applied, outcomes=(*applied.outcomes, *undone), interrupted=True)
    except Exception as error:  # noqa: BLE001 # whatever it was, what has been written is still to be said
        said = str(error) if isinstance(error, ReconcilerError | Fault) else type(error).__name__
        undone = skipped(built_on_it(planned), f"planning again failed: {said}")
        return structs.replace(applied, outcomes=(*applied.outcomes, *undone))


def _built_on(applied: Applied, planned: Planned, config: Config, client: Client, tell: Told, store: Store) -> Applied:
    """Plan again, now that everything can be read, and write what is built on the foundation that was laid."""
    again = plan(config, client, store=store, made=environments_made(applied.outcomes))
    left = held_to_what_was_planned(planned, again, config)
    left = held_back(left, again.target) if again.unread else left
    rest = _carry_out(again, left, config, client, tell, store)
    return structs.replace(
        applied,
        outcomes=(*applied.outcomes, *rest.outcomes, *not_planned_again(planned, again, left)),
        journal=rest.journal or applied.journal,
        kept=(*applied.kept, *rest.kept),
        manual_steps=again.plan.manual_steps,
        held=again.plan.held,
        leaves_open=leaves_open(again.plan),
    )


def _written(config: Config, declared: Declared, things: Mapping[str, ThingDiff]) -> Iterator[Change]:
    """Yield what changes in the kinds that this run may write."""
    for kind, diff in things.items():
        if is_written(kind, config, declared):
            yield from diff.changes


def keeps_credentials(kinds: Iterable[str]) -> bool:
    """Return whether things of these kinds have credentials, which the store keeps."""
    return any(KINDS[name].credential for name in kinds)


def _carry_out(
    planned: Planned, changes: Sequence[Change], config: Config, client: Client, tell: Told, store: Store
) -> Applied:
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
            store=store,
            begun=begun,
            note=lambda event, change, body: journal.write(event, {"address": change.address, **body}),
        )
        return apply_changes(changes, client, context, journal, tell, heirs(changes, planned.stakes))


def users(
    config: Config,
    rules: Rules,
    client: Client | None,
    fields: frozenset[str] = frozenset(),
    target: Target | None = None,
) -> UserStream | None:
    """Open the source that the rules read: a file, a Consumer project, or none; ``fields`` are read besides.

    Nobody is asked for where a plan, which is for ``target``, has no rule to send users through. Raises ``Refused``
    where the project is not the one that the file names, or not of the target's type.
    """
    if config.users is None:
        return None
    if config.users.file is None and client is not None:
        if target and not rules.rules:
            return None
        check_consumer(config, client.consumer_project_id, target)
        return read.consumer_users(client, rules.user_fields | fields)
    return read_users(config.users, rules.user_fields | fields)


def store_of(config: Config) -> Store:
    """Open the environment's credential store."""
    return open_store(config.credentials, config.root, config.environment, os.environ)
