"""A Consumer project → ``Consumer``: all its settings, and which of them could not be read.

Nothing is written. Users are not read: they are the input of the rules, not settings. The workspace key reads most of a
project; clients and fraud rules need a secret of their environment.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import structs

from reconciler.clients.b2b import Client
from reconciler.clients.connect import ON_THE_NETWORK, Wires, open_client
from reconciler.config.read import Credentials
from reconciler.config.schema import Rates
from reconciler.errors import NotOffered, Rejected, Unreadable
from reconciler.kinds import KINDS
from reconciler.kinds.environment import FIELDS
from reconciler.migration.find import Row, check_credentials, chosen, find_consumer, names, secret_of
from reconciler.migration.values import Consumer, Setting, Source, Things, Unread
from reconciler.model import Live, Target
from reconciler.read.live import things, unreadable
from reconciler.schema.kind import Kind

ROLES = ("stytch_user", "custom_resources", "custom_roles", "custom_scopes")


def user_settings(client: Client, target: Target) -> Things:
    """Return the SDK configuration and the RBAC policy of an environment. Raises ``Unreadable``."""
    with unreadable(f"the settings of {target.environment}", "management"):
        return {live.kind: (live,) for live in _settings(client, target)}


def _settings(client: Client, target: Target) -> Iterator[Live]:
    config = client.management.get(f"{target.path}/sdk/consumer")["config"]
    yield Live(kind="SDKConfig", name="default", id="default", spec=config)
    policy = client.management.get(f"{target.path}/rbac_policy")["policy"]
    roles = {name: policy[name] for name in ROLES if policy.get(name)}
    yield Live(kind="RBACPolicy", name="default", id="default", spec=roles)


MADE_ANEW: Final = frozenset({"Environment", "Secret"})  # credentials of the old project: useless in the new one
OTHERWISE: Final = frozenset({"SDKConfig", "RBACPolicy"})  # a Consumer project has its own form: see user_settings
UNAUTHORIZED: Final = (401, 403)


def read_consumer(
    credentials: Credentials, environ: Mapping[str, str], slugs: Sequence[str] = (), wires: Wires = ON_THE_NETWORK
) -> Consumer:
    """Return the Consumer project of the credentials, with the environments that have these slugs, or all.

    Raises ``Refused`` where the credentials do not lead to a Consumer project, ``InvalidInput`` where an environment
    does not exist, ``Unreadable`` where a setting cannot be read that should be readable.
    """
    check_credentials(credentials)
    keys = structs.replace(credentials, project_id="", secret="", consumer_project_id="", consumer_secret="")
    with open_client(keys, Rates(), wires) as client:
        project, rows = find_consumer(client.management, credentials.consumer_project_id)
        needed = _needed(rows, rows := chosen(rows, slugs))
        target = Target(project=project["project_slug"], vertical="CONSUMER")
        of_project = things(client, [kind.name for kind in _kinds() if kind.scope == "project"], target)
    sources: list[Source] = []
    unread: list[Unread] = []
    for row, name in zip(rows, names(rows), strict=True):
        variable, secret = secret_of(row, credentials, environ)
        opened = structs.replace(keys, project_id=row["project_id"], secret=secret) if secret else keys
        here = structs.replace(target, environment=row["environment_slug"], project_id=row["project_id"])
        with open_client(opened, Rates(), wires) as client:
            found, missing = _read(client, here, variable)
        sources.append(_source(row, name, found))
        unread += missing
    return Consumer(
        slug=target.project,
        name=project["name"],
        environments=tuple(sources),
        things=of_project,
        needed=needed,
        unread=tuple(unread),
    )


def _read(client: Client, target: Target, variable: str) -> tuple[Things, list[Unread]]:
    """Return the resources of an environment, and the kinds that could not be read.

    A kind is unread where its secret is not set, or where Stytch refuses to show it.
    """
    kinds = [kind for kind in _kinds() if kind.scope == "environment"]
    reached = [kind.name for kind in kinds if kind.api == "management"]
    rest = [kind.name for kind in kinds if kind.api != "management"]
    found = {**things(client, reached, target), **user_settings(client, target)}
    if not client.has_data:
        why = "They need a secret of the environment, and none is set"
        how = f"set {variable} to a secret of {target.environment} and run the command again in another folder"
        return found, [Unread(environment=target.environment, kinds=tuple(rest), why=why, how=how)]
    unread = []
    for name in rest:
        try:
            found |= things(client, [name], target)
        except Unreadable as error:
            unread.append(_refused(error, name, target, variable))
    return found, unread


def _refused(error: Unreadable, kind: str, target: Target, variable: str) -> Unread:
    """Return a kind that Stytch refuses to show. Raise every other error; for a wrong secret, name its variable."""
    fault = error.__cause__
    if not isinstance(fault, Rejected):
        raise error
    if fault.status in UNAUTHORIZED and not isinstance(error, NotOffered):
        hint = f"set {variable} to a secret of {target.environment}, whose project id is {target.project_id}"
        raise Unreadable(f"{kind} of {target.environment} could not be read: {fault}", hint=hint) from fault
    how = (
        "if the product is not enabled, there is nothing to read; else ask Stytch's support, and run the command again"
    )
    return Unread(environment=target.environment, kinds=(kind,), why=f"Stytch refuses: {fault}", how=how)


def _needed(rows: Sequence[Row], asked: Sequence[Row]) -> tuple[Setting, ...]:
    """Return the live environment where it was not chosen: Stytch creates no other environment before it."""
    return tuple(
        Setting(kind="Environment", name=row["environment_slug"], spec={"name": row["name"], "type": row["type"]})
        for row in rows
        if row["type"] == "LIVE" and row not in asked
    )


def _kinds() -> Sequence[Kind]:
    """Return the kinds that a Consumer project has as settings too."""
    every = (
        kind for kind in KINDS.values() if kind.verbs.list and kind.scope != "workspace" and kind.namespace is None
    )
    return [kind for kind in every if kind.name not in MADE_ANEW | OTHERWISE]


def _source(row: Row, name: str, found: Things) -> Source:
    fields = {field: row[field] for field in FIELDS if field in row}
    return Source(
        project_id=row["project_id"],
        slug=row["environment_slug"],
        name=name,
        type=row["type"],
        fields=fields,
        things=found,
    )
