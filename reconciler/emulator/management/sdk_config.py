"""The settings of frontend SDKs, for each vertical, in sections [2.13]."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from reconciler.emulator.core.behaviour import Behaviour
from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import choice, given, ordered, texts
from reconciler.emulator.core.store import Fields
from reconciler.emulator.core.workspace import Vertical
from reconciler.emulator.data.fraud import check_enabled

MINUTES: Final = range(5, 527_041)
SLUG: Final = "{{slug}}"
BAD: Final = "invalid_argument"


def get(vertical: Vertical, call: Call) -> Answer:
    """``GET …/sdk/b2b`` and ``…/sdk/consumer``: every section."""
    return {"config": _kept(vertical, call)}


def replace(vertical: Vertical, call: Call) -> Answer:
    """``PUT …/sdk/b2b`` and ``…/sdk/consumer``: replaces each section that is sent."""
    before = _kept(vertical, call)
    config = given(call.body, "config", dict, call.behaviour, "invalid_argument")
    if config is None:
        raise Refusal("invalid_argument", "config is required.")
    absent = before if call.behaviour.sdk_absent_section == "kept" else _defaults(vertical)
    after: Fields = {
        name: absent[name] if config.get(name) is None else _section(vertical, name, config[name], call.behaviour)
        for name in SECTIONS[vertical]
    }
    if after["cookies"]["http_only"] != "DISABLED" and not call.behaviour.custom_domain:
        raise Refusal("cname_required_for_http_only_cookies", "HttpOnly cookies need a custom domain.")
    if after["dfppa"] != _defaults(vertical)["dfppa"]:
        check_enabled(call)
    call.keep_document("sdk_config", after)
    return {"config": after}


@dataclass(frozen=True, slots=True)
class Setting:
    """One field: its default, and the function that reads it from a section (None where it is absent)."""

    default: Any
    read: Callable[[Fields, str, Behaviour], Any]


def _section(vertical: Vertical, name: str, sent: Any, behaviour: Behaviour) -> Fields:
    """Return a section as the request sets it. An absent field has its default.

    Raises:
        Refusal: ``invalid_argument``, for an invalid value.
    """
    if not isinstance(sent, dict):
        raise Refusal(BAD, f"{name} must be of type object.")
    read = {field: setting.read(sent, field, behaviour) for field, setting in SECTIONS[vertical][name].items()}
    return _unset(SECTIONS[vertical][name]) | {field: value for field, value in read.items() if value is not None}


def _defaults(vertical: Vertical) -> Fields:
    """Return the configuration of a new environment."""
    return {name: _unset(fields) for name, fields in SECTIONS[vertical].items()}


def _unset(fields: Mapping[str, Setting]) -> Fields:
    return {name: setting.default for name, setting in fields.items()}


def _kept(vertical: Vertical, call: Call) -> Fields:
    if call.environment.vertical != vertical:
        raise Refusal("bad_vertical_for_stytch_sdk", "The project is of the other vertical.")
    kept: Fields = call.document("sdk_config") or {}
    return {**_defaults(vertical), **kept}


def _flag(sent: Fields, name: str, behaviour: Behaviour) -> bool | None:
    value: bool | None = given(sent, name, bool, behaviour, BAD)
    return value


def _minutes(sent: Fields, name: str, behaviour: Behaviour) -> int | None:
    value: int | None = given(sent, name, int, behaviour, BAD)
    if value is not None and value not in MINUTES:
        raise Refusal(BAD, f"{name} must be {MINUTES[0]} to {MINUTES[-1]}.")
    return value


def _texts(sent: Fields, name: str, behaviour: Behaviour) -> list[str] | None:
    values = texts(sent, name, behaviour, BAD)
    return values and ordered(values, behaviour)


def _domains(sent: Fields, name: str, behaviour: Behaviour) -> list[Fields] | None:
    read = _objects(sent, name, ("domain", "slug_pattern"), behaviour)
    for domain in read or ():
        if domain["slug_pattern"] and SLUG not in domain["slug_pattern"]:
            raise Refusal(BAD, f"A slug_pattern must contain {SLUG}.")
    return read


def _autofill(sent: Fields, name: str, behaviour: Behaviour) -> list[Fields] | None:
    read = _objects(sent, name, ("metadata_type", "metadata_value", "bundle_id"), behaviour)
    for entry in read or ():
        choice(entry, "metadata_type", ("domain", "hash"), behaviour, BAD)
    return read


def _objects(sent: Fields, name: str, fields: tuple[str, ...], behaviour: Behaviour) -> list[Fields] | None:
    values = given(sent, name, list, behaviour, BAD)
    if values is None:
        return None
    if not all(isinstance(value, dict) for value in values):
        raise Refusal(BAD, f"{name} must be an array of objects.")
    read = [{field: given(value, field, str, behaviour, BAD) or "" for field in fields} for value in values]
    return ordered(read, behaviour)


def _one_of(*choices: str) -> Setting:
    return Setting(choices[0], lambda sent, name, behaviour: choice(sent, name, choices, behaviour, BAD))


FLAG: Final = Setting(default=False, read=_flag)
TEXTS: Final = Setting([], _texts)


def _flags(*names: str) -> dict[str, Setting]:
    return dict.fromkeys(names, FLAG)


BOTH: Final[Mapping[str, Mapping[str, Setting]]] = {
    "sessions": {"max_session_duration_minutes": Setting(60, _minutes)},
    "oauth": _flags("enabled", "pkce_required"),
    "totps": _flags("enabled", "create_totps"),
    "dfppa": {
        "enabled": _one_of("DISABLED", "ENABLED", "PASSIVE"),
        "on_challenge": _one_of("ALLOW", "BLOCK", "TRIGGER_CAPTCHA"),
    },
    "passwords": _flags("enabled", "pkce_required_for_password_resets"),
    "cookies": {"http_only": _one_of("DISABLED", "ENABLED", "ENFORCED")},
    "user_impersonation": _flags("enabled"),
}
SECTIONS: Final[Mapping[Vertical, Mapping[str, Mapping[str, Setting]]]] = {
    "B2B": {
        "basic": {
            **_flags("enabled", "allow_self_onboarding", "enable_member_permissions"),
            "domains": Setting([], _domains),
            "bundle_ids": TEXTS,
        },
        "magic_links": _flags("enabled", "pkce_required"),
        "sso": _flags("enabled", "pkce_required"),
        "otps": {**_flags("sms_enabled", "email_enabled"), "sms_autofill_metadata": Setting([], _autofill)},
        **BOTH,
    },
    "CONSUMER": {
        "basic": {**_flags("enabled"), "domains": TEXTS, "bundle_ids": TEXTS},
        "magic_links": _flags("login_or_create_enabled", "send_enabled", "pkce_required"),
        "otps": {
            **_flags(
                *(f"{by}_{what}_enabled" for what in ("login_or_create", "send") for by in ("sms", "whatsapp", "email"))
            ),
            "sms_autofill_metadata": Setting([], _autofill),
        },
        "webauthn": _flags("enabled", "create_webauthns"),
        "crypto_wallets": _flags("enabled", "siwe_required"),
        "biometrics": _flags("enabled", "create_biometrics_enabled"),
        **BOTH,
    },
}

ROUTES: Final = (
    ("GET", "sdk/b2b", "sdk_b2b_get", partial(get, "B2B")),
    ("PUT", "sdk/b2b", "sdk_b2b_set", partial(replace, "B2B")),
    ("GET", "sdk/consumer", "sdk_consumer_get", partial(get, "CONSUMER")),
    ("PUT", "sdk/consumer", "sdk_consumer_set", partial(replace, "CONSUMER")),
)
