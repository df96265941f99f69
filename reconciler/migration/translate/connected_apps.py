"""Connected Apps: created again, with claims of members in their tokens, and with new ids that Stytch chooses."""

from collections.abc import Sequence
from typing import Final

from reconciler.kinds import KINDS
from reconciler.migration.translate.claims import for_members, remarks
from reconciler.migration.values import Reason, Remark, Setting, Translated, together
from reconciler.model import Live

TEMPLATES: Final = ("access_token_template_content", "id_token_template_content")
NEW_ID: Final = Reason(
    "Stytch chooses the client_id of an app, so it is another one in the new project; users have to consent again",
    "send the new client_id, and the new secret if there is one, to the owner of the app",
)

SELF_MADE: Final = Reason(
    "the app registered itself, and has to register again with the new project",
    "ask the owner of the app to register it again",
)


def translate(lives: Sequence[Live]) -> Translated:
    """Return every app that a person created. An app that registered itself is a loss: it has to register again."""
    self_made = [live for live in lives if KINDS[live.kind].identity.registered_itself(live)]
    made = [_app(live) for live in lives if live not in self_made]
    losses = tuple(Remark(live.kind, live.name or live.id, "client_id", SELF_MADE) for live in self_made)
    return together([*made, Translated(losses=losses)])


def _app(live: Live) -> Translated:
    spec = dict(live.spec)
    losses = [Remark(live.kind, live.name, "client_id", NEW_ID)]
    changes: list[Remark] = []
    for field in TEMPLATES:
        if not spec.get(field):
            continue
        claims = for_members(spec[field])
        spec[field] = claims.text
        lost, different = remarks(live.kind, live.name, field, claims)
        losses += lost
        changes += different
    return Translated(
        settings=(Setting(kind=live.kind, name=live.name, spec=spec),), losses=tuple(losses), changes=tuple(changes)
    )
