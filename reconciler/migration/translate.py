"""The settings of a Consumer environment → the settings of a B2B environment.

A kind that is the same in both is copied. A kind that differs has a function in ``TRANSLATIONS``.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from reconciler.export.manifests import Manifest
from reconciler.kinds import KINDS
from reconciler.migration.claims import for_members
from reconciler.migration.values import Reason, Remark, ResourcesByKind, Source, Translated, together
from reconciler.model import Json, Live, Spec

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
    return together([translate_environment(source), translate_resources(source.resources)])


def translate_resources(resources: ResourcesByKind) -> Translated:
    """Return the translation of these resources. A kind that is the same in both is copied."""
    return together([TRANSLATIONS.get(kind, _copied)(lives) for kind, lives in resources.items()])


def translate_environment(source: Source) -> Translated:
    """Return every setting of an environment; claims are rewritten for members."""
    spec = {"name": source.fields["name"], "type": source.type, **source.fields, PASSWORDS: True}
    if REGISTRATION_CLAIMS in spec:
        spec[REGISTRATION_CLAIMS] = spec[REGISTRATION_CLAIMS] or ""
    environment = Live(kind="Environment", name=source.slug, id=source.slug, spec=spec)
    changes = _remarks(environment, ((name, why) for name, why in ENVIRONMENT_CHANGES.items() if spec.get(name)))
    return together([Translated(changes=changes), _with_claims(environment, [REGISTRATION_CLAIMS])])


def _copied(lives: Sequence[Live]) -> Translated:
    return Translated(settings=tuple(_manifest(live, live.spec) for live in lives))


def _manifest(live: Live, spec: Spec) -> Manifest:
    return Manifest(kind=live.kind, name=live.name, spec=spec)


def _remarks(live: Live, reasons: Iterable[tuple[str, Reason]]) -> tuple[Remark, ...]:
    return tuple(Remark(live.kind, live.name or live.id, field, reason) for field, reason in reasons)


def _with_claims(live: Live, fields: Sequence[str]) -> Translated:
    """Return a resource whose templates of claims, in these fields, are rewritten for members."""
    spec, parts = live.spec, []
    for field in fields:
        if spec.get(field):
            claims = for_members(spec[field])
            spec = {**spec, field: claims.text}
            parts.append(
                Translated(losses=_remarks(live, claims.losses(field)), changes=_remarks(live, claims.changes(field)))
            )
    return together([Translated(settings=(_manifest(live, spec),)), *parts])


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
    created, registered = [], []
    for live in lives:
        if KINDS[live.kind].identity.registered_itself(live):
            registered.append(Translated(losses=_remarks(live, [("client_id", REGISTERED_ITSELF)])))
        else:
            created += [Translated(losses=_remarks(live, [("client_id", NEW_ID)])), _with_claims(live, APP_CLAIMS)]
    return together([*created, *registered])


# Countries that messages may be sent to

DEFAULT_COUNTRIES: Final = ["CA", "US"]
NO_WHATSAPP: Final = Reason(
    "B2B sends nothing by WhatsApp", "check that the list for SMS has the countries that you need"
)


def _countries(lives: Sequence[Live]) -> Translated:
    """Return the list for SMS. The list for WhatsApp is a loss where it is not Stytch's default."""
    lost = [live for live in lives if live.name == "whatsapp" and live.spec["country_codes"] != DEFAULT_COUNTRIES]
    losses = [Translated(losses=_remarks(live, [("country_codes", NO_WHATSAPP)])) for live in lost]
    return together([_copied([live for live in lives if live.name == "sms"]), *losses])


# Custom claims: those of session tokens become the claims of members, those of M2M tokens stay unchanged


def _jwt_templates(lives: Sequence[Live]) -> Translated:
    fields = {"SESSION": ["template_content"]}
    return together([_with_claims(live, fields.get(live.name, ())) for live in lives])


# Public tokens: Stytch creates new ones. Several tokens mean that each application may have had its own

SEVERAL_TOKENS: Final = Reason(
    "the project has several public tokens, and this repository declares none of them",
    "declare a PublicToken for each application that needs its own",
)


def _public_tokens(lives: Sequence[Live]) -> Translated:
    several = lives if len(lives) > 1 else ()
    return together([Translated(changes=_remarks(live, [("value", SEVERAL_TOKENS)])) for live in several])


# Roles and their permissions: stytch_user, the role of every user, becomes stytch_member (docs/stytch.md)

CUSTOM: Final = {"custom_roles": "role_id", "custom_scopes": "scope"}
USER: Final = "stytch_user"
OWN: Final = "stytch.self"
EVERY: Final = "*"
# The actions of a member on itself that Stytch's public pages name. The pages do not agree on "-" and "_".
ACTIONS: Final = frozenset(
    {
        *("update.info.name", "update.info.untrusted-metadata", "update.info.mfa-phone"),
        *("update.info.delete.mfa-phone", "update.info.delete.password"),
        *("update.settings.mfa-enrolled", "update.settings.default-mfa-method", "delete"),
    }
)
NO_RESOURCE: Final = Reason(
    "it is not known whether B2B has this resource of Stytch", "grant the corresponding permission by hand"
)
STILL_MAY: Final = Reason(
    "users could not change their own data; members can, because Stytch by default grants them every action of "
    "stytch.self",
    "if that is too much, grant only the smallest action of stytch.self in the manifest",
)
NOTHING_LEFT: Final = Reason(
    "none of its permissions is left, and Stytch accepts no role or scope without permissions",
    "declare it again with permissions of B2B",
)
NO_ACTION: Final = Reason(
    "it is not known whether members have this action on themselves",
    "check the actions that Stytch's dashboard lists for stytch.self",
)


def translate_rbac_policy(lives: Sequence[Live]) -> Translated:
    """Return the policy with the project's own permissions, and with those of Stytch's that B2B has."""
    parts = []
    for live in lives:
        spec, changes = dict(live.spec), []
        if user := spec.pop(USER, None):
            spec["stytch_member"] = {"permissions": list(_known_permissions(user))}
            if not any(permission["resource_id"] == OWN for permission in spec["stytch_member"]["permissions"]):
                changes = [("stytch_member", STILL_MAY)]
        for name in CUSTOM:
            kept = [{**entry, "permissions": list(_known_permissions(entry))} for entry in spec.get(name) or ()]
            spec[name] = [entry for entry in kept if entry["permissions"]]
        losses = _remarks(live, _lost_permissions(live.spec))
        parts.append(Translated(settings=(_manifest(live, spec),), losses=losses, changes=_remarks(live, changes)))
    return together(parts)


def _known_permissions(holder: Mapping[str, Any]) -> Iterator[Json]:
    for permission in holder.get("permissions") or ():
        actions = [action for action in permission["actions"] if _is_known_action(permission["resource_id"], action)]
        if actions:
            yield {**permission, "actions": actions}


def _lost_permissions(policy: Spec) -> Iterator[tuple[str, Reason]]:
    holders = [(USER, policy.get(USER) or {})]
    for name, key in CUSTOM.items():
        holders += [(f"{name}.{entry[key]}", entry) for entry in policy.get(name) or ()]
    for field, holder in holders:
        for permission in holder.get("permissions") or ():
            resource = permission["resource_id"]
            for action in permission["actions"]:
                if not _is_known_action(resource, action):
                    yield f"{field}: {resource} {action}", NO_ACTION if resource == OWN else NO_RESOURCE
        if field != USER and not any(_known_permissions(holder)):
            yield field, NOTHING_LEFT


def _is_known_action(resource: str, action: str) -> bool:
    if not resource.startswith("stytch."):
        return True
    return resource == OWN and (action == EVERY or action.replace("_", "-") in ACTIONS)


# The settings of frontend SDKs: the sections of a Consumer configuration become those of B2B (docs/stytch.md)

COPIED_SECTIONS: Final[Mapping[str, frozenset[str]]] = {
    "sessions": frozenset({"max_session_duration_minutes"}),
    "oauth": frozenset({"enabled", "pkce_required"}),
    "totps": frozenset({"enabled", "create_totps"}),
    "dfppa": frozenset({"enabled", "on_challenge"}),
    "passwords": frozenset({"enabled", "pkce_required_for_password_resets"}),
    "cookies": frozenset({"http_only"}),
    "user_impersonation": frozenset({"enabled"}),
}
SWITCHES: Final = ("login_or_create_enabled", "send_enabled")
TRANSLATED_SECTIONS: Final[Mapping[str, frozenset[str]]] = {
    "basic": frozenset({"enabled", "domains", "bundle_ids"}),
    "magic_links": frozenset({*SWITCHES, "pkce_required"}),
    "otps": frozenset({*(f"{by}_{switch}" for by in ("sms", "email") for switch in SWITCHES), "sms_autofill_metadata"}),
}
NO_COUNTERPART: Final[Mapping[str, Reason]] = {
    "webauthn": Reason(
        "B2B has no passkeys and no WebAuthn",
        "use magic links, passcodes by e-mail or passwords, with TOTP or SMS as a second factor; an SSO provider may "
        "offer passkeys",
    ),
    "crypto_wallets": Reason("B2B has no sign-in with a crypto wallet", "ask these users for an e-mail address"),
    "biometrics": Reason("B2B has no biometrics of mobile devices", "use longer sessions, or a second factor"),
    "whatsapp": Reason("B2B sends nothing by WhatsApp", "use passcodes by e-mail, or by SMS as a second factor"),
}
UNKNOWN_SETTING: Final = Reason(
    "this version does not know the setting", "check in Stytch's dashboard whether B2B has it"
)
ONE_SWITCH: Final = Reason(
    "B2B has one switch for signing in and for sending to a signed-in user; only one of the two was on",
    "turn the switch off in the manifest if it allows too much",
)
SMS_IS_SECOND: Final = Reason(
    "in B2B a passcode by SMS is a second factor, not a way to sign in",
    "use magic links or passcodes by e-mail to sign in",
)


def translate_sdk_config(lives: Sequence[Live]) -> Translated:
    """Return the B2B configuration, the switches that were on and are lost, and those that change their meaning."""
    return together(
        [
            Translated(
                settings=(_manifest(live, for_b2b(live.spec)),),
                losses=_remarks(live, _lost_settings(live.spec)),
                changes=_remarks(live, _different_settings(live.spec)),
            )
            for live in lives
        ]
    )


def for_b2b(consumer: Spec) -> Spec:
    """Return the B2B configuration of a Consumer configuration, without the settings that only B2B has."""
    basic, links, passcodes = (_section(consumer, name) for name in ("basic", "magic_links", "otps"))
    found = {
        "basic": {
            "enabled": basic.get("enabled", False),
            "domains": [{"domain": domain} for domain in sorted(basic.get("domains") or ())],
            "bundle_ids": sorted(basic.get("bundle_ids") or ()),
        },
        "magic_links": {"enabled": _either(links), "pkce_required": links.get("pkce_required", False)},
        "otps": {
            "sms_enabled": _either(passcodes, "sms_"),
            "email_enabled": _either(passcodes, "email_"),
            "sms_autofill_metadata": passcodes.get("sms_autofill_metadata") or [],
        },
        **{
            name: {field: value for field, value in _section(consumer, name).items() if field in fields}
            for name, fields in COPIED_SECTIONS.items()
        },
    }
    return {name: section for name, section in found.items() if consumer.get(name)}


def _lost_settings(consumer: Spec) -> Iterator[tuple[str, Reason]]:
    """Yield each setting that was on and has no known counterpart, with the reason."""
    known = {**TRANSLATED_SECTIONS, **COPIED_SECTIONS}
    for name in consumer:
        for field, value in _section(consumer, name).items():
            if value and field not in known.get(name, ()):
                product = "whatsapp" if field.startswith("whatsapp_") else name
                yield f"{name}.{field}", NO_COUNTERPART.get(product, UNKNOWN_SETTING)


def _different_settings(consumer: Spec) -> Iterator[tuple[str, Reason]]:
    """Yield each setting that is carried over with another meaning, with the reason."""
    passcodes = _section(consumer, "otps")
    for name, section, prefix in (
        ("magic_links", _section(consumer, "magic_links"), ""),
        ("otps", passcodes, "email_"),
        ("otps", passcodes, "sms_"),
    ):
        signs_in, sends = (bool(section.get(f"{prefix}{switch}")) for switch in SWITCHES)
        if signs_in != sends:
            yield f"{name}.{prefix}enabled", ONE_SWITCH
    if passcodes.get("sms_login_or_create_enabled"):
        yield "otps.sms_enabled", SMS_IS_SECOND


def _either(section: Spec, prefix: str = "") -> bool:
    return any(section.get(f"{prefix}{switch}") for switch in SWITCHES)


def _section(consumer: Spec, name: str) -> Mapping[str, Any]:
    section: Json = consumer.get(name)
    return section if isinstance(section, Mapping) else {}


TRANSLATIONS: Final[Mapping[str, Callable[[Sequence[Live]], Translated]]] = {
    "ConnectedApp": _connected_apps,
    "CountryCodeAllowlist": _countries,
    "JWTTemplate": _jwt_templates,
    "PublicToken": _public_tokens,
    "RBACPolicy": translate_rbac_policy,
    "SDKConfig": translate_sdk_config,
}
