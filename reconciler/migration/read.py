"""A Consumer project → ``Consumer``: all its settings, and which of them could not be read.

Nothing is written. Users are not read: they are the input of the rules, not settings. The workspace key reads most of a
project; clients and fraud rules need a secret of their environment.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import structs

from reconciler.clients.api import Api
from reconciler.clients.b2b import Client
from reconciler.clients.connect import DEFAULT_TRANSPORTS, Transports, open_client
from reconciler.clients.credentials import Credentials, Rates
from reconciler.errors import InvalidInput, NotOffered, Refused, Rejected, Unreadable
from reconciler.export.manifests import Manifest
from reconciler.kinds import KINDS
from reconciler.kinds.environment import FIELDS
from reconciler.migration.values import Consumer, ResourcesByKind, Source, Unread
from reconciler.model import Live, Target, problem
from reconciler.read.live import read_resources, unreadable
from reconciler.read.target import projects_of
from reconciler.schema.kind import Kind
from reconciler.suggest import suggest_allowed

Row = Mapping[str, Any]

MADE_ANEW: Final = frozenset({"Environment", "Secret"})  # credentials of the old project: useless in the new one
OTHERWISE: Final = frozenset({"SDKConfig", "RBACPolicy"})  # a Consumer project has its own form: see user_settings
ROLES: Final = ("stytch_user", "custom_resources", "custom_roles", "custom_scopes")
UNAUTHORIZED: Final = (401, 403)
SECRET: Final = "STYTCH_CONSUMER_SECRET"  # noqa: S105 # the name of a variable


def read_consumer(
    credentials: Credentials,
    environ: Mapping[str, str],
    slugs: Sequence[str] = (),
    transports: Transports = DEFAULT_TRANSPORTS,
) -> Consumer:
    """Return the Consumer project of the credentials, with the environments that have these slugs, or all.

    Raises ``Refused`` where the credentials do not lead to a Consumer project, ``InvalidInput`` where an environment
    does not exist, ``Unreadable`` where a setting cannot be read that should be readable.
    """
    check_credentials(credentials)
    keys = structs.replace(credentials, project_id="", secret="", consumer_project_id="", consumer_secret="")
    with open_client(keys, Rates(), transports) as client:
        project, rows = find_consumer(client.management, credentials.consumer_project_id)
        needed = _needed(rows, rows := chosen(rows, slugs))
        target = Target(project=project["project_slug"], vertical="CONSUMER")
        of_project = read_resources(client, [kind.name for kind in _kinds() if kind.scope == "project"], target)
    sources: list[Source] = []
    unread: list[Unread] = []
    for row, name in zip(rows, names(rows), strict=True):
        variable, secret = secret_of(row, credentials, environ)
        opened = structs.replace(keys, project_id=row["project_id"], secret=secret) if secret else keys
        here = structs.replace(target, environment=row["environment_slug"], project_id=row["project_id"])
        with open_client(opened, Rates(), transports) as client:
            found, missing = _read(client, here, variable)
        sources.append(_source(row, name, found))
        unread += missing
    return Consumer(
        slug=target.project,
        name=project["name"],
        environments=tuple(sources),
        resources=of_project,
        needed=needed,
        unread=tuple(unread),
    )


def check_credentials(credentials: Credentials) -> None:
    """Raise ``Refused`` with every required variable that is not set."""
    needed = {
        "STYTCH_WORKSPACE_KEY_ID": credentials.workspace_key_id,
        "STYTCH_WORKSPACE_KEY_SECRET": credentials.workspace_key_secret,
        "STYTCH_CONSUMER_PROJECT_ID": credentials.consumer_project_id,
    }
    hint = "create a workspace key in Stytch's dashboard; use the project id of any environment of the Consumer project"
    problems = [
        problem("no-credentials", f"the environment variable {name} is not set", hint)
        for name, value in needed.items()
        if not value
    ]
    if problems:
        raise Refused(problems)


def find_consumer(management: Api, project_id: str) -> tuple[Row, Sequence[Row]]:
    """Return the project that has an environment with this id, and all its environments, the live one first.

    Raises ``Refused`` where no project has such an environment, or where the project is not a Consumer project.
    """
    with unreadable("the projects of the workspace", "management"):
        having = (each for each in projects_of(management) if project_id in {row["project_id"] for row in each[1]})
        found = next(having, None)
    if found is None:
        raise Refused(
            f"no environment of the workspace has the project id {project_id}",
            hint="check that STYTCH_CONSUMER_PROJECT_ID and the workspace key belong to the same workspace",
        )
    project, rows = found
    if project["vertical"] != "CONSUMER":
        raise Refused(
            f"{project_id} is an environment of {project['project_slug']}, which is already a B2B project",
            hint="use `init --from-live` to write the repository of a B2B project",
        )
    return project, sorted(rows, key=lambda row: (row["type"] != "LIVE", row["environment_slug"]))


def chosen(rows: Sequence[Row], slugs: Sequence[str]) -> Sequence[Row]:
    """Return the environments with these slugs, or all. Raises ``InvalidInput`` where a slug does not exist."""
    there = [row["environment_slug"] for row in rows]
    if unknown := [slug for slug in slugs if slug not in there]:
        message = f"the Consumer project has no environment {unknown[0]}; it has {', '.join(there)}"
        raise InvalidInput(message, hint=suggest_allowed(unknown[0], there))
    return [row for row in rows if not slugs or row["environment_slug"] in slugs]


def names(rows: Sequence[Row]) -> Sequence[str]:
    """Return a name for each environment: its type, or its slug where several environments have the same type."""
    types = [row["type"].lower() for row in rows]
    return types if len(set(types)) == len(types) else [row["environment_slug"] for row in rows]


def secret_of(row: Row, credentials: Credentials, environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the name of the variable that holds an environment's secret, and the secret ("" where it is not set).

    The name contains the environment's slug. The environment of ``STYTCH_CONSUMER_PROJECT_ID`` may also use
    ``STYTCH_CONSUMER_SECRET``.
    """
    variable = f"{SECRET}_{re.sub('[^A-Z0-9]+', '_', row['environment_slug'].upper())}"
    if value := environ.get(variable, "").strip():
        return variable, value
    if row["project_id"] == credentials.consumer_project_id:
        return SECRET, credentials.consumer_secret
    return variable, ""


def _read(client: Client, target: Target, variable: str) -> tuple[ResourcesByKind, list[Unread]]:
    """Return the resources of an environment, and the kinds that could not be read.

    A kind is unread where its secret is not set, or where Stytch refuses to show it.
    """
    kinds = [kind for kind in _kinds() if kind.scope == "environment"]
    reached = [kind.name for kind in kinds if kind.api == "management"]
    rest = [kind.name for kind in kinds if kind.api != "management"]
    found = {**read_resources(client, reached, target), **user_settings(client, target)}
    if not client.has_data:
        why = "They need a secret of the environment, and none is set"
        how = f"set {variable} to a secret of {target.environment} and run the command again in another folder"
        return found, [Unread(environment=target.environment, kinds=tuple(rest), why=why, how=how)]
    unread = []
    for name in rest:
        try:
            found |= read_resources(client, [name], target)
        except Unreadable as error:
            unread.append(_refused(error, name, target, variable))
    return found, unread


def user_settings(client: Client, target: Target) -> ResourcesByKind:
    """Return the SDK configuration and the RBAC policy of an environment. Raises ``Unreadable``."""
    with unreadable(f"the settings of {target.environment}", "management"):
        config = client.management.get(f"{target.path}/sdk/consumer")["config"]
        policy = client.management.get(f"{target.path}/rbac_policy")["policy"]
        specs = {"SDKConfig": config, "RBACPolicy": {name: policy[name] for name in ROLES if policy.get(name)}}
        return {kind: (Live(kind=kind, name="default", id="default", spec=spec),) for kind, spec in specs.items()}


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


def _needed(rows: Sequence[Row], asked: Sequence[Row]) -> tuple[Manifest, ...]:
    """Return the live environment where it was not chosen: Stytch creates no other environment before it."""
    return tuple(
        Manifest(kind="Environment", name=row["environment_slug"], spec={"name": row["name"], "type": row["type"]})
        for row in rows
        if row["type"] == "LIVE" and row not in asked
    )


def _kinds() -> Sequence[Kind]:
    """Return the kinds that a Consumer project has as settings too."""
    every = (
        kind for kind in KINDS.values() if not kind.is_searched and kind.scope != "workspace" and kind.namespace is None
    )
    return [kind for kind in every if kind.name not in MADE_ANEW | OTHERWISE]


def _source(row: Row, name: str, found: ResourcesByKind) -> Source:
    fields = {field: row[field] for field in FIELDS if field in row}
    return Source(
        project_id=row["project_id"],
        slug=row["environment_slug"],
        name=name,
        type=row["type"],
        fields=fields,
        resources=found,
    )
