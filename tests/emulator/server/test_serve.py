"""The emulator on a socket, over http and https, and in process through the client libraries' transports."""

import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import requests

from reconciler.emulator.seed.bulk import organizations
from reconciler.emulator.seed.command import run, sourcing, write_variables
from reconciler.emulator.seed.running import Options, Running, running
from reconciler.emulator.server.app import App
from reconciler.emulator.server.faults import Faults, parse
from reconciler.emulator.server.transport import EmulatorAdapter, EmulatorTransport

ROOT = "/v1/b2b/organizations"
BODY = {"organization_name": "Acme", "organization_slug": "acme"}


@pytest.fixture
def server() -> Iterator[Running]:
    with running() as started:
        yield started


def credentials(app: App) -> tuple[str, str]:
    environment = app.workspace.environment("B2B")
    return environment.project_id, environment.secret


def exchange(server: Running, sent: bytes) -> bytes:
    """Return the answer to these bytes, until the server closes or has answered one request."""
    parts = urlsplit(server.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def head(app: App, line: str, *more: str) -> bytes:
    basic = b64encode(":".join(credentials(app)).encode()).decode()
    return "\r\n".join([line, "Host: x", f"Authorization: Basic {basic}", *more, "", ""]).encode()


def test_a_connection_serves_many_requests(server: Running) -> None:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=10)
    basic = b64encode(":".join(credentials(server.app)).encode()).decode()
    headers = {"Authorization": f"Basic {basic}"}
    sockets = set()
    for number in range(3):
        body = json.dumps(BODY | {"organization_slug": f"acme-{number}"})
        connection.request("POST", ROOT, body, headers)
        response = connection.getresponse()
        assert (response.status, response.getheader("Content-Type")) == (200, "application/json")
        assert json.loads(response.read())["organization"]["organization_slug"] == f"acme-{number}"
        sockets.add(connection.sock)
    connection.close()
    assert len(sockets) == 1


def test_bodies_may_be_chunked_and_announced(server: Running) -> None:
    body = json.dumps(BODY).encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:9], body[9:])) + b"0\r\n\r\n"
    chunked = ("Transfer-Encoding: chunked", "Expect: 100-continue", "Connection: TE, Close")
    answer = exchange(server, head(server.app, f"POST {ROOT} HTTP/1.1", *chunked) + chunks)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert b"Connection: close" in answer
    assert len(organizations(server.app)) == 1


@pytest.mark.parametrize(
    "sent",
    [
        b"hello\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nlong: " + b"x" * 140_000 + b"\r\n\r\n",
    ],
)
def test_an_invalid_request_is_answered_and_the_connection_closed(server: Running, sent: bytes) -> None:
    told, _, body = exchange(server, sent).partition(b"\r\n\r\n")
    assert told.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert (b"Connection: close" in told, json.loads(body)["error_type"]) == (True, "bad_request")


@pytest.mark.parametrize("length", ["Content-Length: 3000000", "Transfer-Encoding: chunked"])
def test_a_body_that_is_too_large_is_told_so_though_the_client_still_sends(
    server: Running, length: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.emulator.server.serve.LARGEST_BODY", 1_000_000)
    body = b"2dc6c0\r\n" + b"x" * 3_000_000
    answer = exchange(server, head(server.app, f"POST {ROOT} HTTP/1.1", length) + body)
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_an_answer_to_head_has_no_body(server: Running) -> None:
    two = head(server.app, f"HEAD {ROOT}/acme HTTP/1.1") + head(server.app, f"GET {ROOT}/acme HTTP/1.1")
    first, _, second = exchange(server, two).partition(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 405 ")
    assert second.startswith(b"HTTP/1.1 404 ")


def test_the_former_version_of_http_is_served_once(server: Running) -> None:
    answer = exchange(server, head(server.app, "GET /v1/b2b/rbac/policy HTTP/1.0") * 2)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.count(b"HTTP/1.1 ") == 1


def test_a_target_may_name_the_server(server: Running) -> None:
    answer = exchange(server, head(server.app, "GET HTTP://x:1/v1/b2b/rbac/policy?a=b HTTP/1.1"))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_trailer_and_lines_too_many_do_not_disturb_what_follows(server: Running) -> None:
    body = json.dumps(BODY).encode()
    chunks = b"%x;a=b\r\n%s\r\n0\r\nX-Sum: 7\r\n\r\n" % (len(body), body)
    sent = head(server.app, f"POST {ROOT} HTTP/1.1", "Transfer-Encoding: chunked") + chunks
    sent += b"\r\n\r\n" + head(server.app, f"GET {ROOT}/acme HTTP/1.1")
    assert exchange(server, sent).count(b"HTTP/1.1 200 OK\r\n") == 2


def test_a_fault_of_the_emulator_is_a_500_to_its_client_and_loud_to_its_tests(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise KeyError("unforeseen")

    def served() -> None:
        with running() as server:
            monkeypatch.setattr(server.app, "respond", broken)
            answer = httpx.get(f"{server.url}{ROOT}/acme")
            assert (answer.status_code, answer.json()["error_type"]) == (500, "internal_server_error")

    with pytest.raises(KeyError, match="unforeseen"):
        served()
    assert "KeyError: 'unforeseen'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"]
)
def test_a_client_that_closes_halfway_is_not_reported(
    server: Running, sent: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exchange(server, sent) == b""
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("spec", "happened"), [("drop_before:1", False), ("drop_after:1", True)])
def test_a_dropped_answer_closes_the_connection_without_a_byte(server: Running, spec: str, *, happened: bool) -> None:
    server.app.faults = Faults(parse([spec])[0])
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.post(f"{server.url}{ROOT}", json=BODY, auth=credentials(server.app))
    assert (organizations(server.app) != []) == happened


def test_a_stall_sends_nothing_and_ends_with_the_client_or_the_server(server: Running) -> None:
    server.app.faults = Faults(parse(["stall:1"])[0])
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{server.url}{ROOT}/acme", auth=credentials(server.app), timeout=0.05)
    waiting = socket.create_connection(("127.0.0.1", urlsplit(server.url).port or 0))
    waiting.sendall(head(server.app, f"GET {ROOT}/acme HTTP/1.1"))
    waiting.close()


def test_many_clients_at_once_write_everything_once(server: Running) -> None:
    def write(first: int) -> None:
        with httpx.Client(base_url=server.url, auth=credentials(server.app)) as client:
            for number in range(first, 40, 4):
                client.post(ROOT, json=BODY | {"organization_slug": f"acme-{number}"}).raise_for_status()

    threads = [threading.Thread(target=write, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    slugs = [each["organization_slug"] for each in organizations(server.app)]
    assert sorted(slugs) == sorted(f"acme-{number}" for number in range(40))


def test_https_with_a_certificate_that_only_its_clients_trust() -> None:
    with running(Options(https=True)) as server:
        trust = server.environment["SSL_CERT_FILE"]
        assert server.environment["REQUESTS_CA_BUNDLE"] == trust
        assert server.url.startswith("https://127.0.0.1:")
        context = ssl.create_default_context(cafile=trust)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        answer = httpx.get(f"{server.url}/v1/b2b/rbac/policy", auth=credentials(server.app), verify=context)
        assert answer.status_code == 200
        with pytest.raises(httpx.ConnectError):
            httpx.get(server.url, verify=ssl.create_default_context())
        answer_ = requests.get(f"{server.url}{ROOT}/acme", auth=credentials(server.app), verify=trust, timeout=10)
        assert answer_.status_code == 404
        server.app.faults = Faults(parse(["drop_after:1"])[0])
        with pytest.raises(requests.ConnectionError):
            requests.post(f"{server.url}{ROOT}", json=BODY, auth=credentials(server.app), verify=trust, timeout=10)
        assert len(organizations(server.app)) == 1
    assert not Path(trust).exists()


def test_in_process_through_httpx(app: App) -> None:
    with httpx.Client(transport=EmulatorTransport(app), base_url="http://stytch.test", auth=credentials(app)) as client:
        assert client.post(ROOT, json=BODY).json()["organization"]["organization_slug"] == "acme"
        assert client.get(f"{ROOT}/acme/member", params={"email_address": "a+b@c.de"}).status_code == 404
        app.faults = Faults(parse(["drop_after:1"])[0])
        with pytest.raises(httpx.RemoteProtocolError):
            client.delete(f"{ROOT}/acme")
        assert organizations(app) == []
        app.faults = Faults(parse(["stall:1"])[0])
        with pytest.raises(httpx.ReadTimeout):
            client.get(f"{ROOT}/acme")


def test_in_process_through_requests(app: App) -> None:
    with requests.Session() as session:
        session.auth = credentials(app)
        session.mount("http://stytch.test", EmulatorAdapter(app))
        answer = session.post(f"http://stytch.test{ROOT}", json=BODY)
        assert answer.json()["organization"]["organization_slug"] == "acme"
        assert answer.headers["content-type"] == "application/json"
        assert session.get(f"http://stytch.test{ROOT}/nowhere").json()["error_type"] == "organization_not_found"
        app.faults = Faults(parse(["drop_before:1"])[0])
        with pytest.raises(requests.ConnectionError):
            session.get(f"http://stytch.test{ROOT}/acme")
        app.faults = Faults(parse(["stall:1"])[0])
        with pytest.raises(requests.ReadTimeout):
            session.get(f"http://stytch.test{ROOT}/acme")


def test_the_environment_points_at_the_test_ones(server: Running) -> None:
    environment = server.environment
    assert (environment["STYTCH_PROJECT_ID"], environment["STYTCH_SECRET"]) == credentials(server.app)
    consumer = server.app.workspace.environment("CONSUMER")
    assert environment["STYTCH_CONSUMER_PROJECT_ID"] == consumer.project_id
    assert environment["STYTCH_CONSUMER_SECRET"] == consumer.secret
    for name in ("STYTCH_API_URL", "STYTCH_TELEMETRY_URL", "STYTCH_MANAGEMENT_BASE_URI"):
        assert environment[name] == server.url
    assert environment["STYTCH_WORKSPACE_KEY_ID"]
    assert environment["STYTCH_WORKSPACE_KEY_SECRET"]
    assert "SSL_CERT_FILE" not in environment


def test_the_environment_file_is_private_whole_and_exports(tmp_path: Path) -> None:
    file = tmp_path / "stytch.env"
    write_variables(file, {"A": "1", "B": "it's $HOME"})
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    shown = subprocess.run(
        ["sh", "-c", f". {file}; env"], capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]}
    )
    assert {"A=1", "B=it's $HOME"} <= set(shown.stdout.splitlines())
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("name", ["stytch.env", "it's here.env", "-n.env", "folder/stytch.env"])
@pytest.mark.parametrize("shell", [shell for shell in ("sh", "bash", "dash") if shutil.which(shell)])
def test_the_line_to_source_the_file_works_in_any_shell(tmp_path: Path, name: str, shell: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    write_variables(tmp_path / name, {"A": "1"})
    line = f"{sourcing(Path(name))} && env"
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        [shell, "-c", line], cwd=tmp_path, text=True, capture_output=True, env=environment, check=True
    )
    assert "A=1" in done.stdout.splitlines()


@pytest.mark.parametrize(
    ("name", "reason"), [("pipe", "it is not a plain file"), ("no/a.env", "there is no such folder")]
)
def test_the_variables_are_never_written_in_the_place_of_a_device(tmp_path: Path, name: str, reason: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match=reason):
        write_variables(tmp_path / name, {"A": "1"})
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_until_it_is_told_to_stop(tmp_path: Path, told: signal.Signals) -> None:
    file = tmp_path / "stytch.env"
    command = [sys.executable, "-m", "reconciler.emulator", "--env-file", str(file), "--synthetic-users", "3"]
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=buffered) as process:
        try:
            assert process.stdout is not None
            announced = process.stdout.readline()
            assert announced.startswith("The emulator listens on http://127.0.0.1:")
            variables = dict(line.removeprefix("export ").split("=", 1) for line in file.read_text().splitlines())
            auth = (variables["STYTCH_CONSUMER_PROJECT_ID"], variables["STYTCH_CONSUMER_SECRET"])
            answer = httpx.post(f"{variables['STYTCH_API_URL']}/v1/users/search", json={}, auth=auth)
            assert answer.json()["results_metadata"]["total"] == 3
            process.send_signal(told)
            assert process.wait(10) == 0
        finally:
            process.kill()


def test_the_command_names_what_cannot_be(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "reconciler.emulator", "--faults", "earthquake:1"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (answer.returncode, "earthquake" in answer.stderr, "Traceback" in answer.stderr) == (1, True, False)
    with pytest.raises(OSError, match="No such file"):
        run(users=tmp_path / "nowhere.jsonl", announce=lambda _: None)
    with running() as server, pytest.raises(ValueError, match="cannot listen on port"):
        run(port=urlsplit(server.url).port or 0, announce=lambda _: None)
