"""The settings of frontend SDKs: the sections of a Consumer configuration → those of B2B (docs/stytch.md)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from reconciler.export.manifests import Manifest
from reconciler.migration.values import Reason, Remark, Translated
from reconciler.model import Json, Live, Spec

COPIED: Final[Mapping[str, frozenset[str]]] = {
    "sessions": frozenset({"max_session_duration_minutes"}),
    "oauth": frozenset({"enabled", "pkce_required"}),
    "totps": frozenset({"enabled", "create_totps"}),
    "dfppa": frozenset({"enabled", "on_challenge"}),
    "passwords": frozenset({"enabled", "pkce_required_for_password_resets"}),
    "cookies": frozenset({"http_only"}),
    "user_impersonation": frozenset({"enabled"}),
}
SWITCHES: Final = ("login_or_create_enabled", "send_enabled")
TRANSLATED: Final[Mapping[str, frozenset[str]]] = {
    "basic": frozenset({"enabled", "domains", "bundle_ids"}),
    "magic_links": frozenset({*SWITCHES, "pkce_required"}),
    "otps": frozenset({*(f"{by}_{switch}" for by in ("sms", "email") for switch in SWITCHES), "sms_autofill_metadata"}),
}
NOWHERE: Final[Mapping[str, Reason]] = {
    "webauthn": Reason(
        "B2B has no passkeys and no WebAuthn",
        "use magic links, passcodes by e-mail or passwords, with TOTP or SMS as a second factor; an SSO provider may "
        "offer passkeys",
    ),
    "crypto_wallets": Reason("B2B has no sign-in with a crypto wallet", "ask these users for an e-mail address"),
    "biometrics": Reason("B2B has no biometrics of mobile devices", "use longer sessions, or a second factor"),
    "whatsapp": Reason("B2B sends nothing by WhatsApp", "use passcodes by e-mail, or by SMS as a second factor"),
}
UNKNOWN: Final = Reason("this version does not know the setting", "check in Stytch's dashboard whether B2B has it")
TWO_INTO_ONE: Final = Reason(
    "B2B has one switch for signing in and for sending to a signed-in user; only one of the two was on",
    "turn the switch off in the manifest if it allows too much",
)
SMS: Final = Reason(
    "in B2B a passcode by SMS is a second factor, not a way to sign in",
    "use magic links or passcodes by e-mail to sign in",
)


def translate_sdk_config(lives: Sequence[Live]) -> Translated:
    """Return the B2B configuration, the switches that were on and are lost, and those that change their meaning."""
    settings, losses, changes = [], [], []
    for live in lives:
        settings.append(Manifest(kind=live.kind, name=live.name, spec=for_b2b(live.spec)))
        losses += [Remark(live.kind, live.name, field, reason) for field, reason in _lost(live.spec)]
        changes += [Remark(live.kind, live.name, field, reason) for field, reason in _different(live.spec)]
    return Translated(settings=tuple(settings), losses=tuple(losses), changes=tuple(changes))


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
            for name, fields in COPIED.items()
        },
    }
    return {name: section for name, section in found.items() if consumer.get(name)}


def _lost(consumer: Spec) -> Iterator[tuple[str, Reason]]:
    """Yield each setting that was on and has no known counterpart, with the reason."""
    known = {**TRANSLATED, **COPIED}
    for name in consumer:
        for field, value in _section(consumer, name).items():
            if value and field not in known.get(name, ()):
                yield f"{name}.{field}", NOWHERE.get("whatsapp" if field.startswith("whatsapp_") else name, UNKNOWN)


def _different(consumer: Spec) -> Iterator[tuple[str, Reason]]:
    """Yield each setting that is carried over with another meaning, with the reason."""
    passcodes = _section(consumer, "otps")
    for name, section, prefix in (
        ("magic_links", _section(consumer, "magic_links"), ""),
        ("otps", passcodes, "email_"),
        ("otps", passcodes, "sms_"),
    ):
        one, other = (bool(section.get(f"{prefix}{switch}")) for switch in SWITCHES)
        if one != other:
            yield f"{name}.{prefix}enabled", TWO_INTO_ONE
    if passcodes.get("sms_login_or_create_enabled"):
        yield "otps.sms_enabled", SMS


def _either(section: Spec, prefix: str = "") -> bool:
    return any(section.get(f"{prefix}{switch}") for switch in SWITCHES)


def _section(consumer: Spec, name: str) -> Mapping[str, Any]:
    section: Json = consumer.get(name)
    return section if isinstance(section, Mapping) else {}
