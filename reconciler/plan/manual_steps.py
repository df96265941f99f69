"""Manual steps in Stytch's dashboard, which no API can do. Plans list the open ones."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from reconciler.clients.b2b import Client
from reconciler.diff.fields import NOTHING, same
from reconciler.documents.document import Document
from reconciler.errors import ReconcilerError
from reconciler.kinds import KINDS
from reconciler.model import Json, Live, ManualStep, Target
from reconciler.read.live import can_be_asked, read_resources

State = Literal["done", "open", "unknown"]
Seen = Mapping[str, Sequence[Live]]


def open_steps(documents: Iterable[Document], client: Client, target: Target, seen: Seen) -> tuple[ManualStep, ...]:
    """Return the steps that are open or whose status cannot be checked; ``seen`` is what was already read."""
    return tuple(sorted(_open(documents, client, target, dict(seen)), key=lambda step: step.name))


def _open(
    documents: Iterable[Document], client: Client, target: Target, seen: dict[str, Sequence[Live]]
) -> Iterator[ManualStep]:
    for document in documents:
        spec: Mapping[str, Any] = document.body["spec"]
        check = spec.get("check")
        state = _checked(check, client, target, seen) if check else "done" if spec.get("done") else "open"
        if state != "done":
            yield ManualStep(
                name=document.name,
                what=spec["what"],
                where=spec["where"],
                required=spec.get("required", False),
                state=state,
                at=document.position,
            )


def _checked(check: Mapping[str, Any], client: Client, target: Target, seen: dict[str, Sequence[Live]]) -> State:
    """Look for what betrays that a step was done: that a kind can be read, a thing is there, or what stands in it."""
    name = check["kind"]
    if KINDS[name].is_searched or not can_be_asked(KINDS[name], client, target):
        return "unknown"
    if name not in seen:
        try:
            seen |= read_resources(client, [name], target)
        except ReconcilerError:
            return "unknown" if "path" in check else "open"
    if not check.keys() & {"name", "path"}:
        return "done"
    found = next((live for live in seen[name] if live.name == check.get("name", live.name)), None)
    if "path" not in check:
        return "done" if found else "open"
    if found is None:
        return "unknown"
    value = _at(found.spec, check["path"].split("."))
    done = same(value, check["equals"]) if "equals" in check else value not in NOTHING
    return "done" if done else "open"


def _at(value: Json, path: Sequence[str]) -> Json:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
