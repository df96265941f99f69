"""The settings of a Consumer environment → the settings of a B2B environment: a module for each kind that differs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from reconciler.migration.translate import (
    connected_apps,
    countries,
    environments,
    jwt_templates,
    public_tokens,
    rbac,
    sdk_config,
)
from reconciler.migration.values import Setting, Source, Things, Translated, together
from reconciler.model import Live

KINDS_OF_THEIR_OWN: Final[Mapping[str, Callable[[Sequence[Live]], Translated]]] = {
    "ConnectedApp": connected_apps.translate,
    "CountryCodeAllowlist": countries.translate,
    "JWTTemplate": jwt_templates.translate,
    "PublicToken": public_tokens.translate,
    "RBACPolicy": rbac.translate,
    "SDKConfig": sdk_config.translate,
}


def translate(source: Source) -> Translated:
    """Return the translation of an environment and everything in it."""
    return together([environments.translate(source), translated(source.things)])


def translated(things: Things) -> Translated:
    """Return the translation of these resources. A kind that is the same in both is copied."""
    return together([KINDS_OF_THEIR_OWN.get(kind, copied)(lives) for kind, lives in things.items()])


def copied(lives: Sequence[Live]) -> Translated:
    """Return these resources unchanged."""
    return Translated(settings=tuple(Setting(kind=live.kind, name=live.name, spec=live.spec) for live in lives))
