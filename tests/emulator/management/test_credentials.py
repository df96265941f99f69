"""Secrets and public tokens: which are valid, and which no longer are."""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.emulator.core.workspace import Environment
from reconciler.emulator.seed.bulk import place_environment, place_project
from tests.emulator.conftest import Api

TEST = "/pwa/v3/projects/b2b/environments/test"
POLICY = "/v1/b2b/rbac/policy"


def made(api: Api) -> tuple[Any, Environment]:
    """Return a new secret, and the environment as a client that knows it."""
    secret = api.ok("POST", f"{TEST}/secrets")["secret"]
    return secret, replace(api.app.workspace.environment("B2B"), secret=secret["secret"])


def test_a_secret_is_shown_once_and_is_valid(api: Api) -> None:
    secret, client = made(api)
    assert secret.keys() == {"secret_id", "secret", "created_at"}
    masked = {**secret, "last_four": secret["secret"][-4:]}
    del masked["secret"]
    assert api.ok("GET", f"{TEST}/secrets/{secret['secret_id']}")["secret"] == masked
    api.ok("GET", POLICY, environment=client)
    api.ok("GET", POLICY)
    used = api.ok("GET", f"{TEST}/secrets")["secrets"]
    assert used[1] == {**masked, "used_at": "2023-11-14T22:13:20Z"}
    api.now += 60
    api.ok("GET", POLICY, environment=client)
    assert api.ok("GET", f"{TEST}/secrets")["secrets"][1]["used_at"] == "2023-11-14T22:14:20Z"
    stored = api.app.store.connection.execute("SELECT text FROM object").fetchall()
    assert not any(secret["secret"] in text for (text,) in stored)


def test_a_deleted_secret_is_no_longer_valid(api: Api) -> None:
    secret, client = made(api)
    api.ok("DELETE", f"{TEST}/secrets/{secret['secret_id']}")
    assert api.refused("GET", POLICY, environment=client) == (401, "unauthorized_credentials")
    api.ok("GET", POLICY)
    for method in ("GET", "DELETE"):
        assert api.refused(method, f"{TEST}/secrets/{secret['secret_id']}") == (404, "secret_not_found")
    first = api.ok("GET", f"{TEST}/secrets")["secrets"][0]["secret_id"]
    environment = api.app.workspace.environment("B2B")
    api.ok("DELETE", f"{TEST}/secrets/{first}")
    assert api.refused("GET", POLICY, environment=environment) == (401, "unauthorized_credentials")
    assert api.app.workspace.environment("B2B").secret == ""


def test_a_secret_is_its_environments(api: Api) -> None:
    _, client = made(api)
    live = api.app.workspace.environment("B2B", "live")
    stranger = replace(live, secret=client.secret)
    assert api.refused("GET", POLICY, environment=stranger) == (401, "unauthorized_credentials")
    assert len(api.ok("GET", "/pwa/v3/projects/b2b/environments/production/secrets")["secrets"]) == 1


def test_an_environment_made_by_the_api_has_no_secret_and_one_public_token(api: Api) -> None:
    place_environment(api.app, place_project(api.app, "acme"), "production", "live")
    environments = "/pwa/v3/projects/acme/environments"
    api.ok("POST", environments, {"name": "Test", "type": "TEST", "environment_slug": "test"})
    assert api.ok("GET", f"{environments}/test/secrets")["secrets"] == []
    (token,) = api.ok("GET", f"{environments}/test/public_tokens")["public_tokens"]
    assert token["public_token"].startswith("public-token-test-")


def test_the_last_public_token_stays(api: Api) -> None:
    (first,) = api.ok("GET", f"{TEST}/public_tokens")["public_tokens"]
    path = f"{TEST}/public_tokens/{first['public_token']}"
    assert api.refused("DELETE", path) == (400, "unable_to_delete_last_public_token")
    second = api.ok("POST", f"{TEST}/public_tokens")["public_token"]
    assert api.ok("GET", f"{TEST}/public_tokens/{second['public_token']}")["public_token"] == second
    api.ok("DELETE", path)
    assert api.ok("GET", f"{TEST}/public_tokens")["public_tokens"] == [second]
    for method in ("GET", "DELETE"):
        assert api.refused(method, path) == (404, "public_token_not_found")


@pytest.mark.parametrize(
    ("path", "error"), [("secrets", "too_many_secrets"), ("public_tokens", "too_many_public_tokens")]
)
def test_there_are_fifty_at_most(api: Api, path: str, error: str) -> None:
    for _ in range(49):
        api.ok("POST", f"{TEST}/{path}")
    assert api.refused("POST", f"{TEST}/{path}") == (400, error)
