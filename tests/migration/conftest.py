"""A workspace with a Consumer project in which everything is set, and the command line that moves it."""

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from stytch_management import Client as Management

from reconciler.commands import cli
from reconciler.emulator.seed.running import Options, Running, running
from tests.migration.consumer_project import build, described, environment_of

GIVEN = {
    "DATADOG_API_KEY": "0123456789abcdef0123456789abcdef",
    "GRAFANA_LOKI_PASSWORD": "hunter2-of-loki",
    "M2M_CLIENT_BILLING_SECRET": "kept-secret-of-billing-5f0c-1a2b",
}
ENVIRONMENTS = {"live": "production", "test": "test"}

Run = Callable[..., int]


@pytest.fixture(scope="package")
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="package")
def server(patch: pytest.MonkeyPatch) -> Iterator[Running]:
    """A workspace with a Consumer project in which everything is set."""
    with running(Options(https=True, behaviour=["custom_domain=true"])) as started:
        patch.setenv("REQUESTS_CA_BUNDLE", started.environment["REQUESTS_CA_BUNDLE"])
        patch.setenv("SSL_CERT_FILE", started.environment["SSL_CERT_FILE"])
        build(started, management_of(started), described())
        yield started


@pytest.fixture(scope="package")
def management(server: Running) -> Management:
    return management_of(server)


def management_of(server: Running) -> Management:
    environment = server.environment
    key = environment["STYTCH_WORKSPACE_KEY_ID"], environment["STYTCH_WORKSPACE_KEY_SECRET"]
    return Management(*key, base_url=server.url)


@pytest.fixture(scope="package")
def run(server: Running, patch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs a command, with a workspace key and further variables."""
    patch.setattr("reconciler.commands.cli.signal.signal", lambda *_: None)
    patch.setattr("reconciler.commands.cli.gc.set_threshold", lambda *_: None)
    known = ("WORKSPACE_KEY_ID", "WORKSPACE_KEY_SECRET", "MANAGEMENT_BASE_URI", "API_URL", "TELEMETRY_URL")
    workspace = {f"STYTCH_{name}": server.environment[f"STYTCH_{name}"] for name in known}

    def run(*arguments: str, **variables: str) -> int:
        with pytest.MonkeyPatch.context() as here:
            here.delenv("CI", raising=False)  # a person at a machine that lasts
            for name, value in {**workspace, **variables}.items():
                here.setenv(name, value)
            here.setattr(sys, "argv", ["reconciler", *arguments])
            with pytest.raises(SystemExit) as ended:
                cli.main()
        return int(ended.value.code or 0)

    return run


@pytest.fixture(scope="package")
def source(server: Running) -> Mapping[str, str]:
    """The variables that lead to both environments of the Consumer project."""
    production, test = (environment_of(server, "consumer", slug) for slug in ("production", "test"))
    return {
        "STYTCH_CONSUMER_PROJECT_ID": test.project_id,
        "STYTCH_CONSUMER_SECRET": test.secret,
        "STYTCH_CONSUMER_SECRET_PRODUCTION": production.secret,
    }


@pytest.fixture(scope="package")
def root(run: Run, source: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository that was written."""
    root = tmp_path_factory.mktemp("acme") / "b2b"
    assert run("init", "--from-consumer", str(root), **source) == 0
    return root


@pytest.fixture(scope="package")
def codes(run: Run, root: Path) -> Mapping[str, list[int]]:
    """The exit codes of the commands of a migration, by environment. The first plan has only a workspace key."""
    codes = {}
    for name in ENVIRONMENTS:
        here = ("-C", str(root), "-e", name)
        codes[name] = [run(*here, "validate"), run(*here, "plan")]
        codes[name] += [run(*here, *each, **GIVEN) for each in (("plan",), ("apply", "--yes"), ("plan",))]
    return codes
