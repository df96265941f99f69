"""A client plugged into an emulator in this process, on time that passes only when somebody sleeps."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from reconciler.clients.b2b import Client
from reconciler.clients.connect import Transports, open_client
from reconciler.clients.credentials import Credentials, Rates
from reconciler.clients.pacing import Clock
from reconciler.emulator.core.workspace import Type
from reconciler.emulator.seed.running import variables
from reconciler.emulator.server.app import App
from reconciler.emulator.server.transport import EmulatorTransport

START = 1_700_000_000.0 - 1_700_000_000.0 % 60  # the turn of a minute


class VirtualClock(Clock):
    """Time that passes only when somebody sleeps; ``slept`` keeps each sleep."""

    def __init__(self, wall: float = START) -> None:
        super().__init__()
        self._started = wall
        self._passed = 0.0
        self._lock = threading.Lock()
        self.slept: list[float] = []

    def wall(self) -> float:
        return self._started + self._passed

    def now(self) -> float:
        return time.time()  # by the clock of an emulator

    def monotonic(self) -> float:
        return self._passed

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._passed += seconds
            self.slept.append(seconds)


def credentials(app: App, sort: Type = "test") -> Credentials:
    here = app.workspace.environment("B2B", sort)
    known = variables(app, "http://127.0.0.1:1")
    return Credentials.from_environment({**known, "STYTCH_PROJECT_ID": here.project_id, "STYTCH_SECRET": here.secret})


@contextmanager
def connected(
    app: App, clock: VirtualClock | None = None, rates: Rates | None = None, sort: Type = "test"
) -> Iterator[Client]:
    """Open a client to ``app``; no socket is used and no real time passes."""
    transports = Transports(
        clock=clock or VirtualClock(),
        rng=random.Random(0),  # noqa: S311  # so that the test is the same every time
        transport=EmulatorTransport(app),
    )
    with open_client(credentials(app, sort), rates or Rates(), transports) as client:
        yield client


@pytest.fixture
def app() -> Iterator[App]:
    """An empty emulator."""
    made = App()
    yield made
    made.close()


@pytest.fixture
def client(app: App) -> Iterator[Client]:
    """A client of its B2B test environment."""
    with connected(app) as opened:
        yield opened
