"""Projects as the former management API showed them: those with a live and a test environment [1.1]."""

from collections.abc import Iterator

from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.store import Fields


def list_all(call: Call) -> Answer:
    """``GET /web/v1/projects``."""
    return {"projects": list(_projects(call))}


def get(call: Call) -> Answer:
    """``GET /web/v1/projects/{project_id}``, by the id of either environment."""
    for project in _projects(call):
        if call.path["project_id"] in (project["live_project_id"], project["test_project_id"]):
            return {"project": project}
    raise Refusal("project_not_found", "The project could not be found.")


def _projects(call: Call) -> Iterator[Fields]:
    for project in call.workspace.projects:
        environments = {each.type: each for each in reversed(call.workspace.environments_of(project))}
        if environments.keys() != {"live", "test"}:
            continue
        yield {
            "project_slug": project.slug,
            "name": project.name,
            "vertical": project.vertical,
            "created_at": project.created_at,
            **{f"{type_}_project_id": each.project_id for type_, each in environments.items()},
            **{f"{type_}_project_slug": each.slug for type_, each in environments.items()},
        }
