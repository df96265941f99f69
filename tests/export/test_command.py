"""``export`` and ``init --from-live`` on the command line."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.commands import cli
from reconciler.emulator.seed import bulk
from reconciler.emulator.seed.running import Running, running
from reconciler.emulator.server.app import App
from reconciler.export.organizations import TABLE
from tests.stages import Stage

Run = Callable[..., int]
KEY = "0123456789abcdef0123456789abcdef"
NAME = "EVENT_LOG_STREAMING_DATADOG_API_KEY"
CONFIGURATION = "apiVersion: reconciler/v1\nkind: Configuration\nname: acme-identity\nenvironments: {test: {}}\n"
ACME = "apiVersion: reconciler/v1\nkind: Organization\nmetadata: {name: acme}\nspec: {organization_name: Acme}\n"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    with running() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        fill(server.app)
        yield server


def fill(app: App) -> None:
    """Two organizations, one of them ours; members by hand, by rules and by SCIM."""
    for slug, owner in (("acme", "acme-identity"), ("globex", None)):
        made = bulk.place_organization(app, {"organization_slug": slug, "organization_name": slug.title()})
        mark = {"v": 1, "owner": owner, "organization": made["organization_id"]}
        metadata = {"tier": "gold", **({"reconciler": mark} if owner else {})}
        bulk.place_organization(app, {**made, "trusted_metadata": metadata, "mfa_policy": "REQUIRED_FOR_ALL"})
        for name, fields in (
            ("ann", {"roles": ["stytch_admin"]}),
            ("ben", {"trusted_metadata": {"reconciler": {**mark, "owner": "acme-identity", "user": "u1"}}}),
            ("cyd", {"scim_registration": {"connection_id": "x", "registration_id": "y"}}),
        ):
            member = {"organization_id": made["organization_id"], "email_address": f"{name}@{slug}.example", **fields}
            bulk.place_member(app, member)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    # The program's settings for its whole process must not change this one.
    monkeypatch.setattr("reconciler.commands.cli.signal.signal", lambda *_: None)
    monkeypatch.setattr("reconciler.commands.cli.gc.set_threshold", lambda *_: None)

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["reconciler", "-C", str(tmp_path), *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0)

    return run


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "reconciler.yaml").write_text(CONFIGURATION)
    return tmp_path


def documents(folder: Path) -> dict[str, Any]:
    found = [each for path in sorted((folder / "manifests").rglob("*")) if path.is_file() for each in read(path)]
    return {"/".join(filter(None, map(each["metadata"].get, ("namespace", "name")))): each for each in found}


def read(path: Path) -> list[Any]:
    return [*yaml.safe_load_all(path.read_text(encoding="utf-8"))]


@pytest.mark.usefixtures("server")
def test_the_plan_of_an_export_is_empty(run: Run, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("export") == 0
    assert f"below {root}/export\n" in capsys.readouterr().out
    shutil.copytree(root / "export", root, dirs_exist_ok=True)
    assert run("plan") == 0
    assert run("export") == 0
    assert "0 of them new" in capsys.readouterr().out


@pytest.mark.usefixtures("server")
def test_the_mark_of_an_organization_decides_whether_it_is_managed(run: Run, root: Path) -> None:
    assert run("export", "--only", "Organization", str(root / "a")) == 0
    ours, nobodys = (documents(root / "a")[slug] for slug in ("acme", "globex"))
    metadata = {"trusted_metadata": {"tier": "gold"}}
    spec = {**metadata, "mfa_policy": "REQUIRED_FOR_ALL"}
    assert ours["spec"] == {"organization_name": "Acme", **spec}
    assert "ensure" not in ours
    assert nobodys["spec"] == {"organization_name": "Globex", **spec}
    assert nobodys["ensure"] == "external"
    assert run("export", "--only", "Organization", "--adopt", str(root / "b")) == 0
    acme, globex = (documents(root / "b")[slug] for slug in ("acme", "globex"))
    assert ("ensure" in globex, globex["adopt"], "adopt" in acme) == (False, True, False)
    assert run("export", "--only", "Organization", "--adopt", "--organizations", "table", str(root / "c")) == 0
    rows = [json.loads(row) for row in (root / "c" / TABLE).read_text(encoding="utf-8").splitlines()]
    assert [(row["slug"], row.get("adopt")) for row in rows] == [("acme", None), ("globex", True)]


@pytest.mark.usefixtures("server")
def test_members_are_exported_where_they_are_asked_for(
    run: Run, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("export", "--members", "--only", "Member") == 0
    exported = documents(root / "export")
    assert [name for name, each in exported.items() if each["kind"] == "Member"] == [
        "acme/ann@acme.example",
        "globex/ann@globex.example",
    ]
    assert exported["acme/ann@acme.example"]["spec"] == {"roles": ["stytch_admin"]}
    # Their organization is named, without any field.
    assert exported["acme"].keys() == {"apiVersion", "kind", "metadata", "ensure"}
    assert exported["acme"]["ensure"] == "external"
    told = capsys.readouterr().out
    assert "left out: Member: 2 assigned by rules" in told
    assert "left out: Member: 2 managed by SCIM" in told


@pytest.mark.usefixtures("server")
def test_only_what_is_declared_unless_the_rest_is_asked_for(run: Run, root: Path) -> None:
    (root / "manifests").mkdir()
    (root / "manifests/a.yaml").write_text(ACME)
    assert run("export") == 0
    assert documents(root / "export").keys() == {"acme"}
    assert run("export", "--unmanaged", str(root / "all")) == 0
    assert {"acme", "globex", "b2b", "default"} < documents(root / "all").keys()


@pytest.mark.usefixtures("server")
def test_organizations_as_a_table(run: Run, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("export", "--organizations", "table", "--format", "json") == 0
    told = json.loads(capsys.readouterr().out)
    assert {"manifests/OrganizationSet.yaml", "tables/organizations.jsonl"} < {*told["files"]}
    assert not any(name.startswith("manifests/Organization/") for name in told["files"])
    rows = (root / "export/tables/organizations.jsonl").read_text().splitlines()
    assert [json.loads(row).get("ensure") for row in rows] == [None, "external"]
    shutil.copytree(root / "export", root, dirs_exist_ok=True)
    table = "{test: {tables: {organizations: tables/organizations.jsonl}}}"
    (root / "reconciler.yaml").write_text(CONFIGURATION.replace("{test: {}}", table))
    assert run("plan") == 0


def test_secrets_are_names_that_somebody_must_provide(
    run: Run, root: Path, server: Running, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {"destination_type": "DATADOG", "destination_config": {"datadog": {"api_key": KEY, "site": "US"}}}
    assert Stage(server.app, root, {}).ask("POST {environment}/event_log_streaming", config)[0] == 200
    assert run("export", "--only", "EventLogStreaming") == 0
    told = capsys.readouterr().out
    assert f"secret: {NAME}, of EventLogStreaming/DATADOG" in told
    assert KEY not in told + (root / "export/manifests/EventLogStreaming.yaml").read_text()
    shutil.copytree(root / "export", root, dirs_exist_ok=True)
    assert run("plan") == 0
    assert f"the secret {NAME} is neither in the environment" in capsys.readouterr().out
    monkeypatch.setenv(NAME, KEY)
    assert run("plan") == 0
    assert NAME not in capsys.readouterr().out


@pytest.mark.usefixtures("server")
def test_what_the_credentials_do_not_reach_is_left_out(
    run: Run, root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STYTCH_WORKSPACE_KEY_ID", "")
    monkeypatch.setenv("STYTCH_WORKSPACE_KEY_SECRET", "")
    assert run("export") == 0
    assert "left out: RBACPolicy: needs a workspace key" in capsys.readouterr().out
    assert documents(root / "export").keys() == {"acme", "globex"}


@pytest.mark.usefixtures("server", "root")
def test_what_is_named_must_be_live(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("export", "--only", "Organisation") == 1
    assert "--only Organisation names no live resource" in capsys.readouterr().err


def test_a_whole_repository(run: Run, tmp_path: Path, server: Running, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("init", "--from-live", "--organizations", "table") == 0
    (configuration,) = read(tmp_path / "reconciler.yaml")
    project_id = server.environment["STYTCH_PROJECT_ID"]
    target = {"type": "test", "project_id": project_id, "project": "b2b", "environment": "test"}
    tables = {"organizations": "tables/organizations.jsonl"}
    assert configuration["name"] == "acme-identity"  # as the mark says
    assert configuration["environments"] == {"test": {"target": target, "tables": tables}}
    assert (tmp_path / ".gitignore").exists()
    assert run("validate") == 0
    assert run("plan") == 0
    assert run("init", "--from-live", "--organizations", "table") == 0
    assert "0 of them new" in capsys.readouterr().out


@pytest.mark.usefixtures("server")
def test_a_workspace_key_alone_needs_to_be_told_where(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STYTCH_PROJECT_ID", "")
    monkeypatch.setenv("STYTCH_SECRET", "")
    assert run("init", "--from-live") == 1
    assert "give --project SLUG --environments SLUG" in capsys.readouterr().err
    assert run("-e", "production", "init", "--from-live", "--project", "b2b", "--environments", "production") == 0
    (configuration,) = read(tmp_path / "reconciler.yaml")
    assert configuration["name"] == "b2b"
    assert configuration["environments"]["production"]["target"]["type"] == "live"
    assert run("validate") == 0


def test_options_that_say_nothing_together_are_refused(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("init", "--from-live", "--from-consumer") == 1
    assert "exclude each other" in capsys.readouterr().err
    assert run("init", "--members") == 1
    assert "need --from-live" in capsys.readouterr().err
