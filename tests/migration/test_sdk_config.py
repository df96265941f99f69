"""The configuration of frontend SDKs: what carries over, and what is lost. Settings that were off are not listed."""

from collections.abc import Mapping
from typing import Any

import pytest

from reconciler.migration.translate import for_b2b, translate_sdk_config
from reconciler.migration.values import Remark
from reconciler.model import Live

OFF: Mapping[str, Any] = {
    "basic": {"enabled": False, "domains": [], "bundle_ids": []},
    "sessions": {"max_session_duration_minutes": 60},
    "magic_links": {"login_or_create_enabled": False, "send_enabled": False, "pkce_required": False},
    "otps": {
        **{
            f"{by}_{what}_enabled": False for by in ("sms", "email", "whatsapp") for what in ("login_or_create", "send")
        },
        "sms_autofill_metadata": [],
    },
    "oauth": {"enabled": False, "pkce_required": False},
    "totps": {"enabled": False, "create_totps": False},
    "webauthn": {"enabled": False, "create_webauthns": False},
    "crypto_wallets": {"enabled": False, "siwe_required": False},
    "biometrics": {"enabled": False, "create_biometrics_enabled": False},
    "passwords": {"enabled": False, "pkce_required_for_password_resets": False},
    "dfppa": {"enabled": "DISABLED", "on_challenge": "ALLOW"},
    "cookies": {"http_only": "DISABLED"},
    "user_impersonation": {"enabled": False},
}


def config(section: str, **fields: Any) -> Mapping[str, Any]:
    """Return a configuration in which only this section is on."""
    return {**OFF, section: {**OFF.get(section, {}), **fields}}


def losses(consumer: Mapping[str, Any]) -> list[str]:
    return fields(translate_sdk_config([Live(kind="SDKConfig", name="default", id="", spec=consumer)]).losses)


def changes(consumer: Mapping[str, Any]) -> list[str]:
    return fields(translate_sdk_config([Live(kind="SDKConfig", name="default", id="", spec=consumer)]).changes)


def fields(remarks: tuple[Remark, ...]) -> list[str]:
    return [remark.field for remark in remarks]


LOST = (
    ("webauthn", "enabled"),
    ("webauthn", "create_webauthns"),
    ("crypto_wallets", "enabled"),
    ("crypto_wallets", "siwe_required"),
    ("biometrics", "enabled"),
    ("biometrics", "create_biometrics_enabled"),
    ("otps", "whatsapp_login_or_create_enabled"),
    ("otps", "whatsapp_send_enabled"),
)


@pytest.mark.parametrize(("section", "field"), LOST)
def test_what_b2b_lacks_is_lost_where_it_was_on(section: str, field: str) -> None:
    consumer = config(section, **{field: True})
    assert losses(consumer) == [f"{section}.{field}"]
    assert section not in for_b2b(consumer) or field not in for_b2b(consumer)[section]


def test_nothing_is_lost_that_was_off() -> None:
    assert (losses(OFF), changes(OFF)) == ([], [])


def test_an_unknown_setting_is_listed_as_lost() -> None:
    assert losses(config("holograms", enabled=True)) == ["holograms.enabled"]
    odd = config("oauth", enabled=True, telepathy=True)
    assert (losses(odd), for_b2b(odd)["oauth"]) == (["oauth.telepathy"], {"enabled": True, "pkce_required": False})


KEPT = (
    ("sessions", {"max_session_duration_minutes": 30}),
    ("oauth", {"enabled": True, "pkce_required": True}),
    ("totps", {"enabled": True, "create_totps": True}),
    ("passwords", {"enabled": True, "pkce_required_for_password_resets": True}),
    ("dfppa", {"enabled": "PASSIVE", "on_challenge": "BLOCK"}),
    ("cookies", {"http_only": "ENFORCED"}),
    ("user_impersonation", {"enabled": True}),
)


@pytest.mark.parametrize(("section", "was"), KEPT, ids=[section for section, _ in KEPT])
def test_what_both_have_is_copied(section: str, was: Mapping[str, Any]) -> None:
    consumer = config(section, **was)
    assert for_b2b(consumer)[section] == was
    assert losses(consumer) == []


def test_domains_may_have_a_pattern_in_b2b_and_none_has_one_yet() -> None:
    basic = for_b2b(config("basic", enabled=True, domains=["https://b.example", "https://a.example"]))["basic"]
    domains = [{"domain": "https://a.example"}, {"domain": "https://b.example"}]
    assert basic == {"enabled": True, "domains": domains, "bundle_ids": []}


@pytest.mark.parametrize("login", [False, True])
@pytest.mark.parametrize("send", [False, True])
def test_two_switches_become_one(*, login: bool, send: bool) -> None:
    links = config("magic_links", login_or_create_enabled=login, send_enabled=send, pkce_required=True)
    assert for_b2b(links)["magic_links"] == {"enabled": login or send, "pkce_required": True}
    assert changes(links) == (["magic_links.enabled"] if login != send else [])
    codes = config("otps", email_login_or_create_enabled=login, email_send_enabled=send)
    assert for_b2b(codes)["otps"]["email_enabled"] == (login or send)
    assert changes(codes) == (["otps.email_enabled"] if login != send else [])


def test_a_passcode_by_sms_is_only_a_second_factor() -> None:
    both = config("otps", sms_login_or_create_enabled=True, sms_send_enabled=True)
    assert for_b2b(both)["otps"]["sms_enabled"] is True
    assert changes(both) == ["otps.sms_enabled"]


def test_autofill_of_sms_is_kept() -> None:
    autofill = [{"metadata_type": "domain", "metadata_value": "a.example", "bundle_id": ""}]
    assert for_b2b(config("otps", sms_autofill_metadata=autofill))["otps"]["sms_autofill_metadata"] == autofill


def test_a_section_that_stytch_does_not_show_is_not_declared() -> None:
    assert for_b2b({"basic": OFF["basic"]}) == {"basic": {"enabled": False, "domains": [], "bundle_ids": []}}
