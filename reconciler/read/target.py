"""The target of a run → its project and environment in Stytch, as far as they exist, and access to the data."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import structs

from reconciler.clients.b2b import Client
from reconciler.config.read import Config
from reconciler.credentials.store import Store
from reconciler.errors import Fault, Refused
from reconciler.kinds import KINDS
from reconciler.load.examine import Declared
from reconciler.model import Resource, Target
from reconciler.read.live import unreadable

Row = Mapping[str, Any]
PROJECTS = "/pwa/v3/projects"
VERTICAL = "B2B"


def find_target(config: Config, declared: Declared, client: Client, store: Store) -> Target:
    """Find the environment, and sign in to its data with the secret that the credential store holds, if none is given.

    Nothing is asked of the management API where nothing needs it. Raises ``Refused`` where the file, the credentials
    and Stytch do not speak of one environment, ``Unreadable`` if that is unknown.
    """
    if not needs_management(config, declared, client):
        return Target(project_id=client.project_id, secret_last_four=client.secret_last_four)
    target = find(config, client)
    if not client.has_data and target.is_there:
        sign_in(declared.things.get("Secret", ()), client, target, store)
    return structs.replace(target, secret_last_four=client.secret_last_four)


def find(config: Config, client: Client) -> Target:
    """Find the environment that ``target`` or the credentials name; raises as ``find_target`` does."""
    with unreadable("the projects of the workspace", "management"):
        target = _find(config, client)
    if client.has_data and target.project_id != client.project_id:
        there = target.project_id or "not created yet"
        raise Refused(
            f"STYTCH_PROJECT_ID is {client.project_id}, but the environment {target.environment} of {target.project} "
            f"is {there}",
            hint="unset STYTCH_PROJECT_ID and STYTCH_SECRET, set them to those of that environment, or fix target",
        )
    return target


def project_ids(client: Client, target: Target) -> Mapping[str, str]:
    """Return the ids of the project's environments by their slugs; none where they cannot be read just now."""
    try:
        return {row["environment_slug"]: row["project_id"] for row in _environments(client, target)}
    except (Fault, KeyError, TypeError):
        return {}


def needs_management(config: Config, declared: Declared, client: Client) -> bool:
    """Return whether a run has to ask the management API where it is."""
    if not client.has_data or (client.has_management and config.target.project and config.target.environment):
        return True
    kinds = set(declared.kinds(config))
    if client.has_management:  # without it a check cannot be made, which is no reason to stop
        kinds |= {step.body["spec"].get("check", {}).get("kind", "Member") for step in declared.manual_steps}
    return any(KINDS[kind].api == "management" for kind in kinds)


def _find(config: Config, client: Client) -> Target:
    named = config.target
    projects: Sequence[Row] = client.management.get(PROJECTS)["projects"]
    if named.project and named.environment:
        project = next((each for each in projects if each["project_slug"] == named.project), None)
        target = Target(project=named.project, environment=named.environment, project_is_there=project is not None)
        if project is None:
            return target
        if project["vertical"] != VERTICAL:
            raise Refused(
                f"{named.project} is a Consumer project, which cannot become a B2B project",
                hint="name another project under target.project; it is created if it does not exist",
            )
        rows = _environments(client, target)
        found = next((each for each in rows if each["environment_slug"] == target.environment), {})
        return structs.replace(target, project_id=found.get("project_id", ""), environments=_types(rows))
    for project in projects:
        target = Target(project=project["project_slug"])
        rows = _environments(client, target)
        for found in rows:
            if client.project_id and found["project_id"] in (client.project_id, named.project_id):
                slug, id = found["environment_slug"], found["project_id"]
                return structs.replace(target, environment=slug, project_id=id, environments=_types(rows))
    raise Refused(
        f"the project and environment of {config.environment} in the workspace are not set",
        hint=f"name them: environments.{config.environment}.target: {{project: SLUG, environment: SLUG}}",
    )


def _environments(client: Client, target: Target) -> Sequence[Row]:
    rows: Sequence[Row] = client.management.get(f"{target.project_path}/environments")["environments"]
    return rows


def _types(rows: Sequence[Row]) -> Mapping[str, str]:
    return {row["environment_slug"]: row["type"] for row in rows}


def sign_in(secrets: Sequence[Resource], client: Client, target: Target, store: Store) -> None:
    """Use a secret that an earlier run made and the store can give back."""
    for secret in secrets:
        if secret.ensure == "present" and (found := store.value(secret.name)):
            client.sign_in(target.project_id, found.reveal())
            return
