"""The whole story on one screen.

::

    manifests ─┐
    rules ─────┼─ load ─→ DESIRED ─┐
    users ─────┘                   ├─ diff ─→ plan ─→ (review) ─→ apply ─→ report
    Stytch ───── read ──→ LIVE ────┘

``plan`` reads and decides, ``apply`` writes what a plan says; drift is a plan that nobody applies. There is no other
way to a write, and no flag that turns one into another.
"""

from collections.abc import Sequence

from reconciler import read
from reconciler.apply import Applied, Told, apply_changes
from reconciler.check import check_creates, check_only, check_roles, check_target, check_unmatched
from reconciler.clients.data import Client
from reconciler.config import Config
from reconciler.decide import cascade, decide, member_diffs, narrow
from reconciler.desired import desired_members
from reconciler.diff.organizations import diff_organizations
from reconciler.errors import InvalidInput, Unreadable
from reconciler.journal import Journal
from reconciler.kinds import KINDS
from reconciler.load import Declared, examine, refusal
from reconciler.plan import Planned
from reconciler.rules import Rules, compile_rules
from reconciler.tables import read_tables
from reconciler.users import UserStream, read_users
from reconciler.writing import Scene


def validate(config: Config) -> tuple[Declared, Rules]:
    """Read everything that people wrote and compile the rules; offline. Raises ``InvalidInput`` with every problem."""
    examined = examine(config)
    errors = list(examined.errors)
    try:
        rules = compile_rules(examined.declared, config, read_tables(config))
    except (InvalidInput, Unreadable) as error:
        errors.extend(one for one in error.problems if one.code not in examined.uncertain)
    if errors:
        raise refusal(errors)
    return examined.declared, rules


def plan(config: Config, client: Client, only: Sequence[str] = ()) -> Planned:
    """Read both sides whole and decide what would change; writes nothing. ``only`` narrows what comes out."""
    declared, rules = validate(config)
    check_target(config, client.project_id)
    live = read.organizations(client)
    only = check_only(only, declared, live)
    roles = check_roles(declared, rules, live, client)
    desired = desired_members(rules, users(config, rules, client), declared.members, roles)
    check_unmatched(config, desired)
    organizations = diff_organizations(
        declared.organizations,
        live,
        owner=config.owner,
        authoritative=config.authority_of("Organization") == "authoritative",
        elsewhere=declared.elsewhere,
        create_values=KINDS["Organization"].create_values,
    )
    check_creates(organizations.changes, declared)
    expected = {live.id: desired.memberships.count(slug) for slug, live in organizations.live.items()}
    doomed = {live.id: slug for slug, live in organizations.doomed.items()}
    decided = decide(
        config,
        declared,
        desired,
        organizations,
        member_diffs(config, declared, rules, desired, organizations, read.members(client, expected)),
        cascade(doomed, read.members(client, dict.fromkeys(doomed, 0)), config.owner),
        project_id=client.project_id,
        reads=lambda: client.statistics.requests,
    )
    return Planned(
        narrow(decided, only, config.rates.writes_per_second),
        {slug: live.id for slug, live in organizations.live.items()},
    )


def apply(planned: Planned, config: Config, client: Client, tell: Told) -> Applied:
    """Write what the plan says and is not withheld, journalling each write before and after."""
    check_target(config, client.project_id, to_write=True)
    scene = Scene(owner=config.owner, organization_ids=dict(planned.organization_ids))
    with Journal(config.root, config.environment) as journal:
        outcomes = apply_changes(planned.plan.changes, client, scene, journal, tell)
        return Applied(outcomes, journal.path)


def users(
    config: Config, rules: Rules, client: Client | None, fields: frozenset[str] = frozenset()
) -> UserStream | None:
    """Open the source that the rules read: a file, the live Consumer project, or none; ``fields`` are read besides."""
    if config.users is None:
        return None
    if config.users.file is None and client is not None:
        return read.consumer_users(client, rules.user_fields | fields)
    return read_users(config.users, rules.user_fields | fields)
