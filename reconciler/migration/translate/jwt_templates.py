"""Custom claims: those of session tokens become the claims of members, those of M2M tokens stay unchanged."""

from collections.abc import Sequence

from reconciler.migration.translate.claims import for_members, remarks
from reconciler.migration.values import Setting, Translated, together
from reconciler.model import Live


def translate(lives: Sequence[Live]) -> Translated:
    """Return the templates, with the template of sessions rewritten for members."""
    return together([_session(live) if live.name == "SESSION" else _copied(live) for live in lives])


def _session(live: Live) -> Translated:
    claims = for_members(live.spec["template_content"])
    losses, changes = remarks(live.kind, live.name, "template_content", claims)
    setting = Setting(kind=live.kind, name=live.name, spec={**live.spec, "template_content": claims.text})
    return Translated(settings=(setting,), losses=losses, changes=changes)


def _copied(live: Live) -> Translated:
    return Translated(settings=(Setting(kind=live.kind, name=live.name, spec=live.spec),))
