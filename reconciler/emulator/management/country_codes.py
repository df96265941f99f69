"""The countries that SMS and WhatsApp messages may be sent to [2.8]."""

from functools import partial
from typing import Final

from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import COUNTRIES, texts

DEFAULT: Final = ("CA", "US")


def get(channel: str, call: Call) -> Answer:
    """``GET …/allowed_country_codes/sms`` and ``…/whatsapp``."""
    _refuse_unsupported(channel, call)
    return {"country_codes": call.document(_name(channel)) or list(DEFAULT)}


def replace(channel: str, call: Call) -> Answer:
    """``POST …/allowed_country_codes/sms`` and ``…/whatsapp``: replaces the list, sorted and in upper case."""
    _refuse_unsupported(channel, call)
    error = "country_code_allowlist_invalid_country_codes"
    codes = sorted({code.upper() for code in texts(call.body, "country_codes", call.behaviour, error) or ()})
    if not codes:
        raise Refusal("country_code_allowlist_empty", "At least one country must be allowed.")
    if not COUNTRIES.issuperset(codes):
        raise Refusal(error, "country_codes holds an invalid ISO 3166-1 alpha-2 code.")
    if not call.behaviour.billing_verified and not set(DEFAULT).issuperset(codes):
        raise Refusal("country_code_allowlist_billing_not_verified", "More countries need verified billing.")
    call.keep_document(_name(channel), codes)
    return {"country_codes": codes}


def _refuse_unsupported(channel: str, call: Call) -> None:
    if channel == "whatsapp" and call.environment.vertical == "B2B":
        message = "WhatsApp is not supported in B2B projects."
        raise Refusal("country_code_allowlist_b2b_whatsapp_not_supported", message)


def _name(channel: str) -> str:
    return f"allowed_country_codes {channel}"


ROUTES: Final = (
    ("GET", "allowed_country_codes/sms", "sms_country_codes_get", partial(get, "sms")),
    ("POST", "allowed_country_codes/sms", "sms_country_codes_set", partial(replace, "sms")),
    ("GET", "allowed_country_codes/whatsapp", "whatsapp_country_codes_get", partial(get, "whatsapp")),
    ("POST", "allowed_country_codes/whatsapp", "whatsapp_country_codes_set", partial(replace, "whatsapp")),
)
