"""Open the client: credentials and rates → a ``Client`` that reads and writes the projects they open."""

import logging
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from reconciler.clients.api import Api, Data, Project
from reconciler.clients.b2b import Client
from reconciler.clients.credentials import Credentials, base_url, check, management_url, telemetry_url
from reconciler.clients.network import Network
from reconciler.clients.pacing import Clock, Limits, Pace, SystemClock
from reconciler.clients.retry import Line, Statistics
from reconciler.model.secret import Sealed

if TYPE_CHECKING:
    from reconciler.clients.sdk import Writer

USER_SEARCHES = 1.5  # Stytch allows 150 searches of users a minute where it allows 100 of members
SHOWN = 4  # characters of a secret that Stytch shows
EVERY = 60 * 65.0  # searches a minute where nothing is one
LOGGERS = ("httpx", "httpcore", "urllib3")


class Rates(Protocol):
    """Stytch's limits of a project, and the share of them that we allow ourselves."""

    @property
    def requests_per_second(self) -> float: ...  # noqa: D102  # the name says it
    @property
    def searches_per_minute(self) -> float: ...  # noqa: D102  # as above
    @property
    def share(self) -> float: ...  # noqa: D102  # as above


class Wires(Struct, frozen=True):
    """What a client is plugged into; tests bring their own time, chance and server."""

    clock: Clock | None = None
    rng: random.Random | None = None
    transport: Any = None  # an httpx.BaseTransport
    network: Network | None = None  # what the environment says, if None


ON_THE_NETWORK = Wires()


@contextmanager
def open_client(credentials: Credentials, rates: Rates, wires: Wires = ON_THE_NETWORK) -> Iterator[Client]:
    """Open the way to the projects of ``credentials``; nothing is sent yet. Raises ``Refused`` where it cannot be."""
    from reconciler.clients.transport import Transport

    network = wires.network or Network.from_environment(os.environ)
    check(credentials, network)
    for name in LOGGERS:  # they log the URL of every request, and an address may be in it
        logging.getLogger(name).setLevel(logging.WARNING)
    system = SystemClock()
    clock = wires.clock or system
    rng = wires.rng or random.Random()  # noqa: S311  # for jitter
    statistics = Statistics()

    def line(password: str, searches_per_minute: float) -> Line:
        limits = Limits(
            requests_per_second=rates.requests_per_second * rates.share, searches_per_minute=searches_per_minute
        )
        return Line(Pace(limits, clock, rng), clock, rng, statistics, Sealed(password))

    def project(project_id: str, secret: str, searches_per_minute: float) -> Project:
        transport = Transport(base_url(credentials, project_id), project_id, secret, network, wires.transport)
        return Project(project_id, line(secret, searches_per_minute * rates.share), transport)

    def api(url: str, user: str, password: str) -> Api:
        return Api(line(password, EVERY), Transport(url, user, password, network, wires.transport))

    def open_data(project_id: str, secret: str) -> Data:
        opened = project(project_id, secret, rates.searches_per_minute)

        def make_writer() -> "Writer":
            from reconciler.clients.sdk import Writer

            return Writer(base_url(credentials, project_id), opened.line, opened.transport)

        return Data(opened, api(telemetry_url(credentials), project_id, secret), make_writer, secret[-SHOWN:])

    management = consumer = None
    if credentials.workspace_key_secret:
        management = api(management_url(credentials), credentials.workspace_key_id, credentials.workspace_key_secret)
    if credentials.consumer_project_id:
        searches = rates.searches_per_minute * USER_SEARCHES
        consumer = project(credentials.consumer_project_id, credentials.consumer_secret, searches)
    client = Client(management, consumer, statistics, clock, open_data)
    if credentials.secret:
        client.sign_in(credentials.project_id, credentials.secret)
    try:
        yield client
    finally:
        system.stop()
        client.close()
