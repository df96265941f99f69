"""The rules of a JWT template: a JSON object with tags like ``{{ member.name }}`` as values [2.7].

A tag may be in quotes or not: ``{"role": {{ user.trusted_metadata.role }}, "hello": "Hi {{ user.name.first_name }}"}``.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from reconciler.emulator.core.behaviour import Behaviour
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.store import Fields
from reconciler.emulator.core.workspace import Vertical

TAG: Final = re.compile(r"\{\{([^{}]*)\}\}")
PATH: Final = re.compile(r"([A-Za-z_]+)(?:\.[^\s.\"]+)+")
ROOTS: Final[Mapping[tuple[str, Vertical], frozenset[str]]] = {
    ("SESSION", "B2B"): frozenset({"member", "organization"}),
    ("SESSION", "CONSUMER"): frozenset({"user"}),
    ("M2M", "B2B"): frozenset({"client", "request"}),
    ("M2M", "CONSUMER"): frozenset({"client", "request"}),
}
STAND_IN: Final = "[[[]]]"
"""Replaces a tag: it is valid JSON by itself, text inside a string, and invalid next to anything else."""
RESERVED: Final = frozenset({"iss", "sub", "aud", "exp", "nbf", "iat", "jti"})
STYTCH: Final = "https://stytch.com/"
SIZE: Final = 4096


def check(content: str, type_: str, vertical: Vertical, behaviour: Behaviour) -> None:
    """Refuse an invalid template of this type.

    Raises:
        Refusal: ``jwt_template_mismatched_tag``, ``jwt_template_invalid_tag``, ``jwt_template_invalid_json``,
            ``reserved_claims_in_custom_claims``, ``stytch_claims_in_custom_claims`` or ``custom_claims_too_large``.
    """
    bare = TAG.sub(STAND_IN, content)
    if "{{" in bare:
        raise Refusal("jwt_template_mismatched_tag", "A tag is opened with {{ and not closed with }}.")
    roots = ROOTS[type_, vertical]
    for tag in TAG.findall(content):
        match = PATH.fullmatch(tag.strip())
        if not match or (behaviour.jwt_template_tags == "checked" and match[1] not in roots):
            message = f"A tag is a path below {' or '.join(sorted(roots))}, for example {{{{ {min(roots)}.name }}}}."
            raise Refusal("jwt_template_invalid_tag", message)
    claims = _claims(bare)
    if behaviour.reserved_claims == "refused":
        if not RESERVED.isdisjoint(claims):
            raise Refusal("reserved_claims_in_custom_claims", f"{', '.join(sorted(RESERVED))} are reserved claims.")
        if any(name.startswith(STYTCH) for name in claims):
            raise Refusal("stytch_claims_in_custom_claims", f"Claims below {STYTCH} are Stytch's own.")
    if len(json.dumps(claims, separators=(",", ":"), ensure_ascii=False).encode()) > SIZE:
        raise Refusal("custom_claims_too_large", f"The claims may have at most {SIZE} bytes.")


def _claims(bare: str) -> Fields:
    try:
        claims = json.loads(bare, object_pairs_hook=_object, parse_constant=_no_json)
    except (ValueError, RecursionError):
        raise Refusal("jwt_template_invalid_json", "The template is not valid JSON.") from None
    if not isinstance(claims, dict):
        raise Refusal("jwt_template_invalid_json", "The template is not a JSON object.")
    return claims


def _object(pairs: list[tuple[str, Any]]) -> Fields:
    if any(STAND_IN in name for name, _ in pairs):
        raise Refusal("jwt_template_invalid_tag", "A tag may stand for a value, not for the name of a claim.")
    return dict(pairs)


def _no_json(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
