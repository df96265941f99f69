"""Somebody makes the same thing at the same moment: no two of a kind are left, and only our own is taken back."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from reconciler import pipeline
from reconciler.apply.earlier import unfinished
from reconciler.apply.execute import Applied
from reconciler.config.read import Config
from reconciler.credentials.settings import CredentialSettings
from reconciler.credentials.store import CredentialStore, open_store
from reconciler.emulator.core.exchange import Lost, Request, Response
from reconciler.emulator.seed.placing import counts
from reconciler.emulator.seed.running import Options, make
from reconciler.emulator.server.app import App
from reconciler.model import Outcome, Plan
from reconciler.model.secret import Sealed
from reconciler.read.run import Run
from tests.apply.test_lost_answers import CREATES, MANIFESTS, run
from tests.connected import connected
from tests.emulator.certificates import private_key
from tests.everything import everything
from tests.memory_store import MemoryStore
from tests.repositories import OF_A_PROJECT, config_of, write
from tests.stages import is_read

# What Stytch does not keep from being made twice, by the sort that the emulator keeps it as.
TWICE: Final = {
    "SSOConnection/acme/Okta": ("saml_connection", "/v1/b2b/sso/saml/"),
    "ConnectedApp/Partner": ("connected_app", "/v1/connected_apps/clients"),
    "TrustedTokenProfile/partner": ("trusted_token_profile", "/trusted_token_profiles"),
}
NAMELESS: Final = {
    "Secret/SPARE_SECRET": ("secret", "/secrets", "secret", "secret_id"),
    "PublicToken/FRONTEND_TOKEN": ("public_token", "/public_tokens", "public_token", "public_token"),
}


class Twice:
    """An app's ``respond`` that makes a thing once more for somebody else, right before or after it is made for us."""

    def __init__(self, app: App, path: str, *, first: bool, then: Callable[[Any], None] = lambda _: None) -> None:
        self._respond, self._path, self._first, self._then = app.respond, path, first, then
        self.theirs: Any = None

    def __call__(self, request: Request) -> Response:
        concerned = request.method == "POST" and CREATES.fullmatch(request.path) and self._path in request.path
        if not concerned or self.theirs is not None:
            return self._respond(request)
        ours = None if self._first else self._respond(request)
        self.theirs = json.loads(self._respond(replace(request)).body)
        self._then(self.theirs)
        return ours or self._respond(request)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return config_of(write(tmp_path, {"reconciler.yaml": OF_A_PROJECT, "manifests/all.yaml": MANIFESTS}))


@pytest.fixture
def app() -> Iterator[App]:
    made = make(Options())
    yield made
    made.close()


def of(app: App, sort: str) -> set[str]:
    return {key[2] for key in everything(app) if key[1] == sort}


def outcome(config: Config, app: App, store: MemoryStore, address: str) -> Outcome:
    applied = run(config, app, store)
    assert {one.result for one in applied.outcomes if one.address != address} <= {"applied"}
    assert applied.exit_code == 3
    return next(one for one in applied.outcomes if one.address == address)


@pytest.mark.parametrize("first", [True, False], ids=["just before", "just after"])
@pytest.mark.parametrize("address", TWICE)
def test_no_two_of_a_name(
    config: Config, app: App, monkeypatch: pytest.MonkeyPatch, address: str, *, first: bool
) -> None:
    sort, path = TWICE[address]
    with monkeypatch.context() as patched:
        patched.setattr(app, "respond", Twice(app, path, first=first))
        said = outcome(config, app, MemoryStore({}), address)
    assert said.result == "withheld"
    (left,) = of(app, sort)
    assert f"({left})" in said.detail
    assert "was deleted again" in said.detail


@pytest.mark.parametrize("address", NAMELESS)
def test_no_two_that_are_kept_under_one_name(
    config: Config, app: App, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    sort, path, part, key = NAMELESS[address]
    store, before = MemoryStore({}), of(app, sort)
    _, _, name = address.partition("/")

    def kept(theirs: Any) -> None:
        store.keep(name, Sealed("theirs"), theirs[part][key])

    with monkeypatch.context() as patched:
        patched.setattr(app, "respond", Twice(app, path, first=True, then=kept))
        said = outcome(config, app, store, address)
    assert said.result == "withheld"
    assert of(app, sort) - before == {store.ids[name]}
    assert store.texts[name] == "theirs"
    assert run(config, app, store).outcomes == ()
    assert unfinished(config.root, "test").credentials == {}


class Blind:
    """An app's ``respond`` in front of which a proxy refuses the first read after a thing was made."""

    def __init__(self, app: App, path: str) -> None:
        self._respond, self._path = app.respond, path
        self.made = self.refused = False

    def __call__(self, request: Request) -> Response:
        if self.made and not self.refused and is_read(request.method, request.path):
            self.refused = True
            return Response(403, b"<!DOCTYPE html><title>Forbidden</title>")
        response = self._respond(request)
        creates = request.method == "POST" and CREATES.fullmatch(request.path)
        self.made = self.made or bool(creates and self._path in request.path)
        return response


@pytest.mark.parametrize("address", TWICE)
def test_what_was_made_is_completed_where_nobody_could_look_for_others(
    config: Config, app: App, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    sort, path = TWICE[address]
    manifest = config.root / "manifests/all.yaml"
    key = "idp_entity_id: okta-acme, saml_encryption_private_key: {secret: SAML_KEY}"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace("idp_entity_id: okta-acme", key), encoding="utf-8")
    store = MemoryStore({"SAML_KEY": private_key()})
    with monkeypatch.context() as patched:
        patched.setattr(app, "respond", blind := Blind(app, path))
        applied = run(config, app, store)
    assert blind.refused
    (said,) = (one for one in applied.outcomes if one.result != "applied")
    assert (said.address, said.result) == (address, "failed")
    (made,) = of(app, sort)
    assert f"{made} was created" in said.detail
    assert {one.result for one in run(config, app, store).outcomes} <= {"applied"}
    assert of(app, sort) == {made}
    assert run(config, app, store).outcomes == ()
    assert unfinished(config.root, "test").credentials == {}
    if sort == "saml_connection":
        (connection,) = (value for key, value in everything(app).items() if key[1] == sort)
        assert len(connection["encryption_private_keys"]) == 1
    if sort == "connected_app":
        here = app.workspace.environment("B2B", "test")
        name = next(name for name, id_ in store.ids.items() if id_ == made)
        assert counts(app, sort, made, store.texts[name], here)


BILLING: Final = """\
apiVersion: reconciler/v1
kind: M2MClient
metadata: {name: billing}
spec: {scopes: ["read:a"]}
"""
KEPT: Final = "M2M_CLIENT_BILLING_SECRET"


class WriteOnly(MemoryStore):
    """A command that cannot read."""

    def value(self, _name: str) -> Sealed | None:
        return None


def test_the_secret_that_somebody_chose_at_the_same_time_stays_in_the_store(config: Config, app: App) -> None:
    (config.root / "manifests/all.yaml").write_text(BILLING, encoding="utf-8")
    first, second = MemoryStore({}), WriteOnly({})
    with connected(app) as one:
        planned = pipeline.plan(Run(config, one, second))
        assert {each.result for each in run(config, app, first).outcomes} == {"applied"}
        second.texts, second.ids = first.texts, first.ids
        kept = dict(first.texts)
        (outcome,) = pipeline.apply(Run(config, one, second), planned, lambda _: None).outcomes
    assert outcome.result == "withheld"
    assert outcome.detail == "moved: it exists now, but did not when the plan was made"
    assert second.texts == kept


class Machine:
    """A checkout with a credential store of its own."""

    def __init__(self, root: Path, **settings: Any) -> None:
        self.config = config_of(write(root, {"reconciler.yaml": OF_A_PROJECT, "manifests/all.yaml": BILLING}))
        self._settings = CredentialSettings(**settings)

    @property
    def store(self) -> CredentialStore:
        """What a process finds that starts now."""
        return open_store(self._settings, self.config.root, "test", {"PATH": os.environ["PATH"]})

    def plan(self, app: App) -> Plan:
        with connected(app) as client:
            return pipeline.plan(Run(self.config, client, self.store)).plan

    def apply(self, app: App) -> Applied:
        with connected(app) as client:
            here = Run(self.config, client, self.store)
            return pipeline.apply(here, pipeline.plan(here), lambda _: None)


class Overtaken:
    """An app's ``respond`` that lets another machine apply right before the first client of ours is created."""

    def __init__(self, app: App, other: Machine, *, lost: bool = False) -> None:
        self._app, self._respond, self._other, self._lost = app, app.respond, other, lost
        self._done = False

    def __call__(self, request: Request) -> Response:
        if self._done or (request.method, request.path) != ("POST", "/v1/m2m/clients"):
            return self._respond(request)
        self._done = True
        assert {each.result for each in self._other.apply(self._app).outcomes} == {"applied"}
        response = self._respond(request)
        return replace(response, lost=Lost.DROPPED) if self._lost else response


def overtaken(app: App, first: Machine, second: Machine, *, lost: bool = False) -> Applied:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(app, "respond", Overtaken(app, first, lost=lost))
        applied = second.apply(app)
    assert [each.result for each in applied.outcomes] == ["withheld"], applied.outcomes
    works = first.store.value(KEPT)
    assert works
    assert counts(app, "m2m_client", "billing", works.reveal())
    assert first.plan(app).held == ()
    return applied


def test_what_was_chosen_for_what_somebody_else_created_is_not_kept(tmp_path: Path, app: App) -> None:
    first, second = Machine(tmp_path / "first", file="keys.env"), Machine(tmp_path / "second", file="keys.env")
    applied = overtaken(app, first, second)
    (outcome,) = applied.outcomes
    assert outcome.detail.endswith(f"{KEPT}, chosen here, was taken out of the credential store again")
    assert applied.stored == ()
    assert (second.store.value(KEPT), second.store.id_of(KEPT)) == (None, None)
    plan = second.plan(app)
    assert (list(plan.changes), plan.held) == ([], ())
    (second.config.root / "test.credential-ids.json").write_bytes(
        (first.config.root / "test.credential-ids.json").read_bytes()
    )
    (held,) = second.plan(app).held
    assert "was given to an earlier run" in held.reason


def test_a_value_that_was_there_before_stays(tmp_path: Path, app: App) -> None:
    first, second = Machine(tmp_path / "first", file="keys.env"), Machine(tmp_path / "second", file="keys.env")
    second.store.keep(KEPT, Sealed("a-value-that-a-person-chose-for-this-client"), "")
    (outcome,) = overtaken(app, first, second).outcomes
    assert f"{KEPT} in the credential store may not be its secret" in outcome.detail
    assert second.store.value(KEPT) == Sealed("a-value-that-a-person-chose-for-this-client")
    (held,) = second.plan(app).held
    assert "it does not work" in held.reason


def test_a_value_that_was_sent_without_an_answer_stays(tmp_path: Path, app: App) -> None:
    first, second = Machine(tmp_path / "first", file="keys.env"), Machine(tmp_path / "second", file="keys.env")
    (outcome,) = overtaken(app, first, second, lost=True).outcomes
    assert f"{KEPT} in the credential store may not be its secret" in outcome.detail
    assert second.store.value(KEPT) is not None


@pytest.mark.parametrize("reads", [True, False])
def test_what_a_command_took_is_said_to_be_there(tmp_path: Path, app: App, *, reads: bool) -> None:
    read = {"read": ["cat", "kept-{name}"]} if reads else {}
    first = Machine(tmp_path / "first", file="keys.env")
    second = Machine(tmp_path / "second", command=["sh", "-c", 'cat > "kept-$1"', "put", "{name}"], **read)
    (outcome,) = overtaken(app, first, second).outcomes
    assert f"{KEPT} in the credential store may not be its secret" in outcome.detail
    assert (second.config.root / f"kept-{KEPT}").exists()
    assert second.store.id_of(KEPT) is None


def test_a_value_that_another_process_kept_meanwhile_stays(tmp_path: Path) -> None:
    machine = Machine(tmp_path, file="keys.env")
    store = machine.store
    store.keep(KEPT, Sealed("ours"), "billing")
    machine.store.keep(KEPT, Sealed("theirs"), "billing")
    assert not store.take_back(KEPT, Sealed("ours"))
    assert (machine.store.value(KEPT), machine.store.id_of(KEPT)) == (Sealed("theirs"), "billing")
    assert store.take_back(KEPT, Sealed("theirs"))
    assert (machine.store.value(KEPT), machine.store.id_of(KEPT)) == (None, None)
