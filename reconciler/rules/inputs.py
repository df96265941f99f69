"""What rules are compiled from, as other modules read it: documents, tables, settings."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from reconciler.model import Json, Path, Position, Resource


class Document(Protocol):
    """A MappingRules document as ``reconciler.documents.read`` reads it."""

    @property
    def body(self) -> dict[str, Any]: ...  # noqa: D102 # the class says it
    @property
    def position(self) -> Position: ...  # noqa: D102 # as above
    def at(self, *path: str) -> Position: ...  # noqa: D102 # as above
    def key_at(self, *path: str) -> Position: ...  # noqa: D102 # as above
    def inside(self, path: Path, offset: int, /) -> Position: ...  # noqa: D102 # as above


class Declared(Protocol):
    """What the documents declare (``reconciler.load.examine``)."""

    @property
    def organizations(self) -> Sequence[Resource]: ...  # noqa: D102 # the class says it
    @property
    def members(self) -> Sequence[Resource]: ...  # noqa: D102 # as above
    @property
    def rules(self) -> Sequence[Document]: ...  # noqa: D102 # as above
    @property
    def elsewhere(self) -> frozenset[str]: ...  # noqa: D102 # as above
    @property
    def organizations_elsewhere(self) -> Sequence[Resource]: ...  # noqa: D102 # as above


class Policy(Protocol):
    """How members are treated (``members`` in ``reconciler.yaml``)."""

    @property
    def external_id(self) -> str | None: ...  # noqa: D102 # the class says it


class Settings(Protocol):
    """What ``reconciler.yaml`` says of an environment (``reconciler.config.read``), as far as rules ask."""

    @property
    def environment(self) -> str: ...  # noqa: D102 # the class says it
    @property
    def vars(self) -> Mapping[str, Json]: ...  # noqa: D102 # as above
    @property
    def members(self) -> Policy: ...  # noqa: D102 # as above
    def at(self, *path: str) -> Position: ...  # noqa: D102 # as above
