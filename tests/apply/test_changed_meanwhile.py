"""What somebody changes while a write waits, or just before it, is never overwritten by what is sent whole."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from reconciler import pipeline
from reconciler.clients.connect import Transports, open_client
from reconciler.clients.credentials import Rates
from reconciler.emulator.seed.running import Options, make
from reconciler.emulator.server.transport import EmulatorTransport
from reconciler.kinds._looks import HOLDS, LASTS, Look, Looks
from reconciler.model import Outcome
from reconciler.read.run import Run
from tests.connected import VirtualClock, credentials
from tests.memory_store import MemoryStore
from tests.repositories import OF_A_PROJECT, config_of, write

Body = dict[str, Any]
Answers = Callable[[], httpx.Response]
PAUSE: Final = 30
REFUSAL: Final = {"status_code": 429, "request_id": "r", "error_type": "too_many_requests", "error_message": "Wait."}


def manifest(kind: str, name: str, spec: Body) -> str:
    document = {"apiVersion": "reconciler/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
    return json.dumps(document)


# By kind: a name, the spec that is there, the one that is wanted, and what an admin sends instead of that.
CASES: Final[dict[str, tuple[str, Body, Body, Body]]] = {
    "RedirectURL": (
        "https://acme.example/in",
        {"valid_types": [{"type": "LOGIN"}]},
        {"valid_types": [{"type": "LOGIN"}, {"type": "INVITE"}]},
        {"valid_types": [{"type": "INVITE", "is_default": True}]},
    ),
    "DFPRule": ("asn/64500", {"action": "BLOCK"}, {"action": "CHALLENGE"}, {"action": "ALLOW"}),
    "VerdictReasonOverride": (
        "VIRTUAL_MACHINE",
        {"override_action": "BLOCK"},
        {"override_action": "CHALLENGE"},
        {"override_action": "ALLOW"},
    ),
    "CountryCodeAllowlist": ("sms", {"country_codes": ["DE"]}, {"country_codes": ["FR"]}, {"country_codes": ["US"]}),
}


def slowed_down(_: Answers) -> httpx.Response:
    return httpx.Response(429, json=REFUSAL, headers={"Retry-After": str(PAUSE)})


def no_connection(_: Answers) -> httpx.Response:
    raise httpx.ConnectError("Connection refused")


def lost(_: Answers) -> httpx.Response:
    raise httpx.ReadError("Connection reset")


class Interfering(EmulatorTransport):
    """Hands the first write to an admin, who sends something else in its place, and ends it otherwise."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.instead: Body | None = None
        self.ends: Callable[[Answers], httpx.Response] = lambda answers: answers()
        self.written: list[Body] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        def answers() -> httpx.Response:
            return super(Interfering, self).handle_request(request)

        if request.method == "GET" or request.url.path.endswith(("/list", "/search")):
            return answers()
        body = json.loads(request.read())
        if self.instead is not None:
            ours, self.instead = {**body, **self.instead}, None
            headers = {name: value for name, value in request.headers.items() if name != "content-length"}
            theirs = super().handle_request(httpx.Request(request.method, request.url, headers=headers, json=ours))
            assert theirs.status_code == 200, theirs.text
            return self.ends(answers)
        self.written.append(body)
        return answers()


@pytest.mark.parametrize(
    ("ends", "result", "says"),
    [
        (slowed_down, ("withheld", "moved"), "has changed since"),
        (no_connection, ("withheld", "moved"), "has changed since"),
        (lost, ("failed", ""), "a response was lost, and then: "),
    ],
)
@pytest.mark.parametrize("kind", CASES)
def test_what_an_admin_changes_while_a_write_waits_stays(
    tmp_path: Path, kind: str, ends: Callable[[Answers], httpx.Response], result: tuple[str, str], says: str
) -> None:
    name, before, wanted, instead = CASES[kind]
    app, clock = make(Options()), VirtualClock()
    transport = Interfering(app)
    rng = random.Random(7)  # noqa: S311  # so that the test is the same every time

    def applied(spec: Body) -> Outcome:
        files = {"reconciler.yaml": OF_A_PROJECT, "manifests/all.yaml": manifest(kind, name, spec)}
        here = Run(config_of(write(tmp_path, files)), client, MemoryStore({}))
        (outcome,) = pipeline.apply(here, pipeline.plan(here), lambda _: None).outcomes
        return outcome

    with open_client(credentials(app), Rates(share=1), Transports(clock, rng, transport)) as client:
        assert applied(before).result == "applied"
        transport.written.clear()
        transport.instead, transport.ends = instead, ends
        outcome = applied(wanted)
        assert (outcome.result, outcome.blocked_by) == result
        assert says in outcome.reason
        assert transport.written == []
        assert applied(wanted).result == "applied", "what is there now was seen by this plan"
    app.close()


def looked(looks: Looks, clock: VirtualClock, took: float, taken: list[float]) -> Look:
    def read() -> tuple[()]:
        taken.append(clock.monotonic())
        clock.sleep(took)
        return ()

    return looks.current("DFPRule", read, clock.monotonic)


@pytest.mark.parametrize(("took", "holds"), [(0.0, HOLDS), (1.0, HOLDS), (HOLDS, 2 * HOLDS), (LASTS, 2 * LASTS)])
def test_what_is_written_whole_starts_from_a_look_of_just_now(took: float, holds: float) -> None:
    looks, clock, taken = Looks(), VirtualClock(), list[float]()
    first = looked(looks, clock, took, taken)
    clock.sleep(holds - took - 0.5)
    assert looked(looks, clock, took, taken) is first
    clock.sleep(0.5)
    assert looked(looks, clock, took, taken) is not first
    assert taken == [0.0, holds]


@pytest.mark.parametrize("took", [0.0, HOLDS, LASTS])
def test_no_more_time_goes_into_looks_than_into_writes(took: float) -> None:
    looks, clock, taken, writes = Looks(), VirtualClock(), list[float](), 1_000
    for _ in range(writes):
        looked(looks, clock, took, taken)
        clock.sleep(0.5)
    assert took * len(taken) <= 0.5 * writes + took
    assert len(taken) <= 0.5 * writes / HOLDS + 1
