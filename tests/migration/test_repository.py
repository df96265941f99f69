"""The repositories of Consumer projects with few or unusual settings; without a socket."""

import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.clients.connect import Transports
from reconciler.config.read import load_config
from reconciler.emulator.core.behaviour import Behaviour
from reconciler.emulator.seed.placing import place_connected_app
from reconciler.emulator.seed.running import variables
from reconciler.emulator.server.app import App
from reconciler.emulator.server.faults import Faults, parse
from reconciler.emulator.server.transport import EmulatorTransport
from reconciler.errors import Unreadable
from reconciler.load.repository import load_documents
from reconciler.migration.repository import init_from_consumer
from tests.connected import VirtualClock
from tests.emulator.conftest import Api
from tests.memory_store import MemoryStore
from tests.migration.written import section, subjects
from tests.whole_project import applied

Make = Callable[..., App]


@pytest.fixture
def make() -> Iterator[Make]:
    apps: list[App] = []

    def make(**behaviour: Any) -> App:
        apps.append(App(behaviour=Behaviour(**behaviour)))
        return apps[-1]

    yield make
    for app in apps:
        app.close()


def written(app: App, root: Path, *environments: str) -> Mapping[str, Any]:
    """Write the repository, check that it is valid, and return the manifests by file."""
    environ = variables(app, "http://127.0.0.1:1")
    live = next(each for each in app.workspace.environments if (each.vertical, each.type) == ("CONSUMER", "live"))
    environ["STYTCH_CONSUMER_SECRET_PRODUCTION"] = live.secret
    transports = Transports(VirtualClock(), random.Random(0), EmulatorTransport(app))  # noqa: S311 # for jitter
    files = init_from_consumer(root, environ, environments=environments, transports=transports)
    assert files[-1] == "reconciler.yaml"  # so that a killed run can be repeated
    for name in yaml.safe_load((root / "reconciler.yaml").read_text())["environments"]:
        assert load_documents(load_config(root, name)).problems == ()
    return {path.name: list(yaml.safe_load_all(path.read_text())) for path in (root / "manifests").iterdir()}


def test_a_project_without_settings_loses_nothing(make: Make, tmp_path: Path) -> None:
    manifests = written(make(), tmp_path)
    assert subjects(section(tmp_path, "What is lost")) == []
    assert "every setting of the Consumer project.\n" in section(tmp_path, "What is lost")
    assert subjects(section(tmp_path, "What works differently")) == [
        "Environment/production: cross_org_passwords_enabled (live)",
        "Environment/test: cross_org_passwords_enabled (test)",
    ]
    assert "Not read" not in (tmp_path / "MIGRATION.md").read_text()
    assert set(manifests) == {"project.yaml", "redirect-url.yaml", "sdk-config.yaml", "manual-steps.yaml"}


def test_a_project_without_a_live_secret_can_be_validated_all_the_same(make: Make, tmp_path: Path) -> None:
    manifests = written(make(), tmp_path, "test")
    names = {
        each["metadata"]["name"]: each["spec"] for each in manifests["project.yaml"] if each["kind"] == "Environment"
    }
    assert names["production"] == {"name": "Production", "type": "LIVE"}
    assert names["test"]["type"] == "TEST"


def test_several_environments_of_one_type_are_called_by_their_slugs(make: Make, tmp_path: Path) -> None:
    app = make()
    api = Api(app)
    api.ok("POST", "/pwa/v3/projects/consumer/environments", {"name": "S", "type": "TEST", "environment_slug": "stage"})
    manifests = written(app, tmp_path)
    environments = yaml.safe_load((tmp_path / "reconciler.yaml").read_text())["environments"]
    assert list(environments) == ["production", "stage", "test"]
    assert [name for name, each in environments.items() if each.get("owns_project")] == ["production"]
    here = {each.slug: each.project_id for each in app.workspace.environments if each.project_slug == "consumer"}
    assert {name: each["users"] for name, each in environments.items()} == {
        name: {"consumer": {"project_id": id}} for name, id in here.items()
    }
    assert "stage" in section(tmp_path, "Not read")
    assert manifests["redirect-url.yaml"][0]["metadata"]["environments"] == ["stage", "test"]


def test_environments_whose_slugs_are_no_texts_to_yaml_are_named_all_the_same(make: Make, tmp_path: Path) -> None:
    app = make()
    slugs = ["1.0", "123", "null", "true"]
    for slug in slugs:
        body = {"name": "S", "type": "TEST", "environment_slug": slug}
        Api(app).ok("POST", "/pwa/v3/projects/consumer/environments", body)
    written(app, tmp_path)
    environments = yaml.safe_load((tmp_path / "reconciler.yaml").read_text())["environments"]
    assert list(environments) == ["production", *slugs[:3], "test", "true"]
    assert [environments[slug]["target"]["environment"] for slug in slugs] == slugs


def test_credentials_of_names_that_are_alike_are_kept_apart(make: Make, tmp_path: Path) -> None:
    app = make()
    api, consumer = Api(app), app.workspace.environment("CONSUMER")
    for name in ("billing-api", "billing_api", "日本", "中文", "alone"):
        api.ok("POST", "/v1/m2m/clients", {"client_id": name, "scopes": ["a"]}, environment=consumer)
    for name in ("Cal endar", "Cal.endar"):
        body = {"client_type": "third_party", "client_name": name}
        api.ok("POST", "/v1/connected_apps/clients", body, environment=consumer)
    manifests = written(app, tmp_path)
    declared = {
        each["metadata"]["name"]: each["spec"].get("client_secret", {}).get("secret")
        for each in (*manifests["m2m-client.yaml"], *manifests["connected-app.yaml"])
    }
    assert declared.pop("alone") is None
    assert len(set(declared.values())) == len(declared) == 6
    text = (tmp_path / "MIGRATION.md").read_text()
    assert [text.count(f"`{name}` (test)") for name in declared.values()] == [1] * 6
    assert text.count("`M2M_CLIENT_ALONE_SECRET`") == 1


def test_kinds_that_stytch_refuses_to_show_are_listed_as_not_read(make: Make, tmp_path: Path) -> None:
    written(make(dfp_enabled=False), tmp_path)
    unread = section(tmp_path, "Not read")
    assert "- `production`: DFPRule. Stytch refuses: " in unread
    assert "enterprise_endpoint" in unread
    assert "fraud-prevention" not in (tmp_path / "MIGRATION.md").read_text()


def test_an_app_that_registered_itself_is_lost_and_not_declared(make: Make, tmp_path: Path) -> None:
    app = make()
    consumer = app.workspace.environment("CONSUMER")
    place_connected_app(app, {"client_name": "Agent"}, consumer)
    api = Api(app)
    body = {"client_type": "third_party_public", "client_name": "Twin"}
    made = [api.ok("POST", "/v1/connected_apps/clients", body, environment=consumer) for _ in range(2)]
    twins = sorted(each["connected_app"]["client_id"] for each in made)
    manifests = written(app, tmp_path)
    assert [each["metadata"]["name"] for each in manifests["connected-app.yaml"]] == ["Twin", "Twin (2)"]
    assert subjects(section(tmp_path, "What is lost")) == [
        "ConnectedApp/Twin: client_id (test)",
        "ConnectedApp/Twin (2): client_id (test)",
        "ConnectedApp/Agent: client_id (test)",
    ]
    said = [each for each in subjects(section(tmp_path, "What works differently")) if "Twin" in each]
    assert said == [
        f"ConnectedApp/Twin: client_name of {twins[0]} (test)",
        f"ConnectedApp/Twin (2): client_name of {twins[1]} (test)",
    ]


def test_a_default_redirect_url_that_the_project_lacks_is_declared_absent(make: Make, tmp_path: Path) -> None:
    app = make()
    path = "/pwa/v3/projects/consumer/environments/test/redirect_urls"
    Api(app).ok("DELETE", path, query={"url": "http://localhost:3000/authenticate"})
    (document,) = written(app, tmp_path / "both")["redirect-url.yaml"]
    assert document["metadata"] == {"name": "http://localhost:3000/authenticate", "environments": ["test"]}
    assert document["ensure"] == "absent"
    written(app, tmp_path / "test", "test")
    config, store = load_config(tmp_path / "test"), MemoryStore({})
    outcomes = applied(config, app, store)
    assert ("RedirectURL/http://localhost:3000/authenticate", "applied") in {
        (one.address, one.result) for one in outcomes
    }
    assert applied(config, app, store) == ()


def test_no_value_of_a_project_ends_a_code_span_or_a_line(make: Make, tmp_path: Path) -> None:
    app = make()
    consumer = app.workspace.environment("CONSUMER")
    body = {"client_type": "third_party_public", "client_name": "`a`\n## b ``c``"}
    Api(app).ok("POST", "/v1/connected_apps/clients", body, environment=consumer)
    written(app, tmp_path)
    assert subjects(section(tmp_path, "What is lost")) == [" ConnectedApp/`a` ## b ``c``: client_id  (test)"]


def test_a_text_that_looks_like_an_expression_of_ours_stays_as_it_is(make: Make, tmp_path: Path) -> None:
    app = make()
    content = '{"price": "${{ member.x }} and ${{"}'
    consumer = app.workspace.environment("CONSUMER")
    body = {"client_id": "a", "scopes": ["${{b}}"], "client_name": content, "trusted_metadata": {"${{ c }}": "${{ d"}}
    Api(app).ok("POST", "/v1/m2m/clients", body, environment=consumer)
    written(app, tmp_path)
    (client,) = load_documents(load_config(tmp_path, "test")).by_kind["M2MClient"]
    assert {name: client.spec[name] for name in ("scopes", "client_name", "trusted_metadata")} == {
        "scopes": ["${{b}}"],
        "client_name": content,
        "trusted_metadata": {"${{ c }}": "${{ d"},
    }


def test_a_text_with_line_ends_of_windows_comes_back_from_its_file_with_plain_ones(make: Make, tmp_path: Path) -> None:
    app = make()
    contents = {name: f'{{\r\n  "is": "{name}"\r\n}}' for name in ("production", "test")}
    for name, content in contents.items():
        path = f"/pwa/v3/projects/consumer/environments/{name}/jwt_templates/SESSION"
        Api(app).ok("PUT", path, {"template_content": content, "custom_audience": ""})
    written(app, tmp_path)
    (template,) = load_documents(load_config(tmp_path, "live")).by_kind["JWTTemplate"]
    assert template.spec["template_content"] == contents["production"].replace("\r\n", "\n")
    assert "vars" not in (tmp_path / "reconciler.yaml").read_text()


def test_names_that_look_like_expressions_of_ours_stay_as_they_are(make: Make, tmp_path: Path) -> None:
    app = make()
    api, consumer = Api(app), app.workspace.environment("CONSUMER")
    body = {"client_type": "third_party", "client_name": "${{ vars.x }}"}
    api.ok("POST", "/v1/connected_apps/clients", body, environment=consumer)
    written(app, tmp_path)
    (app_declared,) = load_documents(load_config(tmp_path, "test")).by_kind["ConnectedApp"]
    assert app_declared.name == "${{ vars.x }}"


def test_what_would_be_refused_is_left_out_and_listed(make: Make, tmp_path: Path) -> None:
    app = make()
    colours = {"button_color": "#106EE9", "button_text_color": "#000000"}
    for id_, colour, name in (
        ("fine", "#106EE9", "Fine"),
        ("t pl", "#106EE9", "Blank"),
        ("short", "#FFF", "Short"),
        ("nameless", "#106EE9", ""),
    ):
        section_ = {**colours, "button_color": colour}
        body = {"template_id": id_, "name": name, "prebuilt_customization": section_}
        Api(app).ok("POST", "/pwa/v3/projects/consumer/email_templates", body)
    manifests = written(app, tmp_path)
    assert [each["metadata"]["name"] for each in manifests["email-template.yaml"]] == ["fine", "nameless", "short"]
    assert subjects(section(tmp_path, "What is left out")) == ["EmailTemplate/t pl"]


def test_an_environment_whose_name_is_blank_is_one(make: Make, tmp_path: Path) -> None:
    app = make()
    Api(app).ok("PATCH", "/pwa/v3/projects/consumer/environments/test", {"name": " "})
    manifests = written(app, tmp_path)
    (test,) = [each for each in manifests["project.yaml"] if each["metadata"]["name"] == "test"]
    assert test["spec"]["name"] == " "


def test_a_project_of_which_something_cannot_be_read_is_not_written(make: Make, tmp_path: Path) -> None:
    app = make()
    app.faults = Faults(parse(["status_500:1@GET/pwa/*/sdk/consumer"])[0])
    with pytest.raises(Unreadable, match="could not be read"):
        written(app, tmp_path)
    assert list(tmp_path.iterdir()) == []
