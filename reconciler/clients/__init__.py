"""Talking to Stytch: paced, retried where that is safe, classified, masked. ``open_client`` is the way in."""

import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from reconciler.clients.access import Credentials, base_url, check
from reconciler.clients.data import Client, Project
from reconciler.clients.pacing import Clock, Limits, Pace, SystemClock
from reconciler.clients.retry import Line, Statistics

if TYPE_CHECKING:
    from reconciler.clients.sdk import Writer

USER_SEARCHES = 1.5  # Stytch allows 150 searches of users a minute where it allows 100 of members
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
    transport: Any = None  # an httpx.BaseTransport, for reads
    adapter: Any = None  # a requests adapter, for writes


ON_THE_NETWORK = Wires()


@contextmanager
def open_client(credentials: Credentials, rates: Rates, wires: Wires = ON_THE_NETWORK) -> Iterator[Client]:
    """Open the way to the projects of ``credentials``; nothing is sent yet. Raises ``Refused`` where it cannot be."""
    from reconciler.clients.transport import Transport

    check(credentials)
    for name in LOGGERS:  # they log the URL of every request, and an address may be in it
        logging.getLogger(name).setLevel(logging.WARNING)
    system = SystemClock()
    clock = wires.clock or system
    rng = wires.rng or random.Random()  # noqa: S311  # for jitter
    statistics = Statistics()

    def project(project_id: str, secret: str, searches_per_minute: float) -> Project:
        limits = Limits(
            requests_per_second=rates.requests_per_second * rates.share,
            searches_per_minute=searches_per_minute * rates.share,
        )
        line = Line(Pace(limits, clock, rng), clock, rng, statistics)
        return Project(
            project_id, line, Transport(base_url(credentials, project_id), project_id, secret, wires.transport)
        )

    b2b = project(credentials.project_id, credentials.secret, rates.searches_per_minute)
    consumer = None
    if credentials.consumer_project_id:
        searches = rates.searches_per_minute * USER_SEARCHES
        consumer = project(credentials.consumer_project_id, credentials.consumer_secret, searches)

    def make_writer() -> "Writer":
        from reconciler.clients.sdk import Writer

        url = base_url(credentials, b2b.project_id)
        return Writer(url, b2b.project_id, credentials.secret, b2b.line, wires.adapter)

    client = Client(b2b, consumer, statistics, make_writer)
    try:
        yield client
    finally:
        system.stop()
        client.close()
