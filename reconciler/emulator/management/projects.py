"""Projects of the workspace, in today's and in the former management API, and slugs [1.1, 1.5, 2.1, 2.2]."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from itertools import count
from typing import Final

from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import choice, given
from reconciler.emulator.core.search import arranged
from reconciler.emulator.core.store import Fields
from reconciler.emulator.core.workspace import Project, Vertical
from reconciler.emulator.management.founding import make_project

MOST: Final = 50
VERTICALS: Final[tuple[Vertical, ...]] = ("CONSUMER", "B2B")

SLUG: Final = re.compile(r"[A-Za-z0-9._~-]{1,128}")


def create(call: Call) -> Answer:
    """``POST /pwa/v3/projects``: a project without environments."""
    name = required_name(call, "invalid_project_name")
    vertical = choice(call.body, "vertical", VERTICALS, call.behaviour, "invalid_argument")
    if vertical is None:
        raise Refusal("invalid_argument", f"vertical must be one of {', '.join(VERTICALS)}.")
    if len(call.workspace.projects) >= MOST:
        raise Refusal("too_many_projects", f"A workspace may have at most {MOST} projects.")
    own = slug(call, "project_slug", name, lambda candidate: call.workspace.project(candidate) is not None)
    kind: Vertical = "B2B" if vertical == "B2B" else "CONSUMER"
    return {"project": _shown(make_project(call.workspace, kind, own, name, call.now()))}


def list_all(call: Call) -> Answer:
    """``GET /pwa/v3/projects``."""
    projects = arranged(call.workspace.projects, call.behaviour, lambda project: project.slug)
    return {"projects": [_shown(project) for project in projects]}


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


def slug(call: Call, field: str, name: str, taken: Callable[[str], bool]) -> str:
    """Return the slug in the request, or one made from ``name`` where it is absent or empty.

    Raises:
        Refusal: where the slug is invalid or taken.
    """
    wanted: str | None = given(call.body, field, str, call.behaviour, "invalid_argument")
    if not wanted:
        return next(candidate for candidate in _slugs_for(name) if not taken(candidate))
    if not SLUG.fullmatch(wanted):
        raise Refusal("invalid_argument", f"{field} must have 1 to 128 characters of A-Z, a-z, 0-9 and - . _ ~")
    if taken(wanted):
        raise Refusal("invalid_argument", f"{field} is already in use.")
    return wanted


def list_legacy(call: Call) -> Answer:
    """``GET /web/v1/projects``."""
    return {"projects": list(_legacy_projects(call))}


def get_legacy(call: Call) -> Answer:
    """``GET /web/v1/projects/{project_id}``, by the id of either environment."""
    for project in _legacy_projects(call):
        if call.path["project_id"] in (project["live_project_id"], project["test_project_id"]):
            return {"project": project}
    raise Refusal("project_not_found", "The project could not be found.")


def _shown(project: Project) -> Fields:
    return {
        "project_slug": project.slug,
        "name": project.name,
        "vertical": project.vertical,
        "created_at": project.created_at,
    }


def _slugs_for(name: str) -> Iterator[str]:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    start = re.sub("[^a-z0-9]+", "-", plain).strip("-")[:100] or "unnamed"
    yield start
    yield from (f"{start}-{number}" for number in count(2))


def _legacy_projects(call: Call) -> Iterator[Fields]:
    for project in call.workspace.projects:
        environments = {
            environment.type: environment for environment in reversed(call.workspace.environments_of(project))
        }
        if environments.keys() != {"live", "test"}:
            continue
        yield {
            **_shown(project),
            **{f"{type_}_project_id": environment.project_id for type_, environment in environments.items()},
            **{f"{type_}_project_slug": environment.slug for type_, environment in environments.items()},
        }
