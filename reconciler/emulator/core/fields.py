"""Read a request's fields: check the type first, then the vendor's limits [1.5, 2, 2.19, 4]."""

import re
from collections.abc import Collection
from typing import Any

from reconciler.emulator.core.behaviour import Behaviour
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.store import Fields

EXTERNAL_ID = re.compile(r"[A-Za-z0-9._|-]{1,128}")
EMAIL = re.compile(r"[^\s@<>()\",;:\\\[\]]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
PHONE = re.compile(r"\+[1-9][0-9]{1,14}")
EMAIL_LENGTH = 254
LARGEST = 2**31 - 1

_TYPES: dict[type, str] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    list: "array",
    dict: "object",
}


def given(body: Fields, name: str, type_: type, behaviour: Behaviour, error: str = "bad_request") -> Any:
    """Return the field's value, or None where the request does not change it.

    Raises:
        Refusal: ``error``, where the value has another type.
    """
    value = body.get(name)
    if value is None:
        clears = name in body and behaviour.null_field == "clears"
        return type_() if clears and type_ is not bool else None
    if not isinstance(value, (int, float) if type_ is float else type_) or (
        isinstance(value, bool) and type_ is not bool
    ):
        raise Refusal(error, f"{name} must be of type {_TYPES[type_]}.")
    return value


def texts(body: Fields, name: str, behaviour: Behaviour, error: str = "bad_request") -> list[str] | None:
    """Return a list of strings, or None where the request does not change it. Raises as ``given`` does."""
    values = given(body, name, list, behaviour, error)
    if values is not None and not all(isinstance(value, str) for value in values):
        raise Refusal(error, f"{name} must be an array of strings.")
    return values  # type: ignore[no-any-return] # The line above has checked every item.


def choice(body: Fields, name: str, choices: Collection[str], behaviour: Behaviour, error: str) -> str | None:
    """Return one of ``choices``, or None where the request does not change it. Raises as ``given`` does."""
    value: str | None = given(body, name, str, behaviour, error)
    if value is not None and value not in choices:
        raise Refusal(error, f"{name} must be one of {', '.join(choices)}.")
    return value


def positive(body: Fields, name: str, error: str) -> int | None:
    """Return an integer of at least 1, or None where the request does not change it. Null is refused."""
    value = body.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST):
        raise Refusal(error, f"{name} must be a whole number from 1 to {LARGEST}.")
    return value


def external_id(body: Fields, name: str, behaviour: Behaviour, error: str) -> str | None:
    """Return an external id. ``""`` is refused: separate endpoints delete external ids."""
    value: str | None = given(body, name, str, behaviour, error)
    if value is not None and not EXTERNAL_ID.fullmatch(value):
        raise Refusal(error, f"{name} must have 1 to 128 characters of A-Z, a-z, 0-9 and . _ - |")
    return value


def email(text: str, behaviour: Behaviour) -> str:
    """Return a valid address in the form in which it is stored."""
    if len(text) > EMAIL_LENGTH or not EMAIL.fullmatch(text):
        raise Refusal("invalid_email", "Email format is invalid.")
    return text.lower() if behaviour.lower_emails else text


def phone(text: str) -> str:
    """Return a valid phone number in E.164."""
    if not PHONE.fullmatch(text):
        raise Refusal("invalid_phone_number", "Phone number is invalid; it must be in E.164 format.")
    return text


def ordered(values: list[Any], behaviour: Behaviour) -> list[Any]:
    """Return the items of a set in the order in which the API answers them."""
    if behaviour.set_order == "kept":
        return values
    return sorted(values, key=str, reverse=behaviour.set_order == "reversed")
