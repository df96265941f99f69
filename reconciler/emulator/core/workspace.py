"""The workspace: its key, its projects and their environments, read from the store."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from reconciler.emulator.core.store import Fields, Row, Store

Vertical = Literal["B2B", "CONSUMER"]
Type = Literal["test", "live"]
KINDS: Final[Mapping[Vertical, tuple[str, ...]]] = {"B2B": ("organization", "member"), "CONSUMER": ("user",)}


@dataclass(frozen=True, slots=True)
class Project:
    """A project at the time of the lookup. ``number`` is the number of its row."""

    slug: str
    name: str
    vertical: Vertical
    created_at: str
    number: int = 0

    @property
    def key(self) -> str:
        """Return the key of the project's own collections. An environment's key is its ``project_id``."""
        return f"project {self.slug}"


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment of a project, with its own data. ``number`` is the number of its row.

    ``secret`` is a valid secret where the emulator itself created the environment; ``""`` where the API did.
    """

    project_id: str
    secret: str = field(repr=False)
    vertical: Vertical
    type: Type
    slug: str = ""
    project_slug: str = ""
    number: int = 0


NO_PROJECT: Final = Project("", "", "B2B", "")
NOWHERE: Final = Environment("", "", "B2B", "test")
"""The environment of a request that concerns no environment."""


class Workspace:
    """The workspace's key, and its projects and environments. Every call reads the store; nothing is cached."""

    def __init__(self, store: Store, key_id: str, key_secret: str) -> None:
        self.store = store
        self.key_id = key_id
        self.key_secret = key_secret

    @property
    def projects(self) -> tuple[Project, ...]:
        """Return every project, the oldest first."""
        return tuple(map(_project, self.store.children(self._collection("project"))))

    @property
    def environments(self) -> tuple[Environment, ...]:
        """Return every environment, by project, the oldest first."""
        return tuple(environment for project in self.projects for environment in self.environments_of(project))

    def environment(self, vertical: Vertical, type: Type = "test") -> Environment:  # noqa: A002 # Stytch's own word
        """Return the oldest environment of this vertical and type.

        Raises:
            ValueError: where none is left.
        """
        for environment in self.environments:
            if (environment.vertical, environment.type) == (vertical, type):
                return environment
        raise ValueError(f"the workspace has no {vertical} project with a {type} environment")

    def project(self, slug: str) -> Project | None:
        """Return the project with this slug."""
        row = self.store.get(self._collection("project"), slug)
        return None if row is None else _project(row)

    def environments_of(self, project: Project) -> tuple[Environment, ...]:
        """Return the environments of a project, the oldest first."""
        return tuple(map(_environment, self.store.children(self._collection("environment"), project.number)))

    def found(self, project_id: str) -> Environment | None:
        """Return the environment with this ``project_id``, or None."""
        row = self.store.get(self._collection("environment"), project_id)
        return None if row is None else _environment(row)

    def shown(self, environment: Environment) -> Fields:
        """Return an environment as the API answers it."""
        fields: Fields = self.store.numbered(environment.number).fields["shown"]
        return fields

    def keep_project(self, fields: Fields, number: int = 0) -> Project:
        """Create a project, or change the project with this ``number``."""
        row = Row(fields["project_slug"], fields, number=number)
        return _project(self.store.put(self._collection("project"), row))

    def keep_environment(self, project: Project, shown: Fields, secret: str, number: int = 0) -> Environment:
        """Create an environment, or change the one with this ``number``. ``shown`` is what the API answers."""
        fields = {"vertical": project.vertical, "secret": secret, "shown": shown}
        row = Row(shown["project_id"], fields, parent=project.number, number=number)
        environment = _environment(self.store.put(self._collection("environment"), row))
        for kind in KINDS[project.vertical]:
            self.store.collection(environment.project_id, kind)
        return environment

    def remove_project(self, project: Project) -> None:
        """Delete a project, its environments, and everything in them."""
        for environment in self.environments_of(project):
            self.store.forget(environment.project_id)
        self.store.forget(project.key)
        self.store.remove(self.store.numbered(project.number))

    def remove_environment(self, environment: Environment) -> None:
        """Delete an environment and everything in it."""
        self.store.forget(environment.project_id)
        self.store.remove(self.store.numbered(environment.number))

    def _collection(self, kind: str) -> int:
        return self.store.collection("", kind)


def _project(row: Row) -> Project:
    return Project(row.id, row.fields["name"], row.fields["vertical"], row.fields["created_at"], row.number)


def _environment(row: Row) -> Environment:
    shown = row.fields["shown"]
    return Environment(
        project_id=row.id,
        secret=row.fields["secret"],
        vertical=row.fields["vertical"],
        type="live" if shown["type"] == "LIVE" else "test",
        slug=shown["environment_slug"],
        project_slug=shown["project_slug"],
        number=row.number,
    )
