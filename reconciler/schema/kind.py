"""The definition of a kind: its spec as a type with traits, and its verbs; most else is derived from it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any, Literal, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType

from reconciler.expressions.text import domain_label, fold, mailbox_or_text
from reconciler.model import Change, FieldChange, Json, Live, Path, Problem, Resource, Spec, Target
from reconciler.schema.traits import (
    Clearable,
    CreateOnly,
    CreateValue,
    Domains,
    Field,
    FillsIn,
    FromFile,
    HoldsSecret,
    Keyed,
    Merged,
    RefersTo,
    Unordered,
    UpdateOnly,
    fields_of,
)

T = TypeVar("T")


def _no_problem(_resource: Resource) -> Iterator[Problem]:
    return iter(())


def _nothing_alone(_resource: Resource) -> Iterator[tuple[str, Path]]:
    return iter(())


def _unchanged(spec: Spec) -> Spec:
    return spec


def _as_declared(desired: Spec, _live: Spec) -> Spec:
    return desired


def _nothing_at_stake(_live: Live, _among: Sequence[Live], _target: Target) -> str:
    return ""


def _by_somebody(_live: Live) -> bool:
    return False


def _never(_fields: Sequence[FieldChange]) -> bool:
    return False


def _stays(_spec: Spec, _now: datetime) -> bool:
    return False


def _alike(_change: Change) -> int:
    return 0


def _one(_change: Change) -> int:
    return 1


Scope = Literal["workspace", "project", "environment", "organization"]
Verb = Callable[..., Any]


class Lifecycle(Struct, forbid_unknown_fields=True, kw_only=True):
    """The ``lifecycle:`` of a manifest: paths never compared, and which deletes are refused, or allowed by name."""

    ignore: tuple[str, ...] = ()
    protect: bool = False
    allow_delete: str | UnsetType = UNSET


class MemberLifecycle(Lifecycle, forbid_unknown_fields=True, kw_only=True):
    """That of a Member: besides, whether the last admin, or a breakglass member, may lose something."""

    allow_loss: bool = False


class OrganizationLifecycle(Lifecycle, forbid_unknown_fields=True, kw_only=True):
    """That of an Organization: besides, which share of its members may go at once."""

    max_loss_percent: Annotated[float, Meta(ge=0, le=100)] | UnsetType = UNSET


class Credential(Struct, frozen=True):
    """A value that Stytch gives when the thing is made, and that the credential store keeps from then on.

    ``field`` is its name in Stytch; ``suffix`` ends the name under which it is kept where the manifest gives none.
    ``has_one`` tells whether a thing of this spec has one at all, ``shown_once`` that it cannot be asked for later.
    One that is ``chosen`` by us is kept before it is sent, so that it is never lost.
    """

    field: str
    suffix: str = ""
    has_one: Callable[[Spec], bool] = lambda _spec: True
    shown_once: bool = True
    chosen: bool = False


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A sort of thing in Stytch. The one value of a file in ``kinds/``; ``KINDS`` registers it.

    *What it is.* ``initial`` is the type of what may stand under ``initial:`` (None: the spec's own), ``lifecycle`` of
    that under ``lifecycle:``, ``scope`` what a thing lies in, ``namespace`` the kind of the thing that its manifest
    must name as that, ``key`` Stytch's name of the field that ``metadata.name`` is and ``key_type`` its type, ``names``
    in a few words what ``metadata.name`` means, ``managed_by`` the API that it is kept by, ``required`` the fields that
    a create needs, ``computed`` those that Stytch fills in and nobody can declare.

    *How it behaves.* Names that differ only by case are no two names where ``case_sensitive`` is False. A manifest
    of an ``adoptable`` kind may say ``adopt``. A ``foundation`` must be there before the data API of an environment
    can be asked anything. ``defaults`` are what Stytch sets where nobody says anything. ``singletons`` names the
    things that are always there: they can be set, and reset to ``defaults``, and neither made nor removed.
    ``nameless`` things have no key but the id that Stytch gives: the credential store knows which is which.
    ``replaceable`` says that a resource may be recreated if a change needs that, because it touches what can only
    be said at create, or because ``replaces`` says so; ``alone`` that there can be only one, so that another goes
    before it comes, ``after`` which kinds must be there first although no field names them. ``self_made`` tells of
    live things that no person made: they are never ours, whatever they are called. ``at_stake`` says what is lost
    for good with a thing, if so much that no plan may delete it without ``lifecycle.allow_delete``. ``rank`` orders
    changes within the kind, ``writes`` gives the requests that one takes; those for what only an update can say are
    counted besides.

    *What is done.* ``check`` says what is wrong with a resource beyond its types, ``claims`` what it says of itself
    that can be so of one thing of its kind only, in words, and where it says so; ``normalize`` brings declared and
    live specs to one form, where Stytch answers differently from what was written; ``fill`` adds to a declared spec
    what of the live one must not be lost by omission, or is equal but for its form; ``has_lapsed`` tells
    whether a declared thing has ended by itself and must not come back. ``list`` reads all things of the kind that are
    live; kinds without it (organizations and members, of which there are millions) are read by
    ``reconciler.read.live``. A verb that is None does not exist in Stytch.
    """

    name: str
    spec: type[Struct]
    initial: type[Struct] | None = None
    lifecycle: type[Lifecycle] = Lifecycle
    scope: Scope = "environment"
    namespace: str | None = None
    key: str
    key_type: Any = str
    names: str = ""
    case_sensitive: bool = True
    foundation: bool = False
    renamable: bool = False
    restorable: bool = False
    adoptable: bool = False
    singletons: tuple[str, ...] = ()
    nameless: bool = False
    replaceable: bool = False
    replaces: Callable[[Sequence[FieldChange]], bool] = _never
    alone: bool = False
    after: frozenset[str] = frozenset()
    managed_by: Literal["management", "data", "telemetry"] = "data"
    required: frozenset[str] = frozenset()
    computed: frozenset[str] = frozenset()
    defaults: Spec = field(default_factory=dict)
    credential: Credential | None = None
    self_made: Callable[[Live], bool] = _by_somebody
    at_stake: Callable[[Live, Sequence[Live], Target], str] = _nothing_at_stake
    rank: Callable[[Change], int] = _alike
    writes: Callable[[Change], int] = _one
    check: Callable[[Resource], Iterator[Problem]] = _no_problem
    claims: Callable[[Resource], Iterator[tuple[str, Path]]] = _nothing_alone
    normalize: Callable[[Spec], Spec] = _unchanged
    fill: Callable[[Spec, Spec], Spec] = _as_declared
    has_lapsed: Callable[[Spec, datetime], bool] = _stays
    list: Verb | None = None
    create: Verb | None = None
    update: Verb | None = None
    delete: Verb | None = None

    @property
    def initial_spec(self) -> type[Struct]:
        """Return the type of what may stand under ``initial:``."""
        return self.initial or self.spec

    @cached_property
    def notes(self) -> Mapping[str, tuple[str, str]]:
        """Return what is to be said, and what to do, about keys that are no fields of the spec but known."""
        computed = {name: (f"{name} is set by Stytch and cannot be declared", "remove it") for name in self.computed}
        at_create = {
            name: (f"{name} is sent at create only", "write it under initial")
            for name, field in fields_of(self.initial_spec).items()
            if field.trait(CreateOnly) and name not in fields_of(self.spec)
        }
        key = {self.key: (f"{self.key} is the name of a {self.name}", "write it under metadata, as name")}
        return {**computed, **at_create, **key}

    @cached_property
    def merged(self) -> frozenset[str]:
        """Name the fields whose keys are managed one by one."""
        return frozenset(self._with(Merged))

    @cached_property
    def keyed(self) -> Mapping[str, str]:
        """Return the fields that are compared item by item, and the key that tells their items apart."""
        return {name: trait.key for name, trait in self._with(Keyed).items()}

    @cached_property
    def texts(self) -> frozenset[str]:
        """Name the fields whose text may stand in a file."""
        return frozenset(self._with(FromFile))

    @cached_property
    def update_only(self) -> frozenset[str]:
        """Name the fields that a create cannot send."""
        return frozenset(self._with(UpdateOnly))

    @cached_property
    def create_only(self) -> frozenset[str]:
        """Name the fields that cannot be changed afterwards."""
        return frozenset(self._with(CreateOnly))

    @cached_property
    def secret_fields(self) -> Mapping[str, HoldsSecret]:
        """Return the fields that are secrets which we send, or hold some."""
        return self._with(HoldsSecret)

    @cached_property
    def references(self) -> Mapping[str, RefersTo]:
        """Return the fields that name things of other kinds."""
        return self._with(RefersTo)

    @cached_property
    def fills_in(self) -> Mapping[str, tuple[str, ...]]:
        """Return the fields whose change makes Stytch fill in others, and these."""
        return {name: trait.fields for name, trait in self._with(FillsIn).items()}

    @cached_property
    def by_id(self) -> frozenset[str]:
        """Name the fields that hold ids of other things in Stytch, and their names in manifests."""
        return frozenset(name for name, reference in self.references.items() if reference.by_id)

    def compared(self, name: str) -> str:
        """Return a name in the form in which names of this kind are the same."""
        if self.key == "email_address":
            return mailbox_or_text(name)
        return name if self.case_sensitive else fold(name)

    @cached_property
    def late(self) -> frozenset[str]:
        """Name the fields that name what lies in the thing itself."""
        return frozenset(name for name, reference in self.references.items() if reference.late)

    @cached_property
    def create_values(self) -> Spec:
        """Return what every create sends unless something else is declared."""
        return {name: trait.value for name, trait in self._with(CreateValue).items()}

    @cached_property
    def cleared(self) -> Mapping[str, Json]:
        """Return what clears each field that is cleared by a value in an update (others need a call of their own)."""
        return {name: trait.sends for name, trait in self._with(Clearable).items() if trait.sends is not UNSET}

    def _with(self, sort: type[T]) -> Mapping[str, T]:
        traits = {name: field.trait(sort) for name, field in fields_of(self.spec).items()}
        return {name: trait for name, trait in traits.items() if trait is not None}


def normalize_by_traits(spec_type: type[Struct], spec: Spec) -> Spec:
    """Sort and de-duplicate what is unordered and spell domains as A-labels; anything odd is left unchanged."""
    fields = fields_of(spec_type)
    return {name: _normal(value, fields[name]) if name in fields else value for name, value in spec.items()}


def _normal(value: Json, field: Field) -> Json:
    if (keyed := field.trait(Keyed)) and isinstance(value, list):
        return sorted(value, key=lambda item: str(item.get(keyed.key)) if isinstance(item, dict) else "")
    if not field.trait(Unordered):
        return value
    if isinstance(value, dict):
        return {key: _as_set(items) for key, items in value.items()}
    if field.trait(Domains) and isinstance(value, list):
        value = [(isinstance(item, str) and domain_label(item)) or item for item in value]
    return _as_set(value)


def _as_set(value: Json) -> Json:
    """Sort a list and drop repetitions; items that are maps sort by their sorted values."""
    if not isinstance(value, list):
        return value
    unique: list[Json] = []
    for item in value:
        if item not in unique:
            unique.append(item)
    return sorted(unique, key=_order)


def _order(item: Json) -> str:
    return repr(sorted(item.items())) if isinstance(item, dict) else str(item)


Ensure = Literal["present", "absent", "external"]


def ignorable(kind: Kind, path: Path) -> bool:
    """Return whether ``lifecycle.ignore`` may name this path below the document."""
    if len(path) not in (2, 3) or path[0] != "spec" or path[1] not in fields_of(kind.spec):
        return False
    return len(path) == 2 or path[1] in kind.merged  # noqa: PLR2004 # spec, field; the third is a metadata key
