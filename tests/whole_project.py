"""A whole project: a repository that declares one or more things of every kind, and an empty Stytch to apply it to."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from reconciler import pipeline
from reconciler.clients.b2b import Client
from reconciler.clients.connect import Transports, open_client
from reconciler.clients.credentials import Credentials
from reconciler.config.read import Config
from reconciler.emulator.seed.running import Options, make, variables
from reconciler.emulator.server.app import App
from reconciler.emulator.server.transport import EmulatorTransport
from reconciler.model import Outcome, Plan
from reconciler.read.run import Run
from tests.connected import VirtualClock
from tests.emulator.certificates import private_key
from tests.memory_store import MemoryStore
from tests.repositories import config_of, write
from tests.weather import Weather

REPOSITORY: Final = Path(__file__).parent / "whole"
SECRETS: Final = {
    "DATADOG_KEY": "0123456789abcdef0123456789abcdef",
    "OKTA_SECRET": "a-canary-of-an-okta-secret",
    "SAML_KEY": private_key(),
}


def copied(root: Path) -> Config:
    """The repository, copied below ``root``."""
    files = {path.relative_to(REPOSITORY).as_posix(): path.read_text() for path in REPOSITORY.rglob("*.*")}
    return config_of(write(root, files))


@contextmanager
def stytch() -> Iterator[App]:
    app = make(Options())
    try:
        yield app
    finally:
        app.close()


def planned(config: Config, app: App, store: MemoryStore) -> Plan:
    with asked(config, app) as client:
        return pipeline.plan(Run(config, client, store)).plan


def applied(config: Config, app: App, store: MemoryStore, weather: Weather | None = None) -> Sequence[Outcome]:
    with asked(config, app, weather) as client:
        plan = pipeline.plan(Run(config, client, store))
        return pipeline.apply(Run(config, client, store), plan, lambda _: None).outcomes


@contextmanager
def asked(config: Config, app: App, weather: Weather | None = None) -> Iterator[Client]:
    """A client with a workspace key alone."""
    known = {name: value for name, value in variables(app, "http://127.0.0.1:1").items() if "PROJECT" not in name}
    known = {name: value for name, value in known.items() if name not in ("STYTCH_SECRET", "STYTCH_CONSUMER_SECRET")}
    clock = weather.clock if weather else VirtualClock()
    transports = Transports(clock=clock, transport=weather or EmulatorTransport(app))
    with open_client(Credentials.from_environment(known), config.rates, transports) as client:
        yield client
