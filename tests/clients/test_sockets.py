"""The clients on real connections, to an emulator on the loopback interface."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from reconciler.clients.b2b import Client
from reconciler.clients.connect import Transports, open_client
from reconciler.clients.credentials import Credentials, Rates
from reconciler.emulator.seed.bulk import members, place_organization
from reconciler.emulator.seed.running import Options, Running, running
from reconciler.errors import Ambiguous, Rejected, Unavailable
from tests.connected import VirtualClock

ACME = {"organization_slug": "acme", "organization_id": "organization-test-acme"}
MEMBERS = "POST/v1/b2b/organizations/organization-test-acme/members"


@contextmanager
def served(*faults: str, https: bool = False) -> Iterator[tuple[Running, Client]]:
    with running(Options(faults=faults, https=https)) as server:
        place_organization(server.app, ACME)
        known = Credentials.from_environment(server.environment)
        with open_client(known, Rates(), Transports(clock=VirtualClock())) as client:
            yield server, client


def test_reads_and_writes_arrive() -> None:
    with served() as (server, client):
        client.create_member("organization-test-acme", {"email_address": "ann@acme.example"})
        assert [row.email_address for row in client.search_members(["organization-test-acme"]).rows] == [
            "ann@acme.example"
        ]
        assert len(members(server.app)) == 1


@pytest.mark.parametrize(("fault", "written"), [("drop_before", 0), ("drop_after", 1)])
def test_a_dropped_write_is_ambiguous_whether_it_happened_or_not(fault: str, written: int) -> None:
    with served(f"{fault}:1@{MEMBERS}") as (server, client):
        with pytest.raises(Ambiguous):
            client.create_member("organization-test-acme", {"email_address": "ann@acme.example"})
        assert len(members(server.app)) == written


def test_dropped_reads_are_repeated() -> None:
    with served("drop_before:0.4") as (_, client):
        for _ in range(5):
            assert len(client.search_organizations().rows) == 1
        assert client.statistics.retries > 0


def test_where_nobody_listens_nothing_was_written() -> None:
    with running(Options()) as server:
        known = Credentials.from_environment(server.environment)
    with open_client(known, Rates(), Transports(clock=VirtualClock())) as client:
        with pytest.raises(Unavailable):
            client.search_organizations()
        with pytest.raises(Unavailable):
            client.delete_organization("organization-test-acme")


def test_a_certificate_is_trusted_only_where_the_environment_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    with served(https=True) as (server, client):
        with pytest.raises(Rejected, match="is not trusted"):
            client.search_organizations()
        with pytest.raises(Rejected, match="is not trusted"):
            client.delete_organization("organization-test-acme")
        for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
            monkeypatch.setenv(name, server.environment[name])
        known = Credentials.from_environment(server.environment)
        with open_client(known, Rates(), Transports(clock=VirtualClock())) as trusting:
            assert len(trusting.search_organizations().rows) == 1
            trusting.create_member("organization-test-acme", {"email_address": "ann@acme.example"})


@pytest.mark.parametrize("https", [False, True])
def test_an_answer_that_takes_longer_than_who_reads_looks_away_is_read_whole(
    *, https: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.clients.wire.SLICE", 0.005)
    with served("latency:1:60ms", https=https) as (server, _):
        if https:
            monkeypatch.setenv("SSL_CERT_FILE", server.environment["SSL_CERT_FILE"])
        known = Credentials.from_environment(server.environment)
        with open_client(known, Rates(), Transports(clock=VirtualClock())) as client:
            for number in range(3):
                client.create_member("organization-test-acme", {"email_address": f"{number}@acme.example"})
            assert len(client.search_members(["organization-test-acme"]).rows) == 3
            assert client.statistics.retries == 0
