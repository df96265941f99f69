"""The token for the remote reaches the children that talk to it, and nothing else: no argument, no log, no error."""

import base64
import os
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Self

import pytest

from reconciler.errors import Unreadable
from reconciler.history import git as children
from reconciler.history.git import TOKEN, find
from reconciler.history.refs import points_to, swap
from reconciler.history.state import head_of
from tests.history.worlds import begun, git

CANARY = "ghs_c4naryC4NARYc4naryC4NARY0123456789"
BASIC = base64.b64encode(f"x-access-token:{CANARY}".encode()).decode()
SHIM = """#!/bin/sh
printf '%s\\n' "$*" >> '{log}.arguments'
env >> '{log}.environment.'"$2"
exec {git} "$@"
"""


class Server:
    """A server that says no, and remembers what it was asked with; it repeats everything in its answer."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        server = self

        class Answering(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                given = self.headers.get("Authorization", "")
                server.asked.append((self.path, given))
                if self.path.startswith("/elsewhere"):
                    self.send_response(302)
                    self.send_header("Location", f"http://localhost:{server.port}/{self.path}")
                    self.end_headers()
                    return
                self.send_response(403)
                self.send_header("Content-Type", "text/plain")
                self.end_headers()
                self.wfile.write(f"no, {given}: {CANARY}".encode())

            do_POST = do_GET  # noqa: N815 # as http.server calls it

            def log_message(self, *_: object) -> None:
                pass

        self._http = HTTPServer(("127.0.0.1", 0), Answering)
        self.port = self._http.server_port
        self._thread = threading.Thread(target=self._http.serve_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


def test_it_reaches_the_server_and_stands_nowhere_else(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    clone = begun(tmp_path)
    git(clone, "remote", "set-url", "origin", f"http://ann:{CANARY}@127.0.0.1:{server.port}/o/r.git")
    git(clone, "config", f"http.http://127.0.0.1:{server.port}/.extraHeader", "Authorization: Basic persisted")
    shims, log = tmp_path / "bin", tmp_path / "log"
    shims.mkdir()
    shim = shims / "git"
    shim.write_text(SHIM.format(log=log, git=shutil.which("git")))
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{shims}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("GIT_TRACE_CURL", str(tmp_path / "trace"))
    monkeypatch.setenv("STYTCH_SECRET", "secret-test-canary")
    monkeypatch.setenv(TOKEN, CANARY)
    repository = find(clone, "reconciler.yaml")
    assert repository
    with pytest.raises(Unreadable) as unread:
        points_to(repository, "refs/reconciler/test")
    swapped = swap(repository, "refs/reconciler/test", "", head_of(repository))
    assert swapped.result == "unreachable"

    assert {given for _, given in server.asked} == {f"Basic {BASIC}"}
    printed = capfd.readouterr()
    shown = [str(unread.value), unread.value.problems[0].hint, swapped.said, printed.out, printed.err]
    shown.append((tmp_path / "log.arguments").read_text())
    for text in shown:
        for secret in (CANARY, BASIC, CANARY[:12]):
            assert secret not in text
    assert not (tmp_path / "trace").exists()
    for file in tmp_path.glob("log.environment.*"):
        environment = file.read_text()
        assert "secret-test-canary" not in environment
        assert CANARY not in environment  # only as the header, and only where the remote is asked
        assert (BASIC in environment) == file.name.endswith((".ls-remote", ".push"))


def test_it_follows_no_redirection(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clone = begun(tmp_path)
    git(clone, "remote", "set-url", "origin", f"http://127.0.0.1:{server.port}/elsewhere/r.git")
    monkeypatch.setenv(TOKEN, CANARY)
    repository = find(clone, "reconciler.yaml")
    assert repository
    with pytest.raises(Unreadable):
        points_to(repository, "refs/reconciler/test")
    assert [path.partition("?")[0] for path, _ in server.asked] == ["/elsewhere/r.git/info/refs"]


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("https://github.com/o/r.git", "https://github.com/"),
        ("https://u:p@github.example:8443/o/r", "https://github.example:8443/"),
        ("http://localhost:1/o/r", "http://localhost:1/"),
        ("http://[::1]:1/o/r", "http://[::1]:1/"),
        ("http://github.com/o/r.git", ""),
        ("git@github.com:o/r.git", ""),
        ("ssh://git@github.com/o/r", ""),
        ("file:///o/r", ""),
        ("/o/r", ""),
        ("https://[x", ""),
    ],
)
def test_it_goes_over_tls_or_stays_in_this_machine(url: str, server: str) -> None:
    assert children.server_of(url) == server
