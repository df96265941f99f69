"""Credentials outlast the machine: none is made that would go with it, and a fresh checkout sees what was made."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler import pipeline
from reconciler.config.read import Config, load_config
from reconciler.credentials.store import CredentialStore, open_store
from reconciler.emulator.seed.running import Options, make
from reconciler.emulator.server.app import App
from reconciler.errors import InvalidInput, Refused
from reconciler.plan.planned import Planned
from reconciler.read.run import Run
from reconciler.report.formats import render
from reconciler.report.outcomes import apply_report
from tests.connected import connected
from tests.everything import everything
from tests.repositories import write

MANIFESTS = "".join(
    f"---\napiVersion: reconciler/v1\nkind: {kind}\nmetadata: {{name: {name}}}\n{spec}"
    for kind, name, spec in (
        ("Secret", "BACKEND_SECRET", ""),
        ("PublicToken", "FRONTEND_TOKEN", ""),
        ("M2MClient", "billing", "spec: {scopes: ['read:all']}\n"),
    )
)
SENT_ONLY = """\
apiVersion: reconciler/v1
kind: EventLogStreaming
metadata: {name: DATADOG}
spec: {destination_config: {datadog: {api_key: {secret: DATADOG_KEY}, site: US}}}
"""
PATH = {"PATH": os.environ["PATH"], "DATADOG_KEY": "0123456789abcdef0123456789abcdef"}
CI = {**PATH, "CI": "true"}
FILE, LASTING = "{file: keys.env}", "{file: keys.env, ephemeral: false}"
EPHEMERAL = "{file: keys.env, ephemeral: true}"
READ = "touch ../was-read; cat ../kept-$0"
COMMAND = f"{{command: [sh, -c, 'cat > ../kept-$0', '{{name}}'], read: [sh, -c, '{READ}', '{{name}}']}}"
NAMES = ["BACKEND_SECRET", "FRONTEND_TOKEN", "M2M_CLIENT_BILLING_SECRET"]


@pytest.fixture
def app() -> Iterator[App]:
    made = make(Options())
    yield made
    made.close()


def config_of(root: Path, credentials: str = "", manifests: str = MANIFESTS) -> Config:
    text = "apiVersion: reconciler/v1\nkind: Configuration\nname: acme\nenvironments:\n  test:\n"
    text += "    target: {project: b2b, environment: test}\n"
    text += f"    credentials: {credentials}\n" if credentials else ""
    root.mkdir(exist_ok=True)
    return load_config(write(root, {"reconciler.yaml": text, "manifests/a.yaml": manifests}))


def store_of(config: Config, environ: dict[str, str]) -> CredentialStore:
    return open_store(config.credentials, config.root, config.environment, environ)


def planned(app: App, config: Config, environ: dict[str, str]) -> Planned:
    with connected(app) as client:
        return pipeline.plan(Run(config, client, store_of(config, environ)))


def applied(app: App, config: Config, environ: dict[str, str]) -> str:
    """Apply, and give what is said of it."""
    store = store_of(config, environ)
    with connected(app) as client:
        plan = pipeline.plan(Run(config, client, store))
        done = pipeline.apply(Run(config, client, store), plan, lambda _: None)
    assert {one.result for one in done.outcomes} <= {"applied"}
    return "".join(render(apply_report(plan.plan, done), form) for form in ("text", "json"))


def warned(found: Planned) -> bool:
    return "store-not-lasting" in {problem.code for problem in found.plan.problems}


@pytest.mark.parametrize("credentials", ["", FILE, "{dotenv: keys.env}"], ids=["default", "file", "dotenv"])
def test_in_ci_no_credential_is_made_that_goes_with_the_runner(app: App, tmp_path: Path, credentials: str) -> None:
    config = config_of(tmp_path / "a", credentials)
    before = everything(app)
    assert warned(planned(app, config, CI))
    with pytest.raises(Refused, match="is lost with the runner") as refused:
        applied(app, config, CI)
    assert "command: [gh, secret, set" in refused.value.problems[0].hint
    assert everything(app) == before
    assert not (tmp_path / "a" / ".reconciler").exists()


@pytest.mark.parametrize(
    ("credentials", "environ"),
    [("", PATH), (FILE, {**PATH, "CI": "false"}), (EPHEMERAL, CI), (LASTING, CI), (COMMAND, CI)],
    ids=["no CI", "CI is off", "said to be meant", "said to last", "a command"],
)
def test_elsewhere_it_is_made_and_said_where_it_went(
    app: App, tmp_path: Path, credentials: str, environ: dict[str, str]
) -> None:
    config = config_of(tmp_path / "a", credentials)
    assert not warned(planned(app, config, environ))
    said = applied(app, config, environ)
    place = {"": ".reconciler/credentials-test.env", COMMAND: "sh -c"}.get(credentials, "keys.env")
    store = store_of(config, environ)
    for name in NAMES:
        assert f"{name}, of " in said
        value = store.value(name)
        assert value
        assert name == "FRONTEND_TOKEN" or value.reveal() not in said
    assert place in said
    assert "commit test.credential-ids.json" in said


def test_in_ci_a_secret_is_sent_from_wherever_it_is(app: App, tmp_path: Path) -> None:
    config = config_of(tmp_path / "a", manifests=SENT_ONLY)
    assert not warned(planned(app, config, CI))
    assert applied(app, config, CI)


@pytest.mark.parametrize("credentials", ["", COMMAND], ids=["a file", "a command"])
def test_a_fresh_checkout_makes_nothing_anew(app: App, tmp_path: Path, credentials: str) -> None:
    applied(app, config_of(tmp_path / "a", credentials), PATH)
    before = everything(app)
    (tmp_path / "was-read").unlink(missing_ok=True)
    fresh = config_of(tmp_path / "b", credentials)
    shutil.copy(tmp_path / "a" / "test.credential-ids.json", tmp_path / "b")
    plan = planned(app, fresh, PATH).plan
    assert plan.changes == ()
    lost = [] if credentials else ["M2MClient/billing", "Secret/BACKEND_SECRET"]
    assert sorted(item.address for item in plan.held) == lost
    assert sorted(each.addresses[0] for each in plan.problems if each.code == "lost-credential") == lost
    assert not (tmp_path / "was-read").exists(), "nothing had to be compared"
    applied(app, fresh, PATH)
    assert everything(app) == before


def test_without_the_file_of_ids_nothing_is_made_with_every_run(app: App, tmp_path: Path) -> None:
    only_named = MANIFESTS.partition("---\napiVersion: reconciler/v1\nkind: M2MClient")[0]
    counts = []
    for number in range(4):
        applied(app, config_of(tmp_path / str(number), manifests=only_named), PATH)
        counts.append(len(everything(app)))
    assert len({*counts}) == 1


def test_a_secret_that_is_declared_as_anothers_leaves_nothing_in_doubt(app: App, tmp_path: Path) -> None:
    secret = "---\napiVersion: reconciler/v1\nkind: Secret\nmetadata: {{name: {}}}\n".format
    applied(app, config_of(tmp_path / "a", manifests=secret("BACKEND_SECRET")), PATH)
    other = store_of(config_of(tmp_path / "a"), PATH).id_of("BACKEND_SECRET")
    fresh = config_of(tmp_path / "b", manifests=secret("BACKEND_SECRET"))
    assert [item.address for item in planned(app, fresh, PATH).plan.held] == ["Secret/BACKEND_SECRET"]
    both = secret("BACKEND_SECRET") + secret(other) + "ensure: external\n"
    assert applied(app, config_of(tmp_path / "b", manifests=both), PATH)


@pytest.mark.parametrize("ids", ['{"FRONTEND_TOKEN": "public-token-test-gone"}', '{"FRONTEND_TOKEN": ""}'])
def test_with_ids_that_are_gone_nothing_is_made_with_every_run(app: App, tmp_path: Path, ids: str) -> None:
    token = "apiVersion: reconciler/v1\nkind: PublicToken\nmetadata: {name: FRONTEND_TOKEN}\n"
    counts = []
    for number in range(3):
        config = config_of(tmp_path / str(number), manifests=token)
        (config.root / "test.credential-ids.json").write_text(ids)
        applied(app, config, PATH)
        counts.append(len(everything(app)))
    assert len({*counts}) == 1


@pytest.mark.parametrize(
    ("first", "second", "file"),
    [
        ("{file: keys.env}", "{file: x/../keys.env}", "x/../keys.env"),
        ("{dotenv: .reconciler/credentials-live.env}", "", ".reconciler/credentials-live.env"),
        ("{file: a.env, ids: ids.json}", "{command: [put], ids: ids.json}", "ids.json"),
        ("{file: a.env, ids: live.credential-ids.json}", "", "live.credential-ids.json"),
        ("{file: keys.env}", "{file: b.env, ids: ./keys.env}", "./keys.env"),
    ],
)
def test_no_two_environments_keep_credentials_in_one_file(tmp_path: Path, first: str, second: str, file: str) -> None:
    text = "apiVersion: reconciler/v1\nkind: Configuration\nname: acme\nenvironments:\n"
    text += f"  test: {{credentials: {first}}}\n  live: {{{f'credentials: {second}' if second else ''}}}\n"
    root = write(tmp_path, {"reconciler.yaml": text, "manifests/a.yaml": MANIFESTS})
    for environment in ("test", "live"):
        with pytest.raises(InvalidInput, match=f"would be kept in one file, {re.escape(file)}"):
            load_config(root, environment)
