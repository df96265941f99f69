"""Every operation answers as the vendor's OpenAPI description says; mismatches are listed, and needed."""

import json
import re
from typing import Any

import pytest

from reconciler.emulator.core.behaviour import Behaviour
from reconciler.emulator.core.exchange import Response
from reconciler.emulator.server.app import App
from reconciler.emulator.server.routes import ROUTES, Route
from tests.emulator import conformity
from tests.emulator.conftest import Api
from tests.emulator.tour import tour

BEHAVIOURS = (
    Behaviour(),
    Behaviour(last_cursor="absent", total="unknown", created_status=201, search_order="random"),
    Behaviour(
        unset_fields="null", empty_metadata="absent", set_order="reversed", lower_emails=False, rules_last_cursor="null"
    ),
)


def test_the_tour_visits_every_operation(api: Api) -> None:
    tour(api)
    assert {route.name for route in ROUTES} == set(api.app.statistics.requests)
    assert set(api.app.statistics.statuses) == {200}


@pytest.mark.openapi
@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=["default", "paging", "unset"])
def test_every_operation_answers_as_described(behaviour: Behaviour) -> None:
    app = App(behaviour=behaviour)
    tour(Api(app))  # The fixture `as_described` holds each answer to the description.
    app.close()
    assert len(app.statistics.requests) == len(ROUTES)


@pytest.mark.openapi
@pytest.mark.parametrize(
    "route", [each for each in ROUTES if conformity.file_of(each.path)], ids=lambda each: each.name
)
def test_every_route_is_the_vendors(route: Route) -> None:
    found = conformity.operation(route.method, route.path)
    assert found is not None
    assert re.sub(r"\{.*?\}", "{}", found[0]) == re.sub(r"\{.*?\}", "{}", f"{route.method} {route.path}")


@pytest.mark.openapi
def test_the_check_sees_what_is_wrong(api: Api) -> None:
    answer = {"status_code": 200, "request_id": "r", "organization": api.organization()}
    path = "/v1/b2b/organizations/acme"

    def found(change: dict[str, object]) -> list[str]:
        wrong = json.dumps({**answer, "organization": {**answer["organization"], **change}}).encode()
        return [mismatch.at for mismatch in conformity.mismatches("GET", path, 200, wrong)]

    assert found({}) == []
    assert found({"organization_name": 1}) == ["organization/organization_name"]
    assert found({"email_allowed_domains": [1]}) == ["organization/email_allowed_domains/*"]
    assert found({"invented": 1}) == ["organization"]
    assert conformity.mismatches("GET", "/v1/b2b/nowhere", 200, b"{}") != []
    assert conformity.mismatches("GET", path, 400, b'{"error_type": "x"}') != []


class Watching(Api):
    """Keeps every mismatch that it meets, listed or not."""

    def __init__(self, app: App, found: list[conformity.Mismatch]) -> None:
        super().__init__(app)
        self.found = found

    def respond(self, method: str, path: str, *more: Any, **named: Any) -> Response:
        response = super().respond(method, path, *more, **named)
        self.found += conformity.mismatches(method, path, response.status, response.body)
        return response


@pytest.mark.openapi
def test_no_mismatch_is_listed_that_does_not_occur() -> None:
    found: list[conformity.Mismatch] = []
    for behaviour in BEHAVIOURS:
        app = App(behaviour=behaviour)
        tour(Watching(app, found))
        app.close()
    for known in conformity.listed():
        assert any(conformity.covers(known, each) for each in found), f"this does not occur: {known}"
