"""``/v1/verdict_reasons``: the action for each sign of fraud, and the project's overrides [2.18]."""

from collections.abc import Mapping
from typing import Final

from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import choice, given
from reconciler.emulator.core.order import arranged
from reconciler.emulator.core.store import Fields
from reconciler.emulator.data.fraud_rules import ACTIONS, check_enabled

REASONS: Final[Mapping[str, str]] = {
    "AD_BLOCKER_DETECTED": "BLOCK",
    "HEADLESS_BROWSER_AUTOMATION": "BLOCK",
    "SMART_RATE_LIMIT_WARNING": "CHALLENGE",
    "VIRTUAL_MACHINE": "CHALLENGE",
}
"""The reasons in the vendor's public pages, with their default actions. The vendor has more."""
DOCUMENT: Final = "verdict_reason_overrides"


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


def _shown(call: Call, reason: str, overrides: Mapping[str, Fields]) -> Fields:
    unset: Fields = dict.fromkeys(("override_action", "override_created_at", "override_description"))
    shown = {"verdict_reason": reason, "default_action": REASONS[reason], **unset, **overrides.get(reason, {})}
    return call.store.clean(shown)
