"""Countries that messages may be sent to: by SMS as before; by WhatsApp B2B sends none."""

from collections.abc import Sequence
from typing import Final

from reconciler.migration.values import Reason, Remark, Setting, Translated
from reconciler.model import Live

DEFAULT: Final = ["CA", "US"]
LOST: Final = Reason("B2B sends nothing by WhatsApp", "see that the list for SMS has the countries that are needed")


def translate(lives: Sequence[Live]) -> Translated:
    """Keep the list for SMS; that for WhatsApp is lost if anybody has changed it."""
    kept = [live for live in lives if live.name == "sms"]
    lost = [live for live in lives if live.name == "whatsapp" and live.spec["country_codes"] != DEFAULT]
    return Translated(
        settings=tuple(Setting(kind=live.kind, name=live.name, spec=live.spec) for live in kept),
        losses=tuple(Remark(live.kind, live.name, "country_codes", LOST) for live in lost),
    )
