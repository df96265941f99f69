"""Whatever goes wrong around a write, every outcome is said, the rest goes on, and the exit code is honest."""

import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from reconciler import pipeline
from reconciler.apply import bootstrap
from reconciler.apply.earlier import unfinished
from reconciler.apply.execute import Applied
from reconciler.apply.journal import Journal
from reconciler.apply.stop import Stop
from reconciler.clients.b2b import Client
from reconciler.config.read import Config
from reconciler.emulator.core.exchange import Request, Response
from reconciler.emulator.seed.running import Options, make
from reconciler.emulator.server.app import App
from reconciler.errors import Rejected, StoreFailed, Unreadable
from reconciler.model import Json, Outcome
from reconciler.model.secret import Sealed
from reconciler.read.run import Run
from tests.connected import connected
from tests.memory_store import MemoryStore
from tests.repositories import OF_A_PROJECT, config_of, write
from tests.whole_project import SECRETS, copied, stytch
from tests.whole_project import applied as whole

MANIFESTS: Final = """\
apiVersion: reconciler/v1
kind: CountryCodeAllowlist
metadata: {name: sms}
spec: {country_codes: [DE]}
---
apiVersion: reconciler/v1
kind: PublicToken
metadata: {name: FRONTEND_TOKEN}
---
apiVersion: reconciler/v1
kind: ConnectedApp
metadata: {name: Partner}
spec: {client_type: third_party}
---
apiVersion: reconciler/v1
kind: M2MClient
metadata: {name: billing}
spec: {scopes: [read]}
---
apiVersion: reconciler/v1
kind: Organization
metadata: {name: acme}
spec: {organization_name: Acme}
"""
ALL: Final = dict.fromkeys(
    (
        "CountryCodeAllowlist/sms",
        "PublicToken/FRONTEND_TOKEN",
        "ConnectedApp/Partner",
        "M2MClient/billing",
        "Organization/acme",
    ),
    "applied",
)
TOKEN, APP, CLIENT = "PublicToken/FRONTEND_TOKEN", "ConnectedApp/Partner", "M2MClient/billing"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return config_of(write(tmp_path, {"reconciler.yaml": OF_A_PROJECT, "manifests/all.yaml": MANIFESTS}))


@pytest.fixture
def app() -> Iterator[App]:
    made = make(Options())
    yield made
    made.close()


def run(
    config: Config,
    app: App,
    store: MemoryStore | None = None,
    tell: Callable[[Outcome], None] = lambda _: None,
    meanwhile: Callable[[], object] = lambda: None,
    stop: Stop | None = None,
) -> Applied:
    store = store or MemoryStore({})
    with connected(app) as client:
        planned = pipeline.plan(Run(config, client, store))
        meanwhile()
        return pipeline.apply(Run(config, client, store), planned, tell, stop)


def results(applied: Applied) -> dict[str, str]:
    return {outcome.address: outcome.result for outcome in applied.outcomes}


def test_a_store_whose_reader_dies(config: Config, app: App) -> None:
    store = MemoryStore({})

    def dead(name: str) -> Sealed | None:
        raise Unreadable(f"the credential store cannot be read: {name}")

    applied = run(config, app, store, meanwhile=lambda: setattr(store, "value", dead))
    assert results(applied) == {**ALL, CLIENT: "failed"}
    assert applied.exit_code == 1


def test_a_store_that_takes_nothing_and_no_file_for_it(config: Config, app: App) -> None:
    store = MemoryStore({})

    def lost(*_: object) -> None:
        raise StoreFailed("the credential is lost")

    applied = run(config, app, store, meanwhile=lambda: setattr(store, "keep", lost))
    assert results(applied) == {**ALL, TOKEN: "failed", APP: "failed", CLIENT: "failed"}
    assert applied.exit_code == 1
    assert {TOKEN, APP, CLIENT} == unfinished(config.root, "test").credentials.keys()


@pytest.mark.parametrize("event", ["note", "made", "outcome", "intent"])
def test_a_full_disk(config: Config, app: App, monkeypatch: pytest.MonkeyPatch, event: str) -> None:
    real = Journal.write

    def full(self: Journal, name: str, body: Mapping[str, Json]) -> None:
        if name == event and body["address"] in (TOKEN, APP):
            raise OSError(28, "No space left on device")
        real(self, name, body)

    monkeypatch.setattr(Journal, "write", full)
    applied = run(config, app)
    expected = "applied" if event in ("made", "outcome") else "skipped"
    assert results(applied) == {**ALL, TOKEN: expected, APP: expected}
    assert applied.exit_code == (0 if expected == "applied" else 1)
    details = {outcome.detail for outcome in applied.outcomes}
    assert details == ({""} if expected == "applied" else {"", "cannot write the journal: No space left on device"})


def test_a_search_that_cannot_be_read_whole(config: Config, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    def lagging(*_: object) -> None:
        raise Unreadable("the search does not give the whole")

    applied = run(config, app, meanwhile=lambda: monkeypatch.setattr(Client, "search", lagging))
    assert results(applied) == {**ALL, APP: "failed"}
    assert applied.exit_code == 1


@pytest.mark.parametrize("error", [ZeroDivisionError("ann@acme.example"), RuntimeError("a-canary-of-a-secret")])
def test_what_nobody_thought_of(config: Config, app: App, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Client, "create_organization", broken)
    applied = run(config, app)
    assert results(applied) == {**ALL, "Organization/acme": "failed"}
    (detail,) = (outcome.detail for outcome in applied.outcomes if outcome.result == "failed")
    assert detail == f"{type(error).__name__}: the write may have happened"


def test_nobody_to_tell_how_far_it_is(config: Config, app: App) -> None:
    def gone(_: Outcome) -> None:
        raise BrokenPipeError

    assert results(run(config, app, tell=gone)) == ALL


@pytest.mark.parametrize("error", [Rejected("no"), Unreadable("the rest cannot be read"), RuntimeError("no")])
def test_what_comes_once_the_environment_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """A project is made from nothing: when planning again fails, what was made is said and the rest is skipped."""
    config, real, plans = copied(tmp_path), pipeline.plan, iter((True, False))

    def plan(*args: Any, **more: Any) -> Any:
        if not next(plans):
            raise error
        return real(*args, **more)

    def no_pins(*_: object) -> None:
        raise Rejected("no")

    monkeypatch.setattr(pipeline, "plan", plan)
    monkeypatch.setattr(bootstrap, "project_ids", no_pins)
    with stytch() as empty:
        outcomes = whole(config, empty, MemoryStore(SECRETS))
    made = {outcome.address.partition("/")[0] for outcome in outcomes if outcome.result == "applied"}
    assert made == {"Project", "Environment", "Secret"}
    assert {outcome.result for outcome in outcomes} == {"applied", "skipped"}
    said = "RuntimeError" if isinstance(error, RuntimeError) else str(error)
    assert {outcome.detail for outcome in outcomes} == {"", f"planning again failed: {said}"}


def test_a_second_interrupt_waits_for_nothing_and_says_what_may_have_happened(
    config: Config, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one waits for what is under way."""
    connection = "kind: SSOConnection\nmetadata: {namespace: acme, name: Okta}\nspec: {connection_type: saml}\n"
    acme = MANIFESTS[MANIFESTS.rindex("apiVersion") :]
    texts = {"manifests/all.yaml": f"{acme}---\napiVersion: reconciler/v1\n{connection}"}
    write(config.root, {"reconciler.yaml": OF_A_PROJECT, **texts})
    respond, said, stop = app.respond, threading.Event(), Stop()

    def interrupting(request: Request) -> Response:
        response = respond(request)
        if request.method == "POST" and request.path == "/v1/b2b/organizations":
            stop.note()
            stop.note()
            said.wait(10)
        return response

    monkeypatch.setattr(app, "respond", interrupting)
    try:
        with stop.enduring():
            applied = run(config, app, stop=stop)
    finally:
        said.set()
    results = {outcome.address: (outcome.result, outcome.detail) for outcome in applied.outcomes}
    assert results == {
        "Organization/acme": ("failed", "interrupted during this write: the write may have happened"),
        "SSOConnection/acme/Okta": ("skipped", "interrupted"),
    }
    assert applied.exit_code == 1
