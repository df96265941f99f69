"""A server that goes away in the middle of an apply, and comes back: every write is made, and none twice."""

import random
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from reconciler import pipeline
from reconciler.clients.connect import Transports, open_client
from reconciler.clients.credentials import Rates
from reconciler.emulator.seed.bulk import members
from reconciler.emulator.server.app import App
from reconciler.emulator.server.transport import EmulatorTransport
from reconciler.read.run import Run
from tests.connected import VirtualClock, credentials
from tests.memory_store import MemoryStore
from tests.repositories import ORGANIZATION, OWNED, config_of, write

MEMBER = """\
---
apiVersion: reconciler/v1
kind: Member
metadata: {namespace: acme, name: MEMBER}
spec: {name: Somebody}
"""
MEMBERS = 167
Answers = Callable[[], httpx.Response]


def refused(_: Answers) -> httpx.Response:
    raise httpx.ConnectError("Connection refused")


def reset(_: Answers) -> httpx.Response:
    raise httpx.ReadError("Connection reset")


def reset_after(answers: Answers) -> httpx.Response:
    answers()
    raise httpx.ReadError("Connection reset")


def busy(_: Answers) -> httpx.Response:
    return httpx.Response(503, html="<h1>Service Unavailable</h1>")


def busy_after(answers: Answers) -> httpx.Response:
    answers()
    return httpx.Response(502, html="<h1>Bad Gateway</h1>")


class Failing(EmulatorTransport):
    """Fails in times of the clock."""

    def __init__(self, app: App, clock: VirtualClock, fails: Callable[[Answers], httpx.Response]) -> None:
        super().__init__(app)
        self.clock, self.fails = clock, fails
        self.times: tuple[float, ...] = ()  # the beginning and the end of each outage
        self.failed = 0
        self.lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self.lock:  # else many would still be answered long after an outage began, as time flies meanwhile
            now = self.clock.monotonic()
            if any(first <= now < last for first, last in zip(self.times[::2], self.times[1::2], strict=True)):
                self.failed += 1
                return self.fails(lambda: super(Failing, self).handle_request(request))
            return super().handle_request(request)


@pytest.mark.parametrize("fails", [refused, reset, reset_after, busy, busy_after])
@pytest.mark.parametrize("lengths", [(60,), (1, 3, 10, 30)], ids=str)
def test_an_outage_fails_no_write_of_an_apply(
    fails: Callable[[Answers], httpx.Response], lengths: tuple[int, ...], tmp_path: Path
) -> None:
    addresses = [f"user{number}@acme.example" for number in range(MEMBERS)]
    manifests = ORGANIZATION + "".join(MEMBER.replace("MEMBER", address) for address in addresses)
    config = config_of(write(tmp_path, {"reconciler.yaml": OWNED, "manifests/a.yaml": manifests}))
    app, clock = App(), VirtualClock()
    transport = Failing(app, clock, fails)
    rng = random.Random(7)  # noqa: S311  # so that the test is the same every time
    with open_client(credentials(app), Rates(share=1), Transports(clock, rng, transport)) as client:
        run = Run(config, client, MemoryStore({}))
        planned = pipeline.plan(run)
        begins = clock.monotonic() - 4
        for length in lengths:
            begins += 5
            transport.times += (begins, begins + length)
            begins += length
        outcomes = pipeline.apply(run, planned, lambda _: None).outcomes
        assert transport.failed
        assert [outcome for outcome in outcomes if outcome.result != "applied"] == []
        assert sorted(member["email_address"] for member in members(app)) == sorted(addresses)
        assert pipeline.plan(run).plan.changes == ()
    app.close()
