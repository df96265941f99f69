"""The settings of frontend SDKs, for each vertical [2.13]."""

from functools import partial
from typing import Final

from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import given
from reconciler.emulator.core.store import Fields
from reconciler.emulator.core.workspace import Vertical
from reconciler.emulator.data.fraud_rules import check_enabled
from reconciler.emulator.management.sdk_sections import SECTIONS, defaults, section


def get(vertical: Vertical, call: Call) -> Answer:
    """``GET …/sdk/b2b`` and ``…/sdk/consumer``: every section."""
    return {"config": _kept(vertical, call)}


def replace(vertical: Vertical, call: Call) -> Answer:
    """``PUT …/sdk/b2b`` and ``…/sdk/consumer``: replaces each section that is sent."""
    before = _kept(vertical, call)
    config = given(call.body, "config", dict, call.behaviour, "invalid_argument")
    if config is None:
        raise Refusal("invalid_argument", "config is required.")
    absent = before if call.behaviour.sdk_absent_section == "kept" else defaults(vertical)
    after: Fields = {
        name: absent[name] if config.get(name) is None else section(vertical, name, config[name], call.behaviour)
        for name in SECTIONS[vertical]
    }
    if after["cookies"]["http_only"] != "DISABLED" and not call.behaviour.custom_domain:
        raise Refusal("cname_required_for_http_only_cookies", "HttpOnly cookies need a custom domain.")
    if after["dfppa"] != defaults(vertical)["dfppa"]:
        check_enabled(call)
    call.keep_document("sdk_config", after)
    return {"config": after}


def _kept(vertical: Vertical, call: Call) -> Fields:
    if call.environment.vertical != vertical:
        raise Refusal("bad_vertical_for_stytch_sdk", "The project is of the other vertical.")
    kept: Fields = call.document("sdk_config") or {}
    return {**defaults(vertical), **kept}


ROUTES: Final = (
    ("GET", "sdk/b2b", "sdk_b2b_get", partial(get, "B2B")),
    ("PUT", "sdk/b2b", "sdk_b2b_set", partial(replace, "B2B")),
    ("GET", "sdk/consumer", "sdk_consumer_get", partial(get, "CONSUMER")),
    ("PUT", "sdk/consumer", "sdk_consumer_set", partial(replace, "CONSUMER")),
)
