"""The settings of a Consumer environment → the settings of a B2B environment.

A kind that is the same in both is copied. A kind that differs has a function in ``TRANSLATIONS``; those of the RBAC
policy and of the SDK configuration have modules of their own.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from reconciler.export.manifests import Manifest
from reconciler.kinds import KINDS
from reconciler.migration.claims import for_members, remarks
from reconciler.migration.rbac import translate_rbac_policy
from reconciler.migration.sdk_config import translate_sdk_config
from reconciler.migration.values import Reason, Remark, Source, Things, Translated, copy_of, together
from reconciler.model import Live, Spec

# Environments

REGISTRATION_CLAIMS: Final = "idp_dynamic_client_registration_access_token_template_content"
PASSWORDS: Final = "cross_org_passwords_enabled"
ENVIRONMENT_CHANGES: Final = {
    PASSWORDS: Reason(
        "users had one password for everything, so members have one for all organizations; the setting cannot be "
        "changed once any member has a password",
        "decide before that: false gives members one password for each organization, which organizations with their "
        "own login pages need",
    ),
    "zero_downtime_session_migration_url": Reason(
        "Stytch calls this URL on sessions.migrate, now for a member of an organization",
        "check that the service behind the URL answers for members too",
    ),
    "idp_authorization_url": Reason(
        "the page behind this URL signs people in through the SDK",
        "check that it uses the B2B SDK, or set another page",
    ),
}


def translate(source: Source) -> Translated:
    """Return the translation of an environment and of everything in it."""
    return together([translate_environment(source), translate_things(source.things)])


def translate_things(things: Things) -> Translated:
    """Return the translation of these resources. A kind that is the same in both is copied."""
    return together([TRANSLATIONS.get(kind, _copied)(lives) for kind, lives in things.items()])


def translate_environment(source: Source) -> Translated:
    """Return every setting of an environment; claims are rewritten for members."""
    spec = {"name": source.fields["name"], "type": source.type, **source.fields, PASSWORDS: True}
    if REGISTRATION_CLAIMS in spec:
        spec[REGISTRATION_CLAIMS] = spec[REGISTRATION_CLAIMS] or ""
    changes = tuple(
        Remark("Environment", source.slug, field, reason)
        for field, reason in ENVIRONMENT_CHANGES.items()
        if spec.get(field)
    )
    translated = _with_claims("Environment", source.slug, spec, [REGISTRATION_CLAIMS])
    return together([Translated(changes=changes), translated])


def _copied(lives: Sequence[Live]) -> Translated:
    return Translated(settings=tuple(map(copy_of, lives)))


def _with_claims(kind: str, name: str, spec: Spec, fields: Sequence[str]) -> Translated:
    """Return a resource whose templates of claims, in these fields, are rewritten for members."""
    parts = []
    for field in fields:
        if spec.get(field):
            claims = for_members(spec[field])
            spec = {**spec, field: claims.text}
            losses, changes = remarks(kind, name, field, claims)
            parts.append(Translated(losses=losses, changes=changes))
    return together([Translated(settings=(Manifest(kind=kind, name=name, spec=spec),)), *parts])


# Connected Apps

APP_CLAIMS: Final = ("access_token_template_content", "id_token_template_content")
NEW_ID: Final = Reason(
    "Stytch chooses the client_id of an app, so it is another one in the new project; users have to consent again",
    "send the new client_id, and the new secret if there is one, to the owner of the app",
)
REGISTERED_ITSELF: Final = Reason(
    "the app registered itself, and has to register again with the new project",
    "ask the owner of the app to register it again",
)


def _connected_apps(lives: Sequence[Live]) -> Translated:
    """Return every app that a person created. An app that registered itself is a loss: it has to register again."""
    parts, losses = [], []
    for live in lives:
        if KINDS[live.kind].identity.registered_itself(live):
            losses.append(Remark(live.kind, live.name or live.id, "client_id", REGISTERED_ITSELF))
        else:
            parts.append(Translated(losses=(Remark(live.kind, live.name, "client_id", NEW_ID),)))
            parts.append(_with_claims(live.kind, live.name, live.spec, APP_CLAIMS))
    return together([*parts, Translated(losses=tuple(losses))])


# Countries that messages may be sent to

DEFAULT_COUNTRIES: Final = ["CA", "US"]
NO_WHATSAPP: Final = Reason(
    "B2B sends nothing by WhatsApp", "check that the list for SMS has the countries that you need"
)


def _countries(lives: Sequence[Live]) -> Translated:
    """Return the list for SMS. The list for WhatsApp is a loss where it is not Stytch's default."""
    lost = [live for live in lives if live.name == "whatsapp" and live.spec["country_codes"] != DEFAULT_COUNTRIES]
    return Translated(
        settings=tuple(copy_of(live) for live in lives if live.name == "sms"),
        losses=tuple(Remark(live.kind, live.name, "country_codes", NO_WHATSAPP) for live in lost),
    )


# Custom claims: those of session tokens become the claims of members, those of M2M tokens stay unchanged


def _jwt_templates(lives: Sequence[Live]) -> Translated:
    fields = {"SESSION": ["template_content"]}
    return together([_with_claims(live.kind, live.name, live.spec, fields.get(live.name, ())) for live in lives])


# Public tokens: Stytch creates new ones. Several tokens mean that each application may have had its own

SEVERAL_TOKENS: Final = Reason(
    "the project has several public tokens, and this repository declares none of them",
    "declare a PublicToken for each application that needs its own",
)


def _public_tokens(lives: Sequence[Live]) -> Translated:
    several = lives if len(lives) > 1 else ()
    return Translated(changes=tuple(Remark(live.kind, live.name, "value", SEVERAL_TOKENS) for live in several))


TRANSLATIONS: Final[Mapping[str, Callable[[Sequence[Live]], Translated]]] = {
    "ConnectedApp": _connected_apps,
    "CountryCodeAllowlist": _countries,
    "JWTTemplate": _jwt_templates,
    "PublicToken": _public_tokens,
    "RBACPolicy": translate_rbac_policy,
    "SDKConfig": translate_sdk_config,
}
