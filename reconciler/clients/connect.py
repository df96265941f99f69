"""Open the client: credentials and rates → a ``Client`` that reads and writes the projects they open."""

import logging
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from msgspec import Struct, structs

from reconciler.clients.api import Api
from reconciler.clients.b2b import Client, Data
from reconciler.clients.credentials import (
    MANAGEMENT_URL,
    TELEMETRY_URL,
    TEST_URL,
    Credentials,
    Rates,
    base_url,
    management_url,
    telemetry_url,
)
from reconciler.clients.network import Network, is_loopback, is_server
from reconciler.clients.outage import Outage, Patience
from reconciler.clients.pacing import BURST, Clock, Pace
from reconciler.clients.retry import Requester, Statistics, is_answer
from reconciler.errors import Refused
from reconciler.model import Problem, problem
from reconciler.model.secret import Sealed

if TYPE_CHECKING:
    from reconciler.clients.sdk import Writer

USER_SEARCHES = 1.5  # Stytch allows 150 searches of users a minute where it allows 100 of members
SHOWN = 4  # characters of a secret that Stytch shows
# What is asked for in an outage. It is harmless: only whether there is an answer counts, be it that nothing is there.
DATA_PATH, CONSUMER_PATH = "/v1/b2b/rbac/policy", "/v1/users/nobody"
MANAGEMENT_PATH, TELEMETRY_PATH = "/pwa/v3/projects", "/v1/rules"
LOGGERS = ("httpx", "httpcore", "urllib3")


class Transports(Struct, frozen=True):
    """What a client stands on: time, chance, the way to the server. Tests bring their own."""

    clock: Clock | None = None
    rng: random.Random | None = None
    transport: Any = None  # an httpx.BaseTransport
    network: Network | None = None  # what the environment says, if None


DEFAULT_TRANSPORTS = Transports()


@contextmanager
def open_client(
    credentials: Credentials, rates: Rates, transports: Transports = DEFAULT_TRANSPORTS
) -> Iterator[Client]:
    """Open the way to the projects of ``credentials``; nothing is sent yet. Raises ``Refused`` where it cannot be."""
    from reconciler.clients.transport import Transport

    network = transports.network or Network.from_environment(os.environ)
    check(credentials, network)
    for name in LOGGERS:  # they log the URL of every request, and an address may be in it
        logging.getLogger(name).setLevel(logging.WARNING)
    clock = transports.clock or Clock()
    rng = transports.rng or random.Random()  # noqa: S311  # for jitter
    statistics, patience = Statistics(), Patience()
    outages: dict[str, Outage] = {}  # by the server

    def api(url: str, user: str, password: str, asked: str, rates: Rates = rates, burst: float = BURST) -> Api:
        """Open one API; ``asked`` is a path that can be read at any time, to see whether its server answers."""
        transport = Transport(url, user, password, network, clock, transports.transport)
        answers = partial(is_answer, partial(transport.send, "GET", asked))
        outage = outages.setdefault(url, Outage(clock, rng, patience, answers))
        pace = Pace(rates.writes_per_second, rates.searches_per_minute * rates.share, clock, rng, burst)
        return Api(Requester(pace, outage, clock, rng, statistics, Sealed(password)), transport, user)

    def open_data(project_id: str, secret: str) -> Data:
        url = base_url(credentials, project_id)
        opened = api(url, project_id, secret, DATA_PATH)

        def make_writer() -> "Writer":
            from reconciler.clients.sdk import Writer

            return Writer(url, opened.requester, opened.transport)

        telemetry = api(telemetry_url(credentials), project_id, secret, TELEMETRY_PATH)
        return Data(opened, telemetry, make_writer, secret[-SHOWN:])

    management = consumer = None
    if credentials.workspace_key_secret:
        key, opens = credentials.workspace_key_id, credentials.workspace_key_secret
        # Nobody logs in through it, so there is nobody to share with: the whole rate, and two seconds' worth at once.
        # Stytch's own Terraform provider, which sends ten at a time, does not pace its requests at all.
        whole = structs.replace(rates, share=1)
        management = api(management_url(credentials), key, opens, MANAGEMENT_PATH, whole, burst=2.0)
    if credentials.consumer_project_id:
        project_id = credentials.consumer_project_id
        more = structs.replace(rates, searches_per_minute=rates.searches_per_minute * USER_SEARCHES)
        url = base_url(credentials, project_id)
        consumer = api(url, project_id, credentials.consumer_secret, CONSUMER_PATH, more)
    client = Client(management, consumer, statistics, clock, patience, open_data)
    if credentials.secret:
        client.sign_in(credentials.project_id, credentials.secret)
    try:
        yield client
    finally:
        clock.stop()
        client.close()


def check(credentials: Credentials, network: Network) -> None:
    """Raise ``Refused`` with everything that keeps these credentials from being used on this network.

    A workspace key alone is enough: then the environment's secret is known from elsewhere, or made.
    """
    problems = (*_missing(credentials), *_wrong_urls(credentials), *network.problems(servers(credentials)))
    if problems:
        raise Refused(problems)


def _missing(credentials: Credentials) -> Iterator[Problem]:
    workspace = {
        "STYTCH_WORKSPACE_KEY_ID": credentials.workspace_key_id,
        "STYTCH_WORKSPACE_KEY_SECRET": credentials.workspace_key_secret,
    }
    needed = {"STYTCH_PROJECT_ID": credentials.project_id, "STYTCH_SECRET": credentials.secret}
    if not any(needed.values()) and any(workspace.values()):
        needed = workspace
    elif any(workspace.values()):
        needed |= workspace
    if credentials.consumer_project_id:
        needed["STYTCH_CONSUMER_SECRET"] = credentials.consumer_secret
    for name, value in needed.items():
        if not value:
            hint = "it is in Stytch's dashboard under API keys; `reconciler emulator --env-file FILE` also writes one"
            yield problem("no-credentials", f"the environment variable {name} is not set", hint)


def _wrong_urls(credentials: Credentials) -> Iterator[Problem]:
    for name, address, usual in (
        ("STYTCH_API_URL", credentials.api_url, TEST_URL),
        ("STYTCH_MANAGEMENT_BASE_URI", credentials.management_base_uri, MANAGEMENT_URL),
        ("STYTCH_TELEMETRY_URL", credentials.telemetry_url, TELEMETRY_URL),
    ):
        if not address:
            continue
        if not is_server(address):
            hint = f"such as {usual}: no user, no password, no path"
            yield problem("bad-url", f"{name} is not the URL of a server", hint)
        elif address.lower().startswith("http:") and not is_loopback(urlsplit(address).hostname or ""):
            message = f"{name} begins with http: the secret would be sent unencrypted"
            yield problem("bad-url", message, "use https; http is only for an emulator on this machine")


def servers(credentials: Credentials) -> tuple[str, ...]:
    """Return the addresses that may be asked with these credentials, as far as they are some."""
    projects = [each for each in (credentials.project_id, credentials.consumer_project_id) if each] or [""]
    named = [*(base_url(credentials, each) for each in projects), telemetry_url(credentials)]
    named += [management_url(credentials)] if credentials.workspace_key_id else []
    return tuple(each for each in named if is_server(each))
