"""Projects: what a workspace holds, each with environments of its own (docs/stytch.md, "Projects")."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Final, Literal

from msgspec import UNSET, Struct, UnsetType

from reconciler.kinds._writing import (
    ApplyContext,
    Stale,
    WriteResult,
    create_once,
    delete_resource,
    request_body,
    retry_idempotent,
)
from reconciler.model import Create, Delete, Live, Target, Update
from reconciler.schema.kind import Deletes, Key, Kind, Order, Verbs
from reconciler.schema.traits import CreateOnly, CreateValue, Name
from reconciler.schema.types import WorkspaceSlug

if TYPE_CHECKING:
    from reconciler.clients.b2b import Client

PROJECTS: Final = "/pwa/v3/projects"
ALREADY_THERE: Final = ("duplicate_project_slug", "project_slug_already_used")


class ProjectSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """Every field of a project that can be written, under Stytch's names; the slug is ``metadata.name``."""

    name: Name | UnsetType = UNSET
    vertical: Annotated[Literal["B2B"] | UnsetType, CreateOnly(), CreateValue("B2B")] = UNSET


def read(client: "Client", target: Target) -> Iterator[Live]:
    """Read the project that the run is about, if it is there; others of the workspace are nobody's here."""
    for row in client.management.get(PROJECTS)["projects"]:
        if row["project_slug"] == target.project:
            spec = {"name": row["name"], "vertical": row["vertical"]}
            yield Live(kind="Project", name=row["project_slug"], id=row["project_slug"], spec=spec)


def create(client: "Client", change: Create, _context: ApplyContext) -> WriteResult:
    """Make the project, which holds no environment yet."""
    body = {"project_slug": change.name, **request_body(change.fields, cleared={})}
    return create_once(
        lambda: _written(client.management.write("POST", PROJECTS, body)), lambda: _found(client, body), ALREADY_THERE
    )


def update(client: "Client", change: Update, context: ApplyContext) -> WriteResult:
    """Change the name, which is all that can be changed."""
    body = request_body(change.fields, cleared={})
    return retry_idempotent(lambda: _written(client.management.write("PATCH", context.target.project_path, body)))


def delete(client: "Client", change: Delete, context: ApplyContext) -> WriteResult:
    """Delete the project with every environment and everybody in it."""
    path = context.target.project_path
    return WriteResult(change.name, delete_resource(lambda: str(client.management.write("DELETE", path)["request_id"])))


def irrecoverable(_live: Live, _among: Sequence[Live], _target: Target) -> str:
    """Return what goes with a project."""
    return "all its environments, with all their users and members"


def _written(answer: dict[str, object]) -> WriteResult:
    project = answer["project"]
    if not isinstance(project, dict):
        raise Stale("Stytch's response does not contain the project")
    return WriteResult(str(project["project_slug"]), str(answer["request_id"]), project)


def _found(client: "Client", body: dict[str, object]) -> WriteResult | None:
    rows = client.management.get(PROJECTS)["projects"]
    found = next((row for row in rows if row["project_slug"] == body["project_slug"]), None)
    if found is None:
        return None
    if (found["name"], found["vertical"]) != (body["name"], body["vertical"]):
        raise Stale("somebody else created a project with this slug in the meantime")
    return WriteResult(str(found["project_slug"]), "")


KIND: Final = Kind(
    name="Project",
    spec=ProjectSpec,
    scope="workspace",
    api="management",
    key=Key("project_slug", WorkspaceSlug, "the project's slug, which `target.project` names"),
    order=Order(opens_environment=True),
    required=frozenset({"name"}),
    computed=frozenset({"created_at"}),
    deletes=Deletes(irrecoverable=irrecoverable),
    verbs=Verbs(list=read, create=create, update=update, delete=delete),
)
