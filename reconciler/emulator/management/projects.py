"""Projects of the workspace [2.1, 1.5]."""

from typing import Final

from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import choice, given
from reconciler.emulator.core.order import arranged
from reconciler.emulator.core.store import Fields
from reconciler.emulator.core.workspace import Project, Vertical
from reconciler.emulator.management.founding import make_project
from reconciler.emulator.management.slugs import slug

MOST: Final = 50
VERTICALS: Final[tuple[Vertical, ...]] = ("CONSUMER", "B2B")


def create(call: Call) -> Answer:
    """``POST /pwa/v3/projects``: a project without environments."""
    name = required_name(call, "invalid_project_name")
    vertical = choice(call.body, "vertical", VERTICALS, call.behaviour, "invalid_argument")
    if vertical is None:
        raise Refusal("invalid_argument", f"vertical must be one of {', '.join(VERTICALS)}.")
    if len(call.workspace.projects) >= MOST:
        raise Refusal("too_many_projects", f"A workspace may have at most {MOST} projects.")
    own = slug(call, "project_slug", name, lambda each: call.workspace.project(each) is not None)
    kind: Vertical = "B2B" if vertical == "B2B" else "CONSUMER"
    return {"project": _shown(make_project(call.workspace, kind, own, name, call.now()))}


def list_all(call: Call) -> Answer:
    """``GET /pwa/v3/projects``."""
    return {
        "projects": [_shown(each) for each in arranged(call.workspace.projects, call.behaviour, lambda each: each.slug)]
    }


def get(call: Call) -> Answer:
    """``GET …/projects/{project_slug}``."""
    return {"project": _shown(call.project)}


def update(call: Call) -> Answer:
    """``PATCH …/projects/{project_slug}``: changes its name."""
    fields = _shown(call.project)
    if call.body.get("name") is not None:
        fields["name"] = required_name(call, "invalid_project_name")
    return {"project": _shown(call.workspace.keep_project(fields, call.project.number))}


def delete(call: Call) -> Answer:
    """``DELETE …/projects/{project_slug}``: with all of its environments and their data."""
    call.workspace.remove_project(call.project)
    return {}


def required_name(call: Call, error: str) -> str:
    """Return the name in the request, which is required."""
    name: str | None = given(call.body, "name", str, call.behaviour, error)
    if not name:
        raise Refusal(error, "name is required.")
    return name


def _shown(project: Project) -> Fields:
    return {
        "project_slug": project.slug,
        "name": project.name,
        "vertical": project.vertical,
        "created_at": project.created_at,
    }
