"""Find the Consumer project of the credentials, the chosen environments, and the secret of each."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from reconciler.clients.api import Api
from reconciler.config.read import Credentials
from reconciler.errors import InvalidInput, Refused
from reconciler.model import Target, problem
from reconciler.read.live import unreadable
from reconciler.suggest import did_you_mean

PROJECTS: Final = "/pwa/v3/projects"
SECRET: Final = "STYTCH_CONSUMER_SECRET"  # noqa: S105 # the name of a variable

Row = Mapping[str, Any]


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
        project, rows = _find(management, project_id)
    if project["vertical"] != "CONSUMER":
        raise Refused(
            f"{project_id} is an environment of {project['project_slug']}, which is already a B2B project",
            hint="use `init --from-live` to write the repository of a B2B project",
        )
    return project, sorted(rows, key=lambda row: (row["type"] != "LIVE", row["environment_slug"]))


def _find(management: Api, project_id: str) -> tuple[Row, Sequence[Row]]:
    for project in management.get(PROJECTS)["projects"]:
        path = Target(project=project["project_slug"]).project_path
        rows: Sequence[Row] = management.get(f"{path}/environments")["environments"]
        if any(row["project_id"] == project_id for row in rows):
            return project, rows
    raise Refused(
        f"no environment of the workspace has the project id {project_id}",
        hint="check that STYTCH_CONSUMER_PROJECT_ID and the workspace key belong to the same workspace",
    )


def chosen(rows: Sequence[Row], slugs: Sequence[str]) -> Sequence[Row]:
    """Return the environments with these slugs, or all. Raises ``InvalidInput`` where a slug does not exist."""
    there = [row["environment_slug"] for row in rows]
    if unknown := [slug for slug in slugs if slug not in there]:
        message = f"the Consumer project has no environment {unknown[0]}; it has {', '.join(there)}"
        raise InvalidInput(message, hint=did_you_mean(unknown[0], there))
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
