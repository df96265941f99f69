"""Traits: properties of a field beyond its type.

A kind's spec declares each field once, with its traits::

    email_invites: Annotated[Invites | UnsetType, CreateValue("ALL_ALLOWED")] = UNSET

``UNSET`` is "not managed". ``reconciler.schema.validate`` checks what the type says; traits say what a type cannot.
A value that Stytch replaces as one keeps what is left out of it, like every key left out (``completed``).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, TypeVar, get_args, get_origin, get_type_hints

from msgspec import NODEFAULT, UNSET, Meta, Struct, UnsetType, inspect

from reconciler.model import Json, Path, Spec

T = TypeVar("T")

ApiVersion = Literal["reconciler/v1"]
Name = Annotated[str, Meta(min_length=1)]

# A name must be one for a variable of a shell; NAME_ID is where the id of what NAME belongs to is kept.
CREDENTIAL_NAME: Final = r"^(?!.*_ID$)[A-Za-z_][A-Za-z0-9_]*$(?!\n)"
CredentialName = Annotated[
    str, Meta(pattern=CREDENTIAL_NAME, description="a name of letters, digits and _ that does not end in _ID")
]


class Unordered(Struct, frozen=True):
    """A list that is a set: order and repetition mean nothing to Stytch."""


class Domains(Struct, frozen=True):
    """A list of domain names, compared as A-labels in lower case."""


class Merged(Struct, frozen=True):
    """A map whose keys are managed one by one; a null removes its key."""


class InParts(Struct, frozen=True):
    """A map that Stytch takes whole, and whose keys that are left out stay as they are."""


class Keyed(Struct, frozen=True):
    """A list of maps told apart by their ``key``: compared, and shown, item by item; its order means nothing."""

    key: str


class HoldsSecret(Struct, frozen=True):
    """A secret that we send, or a map that holds some: a manifest holds its name, ``{secret: NAME}``.

    What Stytch shows of it is its last four characters, which the kind's ``canonical`` writes as ``{last_four: …}``;
    with ``readable`` False it shows nothing, and the secret is sent at create and not looked at again.
    """

    readable: bool = True


class SecretName(Struct, forbid_unknown_fields=True, kw_only=True):
    """The name of a secret in the environment or the credential store."""

    secret: CredentialName


class CreateOnly(Struct, frozen=True):
    """Sent when the resource is created; Stytch has no way to change it afterwards."""


class UpdateOnly(Struct, frozen=True):
    """Refused by Stytch's create: sent in an update after it."""


class CreateValue(Struct, frozen=True):
    """What we send at create where nothing else is said, because Stytch would choose badly."""

    value: Json


class Clearable(Struct, frozen=True):
    """``null`` clears the field: by a call of its own (``how`` names it), or by sending ``sends``."""

    how: str
    sends: Json | UnsetType = UNSET


class FillsIn(Struct, frozen=True):
    """A change of it makes Stytch fill in other ``fields``: those of them that are declared are sent with it."""

    fields: tuple[str, ...]


class FromFile(Struct, frozen=True):
    """Long text, which may be written as ``{file: path}``, relative to the repository's root."""


class TextFile(Struct, forbid_unknown_fields=True, kw_only=True):
    """The file that a long text is kept in."""

    file: Name


class RefersTo(Struct, frozen=True):
    """The value (or, in a list of maps, the value at ``key`` of each) names a resource of another kind.

    Stytch may want its id instead of its name (``by_id``): then ids become names when they are read, and names ids when
    they are written. ``late`` says that the resource named lies in the one that names it, so that it can only be named
    in an update.
    """

    kind: str
    key: str = ""
    by_id: bool = False
    late: bool = False


Trait = (
    Unordered
    | Domains
    | Merged
    | InParts
    | Keyed
    | HoldsSecret
    | CreateOnly
    | UpdateOnly
    | CreateValue
    | Clearable
    | FillsIn
    | FromFile
    | RefersTo
)
TRAITS: Final = get_args(Trait)


class Field(Struct, frozen=True):
    """One field of a spec: its name in Stytch, its type (with ``UNSET``) and its traits."""

    name: str
    hint: Any
    traits: tuple[Trait, ...] = ()

    def trait(self, sort: type[T]) -> T | None:
        """Return the trait of that sort, or None."""
        return next((trait for trait in self.traits if isinstance(trait, sort)), None)


@cache
def fields_of(spec: type[Struct]) -> Mapping[str, Field]:
    """Return the fields of a spec type in the order in which they are declared."""
    hints = get_type_hints(spec, include_extras=True)
    return {name: Field(name, *_split(hints[name])) for name in spec.__struct_fields__}


def _split(hint: Any) -> tuple[Any, tuple[Trait, ...]]:
    if get_origin(hint) is not Annotated:
        return hint, ()
    inner, *extras = get_args(hint)
    return inner, tuple(extra for extra in extras if isinstance(extra, TRAITS))


def texts_under(key: str, value: Json, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield every text that stands alone in a map, as in ``{secret: NAME}`` (``key``: secret), and where the map is."""
    parts: Iterable[tuple[str, Json]] = ()
    if isinstance(value, dict):
        if value.keys() == {key} and isinstance(value[key], str):
            yield path, value[key]
            return
        parts = value.items()
    elif isinstance(value, list):
        parts = ((str(index), item) for index, item in enumerate(value))
    for name, inner in parts:
        yield from texts_under(key, inner, (*path, name))


EMPTY: Final[Spec] = MappingProxyType({})


def completed(spec_type: type[Struct], spec: Spec, live: Spec = EMPTY) -> dict[str, Json]:
    """Return a spec of a type with what its items and parts leave out: as ``live`` has it, or by default.

    An item of a list is the live one with the same key (``Keyed``), or the one that says the same in all keys that must
    be there. Of an item that is new, what is left out is the default that its type says.
    """
    fields, inside = fields_of(spec_type), _inside(spec_type)
    found = dict(spec)
    for name, value in spec.items():
        there = live.get(name)
        if name not in inside or value is None:
            continue
        if isinstance(value, list):
            keyed = fields[name].trait(Keyed)
            found[name] = _items(inside[name], (keyed.key,) if keyed else (), value, there)
        elif isinstance(value, dict):
            part = completed(inside[name], value, there if isinstance(there, dict) else EMPTY)
            found[name] = {**there, **part} if fields[name].trait(InParts) and isinstance(there, dict) else part
    return found


def _items(spec_type: type[Struct], key: Sequence[str], items: Sequence[Any], live: Json) -> list[Json]:
    defaults = _defaults(spec_type)
    if not defaults:
        return list(items)
    key = key or tuple(name for name in spec_type.__struct_fields__ if name not in defaults)
    there = {_key(item, key): item for item in live if isinstance(item, dict)} if isinstance(live, list) else {}
    return [
        {**defaults, **_optional(there.get(_key(item, key), EMPTY), defaults), **item}
        if isinstance(item, dict)
        else item
        for item in items
    ]


def _key(item: Mapping[str, Json], names: Sequence[str]) -> str:
    return repr([item.get(name) for name in names])


def _optional(item: Mapping[str, Json], defaults: Mapping[str, Json]) -> Mapping[str, Json]:
    return {name: value for name, value in item.items() if name in defaults and value is not None}


@cache
def _inside(spec_type: type[Struct]) -> Mapping[str, type[Struct]]:
    """Return the type of what stands in each field that holds a map with fixed keys, or a list of such."""
    found = {}
    for field in inspect.type_info(spec_type).fields:  # type: ignore[attr-defined] # of a struct it has them
        for each in _alternatives(field.type):
            inner = _alternatives(each.item_type)[0] if isinstance(each, inspect.ListType) else each
            if isinstance(inner, inspect.StructType):
                found[field.name] = inner.cls
    return found


@cache
def _defaults(spec_type: type[Struct]) -> Mapping[str, Json]:
    """Return the keys of an item that may be left out, and what each is then."""
    fields = inspect.type_info(spec_type).fields  # type: ignore[attr-defined] # as above
    return {field.name: field.default for field in fields if field.default is not NODEFAULT}


def _alternatives(kind: Any) -> Sequence[Any]:
    if isinstance(kind, inspect.Metadata):
        return _alternatives(kind.type)
    if isinstance(kind, inspect.UnionType):
        return [each for one in kind.types for each in _alternatives(one)]
    return [kind]
