"""The SDK configuration: answers have every section, and a PUT replaces each section that it sends."""

from typing import Any

import pytest

from tests.emulator.behaving import behaving
from tests.emulator.conftest import Api
from tests.emulator.settings_tour import below

DOMAIN = {"domain": "https://acme.example", "slug_pattern": "https://{{slug}}.acme.example"}
AUTOFILL = {"metadata_type": "domain", "metadata_value": "acme.example", "bundle_id": "com.acme"}


def path(api: Api, vertical: str = "B2B") -> str:
    return f"{below(api, vertical)}/sdk/{vertical.lower()}"


def put(api: Api, config: Any, vertical: str = "B2B") -> Any:
    return api.ok("PUT", path(api, vertical), {"config": config})["config"]


def sections(vertical: str) -> set[str]:
    both = {"basic", "sessions", "magic_links", "oauth", "totps", "otps", "dfppa", "passwords", "cookies"}
    own = {"sso"} if vertical == "B2B" else {"webauthn", "crypto_wallets", "biometrics"}
    return {*both, *own, "user_impersonation"}


@pytest.mark.parametrize("vertical", ["B2B", "CONSUMER"])
def test_a_new_environment_has_every_section_and_all_is_off(api: Api, vertical: str) -> None:
    config = api.ok("GET", path(api, vertical))["config"]
    assert set(config) == sections(vertical)
    assert not any(config["basic"].values())
    assert config["dfppa"] == {"enabled": "DISABLED", "on_challenge": "ALLOW"}
    assert config["cookies"] == {"http_only": "DISABLED"}
    assert put(api, config, vertical) == config


def test_a_section_is_replaced_whole_and_absent_fields_are_off(api: Api) -> None:
    basic = {"enabled": True, "allow_self_onboarding": True, "domains": [DOMAIN], "bundle_ids": ["com.b", "com.a"]}
    first = put(api, {"basic": basic, "otps": {"sms_enabled": True, "sms_autofill_metadata": [AUTOFILL]}})
    assert first["basic"] == {**basic, "enable_member_permissions": False}
    assert first["otps"] == {"sms_enabled": True, "email_enabled": False, "sms_autofill_metadata": [AUTOFILL]}
    second = put(api, {"basic": {"enabled": True}, "otps": None, "webauthn": {"enabled": True}})
    assert second["basic"]["domains"] == second["basic"]["bundle_ids"] == []
    assert second["otps"] == first["otps"]
    assert set(second) == sections("B2B")
    assert api.ok("GET", path(api))["config"] == second


def test_an_absent_section_may_go_back_to_its_default() -> None:
    with behaving(sdk_absent_section="default") as api:
        put(api, {"oauth": {"enabled": True}})
        assert put(api, {"sso": {"enabled": True}})["oauth"] == {"enabled": False, "pkce_required": False}


@pytest.mark.parametrize(("vertical", "other"), [("B2B", "consumer"), ("CONSUMER", "b2b")])
def test_the_other_vertical_is_refused(api: Api, vertical: str, other: str) -> None:
    wrong = f"{below(api, vertical)}/sdk/{other}"
    assert api.refused("GET", wrong) == (400, "bad_vertical_for_stytch_sdk")
    refused = api.refused("PUT", wrong, {"config": {"basic": {"enabled": True}}})
    assert refused == (400, "bad_vertical_for_stytch_sdk")


@pytest.mark.parametrize(
    ("config", "error_type"),
    [
        (None, "invalid_argument"),
        ({"basic": []}, "invalid_argument"),
        ({"basic": {"enabled": "yes"}}, "invalid_argument"),
        ({"basic": {"bundle_ids": [1]}}, "invalid_argument"),
        ({"basic": {"domains": ["https://acme.example"]}}, "invalid_argument"),
        ({"basic": {"domains": [{**DOMAIN, "slug_pattern": "https://acme.example"}]}}, "invalid_argument"),
        ({"otps": {"sms_autofill_metadata": [{**AUTOFILL, "metadata_type": "name"}]}}, "invalid_argument"),
        ({"sessions": {"max_session_duration_minutes": 4}}, "invalid_argument"),
        ({"sessions": {"max_session_duration_minutes": 527_041}}, "invalid_argument"),
        ({"dfppa": {"enabled": "MAYBE"}}, "invalid_argument"),
        ({"cookies": {"http_only": "ENFORCED"}}, "cname_required_for_http_only_cookies"),
    ],
)
def test_an_invalid_configuration_is_refused(api: Api, config: Any, error_type: str) -> None:
    before = api.ok("GET", path(api))["config"]
    assert api.refused("PUT", path(api), {"config": config}) == (400, error_type)
    assert api.ok("GET", path(api))["config"] == before


def test_a_slug_pattern_may_be_left_out(api: Api) -> None:
    assert put(api, {"basic": {"domains": [{"domain": "https://a"}]}})["basic"]["domains"] == [
        {"domain": "https://a", "slug_pattern": ""}
    ]


def test_http_only_cookies_need_a_custom_domain_and_protected_auth_its_product() -> None:
    with behaving(custom_domain=True, dfp_enabled=False) as api:
        assert put(api, {"cookies": {"http_only": "ENFORCED"}})["cookies"] == {"http_only": "ENFORCED"}
        assert put(api, {"dfppa": {"on_challenge": "ALLOW"}})["dfppa"]["enabled"] == "DISABLED"
        refused = api.refused("PUT", path(api), {"config": {"dfppa": {"enabled": "PASSIVE"}}})
        assert refused == (400, "enterprise_endpoint")


def test_lists_that_are_sets_come_back_in_any_order() -> None:
    with behaving(set_order="sorted") as api:
        basic = put(api, {"basic": {"domains": ["https://b", "https://a"]}}, "CONSUMER")["basic"]
        assert basic["domains"] == ["https://a", "https://b"]
