"""Projects: what a workspace holds, each with environments of its own (docs/stytch.md, "Projects")."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Final, Literal

from msgspec import UNSET, Struct, UnsetType

from reconciler.kinds._rest import Collection
from reconciler.kinds._writing import ApplyContext, WriteResult, create_once, lost_create, request_body
from reconciler.model import Create, Live, Target, Update
from reconciler.schema.kind import Deletes, Key, Kind, Order, Verbs
from reconciler.schema.traits import CreateOnly, CreateValue, Name
from reconciler.schema.types import WorkspaceSlug

if TYPE_CHECKING:
    from reconciler.clients.b2b import Client

PROJECTS: Final = Collection(path=lambda _target: "/pwa/v3/projects", many="projects", one="project", id="project_slug")
ALREADY_THERE: Final = ("duplicate_project_slug", "project_slug_already_used")


class ProjectSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """Every field of a project that can be written, under Stytch's names; the slug is ``metadata.name``."""

    name: Name | UnsetType = UNSET
    vertical: Annotated[Literal["B2B"] | UnsetType, CreateOnly(), CreateValue("B2B")] = UNSET


FIELDS: Final = ProjectSpec.__struct_fields__


def read(client: "Client", target: Target) -> Iterator[Live]:
    """Read the project that the run is about, if it is there; others of the workspace are nobody's here."""
    for row in PROJECTS.records(client, target):
        if row["project_slug"] == target.project:
            spec = {"name": row["name"], "vertical": row["vertical"]}
            yield Live(kind="Project", name=row["project_slug"], id=row["project_slug"], spec=spec)


def create(client: "Client", change: Create, context: ApplyContext) -> WriteResult:
    """Create the project, which holds no environment yet."""
    target, body = context.target, request_body(change.fields, cleared={})

    def look() -> WriteResult | None:
        found = {live.id: live.spec for live in read(client, target) if live.name == change.name}
        return lost_create(found, {name: body[name] for name in FIELDS}, "a project with this slug")

    return create_once(lambda: PROJECTS.create(client, target, {PROJECTS.id: change.name, **body}), look, ALREADY_THERE)


def update(client: "Client", change: Update, context: ApplyContext) -> WriteResult:
    """Change the name, which is all that can be changed."""
    return PROJECTS.patch(client, context.target, change.name, request_body(change.fields, cleared={}))


def irrecoverable(_live: Live, _among: Sequence[Live], _target: Target) -> str:
    """Return what goes with a project."""
    return "all its environments, with all their users and members"


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
    verbs=Verbs(list=read, create=create, update=update, delete=PROJECTS.delete),
)
