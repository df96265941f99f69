"""The countries that messages may be sent to."""

from typing import Any

import pytest

from tests.emulator.behaving import behaving
from tests.emulator.conftest import Api
from tests.emulator.settings_tour import below

UNSUPPORTED = (400, "country_code_allowlist_b2b_whatsapp_not_supported")


def test_a_new_environment_allows_canada_and_the_united_states(api: Api) -> None:
    for vertical, channel in (("B2B", "sms"), ("CONSUMER", "sms"), ("CONSUMER", "whatsapp")):
        found = api.ok("GET", f"{below(api, vertical)}/allowed_country_codes/{channel}")
        assert found["country_codes"] == ["CA", "US"]


def test_a_list_is_replaced_and_comes_back_in_order(api: Api) -> None:
    sms = f"{below(api, 'CONSUMER')}/allowed_country_codes/sms"
    assert api.ok("POST", sms, {"country_codes": ["us", "MX", "DE", "mx"]})["country_codes"] == ["DE", "MX", "US"]
    assert api.ok("POST", sms, {"country_codes": ["FR"]})["country_codes"] == ["FR"]
    assert api.ok("GET", sms)["country_codes"] == ["FR"]
    assert api.ok("GET", sms.replace("sms", "whatsapp"))["country_codes"] == ["CA", "US"]


@pytest.mark.parametrize(
    ("codes", "error_type"),
    [
        ([], "country_code_allowlist_empty"),
        (None, "country_code_allowlist_empty"),
        (["XX"], "country_code_allowlist_invalid_country_codes"),
        (["USA"], "country_code_allowlist_invalid_country_codes"),
        (["US", 1], "country_code_allowlist_invalid_country_codes"),
        ("US", "country_code_allowlist_invalid_country_codes"),
    ],
)
def test_an_invalid_list_of_countries_is_refused(api: Api, codes: Any, error_type: str) -> None:
    sms = f"{below(api, 'B2B')}/allowed_country_codes/sms"
    assert api.refused("POST", sms, {"country_codes": codes}) == (400, error_type)
    assert api.ok("GET", sms)["country_codes"] == ["CA", "US"]


def test_a_b2b_project_has_no_whatsapp(api: Api) -> None:
    whatsapp = f"{below(api, 'B2B')}/allowed_country_codes/whatsapp"
    assert api.refused("GET", whatsapp) == UNSUPPORTED
    assert api.refused("POST", whatsapp, {"country_codes": ["US"]}) == UNSUPPORTED


def test_more_countries_may_need_verified_billing() -> None:
    with behaving(billing_verified=False) as api:
        sms = f"{below(api, 'B2B')}/allowed_country_codes/sms"
        refused = (400, "country_code_allowlist_billing_not_verified")
        assert api.refused("POST", sms, {"country_codes": ["US", "DE"]}) == refused
        assert api.ok("POST", sms, {"country_codes": ["US"]})["country_codes"] == ["US"]
