"""One record of a Consumer export → a user with the requested fields, or the reason why it is invalid."""

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Final, NotRequired, TypedDict

import msgspec
from msgspec import Meta, Struct

from reconciler.documents import nesting
from reconciler.model import Json, Position

User = dict[str, Json]  # a Consumer user with the fields that were asked for, as far as the source has them


class Email(TypedDict):
    """An address of a user."""

    email_id: NotRequired[str]
    email: str
    verified: bool


class PhoneNumber(TypedDict):
    """A phone number of a user."""

    phone_id: NotRequired[str]
    phone_number: str
    verified: bool


_FIELDS: Final[dict[str, Any]] = {
    "user_id": Annotated[str, Meta(min_length=1)],
    "emails": list[Email],
    "phone_numbers": list[PhoneNumber],
    "name": dict[str, Any] | None,
    "trusted_metadata": dict[str, Any] | None,
    "untrusted_metadata": dict[str, Any] | None,
    "external_id": str | None,
    "status": str | None,
    "roles": list[str] | None,
    "created_at": str | None,
}


class OddUser(Struct, frozen=True):
    """A record that is not a valid user: whose it is, if known, and what is odd about it."""

    user_id: str | None
    message: str
    position: Position


Batch = Iterable[User | OddUser]
_make: Final[Any] = TypedDict  # called for a type whose fields are known only at run time


class Decoder(Struct, frozen=True):
    """How one source's records become users: many at once, one that was parsed already, or one that is JSON yet."""

    array: Callable[[bytes], list[User]]
    lines: Callable[[bytes], list[User]]
    one: Callable[[Json, Position], User | OddUser]
    text: Callable[[bytes, Position], User | OddUser]


def decoder_of(fields: frozenset[str]) -> Decoder:
    """Make a decoder of just these top-level fields, ``user_id`` among them."""
    types = {name: NotRequired[_FIELDS.get(name, Any)] for name in sorted(fields)}
    types["user_id"] = _FIELDS["user_id"]
    shape: Any = _make("User", types)

    def one(value: Json, position: Position) -> User | OddUser:
        try:
            user: User = msgspec.convert(value, shape)
        except msgspec.ValidationError as error:
            user_id = value.get("user_id") if isinstance(value, dict) else None
            known = user_id if isinstance(user_id, str) and user_id else None
            return OddUser(known, f"not a valid user: {error}", position)
        return user

    many: Any = msgspec.json.Decoder(list[shape])
    single: Any = msgspec.json.Decoder(shape)

    def text(value: bytes, position: Position) -> User | OddUser:
        try:
            try:
                return one(msgspec.json.decode(value), position)
            except RecursionError:
                found = one(msgspec.json.decode(nesting.pruned(value)), position)
                known = found.user_id if isinstance(found, OddUser) else str(found["user_id"])
                return OddUser(known, "not a valid user: it is nested too deeply", position)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return OddUser(None, "not valid JSON", position)

    return Decoder(array=many.decode, lines=single.decode_lines, one=one, text=text)
