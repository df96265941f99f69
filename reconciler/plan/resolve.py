"""Everybody's memberships, as files and rules want them: every user goes through the rules, every role is there.

In: what people wrote, and the live organizations. Out: the desired memberships.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import structs

from reconciler.clients.b2b import Client
from reconciler.config.read import Config
from reconciler.desired.members import Before, Desired, desired_members
from reconciler.errors import InvalidInput, Unreadable
from reconciler.load.applied import AppliedFiles
from reconciler.load.references import POLICY, declared_roles, roles_named
from reconciler.load.repository import Declared
from reconciler.model import IMPLICIT_ROLE, Changes, Delete, Live, Plan, problem
from reconciler.read.live import LiveResources, policy_roles
from reconciler.read.run import Run
from reconciler.read.users import missed_users, open_users
from reconciler.rules.rule import Rules
from reconciler.suggest import did_you_mean

SHOWN: Final = 5  # users that are named


def resolve(
    run: Run, declared: Declared, rules: Rules, live: LiveResources, applied: AppliedFiles | None = None
) -> Desired:
    """Send every user through the rules, and through those that were applied last, where these are others.

    Raises ``InvalidInput`` where a file names a role that does not exist, or the configuration wants every user to
    belong somewhere and some do not.
    """
    roles = _known_roles(run, declared, rules, live.organizations)
    before = Before(applied.rules, applied.declared.members) if applied and not applied.is_same else None
    fields = before.rules.user_fields if before else frozenset[str]()
    users = open_users(run.config, rules, run.client, fields, live.target)
    desired = desired_members(rules, users, declared.members, roles, before)
    _check_unmatched(run.config, desired)
    from_consumer = desired.users.readable and run.config.users and not run.config.users.file
    return structs.replace(desired, users_project_id=run.client.consumer_project_id if from_consumer else "")


def _known_roles(
    run: Run, declared: Declared, rules: Rules, organizations: Sequence[Live]
) -> Mapping[str, frozenset[str]] | None:
    """Return the roles by organization ("" for all of them); raise if a file names a role that does not exist.

    The policy is the declared one if this run is to write it; else it is read, if anything names a role at all.
    """
    named = roles_named(declared.resources, declared.rules)
    if not named and not rules.gives_roles:
        return None
    if not run.client.has_data:
        return None  # there is a plan to come, once it can be read
    everywhere = _roles_to_be(run.config, declared) or policy_roles(run.client)
    custom = {
        item.name: frozenset(role["role_id"] for role in item.spec.get("custom_roles") or () if role.get("role_id"))
        for item in organizations
    }
    known = everywhere.union(*custom.values()) - {IMPLICIT_ROLE}
    problems = []
    for role, positions in sorted(named.items()):
        if role not in known:
            meant = did_you_mean(role, known) or f"the policy has {', '.join(sorted(known))}"
            problems.append(
                problem("unknown-role", f"there is no role {role!r} in this project's RBAC policy", meant, *positions)
            )
    if problems:
        raise InvalidInput(problems)
    return {"": everywhere, **custom}


def _roles_to_be(config: Config, declared: Declared) -> frozenset[str] | None:
    """Return the roles that there will be, where this run writes the RBAC policy."""
    if not declared.writes(POLICY, config):
        return None
    return next((declared_roles(policy) for policy in declared.by_kind.get(POLICY, ())), None)


def _check_unmatched(config: Config, desired: Desired) -> None:
    """Raise where the configuration wants every user to belong somewhere and some do not."""
    if config.unmatched == "error" and desired.unmatched:
        raise InvalidInput(
            f"{len(desired.unmatched)} users match no rule; environment {config.environment} has `unmatched: error`",
            hint="`reconciler why USER` shows what each user lacks: " + ", ".join(desired.unmatched[:5]),
        )


def check_leavers(plan: Plan, desired: Desired, client: Client) -> None:
    """Ask for each user whose member would be deleted because the search for users did not give that user.

    For a search that did not say how many users there are. Raises ``Unreadable`` where it missed any.
    """
    if not desired.uncounted:
        return
    deletes = Changes.of(plan.changes).only(Delete)
    leavers = (change for change in deletes if not (change.causes or change.withheld_by))
    users = {change.mark.user for change in leavers if change.mark} - {None}
    if missed := missed_users(client, sorted(str(user) for user in users if not desired.users.exists(str(user)))):
        message = f"the search for users returned no total, and missed {len(missed)} existing users"
        raise Unreadable(f"{message}: {', '.join(missed[:SHOWN])}", hint="run again in a minute")
