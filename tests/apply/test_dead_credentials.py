"""A run that dies between a delete and the store's forgetting: the next one takes the credential from the store."""

from pathlib import Path

import pytest
import yaml

from reconciler import pipeline
from reconciler.apply.earlier import unfinished
from reconciler.apply.execute import Applied
from reconciler.clients.b2b import Client
from reconciler.config.read import Config
from reconciler.emulator.core.exchange import Request, Response
from reconciler.emulator.server.app import App
from reconciler.errors import StoreFailed
from reconciler.read.run import Run
from tests.memory_store import MemoryStore
from tests.repositories import config_of, write

Killed = type("Killed", (BaseException,), {})
DOCUMENTS = [
    {"kind": "Organization", "metadata": {"name": "acme"}, "spec": {"organization_name": "Acme"}},
    {"kind": "Secret", "metadata": {"name": "BACKEND"}},
    {"kind": "PublicToken", "metadata": {"name": "FRONTEND"}},
    {"kind": "M2MClient", "metadata": {"name": "billing"}, "spec": {"scopes": []}},
    {"kind": "ConnectedApp", "metadata": {"name": "Acme/Invoices"}, "spec": {"client_type": "third_party"}},
    {"kind": "SCIMConnection", "metadata": {"namespace": "acme", "name": "Okta/1"}},
]
NAMES = {
    "Secret": "BACKEND",
    "PublicToken": "FRONTEND",
    "M2MClient": "M2M_CLIENT_BILLING_SECRET",
    "ConnectedApp": "CONNECTED_APP_ACME_INVOICES_SECRET",
    "SCIMConnection": "SCIM_CONNECTION_ACME_OKTA_1_BEARER_TOKEN",
}
SETTINGS = """\
apiVersion: reconciler/v1
kind: Configuration
name: acme-identity
environments: {test: {target: {project: b2b, environment: test}, guards: {max_delete_percent: 100}}}
"""


class Dying(MemoryStore):
    """A store at which the process dies, or which does not do it, when something is to be forgotten."""

    at_forget: type[BaseException] | None = None

    def forget(self, name: str) -> None:
        if self.at_forget is not None:
            raise self.at_forget("the store is away")
        super().forget(name)


def declared(root: Path, absent: str = "", left_out: str = "") -> Config:
    documents = []
    for body in DOCUMENTS:
        name = body["metadata"]["name"]  # type: ignore[index] # it is there
        there = {key: value for key, value in body.items() if body["kind"] != absent or key != "spec"}
        gone = {"ensure": "absent", "lifecycle": {"allow_delete": name}} if body["kind"] == absent else {}
        if body["kind"] != left_out:
            documents.append({"apiVersion": "reconciler/v1", **there, **gone})
    return config_of(write(root, {"reconciler.yaml": SETTINGS, "manifests/a.yaml": yaml.safe_dump_all(documents)}))


@pytest.fixture
def store() -> Dying:
    return Dying({})


def applied(config: Config, client: Client, store: Dying) -> Applied:
    run = Run(config, client, store)
    return pipeline.apply(run, pipeline.plan(run), lambda _: None)


@pytest.fixture
def made(tmp_path: Path, client: Client, store: Dying) -> Path:
    done = applied(declared(tmp_path), client, store)
    assert {each.result for each in done.outcomes} == {"applied"}, done.outcomes
    assert set(NAMES.values()) == store.texts.keys()
    return tmp_path


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("still_declared", [True, False])
def test_it_goes_with_the_next_apply(
    made: Path, client: Client, store: Dying, kind: str, *, still_declared: bool
) -> None:
    store.at_forget = Killed
    with pytest.raises(Killed):
        applied(declared(made, absent=kind), client, store)
    store.at_forget = None
    assert NAMES[kind] in store.texts
    done = applied(declared(made, absent=kind) if still_declared else declared(made, left_out=kind), client, store)
    assert done.outcomes == ()
    assert store.texts.keys() == store.ids.keys() == set(NAMES.values()) - {NAMES[kind]}
    assert unfinished(made, "test").deletes == {}


@pytest.mark.parametrize("kind", NAMES)
def test_what_is_declared_again_gets_a_credential_of_its_own(
    made: Path, client: Client, store: Dying, kind: str
) -> None:
    before = dict(store.texts)
    store.at_forget = Killed
    with pytest.raises(Killed):
        applied(declared(made, absent=kind), client, store)
    store.at_forget = None
    done = applied(declared(made), client, store)
    assert [each.result for each in done.outcomes] == ["applied"]
    assert {name for name, text in store.texts.items() if text != before[name]} == {NAMES[kind]}


@pytest.mark.parametrize("kind", NAMES)
def test_what_a_killed_run_did_not_delete_keeps_its_credential(
    made: Path,
    app: App,
    client: Client,
    store: Dying,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    respond = app.respond

    def dies(request: Request) -> Response:
        if request.method == "DELETE":
            raise Killed
        return respond(request)

    with monkeypatch.context() as patched:
        patched.setattr(app, "respond", dies)
        with pytest.raises(Killed):
            applied(declared(made, absent=kind), client, store)
    assert applied(declared(made), client, store).outcomes == ()
    assert store.texts.keys() == set(NAMES.values())
    assert unfinished(made, "test").deletes == {}


def test_what_cannot_be_known_is_left(
    made: Path, app: App, client: Client, store: Dying, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that does not give it up, and a list that cannot be read, do not end the run: another one tries again."""
    store.at_forget = Killed
    with pytest.raises(Killed):
        applied(declared(made, absent="M2MClient"), client, store)
    store.at_forget = StoreFailed
    assert applied(declared(made, absent="M2MClient"), client, store).outcomes == ()
    store.at_forget = None
    run = Run(declared(made, absent="M2MClient"), client, store)
    planned, respond = pipeline.plan(run), app.respond

    def refuses(request: Request) -> Response:
        failing = request.path == "/v1/m2m/clients/search"
        return Response(400, b'{"status_code": 400, "error_type": "bad_request"}') if failing else respond(request)

    with monkeypatch.context() as patched:
        patched.setattr(app, "respond", refuses)
        assert pipeline.apply(run, planned, lambda _: None).outcomes == ()
    assert NAMES["M2MClient"] in store.texts
    assert applied(declared(made, absent="M2MClient"), client, store).outcomes == ()
    assert NAMES["M2MClient"] not in store.texts
