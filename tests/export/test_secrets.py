"""Names of secrets in an export: the names in the repository, and a unique name for every credential."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.emulator.seed.running import Options, make
from reconciler.emulator.server.app import App
from reconciler.export.files import write_files
from reconciler.export.gather import Exported, ExportRequest
from reconciler.model import Json
from reconciler.plan.planned import exit_code
from tests.export.law import begin, export, upheld
from tests.memory_store import MemoryStore
from tests.stages import Fields, Stage

KEY = "0123456789abcdef0123456789abcdef"
DATADOG = {"destination_config": {"datadog": {"api_key": {"secret": "DD"}, "site": "US"}}}
APP = {"client_type": "third_party", "redirect_urls": ["https://a.example/"], "client_secret": {"secret": "MYAPP"}}
OIDC = {
    "connection_type": "oidc",
    "client_id": "c",
    "client_secret": {"secret": "OKTA"},
    "issuer": "https://idp.example",
    "authorization_url": "https://idp.example/a",
    "token_url": "https://idp.example/t",
    "userinfo_url": "https://idp.example/u",
    "jwks_url": "https://idp.example/j",
}
KEYS = {"connection_type": "saml", "saml_encryption_private_key": {"secret": "DECRYPTS"}}


@pytest.fixture
def app() -> Iterator[App]:
    app = make(Options())
    yield app
    app.close()


@pytest.fixture
def stage(app: App, tmp_path: Path) -> Stage:
    stage = begin(app, tmp_path, {})
    stage.store = MemoryStore({"DD": KEY, "OKTA": "a-secret-of-okta", "DECRYPTS": stage.names["private-key"]})
    stage.told["credentials"] = ["data", "workspace"]
    return stage


def declare(stage: Stage, *documents: tuple[str, str, Json], namespace: str | None = None) -> None:
    (stage.root / "manifests").mkdir(exist_ok=True)
    for kind, name, spec in documents:
        inside = {"namespace": namespace} if namespace and kind != "Organization" else {}
        body = {"apiVersion": "reconciler/v1", "kind": kind, "metadata": {**inside, "name": name}, "spec": spec}
        (stage.root / f"manifests/{kind}-{name}.yaml".replace(" ", "-")).write_text(json.dumps(body))


def specs(exported: Exported) -> dict[tuple[str, str], Fields]:
    texts = [text for name, text in exported.files.items() if name.startswith("manifests/")]
    found = [document for text in texts for document in yaml.safe_load_all(text)]
    return {(each["kind"], each["metadata"]["name"]): each.get("spec", {}) for each in found}


def declared_again(stage: Stage, exported: Exported) -> Any:
    """Replace the declared manifests with the exported ones. Return the plan."""
    for path in (stage.root / "manifests").iterdir():
        path.unlink()
    write_files(stage.root, exported.files)
    return stage.plan().plan


def test_a_name_that_the_repository_has_given_stays(stage: Stage) -> None:
    declare(stage, ("EventLogStreaming", "DATADOG", DATADOG), ("ConnectedApp", "My App", APP))
    declare(stage, ("Organization", "acme", {"organization_name": "Acme"}))
    declare(stage, ("SSOConnection", "Okta", OIDC), ("SSOConnection", "Saml", KEYS), namespace="acme")
    assert {each.result for each in stage.apply(stage.plan())} == {"applied"}
    exported = export(stage)
    found = specs(exported)
    assert found["EventLogStreaming", "DATADOG"]["destination_config"] == DATADOG["destination_config"]
    assert found["ConnectedApp", "My App"]["client_secret"] == {"secret": "MYAPP"}
    assert found["SSOConnection", "Okta"]["client_secret"] == {"secret": "OKTA"}
    assert found["SSOConnection", "Saml"]["saml_encryption_private_key"] == {"secret": "DECRYPTS"}
    assert exported.left_out == []
    assert {each.name for each in exported.secrets} == {"DD", "OKTA"}
    plan = declared_again(stage, exported)
    assert (exit_code(plan), plan.changes, plan.held) == (0, (), ())


def test_one_name_does_not_stand_for_two_secrets(stage: Stage) -> None:
    declare(stage, ("Organization", "acme", {"organization_name": "Acme"}))
    declare(stage, ("SSOConnection", "A", OIDC), ("SSOConnection", "B", OIDC), namespace="acme")
    assert {each.result for each in stage.apply(stage.plan())} == {"applied"}
    assert {each.name for each in export(stage).secrets} == {"OKTA"}
    ((organization, connections),) = [
        (each["organization_id"], stage.ask(f"GET /v1/b2b/sso/{each['organization_id']}")[1]["oidc_connections"])
        for each in stage.ask("POST /v1/b2b/organizations/search", {})[1]["organizations"]
    ]
    changed = next(each["connection_id"] for each in connections if each["display_name"] == "B")
    path = f"/v1/b2b/sso/oidc/{organization}/connections/{changed}"
    assert stage.ask(f"PUT {path}", {"client_secret": "another-one"})[0] == 200
    names = {each.name for each in export(stage).secrets}
    assert names == {"SSO_CONNECTION_ACME_A_CLIENT_SECRET", "SSO_CONNECTION_ACME_B_CLIENT_SECRET"}


CLIENTS = ("a-b", "a_b", "日本", "日木", "alone")
APPS = ("My App", "My-App", "X", "x.", ".x")


@pytest.mark.parametrize("turn", [1, -1])
def test_every_credential_has_a_name_of_its_own(app: App, tmp_path: Path, turn: int) -> None:
    stage = begin(app, tmp_path / "calls", {})
    for name in CLIENTS[::turn]:
        assert stage.ask("POST /v1/m2m/clients", {"client_id": name, "scopes": []})[0] == 200
    for name in APPS[::turn]:
        assert (
            stage.ask("POST /v1/connected_apps/clients", {"client_name": name, "client_type": "first_party"})[0] < 300
        )
    exported = upheld(app, tmp_path, ExportRequest())
    assert exported.left_out == []
    found = specs(exported)
    names = {key: spec["client_secret"]["secret"] for key, spec in found.items() if "client_secret" in spec}
    assert names.keys() == {
        *(("M2MClient", name) for name in CLIENTS if name != "alone"),
        *(("ConnectedApp", name) for name in APPS),
    }
    assert names["M2MClient", "a-b"] == "M2M_CLIENT_A_B_SECRET_6A773C7C"
    assert len({*names.values()}) == len(names)


def test_what_is_declared_keeps_the_plain_name(stage: Stage) -> None:
    declare(stage, ("M2MClient", "a-b", {"scopes": []}))
    assert {each.result for each in stage.apply(stage.plan())} == {"applied"}
    assert stage.ask("POST /v1/m2m/clients", {"client_id": "a_b", "scopes": []})[0] == 200
    found = specs(export(stage, ExportRequest(unmanaged=True)))
    assert "client_secret" not in found["M2MClient", "a-b"]
    assert found["M2MClient", "a_b"]["client_secret"]["secret"].startswith("M2M_CLIENT_A_B_SECRET_")


def test_an_app_without_a_secret_needs_no_name(app: App, tmp_path: Path) -> None:
    stage = begin(app, tmp_path / "calls", {})
    for name, sort in (("a b", "first_party_public"), ("a-b", "first_party")):
        assert stage.ask("POST /v1/connected_apps/clients", {"client_name": name, "client_type": sort})[0] < 300
    found = specs(upheld(app, tmp_path, ExportRequest()))
    assert "client_secret" not in found["ConnectedApp", "a b"]
    assert "client_secret" not in found["ConnectedApp", "a-b"]
