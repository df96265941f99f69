"""One network: certificates, proxies and servers as the environment says, for reads and for writes; bounded answers."""

import gzip
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from reconciler.clients.b2b import Client
from reconciler.clients.connect import Transports, open_client
from reconciler.clients.credentials import Credentials, Rates
from reconciler.clients.network import Network, Proxy, is_loopback, is_server
from reconciler.clients.transport import LARGEST
from reconciler.emulator.seed.bulk import place_organization
from reconciler.emulator.seed.running import Options, running
from reconciler.errors import Ambiguous, Fault, Refused, Rejected, Unavailable
from tests.connected import VirtualClock

NOBODY = Credentials(project_id="project-test-1", secret="secret-test-of-nobody")
FAR = "https://stytch.example"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def read(client: Client) -> object:
    return client.get_organization("organization-test-1")


def write(client: Client) -> object:
    return client.delete_organization("organization-test-1")


@contextmanager
def client_of(environ: Mapping[str, str], url: str) -> Iterator[Client]:
    known = Credentials(project_id=NOBODY.project_id, secret=NOBODY.secret, api_url=url, telemetry_url=url)
    network = Network.from_environment(environ)
    with open_client(known, Rates(), Transports(clock=VirtualClock(), network=network)) as client:
        yield client


@contextmanager
def answering(answer: Callable[[], Iterable[bytes]]) -> Iterator[tuple[str, list[bytes]]]:
    """A server that answers every connection the same, whatever it is asked; gives its address and what it was sent."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    asked.append(connection.recv(65_536))
                    for piece in answer():
                        connection.sendall(piece)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}", asked
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(5)


# Which proxy


@pytest.mark.parametrize(
    ("environ", "url", "expected"),
    [
        ({"HTTPS_PROXY": "http://p.example:1"}, FAR, "http://p.example:1"),
        ({"https_proxy": "p.example:1", "HTTPS_PROXY": "http://q.example:1"}, FAR, "http://p.example:1"),
        ({"ALL_PROXY": "http://p.example:1"}, FAR, "http://p.example:1"),
        ({"HTTP_PROXY": "http://p.example:1"}, FAR, None),
        ({"HTTPS_PROXY": " "}, FAR, None),
        ({"HTTPS_PROXY": "http://p.example:1", "NO_PROXY": "*"}, FAR, None),
        ({"HTTPS_PROXY": "http://p.example:1", "NO_PROXY": "other.example, stytch.example"}, FAR, None),
        ({"HTTPS_PROXY": "http://p.example:1", "NO_PROXY": ".stytch.example"}, "https://api.stytch.example", None),
        ({"HTTPS_PROXY": "http://p.example:1", "NO_PROXY": "*.stytch.example"}, "https://API.stytch.example.", None),
        ({"HTTPS_PROXY": "http://p.example:1", "NO_PROXY": "stytch.example:443"}, FAR, None),
        ({"HTTPS_PROXY": "http://p.example:1", "NO_PROXY": "stytch.example:8443"}, FAR, "http://p.example:1"),
        ({"HTTPS_PROXY": "http://p.example:1", "NO_PROXY": "tytch.example"}, FAR, "http://p.example:1"),
        ({"ALL_PROXY": "http://p.example:1", "NO_PROXY": "10.0.0.0/8"}, "https://10.1.2.3", None),
        ({"ALL_PROXY": "http://p.example:1", "no_proxy": "10.0.0.0/8"}, "https://11.1.2.3", "http://p.example:1"),
        ({"ALL_PROXY": "http://p.example:1", "NO_PROXY": "fd00::/8"}, "https://[fd12::1]:8443", None),
        ({"ALL_PROXY": "http://p.example:1", "NO_PROXY": "[fd00::]/8"}, "https://[fd12::1]", None),
        ({"ALL_PROXY": "http://p.example:1", "NO_PROXY": "fd12::1"}, "https://[FD12:0::1]", None),
        ({"ALL_PROXY": "http://p.example:1", "NO_PROXY": "[fd12::1]:443"}, "https://[fd12::1]", None),
        ({"ALL_PROXY": "http://p.example:1", "NO_PROXY": "[fd12::1]:444"}, "https://[fd12::1]", "http://p.example:1"),
        ({"ALL_PROXY": "http://p.example:1", "NO_PROXY": "::/0"}, "https://10.0.0.1", "http://p.example:1"),
        ({"ALL_PROXY": "http://p.example:1"}, "http://127.0.0.1:8080", None),
        ({"ALL_PROXY": "http://p.example:1"}, "http://LOCALHOST:8080", None),
        ({"ALL_PROXY": "http://p.example:1"}, "https://[::1]:8080", None),
        ({"ALL_PROXY": "http://p.example:1"}, "http://[::ffff:127.0.0.1]:8080", None),
    ],
    ids=str,
)
def test_a_server_is_reached_through_the_proxy_that_the_environment_names(
    environ: dict[str, str], url: str, expected: str | None
) -> None:
    found = Network.from_environment(environ).proxy_for(url)
    assert (found and found.url) == expected


@pytest.mark.parametrize("ask", [read, write])
def test_reads_and_writes_go_through_the_same_proxy(ask: Callable[[Client], object]) -> None:
    with answering(lambda: [b"HTTP/1.1 407 ann@acme.example\r\n\r\n"]) as (proxy, asked):
        environ = {"HTTPS_PROXY": proxy.replace("//", "//ann:hush@")}
        with client_of(environ, FAR) as client, pytest.raises(Unavailable) as caught:
            ask(client)
    assert asked[0].startswith(b"CONNECT stytch.example:443 ")
    assert f"stytch.example through the proxy {proxy.removeprefix('http://')} (HTTPS_PROXY): 407" in str(caught.value)
    assert "hush" not in str(caught.value)
    assert "ann@" not in str(caught.value)


def test_nothing_that_is_meant_for_this_machine_goes_through_a_proxy() -> None:
    with running(Options()) as server, answering(lambda: [b"HTTP/1.1 502 No\r\n\r\n"]) as (proxy, asked):
        made = place_organization(server.app, {"organization_slug": "acme"})
        known = Credentials.from_environment(server.environment)
        network = Network.from_environment({"HTTP_PROXY": proxy, "ALL_PROXY": "socks5://127.0.0.1:1"})
        with open_client(known, Rates(), Transports(clock=VirtualClock(), network=network)) as client:
            assert client.find_organization("acme")
            client.delete_organization(made["organization_id"])
            assert client.management.get("/pwa/v3/projects")
        assert asked == []


def test_how_a_server_is_reached_is_decided_once(monkeypatch: pytest.MonkeyPatch) -> None:
    decided: list[str] = []
    proxy_for = Network.proxy_for

    def counted(network: Network, url: str) -> Proxy | None:
        decided.append(url)
        return proxy_for(network, url)

    monkeypatch.setattr(Network, "proxy_for", counted)
    body = b'{"organization": {"organization_id": "organization-test-1"}, "request_id": "request-id-test-1"}'
    head = b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    with answering(lambda: [HEAD, head, body]) as (url, asked):
        with client_of({}, url) as client:
            opened = len(decided)
            for _ in range(3):
                read(client)
                write(client)
        assert len(asked) == 6
    assert len(decided) == opened


# What cannot be used


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"ALL_PROXY": "socks5h://p.example:1"}, "ALL_PROXY names a socks5h proxy, which is not supported"),
        ({"https_proxy": "http://[bad"}, "https_proxy is not the address of a proxy"),
        ({"HTTP_PROXY": "http://ann:hush@[bad"}, "HTTP_PROXY is not the address of a proxy"),
        ({"HTTPS_PROXY": "http://p.example:99999"}, "HTTPS_PROXY is not the address of a proxy"),
        ({"HTTPS_PROXY": "http://p.example", "NO_PROXY": "10.0.0.0/99"}, "NO_PROXY has an entry that is not a network"),
        ({"SSL_CERT_FILE": "/no/such.pem"}, "SSL_CERT_FILE names a file that cannot be read: No such file"),
        ({"REQUESTS_CA_BUNDLE": os.devnull}, "REQUESTS_CA_BUNDLE is not a plain file"),
        ({"CURL_CA_BUNDLE": __file__}, "CURL_CA_BUNDLE names a file without a certificate"),
        ({"SSL_CERT_DIR": str(Path(__file__).parent.parent)}, "SSL_CERT_DIR names a folder without a certificate"),
        ({"SSL_CERT_DIR": "/no/such/folder"}, "SSL_CERT_DIR names a file that cannot be read: No such file"),
    ],
    ids=str,
)
def test_an_environment_that_cannot_be_obeyed_is_refused_by_the_variable_before_anything_is_sent(
    environ: dict[str, str], message: str
) -> None:
    with pytest.raises(Refused, match=message) as caught, client_of(environ, FAR):
        pass
    assert "hush" not in str(caught.value)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    environ = {"ALL_PROXY": "http://[", "SSL_CERT_FILE": "/no", "REQUESTS_CA_BUNDLE": "/no"}
    with pytest.raises(Refused) as caught, client_of(environ, "http://["):
        pass
    said = [problem.message.split()[0] for problem in caught.value.problems]
    assert said == ["STYTCH_API_URL", "STYTCH_TELEMETRY_URL", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "ALL_PROXY"]


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://[bad",
            "http://evil\\@127.0.0.1",
            "http://ann:hush@127.0.0.1",
            "https://stytch.example:99999",
            "https:",
        ),
        *(
            "https://stytch.example/v1",
            "https://stytch.example?x",
            "https://stytch.example#x",
            "https://[::1",
            "https://",
        ),
        *("https://stytch.example\n", "https://stytch.example:", "https:///x", "ftp://stytch.example", "https://a b"),
        *("https://b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example", "https://[1.2.3.4]x", "https://[zz::1]", "x"),
        *("https://\N{KELVIN SIGN}.example", "https://stytch.example\\.evil.example", "https://a%2eb", "//a.example"),
    ],
    ids=ascii,
)
def test_only_a_scheme_a_host_and_a_port_are_the_address_of_a_server(url: str) -> None:
    assert not is_server(url)


@pytest.mark.parametrize(
    "url", ["https://stytch.example", "HTTP://127.0.0.1:8080/", "https://[::1]:443", "https://a-b.c."]
)
def test_the_address_of_a_server(url: str) -> None:
    assert is_server(url)


def test_this_machine_is_known_by_its_names() -> None:
    assert all(
        map(is_loopback, ("localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]", "::ffff:127.0.0.1", "Localhost."))
    )
    assert not any(map(is_loopback, ("localhost.example", "128.0.0.1", "10.0.0.1", "fe80::1", "", "127.1")))


# Which certificates


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_each_variable_alone_makes_reads_and_writes_trust_a_certificate(variable: str, tmp_path: Path) -> None:
    with running(Options(https=True)) as server:
        made = place_organization(server.app, {"organization_slug": "acme"})
        known = Credentials.from_environment(server.environment)
        certificate = server.environment["SSL_CERT_FILE"]
        (tmp_path / hashed(certificate)).symlink_to(certificate)
        value = str(tmp_path) if variable == "SSL_CERT_DIR" else certificate
        network = Network.from_environment({variable: value})
        with open_client(known, Rates(), Transports(clock=VirtualClock(), network=network)) as client:
            assert client.find_organization("acme")
            client.delete_organization(made["organization_id"])
            assert client.management.get("/pwa/v3/projects")
        with open_client(known, Rates(), Transports(clock=VirtualClock(), network=Network())) as client:
            for ask in (read, write):
                with pytest.raises(
                    Rejected, match="is not trusted; SSL_CERT_FILE, SSL_CERT_DIR and REQUESTS_CA_BUNDLE"
                ):
                    ask(client)


def hashed(certificate: str) -> str:
    """The name under which OpenSSL looks for a certificate in a folder."""
    import subprocess

    told = subprocess.run(
        ["openssl", "x509", "-subject_hash", "-noout", "-in", certificate], capture_output=True, text=True, check=True
    )
    return f"{told.stdout.strip()}.0"


# Who does not answer, and who answers too much


@pytest.mark.parametrize("ask", [read, write])
def test_who_does_not_answer_is_named(ask: Callable[[Client], object]) -> None:
    with client_of({}, "http://127.0.0.1:9") as client, pytest.raises(Unavailable) as caught:
        ask(client)
    assert str(caught.value).endswith("was not answered by 127.0.0.1:9: the connection was refused")


def zeros(size: int) -> bytes:
    return gzip.compress(bytes(size))


def packed(body: bytes, packing: bytes = b"gzip") -> list[bytes]:
    return [HEAD, b"Content-Encoding: " + packing + b"\r\nContent-Length: %d\r\n\r\n" % len(body), body]


def trickle(first: bytes) -> Iterator[bytes]:
    yield first
    while True:
        time.sleep(0.02)
        yield b"x"


def endless() -> Iterator[bytes]:
    yield HEAD + b"\r\n"
    while True:
        yield b" " * (1 << 20)


BOMB = zeros(LARGEST + 1)
TOO_MUCH: dict[str, tuple[Callable[[], Iterable[bytes]], type[Fault], str]] = {
    "endless": (endless, Rejected, "the response is larger than 64 MiB"),
    "bomb": (lambda: packed(BOMB), Rejected, "the response is larger than 64 MiB"),
    "bomb of bombs": (lambda: packed(gzip.compress(BOMB), b"gzip, gzip"), Rejected, "compressed, but not with gzip"),
    "brotli": (lambda: packed(b"x", b"br"), Rejected, "compressed, but not with gzip"),
    "not packed": (lambda: packed(b"{}"), Unavailable, "the response cannot be decompressed"),
    "cut short": (lambda: packed(gzip.compress(b"{}")[:-4]), Unavailable, "the response is incomplete"),
    "body that trickles": (lambda: trickle(HEAD + b"\r\n"), Unavailable, "it timed out"),
    "head that trickles": (lambda: trickle(HEAD + b"X: "), Unavailable, "it timed out"),
    "nested": (
        lambda: [HEAD, b"\r\n", b'{"organization":' + b"[" * 9999 + b"]" * 9999 + b"}"],
        Unavailable,
        "with a body that is not from Stytch",
    ),
    "refusal that is nested": (
        lambda: [HEAD.replace(b"200", b"404"), b"\r\n", b"[" * 9999],
        Rejected,
        "was answered 404",
    ),
}


@pytest.mark.parametrize("case", TOO_MUCH)
@pytest.mark.parametrize("ask", [read, write])
def test_an_answer_is_bounded(case: str, ask: Callable[[Client], object], monkeypatch: pytest.MonkeyPatch) -> None:
    answer, fault, message = TOO_MUCH[case]
    monkeypatch.setattr("reconciler.clients.wire.WHOLE_TIMEOUT", 0.1 if "trickles" in case else 60.0)
    monkeypatch.setattr("reconciler.clients.retry.TRIES", 1)
    with answering(answer) as (url, _), client_of({}, url) as client, pytest.raises(Fault, match=message) as caught:
        ask(client)
    assert type(caught.value) is (Ambiguous if ask is write else fault)


def test_an_answer_may_be_packed() -> None:
    body = b'{"organization": {"organization_id": "organization-test-1"}}' + b" " * 5_000_000
    with answering(lambda: packed(gzip.compress(body))) as (url, asked), client_of({}, url) as client:
        assert read(client) == {"organization_id": "organization-test-1"}
    assert b"Accept-Encoding: gzip\r\n" in asked[0]
