"""What people agreed to, as a plan says it: what guards may let through, and drift that is accepted for a while."""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from reconciler.model.problems import Json, Path, Position


class Approval(Struct, frozen=True, kw_only=True):
    """An approval: ``used`` by this plan, ``unused`` (``why`` says why), or ``missing``: what somebody may write.

    ``id`` tells it apart from every other one, so that it can be used once.
    """

    name: str
    guard: str
    up_to: int | float
    until: str
    digest: str
    state: Literal["used", "unused", "missing"]
    why: str = ""
    id: str = ""
    at: Position | None = None


class Accepted(Struct, frozen=True, kw_only=True):
    """A field that differs and is left as it is (``before``), because somebody accepted that until a day."""

    name: str  # of the document
    address: str
    path: Path
    before: Json | UnsetType = UNSET
    after: Json | UnsetType = UNSET
    reason: str
    until: str
    at: Position
