"""Countries that messages may be sent to. B2B has the list for SMS, and sends nothing by WhatsApp."""

from collections.abc import Sequence
from typing import Final

from reconciler.migration.values import Reason, Remark, Setting, Translated
from reconciler.model import Live

DEFAULT: Final = ["CA", "US"]
LOST: Final = Reason("B2B sends nothing by WhatsApp", "check that the list for SMS has the countries that you need")


def translate(lives: Sequence[Live]) -> Translated:
    """Return the list for SMS. The list for WhatsApp is a loss where it is not Stytch's default."""
    kept = [live for live in lives if live.name == "sms"]
    lost = [live for live in lives if live.name == "whatsapp" and live.spec["country_codes"] != DEFAULT]
    return Translated(
        settings=tuple(Setting(kind=live.kind, name=live.name, spec=live.spec) for live in kept),
        losses=tuple(Remark(live.kind, live.name, "country_codes", LOST) for live in lost),
    )
