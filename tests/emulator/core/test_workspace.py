"""Projects and environments over the management API: credentials, content, and what a delete removes."""

from pathlib import Path
from typing import Any

import pytest

from reconciler.emulator.core.behaviour import Behaviour
from reconciler.emulator.core.exchange import Request
from reconciler.emulator.core.store import Store
from reconciler.emulator.seed.bulk import place_environment, place_project
from reconciler.emulator.seed.running import Options, make, variables
from reconciler.emulator.server.app import App
from reconciler.emulator.server.faults import Faults, parse
from reconciler.emulator.server.limits import Limits
from tests.emulator.conftest import Api

PROJECTS = "/pwa/v3/projects"
ACME = f"{PROJECTS}/acme"
ENVIRONMENTS = f"{ACME}/environments"
STAGING = f"{ENVIRONMENTS}/staging"
ORGANIZATIONS = "/v1/b2b/organizations"
ORGANIZATION = {"organization_name": "Acme", "organization_slug": "acme"}


def project(api: Api, vertical: str = "B2B", slug: str = "acme") -> Any:
    body = {"name": slug.title(), "vertical": vertical, "project_slug": slug}
    return api.ok("POST", PROJECTS, body)["project"]


@pytest.mark.parametrize("path", [PROJECTS, "/web/v1/projects"])
def test_only_the_workspace_key_manages(api: Api, path: str) -> None:
    environment = api.app.workspace.environment("B2B")
    for name, secret in ((environment.project_id, environment.secret), (api.app.workspace.key_id, "guessed")):
        response = api.app.respond(Request("GET", path, {}, {"authorization": api.basic(name, secret)}))
        assert (response.status, b'"unauthorized_credentials"' in response.body) == (401, True)
    assert api.app.respond(Request("GET", path)).status == 401
    key = api.basic(api.app.workspace.key_id, api.app.workspace.key_secret)
    assert api.app.respond(Request("GET", "/v1/users/x", {}, {"authorization": key})).status == 401
    assert api.refused("GET", "/pwa/v3/nowhere") == (404, "route_not_found")


def test_a_new_project_is_empty(api: Api) -> None:
    made = project(api)
    assert made == {"project_slug": "acme", "name": "Acme", "vertical": "B2B", "created_at": "2023-11-14T22:13:20Z"}
    assert api.ok("GET", ACME)["project"] == made
    assert api.ok("GET", ENVIRONMENTS)["environments"] == []
    assert api.ok("PATCH", ACME, {"name": "Acme Corp", "vertical": None})["project"] == {**made, "name": "Acme Corp"}
    assert api.ok("PATCH", ACME, {})["project"]["name"] == "Acme Corp"
    assert [each["project_slug"] for each in api.ok("GET", PROJECTS)["projects"]] == ["consumer", "b2b", "acme"]


def test_a_slug_is_made_where_none_is_given(api: Api) -> None:
    slugs = [
        api.ok("POST", PROJECTS, {"name": name, "vertical": "B2B", "project_slug": given})["project"]["project_slug"]
        for name, given in (("Äcme & Söhne", None), ("Acme Sohne", ""), ("…", None))
    ]
    assert slugs == ["acme-sohne", "acme-sohne-2", "unnamed"]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"vertical": "B2B"}, "invalid_project_name"),
        ({"name": "", "vertical": "B2B"}, "invalid_project_name"),
        ({"name": 7, "vertical": "B2B"}, "invalid_project_name"),
        ({"name": "x"}, "invalid_argument"),
        ({"name": "x", "vertical": "ALL"}, "invalid_argument"),
        ({"name": "x", "vertical": "B2B", "project_slug": "acme"}, "invalid_argument"),
        ({"name": "x", "vertical": "B2B", "project_slug": "a b"}, "invalid_argument"),
    ],
)
def test_projects_that_cannot_be(api: Api, body: Any, error: str) -> None:
    project(api)
    assert api.refused("POST", PROJECTS, body) == (400, error)
    assert api.refused("PATCH", ACME, {"name": ""}) == (400, "invalid_project_name")


def test_a_workspace_has_fifty_projects_at_most(api: Api) -> None:
    for number in range(48):
        place_project(api.app, f"p{number}")
    assert api.refused("POST", PROJECTS, {"name": "x", "vertical": "B2B"}) == (400, "too_many_projects")


def test_what_is_not_there(api: Api) -> None:
    assert api.refused("GET", ACME) == (404, "project_not_found")
    assert api.refused("GET", STAGING) == (404, "project_not_found")
    project(api)
    for method, path in (
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("GET", "/secrets"),
        ("GET", "/redirect_urls/all"),
    ):
        assert api.refused(method, f"{STAGING}{path}") == (404, "project_not_found")
    assert api.refused("DELETE", f"{PROJECTS}/nowhere") == (404, "project_not_found")


def test_metrics_count_what_is_active(api: Api) -> None:
    path = f"{PROJECTS}/b2b/environments/test/metrics"
    empty = {"user_count": 0, "organization_count": 0, "member_count": 0, "m2m_client_count": 0}
    assert api.ok("GET", path)["metrics"] == empty
    api.organization()
    api.member()
    api.ok("DELETE", f"/v1/b2b/organizations/acme/members/{api.member('bea@acme.com')['member_id']}")
    assert api.ok("GET", path)["metrics"] == {**empty, "organization_count": 1, "member_count": 1}
    api.user()
    assert api.ok("GET", f"{PROJECTS}/consumer/environments/test/metrics")["metrics"] == {**empty, "user_count": 1}


def test_everything_goes_with_its_environment_and_its_project(api: Api) -> None:
    before = rows(api.app)
    acme = place_project(api.app, "acme")
    place_environment(api.app, acme, "production", "live")
    staging, preview = (place_environment(api.app, acme, slug) for slug in ("staging", "preview"))
    for environment in (staging, preview):
        api.ok("POST", ORGANIZATIONS, ORGANIZATION, environment=environment)
    api.ok("DELETE", STAGING)
    assert api.refused("GET", f"{ORGANIZATIONS}/acme", environment=staging) == (401, "unauthorized_credentials")
    assert api.ok("GET", f"{ORGANIZATIONS}/acme", environment=preview)
    api.ok("POST", f"{ACME}/email_templates", {"template_id": "t", "prebuilt_customization": {}})
    api.ok("POST", f"{ACME}/default_email_templates/PREBUILT", {"template_id": "t"})
    api.ok("DELETE", ACME)
    assert api.refused("GET", f"{ORGANIZATIONS}/acme", environment=preview) == (401, "unauthorized_credentials")
    assert rows(api.app) == before
    project(api)
    assert api.ok("GET", ENVIRONMENTS)["environments"] == []


def rows(app: App) -> list[int]:
    """Return the number of rows in each table of the store."""
    sql = "SELECT count(*) FROM object UNION ALL SELECT count(*) FROM name UNION ALL SELECT count(*) FROM setting"
    return [count for (count,) in app.store.connection.execute(sql)]


def test_a_deleted_environment_leaves_a_lagging_index_too() -> None:
    app = App(behaviour=Behaviour(search_lag_requests=1))
    api = Api(app)
    environment = place_environment(app, place_project(app, "acme"), "staging")
    api.ok("POST", ORGANIZATIONS, ORGANIZATION, environment=environment)
    api.ok("DELETE", STAGING)
    for _ in range(3):
        api.ok("GET", PROJECTS)
    kept = "SELECT count(*) FROM object WHERE text LIKE '%organization_slug%'"
    assert app.index.store.connection.execute(kept).fetchone() == (0,)
    app.close()


def test_limits_faults_and_statistics_know_these_operations(api: Api) -> None:
    api.app.limits = Limits(parse(["limit_projects_list:1/60s"])[1])
    api.ok("GET", PROJECTS)
    assert api.refused("GET", PROJECTS) == (429, "too_many_requests")
    api.app.faults = Faults(parse(["status_503:1@POST/pwa/v3/*"])[0])
    assert api.refused("POST", PROJECTS, {"name": "x", "vertical": "B2B"}) == (503, "internal_server_error")
    assert api.app.statistics.requests == {"projects_list": 2, "projects_create": 1}


def test_lists_come_in_any_order() -> None:
    app = App(behaviour=Behaviour(search_order="random"))
    api = Api(app)
    for number in range(8):
        place_project(app, f"p{number}")
    orders = {tuple(each["project_slug"] for each in api.ok("GET", PROJECTS)["projects"]) for _ in range(20)}
    assert len(orders) > 1
    assert len({frozenset(order) for order in orders}) == 1
    app.close()


def test_a_database_of_a_time_when_a_workspace_could_not_change_is_taken_over(tmp_path: Path) -> None:
    file = tmp_path / "stytch.db"
    first = App(file)
    Api(first).organization()
    former: dict[str, Any] = {
        "key_id": first.workspace.key_id,
        "key_secret": first.workspace.key_secret,
        "environments": [
            {"project_id": each.project_id, "secret": each.secret, "vertical": each.vertical, "type": each.type}
            for each in first.workspace.environments
        ],
    }
    first.close()
    store = Store(file)
    store.connection.execute(
        "DELETE FROM object WHERE collection IN (SELECT number FROM collection"
        " WHERE project_id = '' OR kind IN ('secret', 'public_token', 'redirect_url'))"
    )
    store.set("workspace", former)
    store.close()
    again = App(file)
    assert (again.workspace.key_id, again.workspace.key_secret) == (former["key_id"], former["key_secret"])
    assert {each.project_id for each in again.workspace.environments} == {
        each["project_id"] for each in former["environments"]
    }
    assert [each["organization_slug"] for each in Api(again).search("organizations")] == ["acme"]
    again.close()


def test_a_workspace_without_its_first_projects_still_opens(tmp_path: Path) -> None:
    file = tmp_path / "stytch.db"
    app = make(Options(database=file))
    api = Api(app)
    secrets = f"{PROJECTS}/b2b/environments/test/secrets"
    api.ok("DELETE", f"{secrets}/{api.ok('GET', secrets)['secrets'][0]['secret_id']}")
    api.ok("DELETE", f"{PROJECTS}/consumer")
    app.close()
    again = make(Options(database=file))
    found = variables(again, "http://127.0.0.1:1")
    assert found["STYTCH_WORKSPACE_KEY_ID"] == again.workspace.key_id
    assert not found.keys() & {"STYTCH_PROJECT_ID", "STYTCH_SECRET", "STYTCH_CONSUMER_PROJECT_ID"}
    again.close()
    with pytest.raises(ValueError, match="no CONSUMER project"):
        make(Options(database=file, synthetic_users=1))


def test_projects_as_the_former_api_knew_them(api: Api) -> None:
    project(api)
    consumer, b2b = api.ok("GET", "/web/v1/projects")["projects"]
    assert (consumer["project_slug"], b2b["vertical"]) == ("consumer", "B2B")
    live = api.app.workspace.environment("B2B", "live")
    test = api.app.workspace.environment("B2B")
    assert (b2b["live_project_id"], b2b["live_project_slug"]) == (live.project_id, "production")
    assert (b2b["test_project_id"], b2b["test_project_slug"]) == (test.project_id, "test")
    for environment in (live, test):
        assert api.ok("GET", f"/web/v1/projects/{environment.project_id}")["project"] == b2b
    assert api.refused("GET", "/web/v1/projects/nowhere") == (404, "project_not_found")
