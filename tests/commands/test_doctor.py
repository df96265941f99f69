"""What doctor finds wrong: whatever a plan would refuse, and what cannot be read."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from reconciler.clients.credentials import Credentials
from reconciler.commands.diagnosis import Finding, examine
from reconciler.config.read import load_config
from reconciler.emulator.core.behaviour import Behaviour
from reconciler.emulator.seed.running import Running, running
from reconciler.errors import Rejected
from tests.repositories import write

CONFIGURATION = "apiVersion: reconciler/v1\nkind: Configuration\nname: acme\nenvironments:\n  test:\n    "
MADE = """\
apiVersion: reconciler/v1
kind: Project
metadata: {name: new}
spec: {name: New}
---
apiVersion: reconciler/v1
kind: Environment
metadata: {name: here}
spec: {name: Here, type: TEST}
"""
NEW = "{project: new, environment: here}"
NOTHING = dict.fromkeys(("project_id", "secret", "consumer_project_id", "consumer_secret"), "")


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as server:
        yield server


@pytest.fixture
def findings(server: Running, tmp_path: Path) -> Any:
    def findings(target: str = "{}", manifest: str = "", settings: str = "", **given: str) -> list[Finding]:
        text = f"{CONFIGURATION}target: {target}\n{settings}"
        write(tmp_path, {"reconciler.yaml": text, "manifests/a.yaml": manifest or "# nothing\n"})
        credentials = structs.replace(Credentials.from_environment(server.environment), **given)
        return list(examine(load_config(tmp_path), credentials))

    return findings


@pytest.fixture
def found(findings: Any) -> Any:
    return lambda *told, **given: {each.subject: each for each in findings(*told, **given)}


def slugs(server: Running, vertical: str, type_: str) -> str:
    every = server.app.workspace.environments
    one = next(each for each in every if (each.vertical, each.type) == (vertical, type_))
    return f"project: {one.project_slug}, environment: {one.slug}"


def test_all_is_well_with_the_environment_that_the_credentials_are_for(server: Running, found: Any) -> None:
    every = found(f"{{{slugs(server, 'B2B', 'test')}}}")
    assert [each for each in every.values() if not each.ok] == []
    assert every["target"].text.endswith("a test project; reconciler.yaml pins no target.project_id")
    assert every["workspace"].text.startswith("readable; the same key writes")


@pytest.mark.parametrize(
    ("vertical", "type_", "given", "text"),
    [
        ("CONSUMER", "test", {}, "is a Consumer project"),
        ("B2B", "live", NOTHING, "is a live project, but environment test is not declared live"),
        ("B2B", "live", {}, "STYTCH_PROJECT_ID is"),
    ],
    ids=["consumer", "live", "another"],
)
def test_a_target_that_a_plan_refuses_is_wrong(
    server: Running, found: Any, vertical: str, type_: str, given: dict[str, str], text: str
) -> None:
    target = found(f"{{{slugs(server, vertical, type_)}}}", **given)["target"]
    assert (target.ok, bool(target.hint)) == (False, True)
    assert text in target.text


@pytest.mark.parametrize(
    ("manifest", "settings", "ok", "text"),
    [
        ("", "", False, "no manifest declares Project/new"),
        (MADE.replace("here", "there"), "", False, "no manifest declares Environment/here"),
        (MADE, "", True, "an apply creates it"),
        (MADE, "    owns_project: false\n", True, "another environment creates it"),
        (MADE.replace("TEST", "LIVE"), "", False, "is of type test, but Environment/here is LIVE"),
        ("kind: Nothing", "", True, "an apply that declares it creates it"),
    ],
    ids=["nothing", "another", "made", "observed", "of another type", "broken"],
)
def test_a_target_that_is_not_there_must_be_made(
    found: Any, manifest: str, settings: str, *, ok: bool, text: str
) -> None:
    target = found(NEW, manifest, settings, **NOTHING)["target"]
    assert (target.ok, text in target.text) == (ok, True), target


def test_a_workspace_key_is_good_for_nothing_before_it_was_tried(found: Any) -> None:
    every = found(workspace_key_secret="wrong")  # so it is
    assert every["workspace key"].text.startswith("set; it is for")
    assert not every["workspace"].ok
    assert every["target"].ok


IN_USE = "apiVersion: reconciler/v1\nkind: Secret\nmetadata: {name: IN_USE}\n"


@pytest.mark.parametrize(("known", "ok"), [("", True), ("wrong", False)], ids=["right", "wrong"])
def test_a_secret_of_the_credential_store_is_tried(
    server: Running, found: Any, monkeypatch: pytest.MonkeyPatch, known: str, *, ok: bool
) -> None:
    monkeypatch.setenv("IN_USE", known or server.environment["STYTCH_SECRET"])
    every = found(f"{{{slugs(server, 'B2B', 'test')}}}", IN_USE, **NOTHING)
    assert every["secret"].ok
    assert (every["organizations"].ok, every["RBAC policy"].ok) == (ok, ok)


@pytest.mark.parametrize(
    ("manifest", "settings", "ok", "text"),
    [
        (IN_USE, "", True, "an apply creates the declared one"),
        (IN_USE, "    kinds: [Organization]\n", False, "none is known"),
        (IN_USE, "    kinds: [Secret, Member]\n    authority: {Secret: observe}\n", False, "none is known"),
        ("", "    kinds: [RedirectURL]\n", True, "only settings can be read"),
    ],
    ids=["made", "another kind", "observed", "not needed"],
)
def test_an_environment_without_a_secret_that_is_known(
    server: Running, found: Any, manifest: str, settings: str, *, ok: bool, text: str
) -> None:
    every = found(f"{{{slugs(server, 'B2B', 'test')}}}", manifest, settings, **NOTHING)
    assert (every["secret"].ok, text in every["secret"].text) == (ok, True), every["secret"]
    assert "organizations" not in every


@pytest.mark.parametrize("settings", ["", "    users: {consumer: live}\n"], ids=["at hand", "the source"])
def test_a_consumer_project_that_is_at_hand_is_read(found: Any, settings: str) -> None:
    subject = "users" if settings else "Consumer project"
    assert found(settings=settings)[subject].ok
    wrong = found(settings=settings, consumer_secret="wrong")[subject]  # so it is
    assert (wrong.ok, bool(wrong.hint)) == (False, True)


@pytest.mark.parametrize(
    ("field", "variable"),
    [
        ("api_url", "STYTCH_API_URL"),
        ("management_base_uri", "STYTCH_MANAGEMENT_BASE_URI"),
        ("telemetry_url", "STYTCH_TELEMETRY_URL"),
    ],
)
def test_where_nobody_answers_is_said_once(
    findings: Any, monkeypatch: pytest.MonkeyPatch, field: str, variable: str
) -> None:
    monkeypatch.setattr("reconciler.clients.retry.TRIES", 1)
    every = findings(**{field: "http://127.0.0.1:9"})
    wrong = [each for each in every if not each.ok]
    assert [each.subject for each in wrong] == ["address"]
    assert wrong[0].text.endswith("was not answered by 127.0.0.1:9: the connection was refused")
    assert wrong[0].hint.startswith(variable)


def test_fraud_rules_are_not_enabled_only_where_stytch_says_so(server: Running, found: Any) -> None:
    behaviour = server.app.behaviour
    server.app.behaviour = Behaviour(dfp_enabled=False)
    assert (found()["fraud rules"].ok, "not enabled" in found()["fraud rules"].text) == (True, True)
    server.app.behaviour = behaviour
    assert found()["fraud rules"].text == "readable"
    rules = found(secret="wrong")["fraud rules"]  # so it is
    assert (rules.ok, "enabled" in rules.text) == (False, False)


def test_the_way_of_writes_is_tried_too(found: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found()["writes"].ok
    monkeypatch.setattr("reconciler.clients.sdk.Writer.read", lambda *_: refuse())
    every = found()
    assert (every["RBAC policy"].ok, every["writes"].ok) == (True, False)


def refuse() -> None:
    raise Rejected("the way of writes is closed", status=403)


def test_the_network_is_shown_and_what_cannot_be_obeyed_is_said(found: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert "network" not in found()
    monkeypatch.setenv("HTTPS_PROXY", "http://ann:hush@proxy.example:3128")
    assert found()["network"].text == "trusted certificates: the usual ones; proxy: none is used for these servers"
    far = found(api_url="https://stytch.example", secret="", workspace_key_secret="")["network"].text
    assert far.endswith("proxy: the proxy proxy.example:3128 (HTTPS_PROXY)")
    wrong = found(api_url="https://ann:hush@stytch.example")["credentials"]
    assert (wrong.ok, "STYTCH_API_URL" in wrong.text) == (False, True)
    assert "hush" not in f"{far}{wrong.text}{wrong.hint}"
