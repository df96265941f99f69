"""Event log streaming: one destination, off until it is enabled; only the write shows its secret."""

from typing import Any

import pytest

from tests.emulator.conftest import Api
from tests.emulator.settings_tour import below

KEY = "0123456789abcdef0123456789abcdef"
DATADOG: Any = {"datadog": {"api_key": KEY, "site": "EU"}}
NO_SITES: tuple[Any, ...] = ("", 0, [], {})
LOKI: Any = {"grafana_loki": {"hostname": "logs.example", "username": "us", "password": "password"}}
NAME = "event_log_streaming_config"


def root(api: Api) -> str:
    return f"{below(api, 'CONSUMER')}/event_log_streaming"


def create(api: Api, type_: str = "DATADOG", config: Any = None) -> Any:
    return api.ok("POST", root(api), {"destination_type": type_, "destination_config": config or DATADOG})[NAME]


@pytest.mark.parametrize(
    ("type_", "config", "shown"),
    [
        ("DATADOG", DATADOG, {"datadog": {"site": "EU", "api_key_last_four": "cdef"}}),
        (
            *("GRAFANA_LOKI", LOKI),
            {"grafana_loki": {"hostname": "logs.example", "username": "us", "password_last_four": "word"}},
        ),
    ],
)
def test_the_secret_is_shown_by_the_write_only(api: Api, type_: str, config: Any, shown: Any) -> None:
    made = create(api, type_, {**config, "other": None})
    assert made == {"destination_type": type_, "destination_config": config, "streaming_status": "DISABLED"}
    assert api.ok("GET", f"{root(api)}/{type_}")[NAME] == {**made, "destination_config": shown}
    assert api.ok("PUT", f"{root(api)}/{type_}", {"destination_config": config})[NAME] == made


def test_it_is_switched_on_and_off(api: Api) -> None:
    create(api)
    statuses = []
    for verb in ("enable", "enable", "disable", "disable"):
        api.ok("POST", f"{root(api)}/DATADOG/{verb}")
        statuses.append(api.ok("GET", f"{root(api)}/DATADOG")[NAME]["streaming_status"])
    assert statuses == ["ACTIVE", "ACTIVE", "DISABLED", "DISABLED"]
    api.ok("POST", f"{root(api)}/DATADOG/enable")
    changed = api.ok("PUT", f"{root(api)}/DATADOG", {"destination_config": {"datadog": {"api_key": "f" * 32}}})[NAME]
    assert changed["streaming_status"] == "ACTIVE"
    assert changed["destination_config"] == {"datadog": {"api_key": "f" * 32, "site": "US"}}


def test_there_is_one_destination(api: Api) -> None:
    create(api)
    for type_, config in (("DATADOG", DATADOG), ("GRAFANA_LOKI", LOKI)):
        body = {"destination_type": type_, "destination_config": config}
        assert api.refused("POST", root(api), body) == (400, "event_log_streaming_too_many_destinations")
    absent = api.refused("PUT", f"{root(api)}/GRAFANA_LOKI", {"destination_config": LOKI})
    assert absent == (404, "event_log_streaming_not_found")
    api.ok("DELETE", f"{root(api)}/DATADOG")
    create(api, "GRAFANA_LOKI", LOKI)


@pytest.mark.parametrize(
    ("method", "verb"), [("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/enable"), ("POST", "/disable")]
)
def test_without_a_destination_nothing_is_found(api: Api, method: str, verb: str) -> None:
    body = {"destination_config": DATADOG} if method == "PUT" else None
    assert api.refused(method, f"{root(api)}/DATADOG{verb}", body) == (404, "event_log_streaming_not_found")
    wrong = (400, "event_log_streaming_invalid_destination_type")
    assert api.refused(method, f"{root(api)}/SPLUNK{verb}", body) == wrong


@pytest.mark.parametrize(
    ("type_", "config", "error_type"),
    [
        ("DATADOG", None, "event_log_streaming_bad_datadog_config"),
        ("DATADOG", LOKI, "event_log_streaming_bad_datadog_config"),
        ("DATADOG", {"datadog": {"api_key": KEY[1:], "site": "US"}}, "event_log_streaming_bad_datadog_config"),
        ("DATADOG", {"datadog": {"api_key": "z" * 32, "site": "US"}}, "event_log_streaming_bad_datadog_config"),
        ("DATADOG", {"datadog": {"api_key": KEY, "site": "MARS"}}, "event_log_streaming_bad_datadog_config"),
        *(
            ("DATADOG", {"datadog": {"api_key": KEY, "site": site}}, "event_log_streaming_bad_datadog_config")
            for site in NO_SITES
        ),
        ("GRAFANA_LOKI", DATADOG, "event_log_streaming_bad_grafana_loki_config"),
        ("GRAFANA_LOKI", {"grafana_loki": {"hostname": "h"}}, "event_log_streaming_bad_grafana_loki_config"),
        ("SPLUNK", DATADOG, "event_log_streaming_invalid_destination_type"),
        (None, DATADOG, "event_log_streaming_invalid_destination_type"),
    ],
)
def test_an_invalid_destination_is_refused(api: Api, type_: Any, config: Any, error_type: str) -> None:
    body = {"destination_type": type_, "destination_config": config}
    assert api.refused("POST", root(api), body) == (400, error_type)
    assert api.refused("GET", f"{root(api)}/DATADOG") == (404, "event_log_streaming_not_found")
