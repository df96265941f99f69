"""Which Consumer project the credentials lead to, which of its environments are meant, and their secrets."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from reconciler.clients.api import Api
from reconciler.config import Credentials
from reconciler.conform import did_you_mean
from reconciler.errors import InvalidInput, Refused
from reconciler.model import Place, Problem
from reconciler.read import unreadable

PROJECTS: Final = "/pwa/v3/projects"
SECRET: Final = "STYTCH_CONSUMER_SECRET"  # noqa: S105 # the name of a variable

Row = Mapping[str, Any]


def check_credentials(credentials: Credentials) -> None:
    """Raise ``Refused`` with every variable that is needed and not set."""
    needed = {
        "STYTCH_WORKSPACE_KEY_ID": credentials.workspace_key_id,
        "STYTCH_WORKSPACE_KEY_SECRET": credentials.workspace_key_secret,
        "STYTCH_CONSUMER_PROJECT_ID": credentials.consumer_project_id,
    }
    hint = "a workspace key is made in Stytch's dashboard; the project id is that of any environment of the project"
    problems = [
        Problem(
            code="no-credentials", severity="error", message=f"the environment variable {name} is not set", hint=hint
        )
        for name, value in needed.items()
        if not value
    ]
    if problems:
        raise Refused(problems)


def find_consumer(management: Api, project_id: str) -> tuple[Row, Sequence[Row]]:
    """Find the project that an environment with this id belongs to, and all its environments, the live one first.

    Raises ``Refused`` where there is none, or it is no Consumer project.
    """
    with unreadable("the projects of the workspace", "management"):
        project, rows = _find(management, project_id)
    if project["vertical"] != "CONSUMER":
        raise Refused(
            f"{project_id} is an environment of {project['project_slug']}, which is a B2B project already",
            hint="`init --from-live` writes the repository of a B2B project",
        )
    return project, sorted(rows, key=lambda row: (row["type"] != "LIVE", row["environment_slug"]))


def _find(management: Api, project_id: str) -> tuple[Row, Sequence[Row]]:
    for project in management.get(PROJECTS)["projects"]:
        path = Place(project=project["project_slug"]).project_path
        rows: Sequence[Row] = management.get(f"{path}/environments")["environments"]
        if any(row["project_id"] == project_id for row in rows):
            return project, rows
    raise Refused(
        f"no environment of the workspace has the project id {project_id}",
        hint="are STYTCH_CONSUMER_PROJECT_ID and the workspace key of one workspace?",
    )


def chosen(rows: Sequence[Row], slugs: Sequence[str]) -> Sequence[Row]:
    """Give the environments with these slugs, or all; raises ``InvalidInput`` where one is not there."""
    there = [row["environment_slug"] for row in rows]
    if unknown := [slug for slug in slugs if slug not in there]:
        message = f"the Consumer project has no environment {unknown[0]}; it has {', '.join(there)}"
        raise InvalidInput(message, hint=did_you_mean(unknown[0], there))
    return [row for row in rows if not slugs or row["environment_slug"] in slugs]


def names(rows: Sequence[Row]) -> Sequence[str]:
    """Call environments by their type, or by their slugs where several are of one type."""
    types = [row["type"].lower() for row in rows]
    return types if len(set(types)) == len(types) else [row["environment_slug"] for row in rows]


def secret_of(row: Row, credentials: Credentials, environ: Mapping[str, str]) -> tuple[str, str]:
    """Give the variable that holds an environment's secret, and the secret, or "".

    It is named after the environment's slug; that of the environment which the credentials name has a name of its own.
    """
    variable = f"{SECRET}_{re.sub('[^A-Z0-9]+', '_', row['environment_slug'].upper())}"
    if value := environ.get(variable, "").strip():
        return variable, value
    if row["project_id"] == credentials.consumer_project_id:
        return SECRET, credentials.consumer_secret
    return variable, ""
