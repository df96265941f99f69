"""Faults, one by one; and the rate limits."""

from collections import Counter
from typing import Any

import pytest

from reconciler.emulator.core.behaviour import Behaviour
from reconciler.emulator.core.exchange import Lost
from reconciler.emulator.seed.bulk import organizations
from reconciler.emulator.server.app import App
from reconciler.emulator.server.faults import Faults, parse
from reconciler.emulator.server.limits import VENDOR, Limit, Limits
from reconciler.emulator.server.routes import ROUTES
from tests.emulator.conftest import Api

ROOT = "/v1/b2b/organizations"
BODY = {"organization_name": "Acme", "organization_slug": "acme"}


def wrong(api: Api, *specs: str, seed: int = 0) -> None:
    faults, limits = parse(specs)
    api.app.faults, api.app.limits = Faults(faults, seed), Limits(limits)


def test_latency_is_a_time_or_a_range(api: Api) -> None:
    wrong(api, "latency:1:200ms,latency:1:1s-2s")
    api.organization()
    assert len(api.slept) == 1
    assert 1.2 <= api.slept[0] <= 2.2
    wrong(api, "latency:0:1s")
    api.ok("GET", f"{ROOT}/acme")
    assert len(api.slept) == 1


@pytest.mark.parametrize(
    ("spec", "lost", "happened"),
    [
        ("drop_before:1", Lost.DROPPED, False),
        ("drop_after:1", Lost.DROPPED, True),
        ("stall:1", Lost.STALLED, False),
        ("stall:1:after", Lost.STALLED, True),
    ],
)
def test_an_answer_is_lost_before_or_after_the_write(api: Api, spec: str, lost: Lost, *, happened: bool) -> None:
    wrong(api, spec)
    assert api.respond("POST", ROOT, BODY).lost is lost
    assert (organizations(api.app) != []) == happened


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_server_errors_come_as_json_or_html_before_or_after_the_write(api: Api, status: int) -> None:
    wrong(api, f"status_{status}:1")
    answer = api("POST", ROOT, BODY)
    assert (answer[0], answer[1]["error_type"]) == (status, "internal_server_error")
    wrong(api, f"status_{status}:1:html")
    response = api.respond("POST", ROOT, BODY)
    assert response.status == status
    assert dict(response.headers)["Content-Type"].startswith("text/html")
    assert organizations(api.app) == []
    wrong(api, f"status_{status}:1:html:after")
    api.respond("POST", ROOT, BODY)
    assert len(organizations(api.app)) == 1


def test_a_proxy_answers_html_with_200(api: Api) -> None:
    wrong(api, "html_200:1")
    response = api.respond("POST", ROOT, BODY)
    assert (response.status, response.body[:9]) == (200, b"<!DOCTYPE")
    assert organizations(api.app) == []


@pytest.mark.parametrize(
    ("spec", "default", "told"),
    [
        ("rate_429:1", True, True),
        ("rate_429:1", False, False),
        ("rate_429:1:plain", True, False),
        ("rate_429:1:retry_after", False, True),
    ],
)
def test_429_at_random_with_and_without_retry_after(spec: str, *, default: bool, told: bool) -> None:
    app = App(behaviour=Behaviour(retry_after=default))
    api = Api(app)
    wrong(api, spec)
    response = api.respond("POST", ROOT, BODY)
    assert response.status == 429
    assert b'"too_many_requests"' in response.body
    assert ("Retry-After" in dict(response.headers)) == told
    assert organizations(app) == []
    assert app.statistics.refused == 1
    app.close()


def page(api: Api) -> tuple[list[str], int]:
    answer = api.ok("POST", f"{ROOT}/search", {})
    return [each["organization_slug"] for each in answer["organizations"]], answer["results_metadata"]["total"]


def test_a_search_page_is_wrong(api: Api) -> None:
    for slug in ("a1", "b2", "c3", "d4"):
        api.organization(slug)
    wrong(api, "short_page:1")
    assert page(api) == (["a1", "b2"], 4)
    wrong(api, "moved_rows:1")
    assert page(api) == (["a1", "b2", "c3", "a1"], 4)
    assert api.ok("GET", f"{ROOT}/a1")["organization"]["organization_slug"] == "a1"


def test_a_fault_concerns_the_method_and_path_it_names(api: Api) -> None:
    wrong(api, "status_503:1@POST/v1/b2b/*/members,status_500:1@DELETE,status_502:1@/v1/users/*")
    api.organization()
    assert api("POST", f"{ROOT}/acme/members", {"email_address": "a@b.de"})[0] == 503
    assert api("DELETE", f"{ROOT}/acme")[0] == 500
    assert api("GET", "/v1/users/x")[0] == 502
    assert api("GET", f"{ROOT}/acme")[0] == 200


def outcomes(seed: int) -> list[int]:
    app = App()
    api = Api(app)
    wrong(api, "status_503:0.3", seed=seed)
    found = [api.respond("GET", f"{ROOT}/nowhere").status for _ in range(300)]
    app.close()
    return found


def test_faults_are_as_likely_as_asked_and_the_same_for_a_seed() -> None:
    first = outcomes(1)
    assert 60 < Counter(first)[503] < 120
    assert first == outcomes(1)
    assert first != outcomes(2)


def test_the_vendors_limits_hold_in_windows_of_the_clock(api: Api) -> None:
    wrong(api, "limits")
    api.now = 60.0 * 1_000_000 + 59
    for _ in range(100):
        api.ok("POST", f"{ROOT}/search", {})
    response = api.respond("POST", f"{ROOT}/search", {})
    assert (response.status, dict(response.headers)["Retry-After"]) == (429, "1")
    api.ok("POST", "/v1/users/search", {})  # Another project, and another limit.
    api.now += 1
    api.ok("POST", f"{ROOT}/search", {})
    assert api.app.statistics.refused == 1
    assert api.app.statistics.per_minute["organizations_search"] == 101
    assert api.app.limits.limits == dict(VENDOR)


def test_limits_may_be_set_for_writes_and_for_everything(api: Api) -> None:
    wrong(api, "limit_writes:2/s,limit_requests:5/10s")
    statuses = [api.respond("POST", ROOT, {**BODY, "organization_slug": f"a{number}"}).status for number in range(3)]
    assert statuses == [200, 200, 429]
    statuses = [api.respond("GET", f"{ROOT}/a0").status for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    api.now += 1
    assert api.respond("POST", ROOT, BODY).status == 429
    api.now += 10
    assert api.respond("POST", ROOT, BODY).status == 200


def test_statistics(api: Api) -> None:
    api.organization()
    api.now += 1
    for _ in range(3):
        api.ok("GET", f"{ROOT}/acme")
    summary = api.ok("GET", "/emulator/statistics")
    assert summary["requests"] == {"organizations_create": 1, "organizations_get": 3}
    assert summary["statuses"] == {"200": 4}
    assert summary["busiest_second"] == {"organizations_create": 1, "organizations_get": 3, "all": 3}
    assert summary["busiest_minute"]["all"] == 4
    api.app.statistics.reset()
    assert api.ok("GET", "/emulator/statistics")["requests"] == {}


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("earthquake:1", "no fault 'earthquake'; use one of latency"),
        ("drop_before", "write a fault as NAME:PROBABILITY"),
        ("drop_before:2", "the probability must be from 0 to 1"),
        ("drop_before:1.2.3", "write a fault as NAME:PROBABILITY"),
        ("drop_before:1:after", "drop_before takes these arguments: none"),
        ("status_500:1:xml", "status_500 takes these arguments: after, html"),
        ("latency:1", "latency takes a time"),
        ("latency:1:fast", "latency takes a time"),
        ("limit_members_search:5", "write a limit as limit_NAME:COUNT/SECONDSs"),
        ("limit_nothing:5/s", "there is no operation 'nothing'"),
        ("limit_writes:5/0s", "the window must be longer than 0 seconds"),
    ],
)
def test_an_invalid_fault_is_reported(spec: str, told: str) -> None:
    with pytest.raises(ValueError, match="--faults") as raised:
        parse(["latency:0.1:5ms", spec])
    assert told in str(raised.value)


def test_every_mistake_is_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"earthquake[\s\S]*flood"):
        parse(["earthquake:1,drop_after:0.5", "flood:1"])


def test_the_grammar() -> None:
    faults, limits = parse(["drop_after:0.03@POST/v1/b2b/*, latency:0.5:50ms-2s", "limits,limit_writes:65/s"])
    assert [(each.name, each.probability) for each in faults] == [("drop_after", 0.03), ("latency", 0.5)]
    assert (faults[0].method, faults[0].path) == ("POST", "/v1/b2b/*")
    assert faults[1].seconds == (0.05, 2.0)
    assert limits == {**VENDOR, "writes": Limit(65, 1.0)}
    names: dict[str, Any] = {route.name: route for route in ROUTES}
    assert set(VENDOR) <= set(names)
