"""The target of a run → its project and environment in Stytch, as far as they exist, and access to the data."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import structs

from reconciler.clients.api import Api
from reconciler.clients.b2b import Client
from reconciler.config.read import Config
from reconciler.credentials.store import CredentialStore
from reconciler.errors import Fault, InvalidInput, Refused
from reconciler.kinds import KINDS
from reconciler.load.consistency import other_projects
from reconciler.load.repository import Declared
from reconciler.model import MEMBER, TEST, Resource, Target
from reconciler.read.live import unreadable
from reconciler.read.run import Run

Row = Mapping[str, Any]
PROJECTS = "/pwa/v3/projects"
VERTICAL = "B2B"


def find_target(run: Run, declared: Declared) -> Target:
    """Find the environment of a run, and sign in to its data; raises as ``open_target`` and the checks do.

    While nobody but the run itself has made a live environment, the project is taken for one without.
    """
    target = open_target(run, declared)
    foreign = {slug: sort for slug, sort in target.environments.items() if slug not in run.made or sort == TEST}
    target = structs.replace(target, environments=foreign)
    check_target(run.config, target)
    check_environment(run.config, declared, target)
    return target


def open_target(run: Run, declared: Declared) -> Target:
    """Find the environment, and sign in to its data with the secret that the credential store holds, if none is given.

    Nothing is asked of the management API where nothing needs it. Raises ``Refused`` where the file, the credentials
    and Stytch do not speak of one environment, ``Unreadable`` if that is unknown.
    """
    client = run.client
    if not needs_management(run.config, declared, client):
        return Target(project_id=client.project_id, secret_last_four=client.secret_last_four)
    target = find(run.config, client)
    if not client.has_data and target.is_there:
        sign_in(declared.by_kind.get("Secret", ()), client, target, run.store)
    return structs.replace(target, secret_last_four=client.secret_last_four)


def find(config: Config, client: Client) -> Target:
    """Find the environment that ``target`` or the credentials name; raises as ``open_target`` does."""
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
        return {row["environment_slug"]: row["project_id"] for row in _environments(client.management, target)}
    except (Fault, KeyError, TypeError):
        return {}


def needs_management(config: Config, declared: Declared, client: Client) -> bool:
    """Return whether a run has to ask the management API where it is."""
    if not client.has_data or (client.has_management and config.target.project and config.target.environment):
        return True
    kinds = set(declared.kinds(config))
    if client.has_management:  # without it a check cannot be made, which is no reason to stop
        kinds |= {step.body["spec"].get("check", {}).get("kind", MEMBER) for step in declared.manual_steps}
    return any(KINDS[kind].api == "management" for kind in kinds)


def projects_of(management: Api) -> Iterator[tuple[Row, Sequence[Row]]]:
    """Yield every project of the workspace with its environments."""
    for project in management.get(PROJECTS)["projects"]:
        yield project, _environments(management, Target(project=project["project_slug"]))


def _find(config: Config, client: Client) -> Target:
    named = config.target
    if named.project and named.environment:
        projects: Sequence[Row] = client.management.get(PROJECTS)["projects"]
        project = next((row for row in projects if row["project_slug"] == named.project), None)
        target = Target(project=named.project, environment=named.environment, project_is_there=project is not None)
        if project is None:
            return target
        if project["vertical"] != VERTICAL:
            raise Refused(
                f"{named.project} is a Consumer project, which cannot become a B2B project",
                hint="name another project under target.project; it is created if it does not exist",
            )
        rows = _environments(client.management, target)
        found = next((row for row in rows if row["environment_slug"] == target.environment), {})
        return structs.replace(target, project_id=found.get("project_id", ""), environments=_types(rows))
    for project, rows in projects_of(client.management):
        for found in rows:
            if client.project_id and found["project_id"] in (client.project_id, named.project_id):
                slug, id = found["environment_slug"], found["project_id"]
                return Target(
                    project=project["project_slug"], environment=slug, project_id=id, environments=_types(rows)
                )
    raise Refused(
        f"the project and environment of {config.environment} in the workspace are not set",
        hint=f"name them: environments.{config.environment}.target: {{project: SLUG, environment: SLUG}}",
    )


def _environments(management: Api, target: Target) -> Sequence[Row]:
    rows: Sequence[Row] = management.get(f"{target.project_path}/environments")["environments"]
    return rows


def _types(rows: Sequence[Row]) -> Mapping[str, str]:
    return {row["environment_slug"]: row["type"] for row in rows}


def sign_in(secrets: Sequence[Resource], client: Client, target: Target, store: CredentialStore) -> None:
    """Use a secret that an earlier run made and the store can give back."""
    for secret in secrets:
        if secret.ensure == "present" and (found := store.value(secret.name)):
            client.sign_in(target.project_id, found.reveal())
            return


def check_target(config: Config, target: Target, *, to_write: bool = False) -> None:
    """Refuse credentials of another project than the file names, and writes to a live one it does not call live.

    A live one is written to only where it is known to be the one that the file names.
    """
    named, project_id = config.target, target.project_id
    if not target.is_there:
        if named.project_id:
            raise Refused(
                f"environment {config.environment} is {named.project_id}, which {named.project} does not have",
                hint="fix target: it names an environment that does not exist, and a project_id from an earlier one",
            )
        return
    if named.project_id and named.project_id != project_id:
        raise Refused(
            f"the credentials are those of {project_id}, but environment {config.environment} is {named.project_id}",
            hint="set STYTCH_PROJECT_ID and STYTCH_SECRET to those of that project, or fix target.project_id",
        )
    if target.is_live and named.type != "live" and to_write:
        raise Refused(
            f"{project_id} is a live project, but environment {config.environment} "
            "is not declared live: nothing was written",
            hint=f"if this is intended, set `type: live` under environments.{config.environment}.target",
        )
    if named.type == "live" and to_write and not named.project_id and not target.project:
        raise Refused(
            f"{named.project}/{named.environment} is live. Without a workspace key it is unknown whether its id "
            f"is {project_id}: nothing was written",
            hint=f"add project_id: {project_id} to environments.{config.environment}.target, if this is the project",
        )
    if not target.is_live and named.type == "live":
        raise Refused(
            f"environment {config.environment} has `type: live`, but {project_id} is not a live project",
            hint="use the live project's credentials, or another environment",
        )


def check_environment(config: Config, declared: Declared, target: Target) -> None:
    """Refuse another project than the run is about, and a live environment that would be made as a test one, or v.v."""
    if problems := list(other_projects(declared.resources, target.project)):
        raise InvalidInput(problems)
    if target.is_there or not target.project:
        return
    environments = declared.by_kind.get("Environment", ())
    lies_in_it = any(not KINDS[kind].is_shared for kind in declared.kinds(config))
    for kind, name, is_missing in (
        ("Project", target.project, not target.project_is_there),
        ("Environment", target.environment, lies_in_it or environments),
    ):
        if is_missing and name not in {resource.name for resource in declared.by_kind.get(kind, ())}:
            raise Refused(
                f"environment {config.environment} is {target.project}/{target.environment}, "
                "which does not exist, and no "
                f"manifest declares {kind}/{name}",
                hint=f"fix environments.{config.environment}.target, or declare the {kind}",
            )
    for resource in environments:
        sort = resource.spec.get("type") or resource.initial.get("type")
        if resource.name == target.environment and sort and sort.lower() != config.target.type:
            raise Refused(
                f"environment {config.environment} is of type {config.target.type}, but {resource.address} is {sort}",
                hint=f"fix environments.{config.environment}.target.type, or the manifest at {resource.position}",
            )
