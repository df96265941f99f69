"""Finding the Consumer project, its environments and their secrets; and the errors where one is missing."""

import pytest
from msgspec import structs

from reconciler.clients.credentials import Credentials
from reconciler.emulator.server.app import App
from reconciler.errors import InvalidInput, Refused
from reconciler.migration.read import Row, check_credentials, chosen, find_consumer, names, secret_of
from tests.connected import connected, credentials


def row(slug: str, type_: str = "TEST", project_id: str = "") -> Row:
    return {"environment_slug": slug, "type": type_, "project_id": project_id}


def test_the_project_is_found_by_the_id_of_any_of_its_environments(app: App) -> None:
    for environment in app.workspace.environments:
        if environment.vertical != "CONSUMER":
            continue
        with connected(app) as client:
            project, rows = find_consumer(client.management, environment.project_id)
        assert project["project_slug"] == "consumer"
        assert [each["environment_slug"] for each in rows] == ["production", "test"]


def test_a_b2b_project_is_refused(app: App) -> None:
    with connected(app) as client, pytest.raises(Refused, match="is already a B2B project"):
        find_consumer(client.management, app.workspace.environment("B2B").project_id)


def test_a_project_of_another_workspace_is_not_found(app: App) -> None:
    with connected(app) as client, pytest.raises(Refused, match="no environment of the workspace has"):
        find_consumer(client.management, "project-test-elsewhere")


def test_every_variable_that_is_missing_is_named(app: App) -> None:
    with pytest.raises(Refused) as refused:
        check_credentials(Credentials())
    assert [problem.message.split()[3] for problem in refused.value.problems] == [
        "STYTCH_WORKSPACE_KEY_ID",
        "STYTCH_WORKSPACE_KEY_SECRET",
        "STYTCH_CONSUMER_PROJECT_ID",
    ]
    check_credentials(structs.replace(credentials(app), consumer_secret="", project_id="", secret=""))


def test_environments_are_chosen_by_their_slugs() -> None:
    rows = [row("production", "LIVE"), row("staging")]
    assert chosen(rows, ()) == rows
    assert chosen(rows, ("staging",)) == rows[1:]
    with pytest.raises(InvalidInput, match="has no environment stagin; it has production, staging") as refused:
        chosen(rows, ("stagin",))
    assert refused.value.problems[0].hint == "did you mean staging?"


def test_environments_are_called_by_their_type_while_that_tells_them_apart() -> None:
    assert names([row("production", "LIVE"), row("staging")]) == ["live", "test"]
    assert names([row("production", "LIVE"), row("a"), row("b")]) == ["production", "a", "b"]


def test_an_environments_secret_has_a_variable_of_its_own() -> None:
    given = Credentials(consumer_project_id="project-test-1", consumer_secret="one")
    here, there = row("my-test", project_id="project-test-1"), row("my-test.2", project_id="project-test-2")
    assert secret_of(here, given, {}) == ("STYTCH_CONSUMER_SECRET", "one")
    assert secret_of(there, given, {}) == ("STYTCH_CONSUMER_SECRET_MY_TEST_2", "")
    environ = {"STYTCH_CONSUMER_SECRET_MY_TEST": "two", "STYTCH_CONSUMER_SECRET_MY_TEST_2": " three\n"}
    assert secret_of(here, given, environ) == ("STYTCH_CONSUMER_SECRET_MY_TEST", "two")
    assert secret_of(there, given, environ) == ("STYTCH_CONSUMER_SECRET_MY_TEST_2", "three")
