"""Projects: what a workspace holds, each with environments of its own (docs/stytch.md, "Projects")."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Final, Literal

from msgspec import UNSET, Struct, UnsetType

from reconciler.kinds._context import Access
from reconciler.kinds._rest import Collection
from reconciler.model import Live, Target
from reconciler.schema.kind import Deletes, Key, Kind, Order, Verbs
from reconciler.schema.traits import CreateOnly, CreateValue, Name
from reconciler.schema.types import WorkspaceSlug


class ProjectSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """Every field of a project that can be written, under Stytch's names; the slug is ``metadata.name``."""

    name: Name | UnsetType = UNSET
    vertical: Annotated[Literal["B2B"] | UnsetType, CreateOnly(), CreateValue("B2B")] = UNSET


def irrecoverable(_live: Live, _among: Sequence[Live], _target: Target) -> str:
    """Return what goes with a project."""
    return "all its environments, with all their users and members"


def _of_the_run(access: Access) -> Iterator[Live]:
    """Read the project that the run is about, if it is there; others of the workspace are nobody's here."""
    return (live for live in PROJECTS.read(KIND, access) if live.name == access.target.project)


PROJECTS: Final = Collection(
    path=lambda _target: "/pwa/v3/projects",
    many="projects",
    one="project",
    id="project_slug",
    spec=lambda record: {"name": record["name"], "vertical": record["vertical"]},
    duplicates=None,
    what="a project with this slug",
)
KIND: Final = PROJECTS.added_to(
    Kind(
        name="Project",
        spec=ProjectSpec,
        scope="workspace",
        api="management",
        key=Key("project_slug", WorkspaceSlug, "the project's slug, which `target.project` names"),
        order=Order(opens_environment=True),
        required=frozenset({"name"}),
        computed=frozenset({"created_at"}),
        deletes=Deletes(irrecoverable=irrecoverable),
        verbs=Verbs(list=_of_the_run),
    )
)
