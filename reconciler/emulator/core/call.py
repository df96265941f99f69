"""One authenticated request, as an endpoint gets it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from reconciler.emulator.core.behaviour import Behaviour
from reconciler.emulator.core.exchange import Refusal, new_id
from reconciler.emulator.core.store import Fields, Store
from reconciler.emulator.core.workspace import NO_PROJECT, NOWHERE, Environment, Project, Workspace

ID = re.compile(r"[a-z0-9-]+-(test|live)-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Rendered(str):
    """The inside of a JSON object, already as text. The app adds the envelope."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Call:
    """The input of an endpoint: the request, its project and environment, and the stores. Searches read ``index``.

    For the management API, project and environment come from the path. For other requests the environment comes from
    the credentials.
    """

    workspace: Workspace
    store: Store
    index: Store
    behaviour: Behaviour
    clock: Callable[[], float]
    environment: Environment = NOWHERE
    project: Project = NO_PROJECT
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Fields = field(default_factory=dict)
    disturbance: str = ""
    """``short_page`` or ``moved_rows`` where the search must answer wrongly (see ``faults``)."""

    def collection(self, kind: str) -> int:
        """Return the environment's collection of this kind."""
        return self.store.collection(self.environment.project_id, kind)

    def document(self, name: str) -> Any:
        """Return the environment's document of this name, or None."""
        return self.store.setting(f"{name} {self.environment.project_id}")

    def keep_document(self, name: str, value: Any) -> None:
        """Store a JSON value under ``name``. It is deleted with the environment."""
        self.store.set(f"{name} {self.environment.project_id}", value)

    def new_id(self, kind: str) -> str:
        """Return a fresh id for this environment."""
        return new_id(kind, self.environment.type)

    def now(self) -> str:
        """Return the current time in the API's format."""
        return timestamp(self.clock())

    def id(self, name: str) -> str:
        """Return a path parameter. An id of the other environment is refused.

        Raises:
            Refusal: ``live_id_used_in_test_environment`` or ``test_id_used_in_live_environment``.
        """
        return self.own(self.path[name])

    def own(self, id: str) -> str:
        """Return ``id``. Raises as ``id`` does for an id of the other environment."""
        match = ID.fullmatch(id)
        if match and match[1] != self.environment.type:
            other, here = match[1], self.environment.type
            raise Refusal(f"{other}_id_used_in_{here}_environment", f"A {other} id was used in the {here} environment.")
        return id


Answer = Fields | Rendered
Endpoint = Callable[[Call], Answer]
Routes = tuple[tuple[str, str, str, Endpoint], ...]
"""Operations: the method, the path, the name and the endpoint of each."""


def timestamp(seconds: float) -> str:
    """Return a time as RFC 3339 in UTC, in whole seconds."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
