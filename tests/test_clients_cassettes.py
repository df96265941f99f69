"""Recorded HTTP: what the clients send and understand, replayed without a server.

Recorded against the emulator, and re-recordable against a Stytch test environment that nobody else uses, with its
STYTCH_PROJECT_ID and STYTCH_SECRET (and STYTCH_API_URL for an emulator) in the environment::

    pytest --record-mode=rewrite tests/test_clients_cassettes.py
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler import read
from reconciler.clients import Wires, open_client
from reconciler.clients.data import Client
from reconciler.config import Credentials
from reconciler.errors import Rejected
from reconciler.settings import Rates
from tests.connected import VirtualClock

SLUG = "reconciler-cassette"
ADDRESS = "ann@example.com"
PLAYED = {"STYTCH_PROJECT_ID": "project-test-played-back", "STYTCH_SECRET": "nothing"}
CASSETTES = Path(__file__).parent / "cassettes" / Path(__file__).stem
SENSITIVE = re.compile(
    rb"[\w.+-]+@(?!example\.com\b)[\w-]+\.[\w.-]+"  # an address of somebody
    rb"|secret-(test|live)-|public-token-|authorization:|cookie:|basic [\w+/=]{8,}",
    re.IGNORECASE,
)

pytestmark = pytest.mark.vcr


def from_anywhere(request: Any) -> Any:
    """Record a request as if it had gone to Stytch's test host."""
    request.uri = re.sub(r"^https?://[^/]+", "https://test.stytch.com", request.uri)
    return request


def only_ours(response: Any) -> Any:
    """Keep of a recorded response what a client looks at, and of a search only what these tests made."""
    response["headers"] = {name: value for name, value in response["headers"].items() if name.lower() == "content-type"}
    try:
        body = json.loads(response["body"]["string"])
    except ValueError:
        return response
    if isinstance(body.get("organizations"), list):
        body["organizations"] = [row for row in body["organizations"] if row["organization_slug"].startswith(SLUG)]
        body["results_metadata"] = {"total": len(body["organizations"]), "next_cursor": None}
        response["body"]["string"] = json.dumps(body).encode()
    return response


@pytest.fixture(scope="module")
def vcr_config() -> dict[str, Any]:
    return {
        "filter_headers": ["authorization", "cookie", "user-agent", "accept-encoding", "host"],
        "match_on": ["method", "path", "query", "body"],
        "decode_compressed_response": True,
        "before_record_request": from_anywhere,
        "before_record_response": only_ours,
    }


@pytest.fixture
def client() -> Iterator[Client]:
    known = Credentials.from_environment({**PLAYED, **os.environ})
    with open_client(known, Rates(), Wires(clock=VirtualClock())) as opened:
        yield opened


@pytest.fixture
def organization_id(client: Client) -> Iterator[str]:
    made, _ = client.create_organization({"organization_slug": SLUG, "organization_name": "Cassette"})
    yield made["organization_id"]
    client.delete_organization(made["organization_id"])


def test_an_organization_lives_and_goes(client: Client) -> None:
    body = {"organization_slug": SLUG, "organization_name": "Cassette", "email_invites": "ALL_ALLOWED"}
    made, request_id = client.create_organization({**body, "trusted_metadata": {"tier": "gold", "old": 1}})
    identifier = made["organization_id"]
    assert identifier.startswith("organization-test-")
    assert request_id.startswith("request-id-test-")
    changed, _ = client.update_organization(
        identifier, {"trusted_metadata": {"old": None, "new": {"a": 1}}, "organization_external_id": f"{SLUG}-1"}
    )
    assert changed["trusted_metadata"] == {"tier": "gold", "new": {"a": 1}}
    assert (client.find_organization(SLUG) or {})["organization_id"] == identifier
    client.delete_organization_external_id(identifier)
    assert not client.get_organization(identifier).get("organization_external_id")
    client.delete_organization(identifier)
    assert client.find_organization(SLUG) is None


def test_a_member_lives_and_goes(client: Client, organization_id: str) -> None:
    made, _ = client.create_member(
        organization_id, {"email_address": ADDRESS, "name": "Ann", "roles": ["stytch_admin"]}
    )
    identifier = made["member_id"]
    found = client.find_member(organization_id, ADDRESS)
    assert found is not None
    assert found == client.get_member(organization_id, identifier)
    assert {role.role_id for role in found.roles} == {"stytch_admin", "stytch_member"}
    changed, _ = client.update_member(organization_id, identifier, {"roles": [], "trusted_metadata": {"tier": "gold"}})
    assert changed["trusted_metadata"] == {"tier": "gold"}
    client.delete_member(organization_id, identifier)
    assert client.find_member(organization_id, ADDRESS) is None


def test_members_are_read_deleted_ones_too(client: Client, organization_id: str) -> None:
    ann, _ = client.create_member(organization_id, {"email_address": ADDRESS})
    bob, _ = client.create_member(organization_id, {"email_address": "bob@example.com"})
    client.delete_member(organization_id, bob["member_id"])
    ((batch),) = read.members(client, {organization_id: 2})
    statuses = {row.member_id: row.status for row in batch[organization_id].members}
    assert statuses == {ann["member_id"]: "active", bob["member_id"]: "deleted"}


@pytest.mark.usefixtures("organization_id")
def test_organizations_are_read(client: Client) -> None:
    assert SLUG in {live.name for live in read.organizations(client)}


def test_what_is_there_already_is_refused_by_its_type(client: Client, organization_id: str) -> None:
    with pytest.raises(Rejected) as caught:
        client.create_organization({"organization_slug": SLUG, "organization_name": "Cassette"})
    assert (caught.value.status, caught.value.error_type) == (400, "organization_slug_already_used")
    client.create_member(organization_id, {"email_address": ADDRESS})
    with pytest.raises(Rejected) as caught:
        client.create_member(organization_id, {"email_address": ADDRESS})
    assert caught.value.error_type == "duplicate_member_email"
    assert ADDRESS not in str(caught.value)


def test_the_roles_of_the_policy_are_read(client: Client) -> None:
    assert read.policy_roles(client) >= {"stytch_admin", "stytch_member"}


def test_no_cassette_holds_a_secret_or_somebodys_address() -> None:
    found = {path.name: SENSITIVE.findall(path.read_bytes()) for path in CASSETTES.glob("*.yaml")}
    assert found
    assert not any(found.values())


def test_every_cassette_belongs_to_a_test() -> None:
    names = {path.stem for path in CASSETTES.glob("*.yaml")}
    assert names == {name for name in globals() if name.startswith("test_") and "cassette" not in name}
