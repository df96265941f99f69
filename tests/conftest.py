"""What every test may rely on: no real credentials, nothing left running, and no test silently missing."""

import os
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.emulator import conformity

pytest_plugins = ("tests.canaries", "tests.connected")

NODE_MODULES = Path(__file__).parent / "emulator" / "node" / "node_modules"
AMBIENT = ("STYTCH_", "RECONCILER_", "GITHUB_")
AMBIENT_EXACTLY = {"COLUMNS", "FORCE_COLOR", "NO_COLOR", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"}
OURS = "STYTCH_RECONCILER_"
ENVIRONMENT = Path(sys.executable).parent.parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SEEN = conformity.Seen()
DESELECTED = pytest.StashKey[dict[str, str]]()

settings.register_profile("dev", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_configure(config: pytest.Config) -> None:
    """Forget the credentials and the terminal of whoever runs the tests, unless cassettes are being recorded."""
    config.stash[DESELECTED] = {}
    if config.getoption("--record-mode") in (None, "none"):
        for name in list(os.environ):
            ambient = name.startswith(AMBIENT) and not name.startswith(OURS)
            if ambient or name.upper() in AMBIENT_EXACTLY:
                del os.environ[name]


def missing() -> dict[str, str]:
    """The markers whose tests cannot run here, each with what they lack."""
    lacks = {}
    for mark, variable in (("mapping", "STYTCH_RECONCILER_DATA"), ("openapi", "STYTCH_RECONCILER_OPENAPI")):
        if not os.environ.get(variable):
            lacks[mark] = f"{variable} is not set"
    if not any(map(shutil.which, BROWSERS)):
        lacks["browser"] = f"none of {', '.join(BROWSERS)} is on PATH"
    # In CI these run or fail: they are never quietly left out.
    if not os.environ.get("CI"):
        if not (ENVIRONMENT / "bin" / "act").is_file() or not (ENVIRONMENT / "wheels").is_dir():
            lacks["act"] = "`make test` built no act, for want of go"
        if not shutil.which("actionlint", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"):
            lacks["actionlint"] = "actionlint is not on PATH"
        if not shutil.which("node"):
            lacks["node"] = "node is not on PATH"
        elif not NODE_MODULES.is_dir():
            lacks["node"] = f"`npm ci` has not run in {NODE_MODULES.parent.name}/"
    return lacks


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out, by name and aloud, what cannot run here."""
    lacks = missing()
    kept, left_out = [], []
    for item in items:
        reason = next((lacks[mark.name] for mark in item.iter_markers() if mark.name in lacks), None)
        if reason is None:
            kept.append(item)
        else:
            left_out.append(item)
            config.stash[DESELECTED][item.nodeid] = reason
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Under pytest-xdist: tell the controller what this worker left out."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["deselected"] = session.config.stash[DESELECTED]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Under pytest-xdist: take over what a worker left out; one that crashed has told nothing."""
    node.config.stash[DESELECTED].update(getattr(node, "workeroutput", {}).get("deselected", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name every test that was left out, grouped by what it lacks."""
    by_reason: dict[str, list[str]] = {}
    for nodeid, reason in sorted(config.stash[DESELECTED].items()):
        by_reason.setdefault(reason, []).append(nodeid)
    for reason, nodeids in by_reason.items():
        terminalreporter.section(f"deselected: {reason}")
        for nodeid in nodeids:
            terminalreporter.line(nodeid)


@pytest.fixture(scope="session", autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """When every other fixture is gone, no thread and no child process of the tests is."""
    before = set(threading.enumerate())
    yield
    started = [thread for thread in threading.enumerate() if thread not in before]
    for thread in started:
        thread.join(5)  # One that was told to stop may still be on its way out.
    running = [thread.name for thread in started if thread.is_alive()]
    assert not running, f"threads still running after the last test: {running}"
    try:
        pid, _ = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return
    assert pid, "a child process is still running after the last test"


@pytest.fixture(autouse=True)
def as_described(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Where the descriptions are at hand: what any app answers during the test is as they say, or a listed mismatch."""
    if not conformity.described() or request.node.get_closest_marker("odd_records"):
        yield
        return
    from reconciler.emulator.core.exchange import Request, Response
    from reconciler.emulator.server.app import App

    respond = App.respond
    found: list[conformity.Mismatch] = []
    whole = request.path.parent.name == "emulator"  # there the answers themselves are what is tested

    def checked(app: App, request: Request) -> Response:
        response = respond(app, request)
        json_body = dict(response.headers).get("Content-Type") == "application/json"
        if response.lost is None and json_body and conformity.file_of(request.path):
            answered = request.method, request.path, response.status, response.body
            if whole or not SEEN.is_familiar(*answered):
                found.extend(conformity.mismatches(*answered, whole=whole))
        return response

    monkeypatch.setattr(App, "respond", checked)
    yield
    assert conformity.unlisted(found) == []
