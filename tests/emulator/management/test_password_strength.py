"""The password strength policy."""

from typing import Any

import pytest

from tests.emulator.behaving import behaving
from tests.emulator.conftest import Api
from tests.emulator.settings_tour import below

ON = {
    "check_breach_on_creation": True,
    "check_breach_on_authentication": True,
    "validate_on_authentication": True,
    "validation_policy": "ZXCVBN",
}
OFF = dict.fromkeys(ON, False)
LUDS = {"validation_policy": "LUDS", "luds_min_password_length": 8, "luds_min_password_complexity": 4}


def put(api: Api, body: Any) -> Any:
    return api.ok("PUT", f"{below(api, 'B2B')}/password_strength_config", body)["password_strength_config"]


def test_a_new_environment_checks_everything(api: Api) -> None:
    assert api.ok("GET", f"{below(api, 'B2B')}/password_strength_config")["password_strength_config"] == ON


def test_a_put_is_the_whole_of_it(api: Api) -> None:
    assert put(api, ON | LUDS) == ON | LUDS
    assert put(api, LUDS) == OFF | LUDS
    assert put(api, {}) == OFF | {"validation_policy": "ZXCVBN"}
    assert api.ok("GET", f"{below(api, 'B2B')}/password_strength_config")["password_strength_config"] == put(api, {})


@pytest.mark.parametrize(
    ("change", "error_type"),
    [
        ({"luds_min_password_length": 7}, "invalid_password_strength_luds_length"),
        ({"luds_min_password_length": 33}, "invalid_password_strength_luds_length"),
        ({"luds_min_password_length": None}, "invalid_password_strength_luds_length"),
        ({"luds_min_password_length": "8"}, "invalid_password_strength_luds_length"),
        ({"luds_min_password_complexity": 0}, "invalid_password_strength_luds_complexity"),
        ({"luds_min_password_complexity": 5}, "invalid_password_strength_luds_complexity"),
        ({"luds_min_password_complexity": True}, "invalid_password_strength_luds_complexity"),
        ({"validation_policy": "STRONG"}, "invalid_argument"),
        ({"check_breach_on_creation": "yes"}, "invalid_argument"),
    ],
)
def test_what_is_out_of_range_is_refused(api: Api, change: Any, error_type: str) -> None:
    path = f"{below(api, 'B2B')}/password_strength_config"
    assert api.refused("PUT", path, ON | LUDS | change) == (400, error_type)
    assert api.ok("GET", path)["password_strength_config"] == ON


def test_luds_numbers_without_luds_are_ignored_or_refused(api: Api) -> None:
    sent = ON | {"luds_min_password_length": 12}
    assert put(api, sent) == ON
    with behaving(luds_with_zxcvbn="refused") as other:
        refused = other.refused("PUT", f"{below(other, 'B2B')}/password_strength_config", sent)
        assert refused == (400, "invalid_password_strength_luds_length")
        assert put(other, ON) == ON
