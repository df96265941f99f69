"""Which project and environment a run is about, and how it gets into the data."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from reconciler.clients.b2b import Client
from reconciler.clients.connect import Transports, open_client
from reconciler.clients.credentials import Credentials, Rates
from reconciler.config.read import Config, load_config
from reconciler.emulator.core.exchange import Request, Response
from reconciler.emulator.core.workspace import Environment
from reconciler.emulator.seed.running import variables
from reconciler.emulator.server import faults
from reconciler.emulator.server.app import App
from reconciler.emulator.server.transport import EmulatorTransport
from reconciler.errors import Refused, Unreadable
from reconciler.load.repository import Declared, load_documents
from reconciler.model import Target
from reconciler.read.run import Run
from reconciler.read.target import open_target, project_ids
from tests.connected import VirtualClock
from tests.memory_store import MemoryStore
from tests.repositories import write

VERSION = "apiVersion: reconciler/v1\n"
ORGANIZATION = f"{VERSION}kind: Organization\nmetadata: {{name: acme}}\nspec: {{organization_name: Acme}}\n"
URL = (
    f"{VERSION}kind: RedirectURL\n"
    "metadata: {name: 'https://acme.example/'}\n"
    "spec: {valid_types: [{type: LOGIN}]}\n"
)
SECRETS = "".join(
    f"---\n{VERSION}kind: Secret\nmetadata: {{name: {name}}}\n{more}"
    for name, more in (("GONE", "ensure: absent\n"), ("FIRST", ""), ("SECOND", ""))
)
HERE = "{project: b2b, environment: test}"
WORKSPACE = ("workspace_key_id", "workspace_key_secret")
DATA = ("project_id", "secret")


@pytest.fixture
def here(app: App) -> Environment:
    return app.workspace.environment("B2B")


@contextmanager
def opened(app: App, *given: str, **more: str) -> Iterator[Client]:
    """A client with some of the credentials that the emulator gives."""
    known = Credentials.from_environment(variables(app, "http://127.0.0.1:1"))
    kept = {name: getattr(known, name) for name in (*given, "api_url", "telemetry_url", "management_base_uri")}
    transports = Transports(clock=VirtualClock(), transport=EmulatorTransport(app))
    with open_client(Credentials(**{**kept, **more}), Rates(), transports) as client:
        yield client


def repository(root: Path, manifests: str, target: str = "{}") -> tuple[Config, Declared]:
    text = f"{VERSION}kind: Configuration\nenvironments: {{test: {{target: {target}}}}}\n"
    config = load_config(write(root, {"reconciler.yaml": text, "manifests/a.yaml": manifests}), "test")
    return config, load_documents(config)


def located(
    root: Path, client: Client, manifests: str, target: str = "{}", kept: Mapping[str, Any] | None = None
) -> Target:
    config, declared = repository(root, manifests, target)
    return open_target(Run(config, client, MemoryStore(kept or {})), declared)


def test_where_nothing_needs_the_management_api_it_is_not_asked(app: App, tmp_path: Path, here: Environment) -> None:
    with opened(app, *DATA, *WORKSPACE) as client:
        found = located(tmp_path, client, ORGANIZATION)
        assert client.statistics.requests == 0
    assert (found.project, found.environment, found.project_id) == ("", "", here.project_id)
    assert found.secret_last_four == here.secret[-4:]


@pytest.mark.parametrize("target", [HERE, "{}"], ids=["by its slugs", "by the id of the credentials"])
def test_an_environment_is_found(app: App, tmp_path: Path, here: Environment, target: str) -> None:
    with opened(app, *DATA, *WORKSPACE) as client:
        found = located(tmp_path, client, URL, target)
    assert (found.project, found.environment, found.project_id) == ("b2b", "test", here.project_id)
    assert found.is_there
    assert found.project_is_there


@pytest.mark.parametrize(
    ("target", "there"),
    [("{project: new, environment: test}", False), ("{project: b2b, environment: new}", True)],
    ids=["no project", "no environment"],
)
def test_what_is_not_there_yet_is_empty(app: App, tmp_path: Path, target: str, there: bool) -> None:  # noqa: FBT001 # one of the cases
    with opened(app, *WORKSPACE) as client:
        found = located(tmp_path, client, URL, target)
        assert not client.has_data
    assert (found.project_is_there, found.is_there, found.project_id) == (there, False, "")


def test_the_first_declared_secret_that_the_store_holds_opens_the_data(
    app: App, tmp_path: Path, here: Environment
) -> None:
    kept = {"GONE": "a secret that goes", "SECOND": here.secret, "ANOTHER": "not declared"}
    with opened(app, *WORKSPACE) as client:
        found = located(tmp_path, client, URL + SECRETS, HERE, kept)
        assert (client.has_data, client.project_id) == (True, here.project_id)
    assert found.secret_last_four == here.secret[-4:]


def test_where_the_store_holds_none_the_data_stay_closed(app: App, tmp_path: Path) -> None:
    with opened(app, *WORKSPACE) as client:
        assert located(tmp_path, client, URL + SECRETS, HERE, {"GONE": "a secret that goes"}).secret_last_four == ""
        assert not client.has_data


@pytest.mark.parametrize(
    ("target", "given", "said"),
    [
        ("{project: consumer, environment: test}", WORKSPACE, "is a Consumer project"),
        ("{project: b2b, environment: live, type: live}", (*DATA, *WORKSPACE), "but the environment live of b2b is"),
        ("{project: b2b, environment: new}", (*DATA, *WORKSPACE), "is not created yet"),
        ("{}", WORKSPACE, "the project and environment of"),
    ],
    ids=["a Consumer project", "another environment", "one that is still to be made", "nothing"],
)
def test_what_does_not_speak_of_one_environment_is_refused(
    app: App, tmp_path: Path, target: str, given: tuple[str, ...], said: str
) -> None:
    with opened(app, *given) as client, pytest.raises(Refused, match=said) as caught:
        located(tmp_path, client, URL, target)
    assert caught.value.problems[0].hint


def test_without_a_workspace_key_what_needs_one_is_refused(app: App, tmp_path: Path) -> None:
    with opened(app, *DATA) as client, pytest.raises(Refused, match="management API"):
        located(tmp_path, client, URL, HERE)


@pytest.mark.parametrize("fault", ["status_500:1", "drop_before:1", "html_200:1"])
def test_what_cannot_be_read_is_not_taken_for_absent(app: App, tmp_path: Path, fault: str) -> None:
    app.faults = faults.Faults(faults.parse([fault])[0])
    with opened(app, *WORKSPACE) as client:
        with pytest.raises(Unreadable, match="the projects of the workspace could not be read"):
            located(tmp_path, client, URL, HERE)
        assert project_ids(client, Target(project="b2b")) == {}


def test_a_wrong_key_is_not_taken_for_an_empty_workspace(app: App, tmp_path: Path) -> None:
    with opened(app, "workspace_key_id", workspace_key_secret="another-one") as client, pytest.raises(Unreadable):
        located(tmp_path, client, URL, HERE)


@pytest.mark.parametrize("body", [b"{}", b'{"projects": null}', b'{"projects": [{}]}', b'{"projects": ["b2b"]}'])
def test_an_answer_of_another_shape_is_unreadable(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    def respond(_request: Request) -> Response:
        return Response(200, body)

    monkeypatch.setattr(app, "respond", respond)
    with opened(app, *WORKSPACE) as client:
        with pytest.raises(Unreadable, match="does not match its API description"):
            located(tmp_path, client, URL, HERE)
        assert project_ids(client, Target(project="b2b")) == {}


def test_the_ids_of_a_projects_environments(app: App) -> None:
    every = {one.slug: one.project_id for one in app.workspace.environments if one.project_slug == "b2b"}
    with opened(app, *WORKSPACE) as client:
        assert project_ids(client, Target(project="b2b")) == every
        assert project_ids(client, Target(project="new")) == {}
