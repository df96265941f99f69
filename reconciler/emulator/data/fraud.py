"""Fraud prevention: rules for a device, a network or a country, and the action for each sign of fraud [2.18]."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any, Final

from reconciler.emulator.core.call import Answer, Call, Rendered, timestamp
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import COUNTRIES, choice, given, positive
from reconciler.emulator.core.search import Selection, arranged, page
from reconciler.emulator.core.store import Fields, Row

KIND: Final = "fraud_rule"
ACTIONS: Final = ("ALLOW", "CHALLENGE", "BLOCK", "NONE")
IDENTIFIERS: Final = (
    *("visitor_id", "browser_id", "visitor_fingerprint", "browser_fingerprint", "hardware_fingerprint"),
    *("network_fingerprint", "cidr_block", "country_code", "asn"),
)
PAGE_SIZES: Final = (10, 100)
"""The default and the largest page size of a list."""
PREFIXES: Final = range(16, 33)
LARGEST_ASN: Final = 4_294_967_295

REASONS: Final[Mapping[str, str]] = {
    "AD_BLOCKER_DETECTED": "BLOCK",
    "HEADLESS_BROWSER_AUTOMATION": "BLOCK",
    "SMART_RATE_LIMIT_WARNING": "CHALLENGE",
    "VIRTUAL_MACHINE": "CHALLENGE",
}
"""The reasons in the vendor's public pages, with their default actions. The vendor has more."""
DOCUMENT: Final = "verdict_reason_overrides"


def set_rule(call: Call) -> Answer:
    """``POST /v1/rules/set``: creates a rule, replaces it, or removes it (action ``NONE``)."""
    check_enabled(call)
    action = choice(call.body, "action", ACTIONS, call.behaviour, "invalid_argument")
    if not action:
        raise Refusal("invalid_argument", "action is required.")
    name, shown, key = _identifier(call)
    if (name, action) == ("country_code", "ALLOW"):
        raise Refusal("invalid_argument", "ALLOW may not be set for a country_code.")
    minutes = positive(call.body, "expires_in_minutes", "invalid_argument")
    expires_at = timestamp(call.clock() + 60 * minutes) if minutes else None
    row = call.store.get(call.collection(KIND), f"{name} {key}")
    if row is not None and _has_expired(call, row):
        call.store.remove(row)
        row = None
    if action != "NONE":
        _keep(call, row, f"{name} {key}", {name: shown, "action": action, "expires_at": expires_at})
    elif row is not None:
        call.store.remove(row)
    return call.store.clean({"action": action, name: shown, "expires_at": expires_at if action != "NONE" else None})


def list_rules(call: Call) -> Answer:
    """``POST /v1/rules/list``: the rules that have not expired."""
    check_enabled(call)
    live = "coalesce(json_extract(text, '$.expires_at') > :now, 1)"
    selection = Selection(call.collection(KIND), (0,), f"({live})", (("now", call.now()),))
    rules = page(replace(call, index=call.store), selection, KIND, PAGE_SIZES)
    end = "null" if call.behaviour.rules_last_cursor == "null" else '""'
    cursor = f'"{rules.cursor}"' if rules.cursor else end
    return Rendered(f'"rules":[{",".join(rules.texts)}],"next_cursor":{cursor}')


def check_enabled(call: Call) -> None:
    """Refuse the request where the project may not use fraud prevention."""
    if not call.behaviour.dfp_enabled:
        raise Refusal("enterprise_endpoint", "Device Fingerprinting is not enabled for this project.")


def override(call: Call) -> Answer:
    """``POST /v1/verdict_reasons/override``: ``NONE`` removes the override."""
    check_enabled(call)
    reason = given(call.body, "verdict_reason", str, call.behaviour, "invalid_argument")
    if reason not in REASONS:
        raise Refusal("invalid_argument", "There is no such verdict_reason, or it cannot be overridden.")
    action = choice(call.body, "override_action", ACTIONS, call.behaviour, "invalid_argument")
    if not action:
        raise Refusal("invalid_argument", "override_action is required.")
    description = given(call.body, "override_description", str, call.behaviour, "invalid_argument")
    overrides = dict(call.document(DOCUMENT) or {})
    overrides.pop(reason, None)
    if action != "NONE":
        overrides[reason] = {
            "override_action": action,
            "override_created_at": call.now(),
            "override_description": description,
        }
    call.keep_document(DOCUMENT, overrides)
    return {"verdict_reason_action": _shown(call, reason, overrides)}


def list_reasons(call: Call) -> Answer:
    """``POST /v1/verdict_reasons/list``."""
    check_enabled(call)
    overrides = call.document(DOCUMENT) or {}
    wanted = overrides if given(call.body, "overrides_only", bool, call.behaviour, "invalid_argument") else REASONS
    reasons = arranged(sorted(wanted), call.behaviour)
    return {"verdict_reason_actions": [_shown(call, reason, overrides) for reason in reasons]}


def _keep(call: Call, row: Row | None, id: str, stated: Fields) -> None:
    description = given(call.body, "description", str, call.behaviour, "invalid_argument")
    fields = {
        "rule_type": id.partition(" ")[0].upper(),
        **stated,
        "description": description,
        "created_at": row.fields["created_at"] if row else call.now(),
        "last_updated_at": call.now() if row else None,
    }
    call.store.put(call.collection(KIND), Row(id, fields, number=row.number if row else 0))


def _has_expired(call: Call, row: Row) -> bool:
    expires_at: str | None = row.fields.get("expires_at")
    return expires_at is not None and expires_at <= call.now()


def _identifier(call: Call) -> tuple[str, str, str]:
    """Return the subject of the rule: the field's name, the value in answers, and the value for comparison."""
    named = [name for name in IDENTIFIERS if call.body.get(name) is not None]
    if len(named) != 1:
        raise Refusal("invalid_argument", f"Exactly one of {', '.join(IDENTIFIERS)} must be given.")
    name = named[0]
    value: str = given(call.body, name, str, call.behaviour, "invalid_argument")
    key = _KEYS.get(name, _plain)(value)
    if key is None:
        raise Refusal("invalid_argument", f"{name} is invalid.")
    return name, key if name == "cidr_block" and call.behaviour.cidr_block == "normalised" else value, key


def _plain(value: str) -> str | None:
    return value or None


def _network(value: str) -> str | None:
    """Return an IPv4 address or block with a prefix of 16 to 32, as a network; None for another text."""
    try:
        network = IPv4Network(value, strict=False)
    except ValueError:
        return None
    return str(network) if network.prefixlen in PREFIXES else None


def _country(value: str) -> str | None:
    return value.upper() if value.upper() in COUNTRIES else None


def _asn(value: str) -> str | None:
    number = int(value) if value.isascii() and value.isdecimal() and len(value) <= len(str(LARGEST_ASN)) else None
    return None if number is None or number > LARGEST_ASN else str(number)


_KEYS: Final[Mapping[str, Callable[[Any], str | None]]] = {
    "cidr_block": _network,
    "country_code": _country,
    "asn": _asn,
}


def _shown(call: Call, reason: str, overrides: Mapping[str, Fields]) -> Fields:
    unset: Fields = dict.fromkeys(("override_action", "override_created_at", "override_description"))
    shown = {"verdict_reason": reason, "default_action": REASONS[reason], **unset, **overrides.get(reason, {})}
    return call.store.clean(shown)
