"""The password strength policy of an environment [2.10]."""

from typing import Final

from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import choice, given
from reconciler.emulator.core.store import Fields

CHECKS: Final = ("check_breach_on_creation", "check_breach_on_authentication", "validate_on_authentication")
POLICIES: Final = ("ZXCVBN", "LUDS")
LUDS: Final = {
    "luds_min_password_length": (range(8, 33), "invalid_password_strength_luds_length"),
    "luds_min_password_complexity": (range(1, 5), "invalid_password_strength_luds_complexity"),
}
DEFAULT: Final = {**dict.fromkeys(CHECKS, True), "validation_policy": "ZXCVBN", **dict.fromkeys(LUDS)}


def get(call: Call) -> Answer:
    """``GET …/password_strength_config``."""
    return _shown(call, call.document("password_strength_config") or DEFAULT)


def replace(call: Call) -> Answer:
    """``PUT …/password_strength_config``: replaces it. A check that is absent is off."""
    after: Fields = {name: bool(given(call.body, name, bool, call.behaviour, "invalid_argument")) for name in CHECKS}
    policy = choice(call.body, "validation_policy", POLICIES, call.behaviour, "invalid_argument") or "ZXCVBN"
    after["validation_policy"] = policy
    for name, (allowed, error) in LUDS.items():
        stated = given(call.body, name, int, call.behaviour, error)
        if policy == "LUDS" and stated not in allowed:
            raise Refusal(error, f"{name} must be {allowed[0]} to {allowed[-1]}.")
        if policy != "LUDS" and stated and call.behaviour.luds_with_zxcvbn == "refused":
            raise Refusal(error, f"{name} may only be given with LUDS.")
        after[name] = stated if policy == "LUDS" else None
    call.keep_document("password_strength_config", after)
    return _shown(call, after)


def _shown(call: Call, kept: Fields) -> Answer:
    return {"password_strength_config": call.store.clean(kept)}


ROUTES: Final = (
    ("GET", "password_strength_config", "password_strength_config_get", get),
    ("PUT", "password_strength_config", "password_strength_config_set", replace),
)
