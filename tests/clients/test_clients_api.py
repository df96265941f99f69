"""The management API and fraud rules by path: what is sent where, what is absent, and what is asked again."""

import json
from collections.abc import Iterator

import httpx
import pytest

from reconciler.clients.b2b import Client
from reconciler.clients.connect import Transports, open_client
from reconciler.clients.credentials import Credentials, Rates
from reconciler.errors import Ambiguous, Fault, Refused, Rejected, Unavailable
from tests.connected import VirtualClock

KNOWN = Credentials(
    project_id="project-test-1", secret="of-it", workspace_key_id="workspace-key-1", workspace_key_secret="of-them"
)
ABSENT = ("thing_not_found",)


class Server:
    """Answers what it is told to, in that order, the last again and again; keeps every request."""

    def __init__(self) -> None:
        self.answers: list[httpx.Response | Exception] = [httpx.Response(200, json={"done": True})]
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer


def refusal(status: int, error_type: str) -> httpx.Response:
    return httpx.Response(status, json={"error_type": error_type, "error_message": "No.", "request_id": "request-1"})


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    transports = Transports(clock=VirtualClock(), transport=httpx.MockTransport(server))
    with open_client(KNOWN, Rates(), transports) as opened:
        yield opened


def test_only_what_log_ins_need_is_shared_with_them(server: Server) -> None:
    for api, per_second, at_once in (("management", 60.0, 120), ("telemetry", 30.0, 0)):
        clock = VirtualClock()
        transports = Transports(clock=clock, transport=httpx.MockTransport(server))
        with open_client(KNOWN, Rates(requests_per_second=60, share=0.5), transports) as opened:
            for _ in range(601):
                getattr(opened, api).get("/pwa/v3/projects")
        assert clock.monotonic() == pytest.approx((600 - at_once) / per_second, rel=0.02)


def test_each_api_has_its_host_and_its_password(server: Server, client: Client) -> None:
    client.management.get("/pwa/v3/projects")
    client.telemetry.ask("/v1/rules/list", {"limit": 1})
    said = [(request.method, str(request.url), request.headers["authorization"]) for request in server.requests]
    assert said == [
        ("GET", "https://management.stytch.com/pwa/v3/projects", "Basic d29ya3NwYWNlLWtleS0xOm9mLXRoZW0="),
        ("POST", "https://telemetry.stytch.com/v1/rules/list", "Basic cHJvamVjdC10ZXN0LTE6b2YtaXQ="),
    ]


def test_what_is_sent_is_what_was_said(server: Server, client: Client) -> None:
    url = "https://acme.example/?a=b&c"
    assert client.management.get("/things", url=url) == {"done": True}
    client.management.write("PUT", "/things/a%2Fb", {"name": "é", "none": None}, {"url": url})
    client.management.write("DELETE", "/things")
    read, written, deleted = server.requests
    assert (read.url.params["url"], read.content) == (url, b"")
    assert (written.method, written.url.raw_path.split(b"?")[0]) == ("PUT", b"/things/a%2Fb")
    assert written.url.params["url"] == url
    assert json.loads(written.content) == {"name": "é", "none": None}
    assert (deleted.content, deleted.url.query) == (b"", b"")


def test_what_is_not_there_is_none(server: Server, client: Client) -> None:
    server.answers = [refusal(404, "thing_not_found"), refusal(400, "thing_not_found"), httpx.Response(200, json={})]
    assert client.management.find("/things", ABSENT) is None
    assert client.management.find("/things", ABSENT) is None
    assert client.management.find("/things", ABSENT) == {}


@pytest.mark.parametrize(
    "answer",
    [
        refusal(401, "unauthorized_credentials"),
        refusal(404, "route_not_found"),
        refusal(404, ""),
        httpx.Response(404, text="<html>nobody</html>"),
        httpx.Response(302, headers={"location": "https://elsewhere.example"}),
    ],
    ids=["no access", "another type", "no type", "a page", "elsewhere"],
)
def test_nothing_else_means_absent(server: Server, client: Client, answer: httpx.Response) -> None:
    server.answers = [answer]
    with pytest.raises(Rejected):
        client.management.find("/things", ABSENT)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        refusal(500, "internal_server_error"),
        refusal(503, ""),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=["no map"]),
        httpx.ReadTimeout("late"),
    ],
    ids=["500", "503", "a page", "a list", "silence"],
)
def test_reads_are_tried_again(server: Server, client: Client, answer: httpx.Response | Exception) -> None:
    server.answers = [answer, answer, httpx.Response(200, json={"done": True})]
    assert client.management.get("/things") == {"done": True}
    assert client.telemetry.ask("/v1/rules/list", {}) == {"done": True}
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    "answer",
    [
        refusal(500, "internal_server_error"),
        refusal(504, ""),
        httpx.Response(200, text="<html>"),
        httpx.ReadTimeout("late"),
        httpx.RemoteProtocolError("cut short"),
    ],
    ids=["500", "504", "a page", "silence", "a connection that broke"],
)
def test_a_write_whose_answer_was_lost_is_not(
    server: Server, client: Client, answer: httpx.Response | Exception
) -> None:
    server.answers = [answer]
    with pytest.raises(Ambiguous):
        client.management.write("POST", "/things", {})
    assert len(server.requests) == 1


@pytest.mark.parametrize("answer", [refusal(429, "too_many_requests"), httpx.ConnectError("nobody there")], ids=str)
def test_a_write_that_certainly_did_not_happen_is(
    server: Server, client: Client, answer: httpx.Response | Exception
) -> None:
    server.answers = [answer, httpx.Response(201, json={"done": True})]
    assert client.management.write("POST", "/things", {}) == {"done": True}
    server.answers = [answer]
    with pytest.raises(Unavailable):
        client.management.write("POST", "/things", {})


def test_a_fault_says_what_was_asked_and_no_parameter(server: Server, client: Client) -> None:
    server.answers = [refusal(400, "bad_request")]
    with pytest.raises(Fault) as caught:
        client.management.get("/things", address="ann@acme.example")
    assert str(caught.value) == "GET /things was answered 400 bad_request (No.)"
    assert (caught.value.status, caught.value.request_id) == (400, "request-1")


def test_what_cannot_be_asked_is_refused_with_what_to_do() -> None:
    data = Credentials(project_id="project-test-1", secret="of-it")
    with open_client(data, Rates()) as client, pytest.raises(Refused, match="management API") as caught:
        _ = client.management
    assert "STYTCH_WORKSPACE_KEY_ID" in caught.value.problems[0].hint
    workspace = Credentials(workspace_key_id="workspace-key-1", workspace_key_secret="of-them")
    with open_client(workspace, Rates()) as client:
        for ask in (lambda: client.telemetry, client.rbac_policy, client.writer):
            with pytest.raises(Refused, match="a secret of the environment"):
                ask()


def test_a_secret_that_is_found_later_opens_the_data(server: Server) -> None:
    workspace = Credentials(workspace_key_id="workspace-key-1", workspace_key_secret="of-them")
    transports = Transports(clock=VirtualClock(), transport=httpx.MockTransport(server))
    with open_client(workspace, Rates(), transports) as client:
        assert (client.has_data, client.project_id, client.secret_last_four) == (False, "", "")
        client.sign_in("project-live-2", "a-later-one")
        assert (client.has_data, client.project_id, client.secret_last_four) == (True, "project-live-2", "-one")
        client.read("things.get", "/v1/things")
    assert str(server.requests[0].url) == "https://api.stytch.com/v1/things"
