"""The public JSON format of plans: the values of ``changes``, as people read them in a file.

A resource's kind, namespace and name stand there as one address. Nothing else takes an address apart: a plan that is
read back from its file gets the parts here.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType, structs

from reconciler.model import changes
from reconciler.model.access import Access
from reconciler.model.analysis import Analysis
from reconciler.model.changes import Cause, FieldChange, Snapshot
from reconciler.model.consents import Accepted, Approval
from reconciler.model.packed import Changes
from reconciler.model.problems import Position
from reconciler.model.resources import Mark


class _Change(Struct, frozen=True, gc=False, tag_field="action"):
    address: str  # Kind/key, e.g. Member/acme/ann@acme.com
    kind: str
    namespace: str | None = None
    id: str | None = None
    origin: changes.Origin | None = None
    fields: tuple[FieldChange, ...] = ()
    adopts: bool = False
    replaces: bool = False
    mark: Mark | None = None
    withheld_by: str | None = None
    causes: tuple[Cause, ...] = ()


class Create(_Change, frozen=True, gc=False, tag="create"):
    """Make a thing that is not live."""


class Update(_Change, frozen=True, gc=False, tag="update"):
    """Change fields of a live thing, or (``adopts``) put our mark on it."""


class Delete(_Change, frozen=True, gc=False, tag="delete"):
    """Remove a live thing; ``fields`` hold, as ``before``, what must still be so when it is removed.

    ``members`` counts the live members that go with an organization.
    """

    members: int | None = None


Change = Create | Update | Delete
_Changes = tuple[Change, ...]
PART = 100  # values of a list that are encoded together


class Listed(Struct, frozen=True):
    """A thing that is shown and left alone: held, removed in Stytch, kept, or unmanaged.

    Of what is held, ``declared`` says that a manifest, or a row of an OrganizationSet, declares it, and ``waiting``
    holds the addresses of the members that wait for an organization.
    """

    address: str
    reason: str
    id: str | None = None
    at: tuple[Position, ...] = ()
    users: tuple[str, ...] = ()
    declared: bool = False
    waiting: tuple[str, ...] = ()


class Outcome(Struct, frozen=True):
    """What became of one change; ``detail`` says why where it was not applied, ``request_id`` is Stytch's."""

    address: str
    action: changes.Action
    result: changes.Result
    detail: str = ""
    id: str | None = None
    request_id: str = ""
    found: bool = False


class GuardResult(Struct, frozen=True):
    """What one guard saw: ``detail`` such as "0 of 500", and the scope (an organization's slug, or "" for all)."""

    name: str
    ok: bool
    detail: str
    kind: str = ""
    organization: str = ""


class Plan(changes.Plan, frozen=True, kw_only=True):
    """What would change and why, in the order in which it would be done. The public JSON format is this value."""

    changes: _Changes = ()  # type: ignore[assignment] # the same as in memory, in another form
    observed: _Changes = ()  # type: ignore[assignment] # as above
    written_from_live: _Changes = ()  # type: ignore[assignment] # as above
    held: tuple[Listed, ...] = ()  # type: ignore[assignment] # as above
    removed: tuple[Listed, ...] = ()  # type: ignore[assignment] # as above
    kept: tuple[Listed, ...] = ()  # type: ignore[assignment] # as above
    unmanaged: tuple[Listed, ...] = ()  # type: ignore[assignment] # as above
    guards: tuple[GuardResult, ...] = ()  # type: ignore[assignment] # as above
    access: Access | UnsetType = UNSET  # type: ignore[assignment] # left out where there is nothing to say
    analysis: Analysis | UnsetType = UNSET  # type: ignore[assignment] # as above
    snapshot: Snapshot | UnsetType = UNSET  # type: ignore[assignment] # as above
    operations_digest: str | UnsetType = UNSET  # type: ignore[assignment] # as above
    revision: str | UnsetType = UNSET  # type: ignore[assignment] # as above
    applied: str | UnsetType = UNSET  # type: ignore[assignment] # as above
    approvals: tuple[Approval, ...] | UnsetType = UNSET  # type: ignore[assignment] # as above
    accepted: tuple[Accepted, ...] | UnsetType = UNSET  # type: ignore[assignment] # as above


_FORMS: dict[type, type[Struct]] = {
    changes.Create: Create,
    changes.Update: Update,
    changes.Delete: Delete,
    changes.Listed: Listed,
    changes.Outcome: Outcome,
    changes.GuardResult: GuardResult,
}
# In the order in which a form takes them; what is derived in memory is a field of the form.
_FIELDS_OF = {form: attrgetter(*form.__struct_fields__) for form in _FORMS.values()}
_IN_MEMORY: dict[type, type] = {form: of for of, form in _FORMS.items()}
_LEFT_OUT = (  # of what is empty
    *("access", "analysis", "snapshot", "operations_digest", "revision", "applied"),
    *("approvals", "accepted"),
)
_LISTS = ("changes", "observed", "written_from_live", "held", "removed", "kept", "unmanaged", "guards")


def published(value: Any) -> Any:
    """Return a value in its public form, if it has another one in memory."""
    if isinstance(value, changes.Plan):
        lists = {name: tuple(map(published, getattr(value, name))) for name in _LISTS}
        said = {name: UNSET for name in _LEFT_OUT if not getattr(value, name)}
        return Plan(**{**structs.asdict(value), **lists, **said})
    form = _FORMS.get(type(value))
    return form(*_FIELDS_OF[form](value)) if form else value


def parts(plan: changes.Plan) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a plan's public form in order, with its values; a list comes as an iterator of parts."""
    for name in Plan.__struct_fields__:
        value = getattr(plan, name)
        if value or name not in _LEFT_OUT:
            yield name, in_parts(value) if name in _LISTS else value


def in_parts(values: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield values in their public form, some at a time."""
    left = map(published, values)
    while part := list(islice(left, PART)):
        yield part


def read_plan(data: bytes | bytearray, **taken: Sequence[changes.Change]) -> changes.Plan:
    """Return the plan that a file holds, with lists that were taken out of it; raises ``msgspec.DecodeError``."""
    plan = msgspec.json.decode(data, type=Plan)
    fields = {name: value for name, value in structs.asdict(plan).items() if value is not UNSET}
    return changes.Plan(**{**fields, **{name: tuple(map(in_memory, fields[name])) for name in _LISTS}, **taken})


def read_changes(data: bytes) -> Changes:
    """Return a list of changes that a file holds; raises ``msgspec.DecodeError``."""
    return Changes.of(map(in_memory, msgspec.json.decode(data, type=_Changes)))


def in_memory(value: Change | Listed | GuardResult) -> Any:
    """Return a value of a file as it is in memory; of what is only listed no file says what it lies in."""
    fields = structs.asdict(value)
    if isinstance(value, GuardResult):
        return changes.GuardResult(seen=fields.pop("detail"), **fields)
    kind, _, name = fields.pop("address").partition("/")
    if isinstance(value, Listed):
        fields |= {"kind": kind, "name": name}
    else:
        fields["name"] = name if value.namespace is None else name.removeprefix(f"{value.namespace}/")
    return _IN_MEMORY[type(value)](**fields)
