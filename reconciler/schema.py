"""What a kind is: its spec as a type whose fields carry traits, from which validation, diff and help are derived.

A field is declared once::

    email_invites: Annotated[Invites | UnsetType, CreateValue("ALL_ALLOWED")] = UNSET

``UNSET`` is "not managed". What the type says is checked by ``reconciler.conform``; the traits say what a type cannot.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Annotated, Any, Final, Literal, get_args, get_origin, get_type_hints

from msgspec import UNSET, Meta, Struct, UnsetType

from reconciler.expressions.text import a_label
from reconciler.model import Json, Path, Problem, Resource, Spec

API_VERSION: Final = "reconciler/v1"
ApiVersion = Literal["reconciler/v1"]
Name = Annotated[str, Meta(min_length=1)]


class Unordered(Struct, frozen=True):
    """A list that is a set: order and repetition mean nothing to Stytch."""


class Domains(Struct, frozen=True):
    """A list of domain names, compared as A-labels in lower case."""


class Merged(Struct, frozen=True):
    """A map whose keys are managed one by one; a null removes its key."""


class CreateOnly(Struct, frozen=True):
    """Sent when the thing is made; Stytch has no way to change it afterwards."""


class UpdateOnly(Struct, frozen=True):
    """Refused by Stytch's create: sent in an update after it."""


class CreateValue(Struct, frozen=True):
    """What we send at create where nothing else is said, because Stytch would choose badly."""

    value: Json


class Clearable(Struct, frozen=True):
    """``null`` clears the field: by a call of its own (``how`` names it), or by sending ``sends``."""

    how: str
    sends: Json | UnsetType = UNSET


class FromFile(Struct, frozen=True):
    """Long text, which may be written as ``{file: path}``, relative to the repository's root."""


class TextFile(Struct, forbid_unknown_fields=True, kw_only=True):
    """The file that a long text is kept in."""

    file: Name


class RefersTo(Struct, frozen=True):
    """The value (or, in a list of maps, the value at ``key`` of each) names a thing of another kind."""

    kind: str
    key: str = ""


Trait = Unordered | Domains | Merged | CreateOnly | UpdateOnly | CreateValue | Clearable | FromFile | RefersTo
TRAITS: Final = get_args(Trait)


class Field(Struct, frozen=True):
    """One field of a spec: its name in Stytch, its type (with ``UNSET``) and its traits."""

    name: str
    hint: Any
    traits: tuple[Trait, ...] = ()

    def trait(self, sort: type[Any]) -> Any:
        """Give the trait of that sort, or None."""
        return next((trait for trait in self.traits if isinstance(trait, sort)), None)


@cache
def fields_of(spec: type[Struct]) -> Mapping[str, Field]:
    """Give the fields of a spec type in the order in which they are declared."""
    hints = get_type_hints(spec, include_extras=True)
    return {name: Field(name, *_split(hints[name])) for name in spec.__struct_fields__}


def _split(hint: Any) -> tuple[Any, tuple[Trait, ...]]:
    if get_origin(hint) is not Annotated:
        return hint, ()
    inner, *extras = get_args(hint)
    return inner, tuple(extra for extra in extras if isinstance(extra, TRAITS))


def _no_problem(_resource: Resource) -> Iterator[Problem]:
    return iter(())


def _unchanged(spec: Spec) -> Spec:
    return spec


Verb = Callable[..., Any]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A sort of thing in Stytch. The one value of a file in ``kinds/``; ``KINDS`` registers it.

    ``initial`` is the type of what may stand under ``initial:`` (None: the spec's own), ``namespace`` the kind of the
    thing that it lies in, ``key`` Stytch's name of the field that ``metadata.name`` is and ``key_type`` its type,
    ``required`` the fields that a create needs, ``computed`` those that Stytch fills in and nobody can declare.
    ``check`` says what is wrong with a resource beyond its types; ``normalize`` brings declared
    and live specs to one form, where Stytch answers differently from what was written. A verb that is None does not
    exist in Stytch.
    """

    name: str
    spec: type[Struct]
    initial: type[Struct] | None = None
    namespace: str | None = None
    key: str
    key_type: Any = str
    renamable: bool = False
    restorable: bool = False
    required: frozenset[str] = frozenset()
    computed: frozenset[str] = frozenset()
    check: Callable[[Resource], Iterator[Problem]] = _no_problem
    normalize: Callable[[Spec], Spec] = _unchanged
    list: Verb | None = None
    create: Verb | None = None
    update: Verb | None = None
    delete: Verb | None = None

    @property
    def initial_spec(self) -> type[Struct]:
        """Give the type of what may stand under ``initial:``."""
        return self.initial or self.spec

    @cached_property
    def notes(self) -> Mapping[str, tuple[str, str]]:
        """Give what is to be said, and what to do, about keys that are no fields of the spec but known."""
        computed = {
            name: (f"{name} is filled in by Stytch and cannot be declared", "remove it") for name in self.computed
        }
        at_create = {
            name: (f"{name} is sent at create only", "write it under initial")
            for name, field in fields_of(self.initial_spec).items()
            if field.trait(CreateOnly)
        }
        key = {self.key: (f"{self.key} is the name of a {self.name}", "write it under metadata, as name")}
        return {**computed, **at_create, **key}

    @cached_property
    def merged(self) -> frozenset[str]:
        """Name the fields whose keys are managed one by one."""
        return frozenset(name for name, _field in self._with(Merged))

    @cached_property
    def texts(self) -> frozenset[str]:
        """Name the fields whose text may stand in a file."""
        return frozenset(name for name, _field in self._with(FromFile))

    @cached_property
    def update_only(self) -> frozenset[str]:
        """Name the fields that a create cannot send."""
        return frozenset(name for name, _field in self._with(UpdateOnly))

    @cached_property
    def create_values(self) -> Spec:
        """Give what every create sends unless something else is declared."""
        return {name: field.trait(CreateValue).value for name, field in self._with(CreateValue)}

    @cached_property
    def cleared(self) -> Mapping[str, Json]:
        """Give what clears each field that is cleared by a value in an update (others need a call of their own)."""
        found = {name: field.trait(Clearable).sends for name, field in self._with(Clearable)}
        return {name: value for name, value in found.items() if value is not UNSET}

    def _with(self, sort: type[Any]) -> Iterator[tuple[str, Field]]:
        return ((name, field) for name, field in fields_of(self.spec).items() if field.trait(sort))


def normalize_by_traits(spec_type: type[Struct], spec: Spec) -> Spec:
    """Sort and de-duplicate what is unordered and spell domains as A-labels; anything odd stays as it is."""
    fields = fields_of(spec_type)
    return {name: _normal(value, fields[name]) if name in fields else value for name, value in spec.items()}


def _normal(value: Json, field: Field) -> Json:
    if not field.trait(Unordered):
        return value
    if isinstance(value, dict):
        return {key: _as_set(items) for key, items in value.items()}
    if field.trait(Domains) and isinstance(value, list):
        value = [(isinstance(item, str) and a_label(item)) or item for item in value]
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


class Lifecycle(Struct, forbid_unknown_fields=True, kw_only=True):
    """The ``lifecycle:`` of a manifest: paths that are never compared, and whether deletes are refused."""

    ignore: tuple[str, ...] = ()
    protect: bool = False


Ensure = Literal["present", "absent", "external"]


def ignorable(kind: Kind, path: Path) -> bool:
    """Tell whether ``lifecycle.ignore`` may name this path below the document."""
    if len(path) not in (2, 3) or path[0] != "spec" or path[1] not in fields_of(kind.spec):
        return False
    return len(path) == 2 or path[1] in kind.merged  # noqa: PLR2004 # spec, field; the third is a metadata key
