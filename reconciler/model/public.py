"""The public JSON format of plans: the values of ``changes``, as people read them in a file.

A resource's kind, namespace and name stand there as one address. Nothing else takes an address apart: a plan that is
read back from its file gets the parts here.
"""

from typing import Any

import msgspec
from msgspec import Struct, convert

from reconciler.model import changes
from reconciler.model.changes import Cause, FieldChange
from reconciler.model.resources import Mark


class _Change(Struct, frozen=True, kw_only=True, tag_field="action"):
    address: str  # Kind/key, e.g. Member/acme/ann@acme.com
    kind: str
    namespace: str | None = None
    id: str | None = None
    origin: str | None = None
    fields: tuple[FieldChange, ...] = ()
    adopts: bool = False
    replaces: bool = False
    mark: Mark | None = None
    withheld_by: str | None = None
    causes: tuple[Cause, ...] = ()


class Create(_Change, frozen=True, kw_only=True, tag="create"):
    """Make a thing that is not live."""


class Update(_Change, frozen=True, kw_only=True, tag="update"):
    """Change fields of a live thing, or (``adopts``) put our mark on it."""


class Delete(_Change, frozen=True, kw_only=True, tag="delete"):
    """Remove a live thing; ``fields`` hold, as ``before``, what must still be so when it is removed.

    ``members`` counts the live members that go with an organization.
    """

    members: int | None = None


Change = Create | Update | Delete
_Changes = tuple[Change, ...]


class Plan(changes.Plan, frozen=True, kw_only=True):
    """What would change and why, in the order in which it would be done. The public JSON format is this value."""

    changes: _Changes = ()  # type: ignore[assignment] # the same as in memory, in another form
    observed: _Changes = ()  # type: ignore[assignment]
    written_from_live: _Changes = ()  # type: ignore[assignment]


_FORMS: dict[type, type] = {
    changes.Plan: Plan,
    changes.Create: Create,
    changes.Update: Update,
    changes.Delete: Delete,
}
_IN_MEMORY: dict[type, type[changes.Change]] = {
    Create: changes.Create,
    Update: changes.Update,
    Delete: changes.Delete,
}


def published(value: Any) -> Any:
    """Return a value in its public form, if it has another one in memory."""
    form = _FORMS.get(type(value))
    return convert(value, form, from_attributes=True) if form else value


def read_plan(data: bytes) -> changes.Plan:
    """Return the plan that a file holds; raises ``msgspec.DecodeError``."""
    plan = msgspec.json.decode(data, type=Plan)
    lists = ("changes", "observed", "written_from_live")
    fields = {name: getattr(plan, name) for name in plan.__struct_fields__}
    return changes.Plan(**{**fields, **{name: tuple(map(read_change, fields[name])) for name in lists}})


def read_change(change: Change) -> changes.Change:
    """Return a change of a file as it is in memory."""
    before = change.kind if change.namespace is None else f"{change.kind}/{change.namespace}"
    fields = {name: getattr(change, name) for name in change.__struct_fields__ if name != "address"}
    return _IN_MEMORY[type(change)](**fields, name=change.address.removeprefix(f"{before}/"))
