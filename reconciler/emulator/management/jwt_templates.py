"""JWT templates: the claims in every session token or M2M token of an environment [2.7]."""

from typing import Final

from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import given
from reconciler.emulator.core.jwt_template_rules import check
from reconciler.emulator.core.store import Fields

TYPES: Final = ("SESSION", "M2M")
DEFAULT: Final = {"template_content": "{}", "custom_audience": ""}


def get(call: Call) -> Answer:
    """``GET …/jwt_templates/{jwt_template_type}``."""
    type_ = _type(call)
    return {"jwt_template": _shown(type_, call.document(_name(type_)) or DEFAULT)}


def replace(call: Call) -> Answer:
    """``PUT …/jwt_templates/{jwt_template_type}``: kept exactly as sent. An empty text counts as absent."""
    type_ = _type(call)
    kept = {name: given(call.body, name, str, call.behaviour, "invalid_argument") or "" for name in DEFAULT}
    check(kept["template_content"], type_, call.environment.vertical, call.behaviour)
    call.keep_document(_name(type_), kept)
    return {"jwt_template": _shown(type_, kept)}


def _type(call: Call) -> str:
    type_ = call.path["jwt_template_type"]
    if type_ not in TYPES:
        raise Refusal("jwt_template_not_found", f"A JWT template is one of {', '.join(TYPES)}.")
    return type_


def _name(type_: str) -> str:
    return f"jwt_template {type_}"


def _shown(type_: str, kept: Fields) -> Fields:
    return {**kept, "jwt_template_type": type_}


ROUTES: Final = (
    ("GET", "jwt_templates/{jwt_template_type}", "jwt_templates_get", get),
    ("PUT", "jwt_templates/{jwt_template_type}", "jwt_templates_set", replace),
)
