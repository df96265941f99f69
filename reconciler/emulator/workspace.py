"""The workspace the emulator begins with: a Consumer and a B2B project, each with a live and a test environment."""

import secrets
import uuid
from dataclasses import asdict, dataclass
from typing import Literal

from reconciler.emulator.store import Store

Vertical = Literal["B2B", "CONSUMER"]
KINDS: dict[Vertical, tuple[str, ...]] = {"B2B": ("organization", "member"), "CONSUMER": ("user",)}


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment of one project: its data are its own."""

    project_id: str
    secret: str
    vertical: Vertical
    type: Literal["test", "live"]


@dataclass(frozen=True, slots=True)
class Workspace:
    """The workspace's key, and its environments."""

    key_id: str
    key_secret: str
    environments: tuple[Environment, ...]

    def environment(self, vertical: Vertical, type: Literal["test", "live"] = "test") -> Environment:  # noqa: A002 # Stytch's own word
        """The environment of this project and type."""
        return next(each for each in self.environments if (each.vertical, each.type) == (vertical, type))


def open_workspace(store: Store) -> Workspace:
    """The store's workspace, made with fresh credentials where the store is new."""
    kept = store.setting("workspace")
    if kept is None:
        workspace = _new()
        store.set("workspace", asdict(workspace))
    else:
        workspace = Workspace(
            kept["key_id"], kept["key_secret"], tuple(Environment(**each) for each in kept["environments"])
        )
    for environment in workspace.environments:
        for kind in KINDS[environment.vertical]:
            store.collection(environment.project_id, kind)
    store.commit()
    return workspace


def _new() -> Workspace:
    verticals: tuple[Vertical, ...] = ("CONSUMER", "B2B")
    types: tuple[Literal["test", "live"], ...] = ("live", "test")
    environments = tuple(
        Environment(f"project-{type_}-{uuid.uuid4()}", f"secret-{type_}-{secrets.token_urlsafe(32)}", vertical, type_)
        for vertical in verticals
        for type_ in types
    )
    return Workspace(f"workspace-key-prod-{uuid.uuid4()}", secrets.token_urlsafe(32), environments)
