"""One authenticated request on its way through an endpoint."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from reconciler.emulator.behaviour import Behaviour
from reconciler.emulator.exchange import Refusal, new_id
from reconciler.emulator.store import Fields, Store
from reconciler.emulator.workspace import NO_PROJECT, NOWHERE, Environment, Project, Workspace

ID = re.compile(r"[a-z0-9-]+-(test|live)-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Rendered(str):
    """The members of a JSON object, already as text; the envelope is put around it."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Call:
    """What an endpoint may look at: what it concerns, what is asked, and the stores; ``index`` is what searches read.

    A request to the management API concerns the project and the environment of its path, any other the environment
    that asks.
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
    """``short_page`` or ``moved_rows`` where a search is to be wrong (see ``faults``)."""

    def collection(self, kind: str) -> int:
        """The environment's collection of this kind."""
        return self.store.collection(self.environment.project_id, kind)

    def document(self, name: str) -> Any:
        """What the environment keeps under ``name``, or None."""
        return self.store.setting(f"{name} {self.environment.project_id}")

    def keep_document(self, name: str, value: Any) -> None:
        """Keep anything JSON can hold under ``name``; it is gone with the environment."""
        self.store.set(f"{name} {self.environment.project_id}", value)

    def new_id(self, kind: str) -> str:
        """A fresh id for this environment."""
        return new_id(kind, self.environment.type)

    def now(self) -> str:
        """The time, as the API writes it."""
        return timestamp(self.clock())

    def id(self, name: str) -> str:
        """A path parameter; an id of the other environment is refused.

        Raises:
            Refusal: ``live_id_used_in_test_environment`` or ``test_id_used_in_live_environment``.
        """
        return self.own(self.path[name])

    def own(self, id: str) -> str:
        """``id`` if it is not one of the other environment; raises as ``id``."""
        found = ID.fullmatch(id)
        if found and found[1] != self.environment.type:
            other, here = found[1], self.environment.type
            raise Refusal(f"{other}_id_used_in_{here}_environment", f"A {other} id was used in the {here} environment.")
        return id


Answer = Fields | Rendered
Endpoint = Callable[[Call], Answer]


def timestamp(seconds: float) -> str:
    """RFC 3339 in UTC, whole seconds."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
