"""Read a request's fields: check the type first, then the vendor's limits [1.5, 2, 2.19, 4, 7.19]."""

import json
import re
from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import SplitResult, urlsplit

from reconciler.emulator.core.behaviour import Behaviour
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.store import Fields

EXTERNAL_ID = re.compile(r"[A-Za-z0-9._|-]{1,128}")
EMAIL = re.compile(r"[!#-'*+./0-9=?A-Z^-~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
"""In ASCII: what needs an extension of mail servers (RFC 6531) is not known to be accepted."""
PHONE = re.compile(r"\+[1-9][0-9]{1,14}")
_COUNTRY_CODES = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC
CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD
GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH
KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW
MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC
SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY
UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
"""
COUNTRIES = frozenset(_COUNTRY_CODES.split())
"""ISO 3166-1 alpha-2."""
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

METADATA = {"trusted_metadata", "untrusted_metadata"}
METADATA_KEYS = 20
METADATA_BYTES = 4096


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


def url_parts(url: str) -> SplitResult:
    """Return a URL's parts; empty parts for an invalid URL."""
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", "", "", "")


def is_https(url: str) -> bool:
    """Return whether the URL is https with a host."""
    parts = url_parts(url)
    return parts.scheme == "https" and bool(parts.hostname)


def metadata(before: Fields | None, body: Fields, name: str, behaviour: Behaviour) -> Fields:
    """Return the metadata after the request: merged by key; null deletes a key; nested objects are replaced."""
    merged = dict(before or {})
    change = given(body, name, dict, behaviour, "metadata_invalid_format")
    for key, value in (change or {}).items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = value
    if len(merged) > METADATA_KEYS:
        raise Refusal("metadata_too_many_keys", f"{name} may have at most {METADATA_KEYS} keys.")
    if len(json.dumps(merged, separators=(",", ":"), ensure_ascii=False).encode()) > METADATA_BYTES:
        raise Refusal("metadata_too_large", f"{name} may be at most {METADATA_BYTES} bytes.")
    return merged


def cleaner(behaviour: Behaviour) -> Callable[[Fields], Fields]:
    """Return the function that removes fields without a value, where answers leave them out."""
    absent = behaviour.unset_fields == "absent"
    without_empty = behaviour.empty_metadata == "absent"

    def clean(fields: Fields) -> Fields:
        return {
            name: value
            for name, value in fields.items()
            if not (absent and value is None) and not (without_empty and value == {} and name in METADATA)
        }

    return clean
