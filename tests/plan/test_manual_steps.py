"""What a person must do, and what betrays that it is done."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from reconciler.clients.b2b import Client
from reconciler.documents.document import Document
from reconciler.documents.read import documents_in
from reconciler.emulator.core.behaviour import parse_switches
from reconciler.emulator.server import faults
from reconciler.emulator.server.app import App
from reconciler.model import Live, Position, Target
from reconciler.plan.manual_steps import open_steps


@pytest.fixture
def target(app: App) -> Target:
    here = app.workspace.environment("B2B")
    return Target(project=here.project_slug, environment=here.slug, project_id=here.project_id)


def step(name: str = "a-step", **spec: Any) -> Document:
    said = {"what": "Do it", "where": "Dashboard", **spec}
    body = {"apiVersion": "reconciler/v1", "kind": "ManualStep", "metadata": {"name": name}, "spec": said}
    (document,) = documents_in(json.dumps(body), "manifests/a.yaml", [])
    return document


def state(document: Document, client: Client, target: Target, seen: Mapping[str, list[Live]] | None = None) -> str:
    found = open_steps([document], client, target, seen or {})
    return found[0].state if found else "done"


def test_without_a_check_somebody_says_that_it_is_done(client: Client, target: Target) -> None:
    assert state(step(), client, target) == "open"
    assert state(step(done=False), client, target) == "open"
    assert state(step(done=True), client, target) == "done"
    assert client.statistics.requests == 0


def test_open_ones_come_by_name_with_what_there_is_to_do(client: Client, target: Target) -> None:
    first, second = open_steps([step("b"), step("a", required=True), step("c", done=True)], client, target, {})
    assert (first.name, first.required, first.what, first.where) == ("a", True, "Do it", "Dashboard")
    assert (second.name, second.required, second.at) == ("b", False, Position("manifests/a.yaml", 1))


def test_a_kind_that_can_be_read_betrays_that_it_is_enabled(app: App, client: Client, target: Target) -> None:
    fraud = step(check={"kind": "DFPRule"})
    assert state(fraud, client, target) == "done"
    app.behaviour = parse_switches(["dfp_enabled=false"])
    assert state(fraud, client, target) == "open"


def test_what_was_read_already_is_not_read_again(client: Client, target: Target) -> None:
    check = {"kind": "JWTTemplate", "name": "SESSION", "path": "custom_audience", "equals": "acme"}
    live = Live(kind="JWTTemplate", name="SESSION", id="SESSION", spec={"custom_audience": "acme"})
    assert state(step(check=check), client, target, {"JWTTemplate": [live]}) == "done"
    assert client.statistics.requests == 0
    assert [one.name for one in open_steps([step(check=check), step("b", check=check)], client, target, {})] == [
        "a-step",
        "b",
    ]
    assert client.statistics.requests == 2  # both templates, once


@pytest.mark.parametrize(
    ("check", "wanted"),
    [
        ({"path": "text"}, "done"),
        ({"path": "text", "equals": "so"}, "done"),
        ({"path": "text", "equals": "otherwise"}, "open"),
        ({"path": "no", "equals": False}, "done"),
        ({"path": "no", "equals": 0}, "open"),
        ({"path": "empty"}, "open"),
        ({"path": "empty", "equals": ""}, "done"),
        ({"path": "nowhere"}, "open"),
        ({"path": "text.deeper"}, "open"),
        ({"path": "section.inner"}, "done"),
        ({"path": "section.inner", "equals": [1, 2]}, "done"),
        ({"path": "text", "name": "other"}, "unknown"),
        ({"path": "text", "name": "it"}, "done"),
        ({"name": "it"}, "done"),
        ({"name": "other"}, "open"),
    ],
    ids=str,
)
def test_what_stands_in_a_live_thing(client: Client, target: Target, check: dict[str, Any], wanted: str) -> None:
    spec = {"text": "so", "no": False, "empty": "", "section": {"inner": [1, 2]}}
    seen = {"SDKConfig": [Live(kind="SDKConfig", name="it", id="it", spec=spec)]}
    assert state(step(check={"kind": "SDKConfig", **check}), client, target, seen) == wanted


@pytest.mark.parametrize("check", [{}, {"path": "valid_types"}], ids=["readable", "a value"])
@pytest.mark.parametrize("fault", ["status_500:1", "html_200:1"])
def test_what_cannot_be_read_is_never_done(
    app: App, client: Client, target: Target, check: dict[str, str], fault: str
) -> None:
    app.faults = faults.Faults(faults.parse([fault])[0])
    assert state(step(check={"kind": "RedirectURL", **check}), client, target) in ("open", "unknown")


@pytest.mark.parametrize("kind", ["RedirectURL", "DFPRule", "SDKConfig"])
def test_of_an_environment_that_is_still_to_be_made_nobody_can_tell(client: Client, kind: str) -> None:
    there = Target(project="b2b", environment="new")
    assert state(step(check={"kind": kind}), client, there) == "unknown"
    assert state(step(check={"kind": kind}), client, there, {kind: []}) == "unknown"


@pytest.mark.parametrize("kind", ["Organization", "Member"])
def test_of_what_is_not_looked_through_nobody_can_tell(client: Client, target: Target, kind: str) -> None:
    assert state(step(check={"kind": kind}), client, target) == "unknown"
    assert state(step(check={"kind": kind, "name": "acme", "path": "organization_name"}), client, target) == "unknown"
