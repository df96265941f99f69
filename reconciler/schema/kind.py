"""The definition of a kind: its spec as a type with traits, and its verbs; most else is derived from it."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any, Literal, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType

from reconciler.expressions.text import domain_label
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
    """A value that Stytch gives when the resource is made, and that the credential store keeps from then on.

    ``field`` is its name in Stytch; ``suffix`` ends the name under which it is kept where the manifest gives none.
    ``has_one`` tells whether a resource of this spec has one at all, ``shown_once`` that it cannot be asked for later.
    One that is ``chosen`` by us is kept before it is sent, so that it is never lost.
    """

    field: str
    suffix: str = ""
    has_one: Callable[[Spec], bool] = lambda _spec: True
    shown_once: bool = True
    chosen: bool = False


class Key(Struct, frozen=True):
    """What ``metadata.name`` is: the name of that field in Stytch, its type, and in a few words what it means."""

    name: str
    type: Any = str
    description: str = ""


class Identity(Struct, frozen=True, kw_only=True):
    """Which resources there can be, and which live resource a manifest means.

    ``found_by`` says how: by name; by the id that the credential store holds, or an external id (both fall back on the
    name); or by our mark. ``STRATEGIES`` in ``reconciler.diff.compare`` has a function for each.
    One that is ``renamable`` is found by ``renamed_from`` too; one that is ``adoptable`` may carry nobody's ownership
    mark, and a manifest may say ``adopt``. Where the ``id_is_key``, Stytch gives the only name: the credential store
    knows which is which. Names are the same if their ``canonical_name`` is. ``singletons`` names the resources that
    always exist: they can be set, and reset to the kind's ``defaults``, and neither created nor deleted. There can be
    at most ``one_per_parent``, so that another is deleted before it is created. What ``registered_itself`` no person
    created, so that it is never ours, whatever it is called. ``claims`` yields what a manifest says of its resource
    that can be so of only one, in words, and where it says so. ``lacking`` returns the ids of the parents of
    which their records show that nothing of the kind lies in them, so that nobody need ask for that.
    """

    found_by: Literal["name", "stored id", "external id", "mark"] = "name"
    renamable: bool = False
    adoptable: bool = False
    id_is_key: bool = False
    canonical_name: Callable[[str], str] = str
    singletons: tuple[str, ...] = ()
    one_per_parent: bool = False
    registered_itself: Callable[[Live], bool] = lambda _live: False
    claims: Callable[[Resource], Iterable[tuple[str, Path]]] = lambda _resource: ()
    lacking: Callable[[Collection[Live]], frozenset[str]] = lambda _parents: frozenset()


class Order(Struct, frozen=True, kw_only=True):
    """When changes of a kind are written.

    A kind that ``opens_environment`` must be there before the data API of an environment can be asked anything.
    ``after`` names the kinds that must be there first although no field names them; ``rank`` orders changes within
    the kind: those of a rank begin when all before them are over. ``shares`` returns a name for what a change writes to
    and others of its kind write to as well, so that one of them is written at a time; None where it is written side by
    side with all others. Where a kind says nothing, its changes are written one by one.
    """

    opens_environment: bool = False
    after: frozenset[str] = frozenset()
    rank: Callable[[Change], int] = lambda _change: 0
    shares: Callable[[Change], str | None] = lambda _change: ""


def nothing(_change: Change) -> None:
    """Say that a change shares nothing with others of its kind."""


class Deletes(Struct, frozen=True, kw_only=True):
    """How resources of a kind end.

    ``irrecoverable`` returns what is lost for good with a live resource, given all of its kind, if that is so much
    that no plan may delete it without ``lifecycle.allow_delete``. A resource that ``has_lapsed`` ended by itself and
    is not created again; a deleted one that is ``restorable`` comes back as it was. ``recreated_for`` returns whether
    changes need a resource to be deleted and created again; where it is None, that is never done, and what touches
    fields that only a create sends is a conflict.
    ``shown`` are the fields that a delete shows, and that must still be so when it is done; where none is named, those
    are all that hold a single value.
    """

    irrecoverable: Callable[[Live, Sequence[Live], Target], str] = lambda _live, _among, _target: ""
    has_lapsed: Callable[[Spec, datetime], bool] = lambda _spec, _now: False
    restorable: bool = False
    shown: tuple[str, ...] = ()
    recreated_for: Callable[[Sequence[FieldChange]], bool] | None = None


class Verbs(Struct, frozen=True, kw_only=True):
    """What can be done with resources of a kind; a verb that is None does not exist in Stytch.

    ``list`` reads every live one; kinds without it (organizations and members, of which there are millions) are read
    by ``reconciler.read.live``. ``writes`` returns the requests that a change takes; what only an update can send
    after a create is counted besides.
    """

    list: Verb | None = None
    create: Verb | None = None
    update: Verb | None = None
    delete: Verb | None = None
    writes: Callable[[Change], int] = lambda _change: 1


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of resource in Stytch. The one value of a file in ``kinds/``; ``KINDS`` registers it.

    ``initial`` is the type of what may stand under ``initial:`` (None: the spec's own), ``lifecycle`` of that under
    ``lifecycle:``, ``scope`` what a resource lies in, ``namespace`` the kind of the resource that its manifest must
    name as that, ``api`` the API that keeps it. ``required`` are the fields that a create needs, ``computed`` those
    that Stytch fills in and nobody can declare, ``defaults`` what Stytch sets where nobody says anything.

    ``check`` yields what is wrong with a resource beyond its types. ``canonical`` brings declared and live specs to
    one form, where Stytch answers differently from what was written and no trait says so; ``fill`` adds to a declared
    spec what of the live one must not be lost by omission, or is equal but for its form. ``meanwhile`` returns what a
    create sends (UNSET: nothing) in the place of what was said, until the fields can be written that name what lies in
    the resource. ``refuses`` yields which fields of a whole resource, as an update would leave it, Stytch would refuse
    together, and why.
    """

    name: str
    spec: type[Struct]
    initial: type[Struct] | None = None
    lifecycle: type[Lifecycle] = Lifecycle
    scope: Scope = "environment"
    namespace: str | None = None
    api: Literal["management", "data", "telemetry"] = "data"
    key: Key
    identity: Identity = field(default_factory=Identity)
    order: Order = field(default_factory=Order)
    required: frozenset[str] = frozenset()
    computed: frozenset[str] = frozenset()
    defaults: Spec = field(default_factory=dict)
    credential: Credential | None = None
    deletes: Deletes = field(default_factory=Deletes)
    check: Callable[[Resource], Iterable[Problem]] = lambda _resource: ()
    canonical: Callable[[Spec], Spec] = lambda spec: spec
    fill: Callable[[Spec, Spec], Spec] = lambda desired, _live: desired
    meanwhile: Callable[[Spec, Spec], Spec] = lambda _said, _late: {}
    refuses: Callable[[Spec], Iterable[tuple[Collection[str], str]]] = lambda _whole: ()
    verbs: Verbs = field(default_factory=Verbs)

    @property
    def initial_spec(self) -> type[Struct]:
        """Return the type of what may stand under ``initial:``."""
        return self.initial or self.spec

    def normalize(self, spec: Spec) -> Spec:
        """Return a spec, declared or live, in the form in which specs of this kind are compared."""
        return normalize_by_traits(self.spec, self.canonical(spec))

    @cached_property
    def is_shared(self) -> bool:
        """Return whether all environments of a project share what is of this kind."""
        return self.scope in ("workspace", "project")

    @property
    def is_searched(self) -> bool:
        """Return whether live ones are found by search, not by listing all of them."""
        return self.verbs.list is None

    @cached_property
    def notes(self) -> Mapping[str, tuple[str, str]]:
        """Return what is to be said, and what to do, about keys that are no fields of the spec but known."""
        computed = {name: (f"{name} is set by Stytch and cannot be declared", "remove it") for name in self.computed}
        at_create = {
            name: (f"{name} is sent at create only", "write it under initial")
            for name, field in fields_of(self.initial_spec).items()
            if field.trait(CreateOnly) and name not in fields_of(self.spec)
        }
        key = {self.key.name: (f"{self.key.name} is the name of a {self.name}", "write it under metadata, as name")}
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
        """Return the fields that name resources of other kinds."""
        return self._with(RefersTo)

    @cached_property
    def fills_in(self) -> Mapping[str, tuple[str, ...]]:
        """Return the fields whose change makes Stytch fill in others, and these."""
        return {name: trait.fields for name, trait in self._with(FillsIn).items()}

    @cached_property
    def by_id(self) -> frozenset[str]:
        """Name the fields that hold ids of other resources in Stytch, and their names in manifests."""
        return frozenset(name for name, reference in self.references.items() if reference.by_id)

    @cached_property
    def late(self) -> frozenset[str]:
        """Name the fields that name what lies in the resource itself."""
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


def ignorable(kind: Kind, path: Path) -> bool:
    """Return whether ``lifecycle.ignore`` may name this path below the document."""
    if len(path) not in (2, 3) or path[0] != "spec" or path[1] not in fields_of(kind.spec):
        return False
    return len(path) == 2 or path[1] in kind.merged  # noqa: PLR2004 # spec, field; the third is a metadata key
