"""Recorded HTTP: what the clients send and understand, replayed without a server.

Recorded against the emulator, and re-recordable against a Stytch test environment that nobody else uses, with its
STYTCH_PROJECT_ID and STYTCH_SECRET, a workspace's STYTCH_WORKSPACE_KEY_ID and STYTCH_WORKSPACE_KEY_SECRET, and the
slugs of the project and the environment in STYTCH_PROJECT and STYTCH_ENVIRONMENT; for an emulator: what it writes::

    pytest --record-mode=rewrite tests/clients/test_clients_cassettes.py
"""

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml

from reconciler.clients.b2b import Client
from reconciler.clients.connect import Transports, open_client
from reconciler.clients.credentials import Credentials, Rates
from reconciler.errors import Rejected
from reconciler.read.live import policy_roles, read_organizations
from reconciler.read.members import read_members
from tests.canaries import FIELDS
from tests.connected import VirtualClock

SLUG = "reconciler-cassette"
ADDRESS = "ann@example.com"
PLAYED = {
    "STYTCH_PROJECT_ID": "project-test-played-back",
    "STYTCH_SECRET": "nothing",
    "STYTCH_WORKSPACE_KEY_ID": "workspace-key-test-played-back",
    "STYTCH_WORKSPACE_KEY_SECRET": "nothing",
}
SECRET: Final = "a-canary-that-is-chosen-f09c2d"
SCRUBBED: Final = "a-secret-that-was-here"
HOSTS = (("/pwa/", "management"), ("/v1/rules/", "telemetry"), ("/", "test"))
ENVIRONMENT = re.compile(r"/pwa/v3/projects/[^/]+/environments/[^/]+")
ROWS = {"organizations": "organization_slug", "m2m_clients": "client_id", "rules": "visitor_id"}
CASSETTES = Path(__file__).parent / "cassettes" / Path(__file__).stem
SENSITIVE = re.compile(
    rb"[\w.+-]+@(?!example\.com\b)[\w-]+\.[\w.-]+"  # an address of somebody
    rb"|secret-(test|live)-(?![0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b)"  # a secret; what follows is the id of one
    rb"|public-token-|authorization:|cookie:|basic [\w+/=]{8,}|canary",
    re.IGNORECASE,
)

pytestmark = pytest.mark.vcr


def from_anywhere(request: Any) -> Any:
    """Record a request as if it had gone to Stytch's own hosts, to an environment of no name, and without secrets."""
    path = re.sub(r"^https?://[^/]+", "", request.uri)
    host = next(host for beginning, host in HOSTS if path.startswith(beginning))
    path = ENVIRONMENT.sub("/pwa/v3/projects/project/environments/environment", path)
    request.uri = f"https://{host}.stytch.com{path}"
    if request.body:
        request.body = rewritten(request.body, scrubbed)
    return request


def only_ours(response: Any) -> Any:
    """Keep of a recorded response what a client looks at, of a search only what these tests made, and no secret."""
    response["headers"] = {name: value for name, value in response["headers"].items() if name.lower() == "content-type"}
    response["body"]["string"] = rewritten(response["body"]["string"], lambda body: scrubbed(made_here(body)))
    return response


def rewritten(text: bytes, change: Callable[[Any], Any]) -> bytes:
    """Change a body; one that is none of JSON, or has nothing to be changed, stays as it is."""
    try:
        body = json.loads(text)
    except ValueError:
        return text
    changed = change(body)
    return text if changed == body else json.dumps(changed).encode()


def made_here(body: Any) -> Any:
    """A body whose rows are only those of these tests."""
    for rows, name in ROWS.items() if isinstance(body, dict) else ():
        if isinstance(body.get(rows), list):
            ours = [row for row in body[rows] if str(row.get(name)).startswith(SLUG)]
            body = {**body, rows: ours}
            if "results_metadata" in body:
                body["results_metadata"] = {"total": len(ours), "next_cursor": None}
    return body


def scrubbed(value: Any) -> Any:
    """A body with something else in the place of every secret, and of its last four characters."""
    if isinstance(value, list):
        return [scrubbed(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    return {name: scrubbed(hidden(name, inner)) for name, inner in value.items()}


def hidden(name: str, value: Any) -> Any:
    if isinstance(value, str) and name in FIELDS:
        return SCRUBBED
    return SCRUBBED[-4:] if isinstance(value, str) and name.endswith("last_four") else value


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
    transports = Transports(clock=VirtualClock(), transport=httpx.HTTPTransport())  # what pytest-recording listens to
    with open_client(known, Rates(), transports) as opened:
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
    ((batch),) = read_members(client, {organization_id: 2})
    statuses = {row.member_id: row.status for row in batch[organization_id].members}
    assert statuses == {ann["member_id"]: "active", bob["member_id"]: "deleted"}


@pytest.mark.usefixtures("organization_id")
def test_organizations_are_read(client: Client) -> None:
    assert SLUG in {live.name for live in read_organizations(client)}


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
    assert policy_roles(client) >= {"stytch_admin", "stytch_member"}


def here(path: str) -> str:
    """A path of the management API in the environment that is recorded."""
    slugs = (os.environ.get("STYTCH_PROJECT", "b2b"), os.environ.get("STYTCH_ENVIRONMENT", "test"))
    return f"/pwa/v3/projects/{slugs[0]}/environments/{slugs[1]}/{path}"


def test_a_redirect_url_lives_and_goes(client: Client) -> None:
    url = f"https://{SLUG}.example.com/"
    login = {"type": "LOGIN", "is_default": False}
    made = client.management.write("POST", here("redirect_urls"), {"url": url, "valid_types": [login]})
    assert made["redirect_url"] == {"url": url, "valid_types": [login]}
    invite = {"type": "INVITE", "is_default": False}
    client.management.write("PUT", here("redirect_urls"), {"valid_types": [invite]}, {"url": url})
    found = client.management.get(here("redirect_urls"), url=url)
    assert found["redirect_url"]["valid_types"] == [invite]
    gone = {"url": url, "do_not_promote_defaults": "true"}
    assert client.management.write("DELETE", here("redirect_urls"), parameters=gone)["request_id"]
    assert client.management.find(here("redirect_urls"), ("redirect_url_not_found",), url=url) is None
    with pytest.raises(Rejected) as caught:
        client.management.get(here("redirect_urls"), url=url)
    assert (caught.value.status, caught.value.error_type) == (404, "redirect_url_not_found")


def test_a_secret_is_given_once_and_goes(client: Client) -> None:
    made = client.management.write("POST", here("secrets"))["secret"]
    assert made["secret"]
    path = here(f"secrets/{made['secret_id']}")
    assert client.management.get(path)["secret"]["last_four"] == made["secret"][-4:]
    client.management.write("DELETE", path)
    assert client.management.find(path, ("secret_not_found",)) is None


def test_a_fraud_rule_is_set_and_taken_away(client: Client) -> None:
    rule = {"visitor_id": f"{SLUG}-visitor", "action": "CHALLENGE"}
    assert client.telemetry.write("POST", "/v1/rules/set", rule)["action"] == "CHALLENGE"
    assert actions(client, rule["visitor_id"]) == ["CHALLENGE"]
    client.telemetry.write("POST", "/v1/rules/set", {**rule, "action": "NONE"})
    assert actions(client, rule["visitor_id"]) == []


def actions(client: Client, visitor: str) -> list[str]:
    rows = client.telemetry.ask("/v1/rules/list", {"limit": 100})["rules"]
    return [row["action"] for row in rows if row.get("visitor_id") == visitor]


def test_an_m2m_client_lives_and_goes(client: Client) -> None:
    name = f"{SLUG}-client"
    sent = {"client_id": name, "client_name": "Cassette", "scopes": ["read:all"], "client_secret": SECRET}
    made, request_id = client.write("m2m.clients.create", **sent).resource("m2m_client", "client_id")
    assert (made["client_id"], made["client_secret_last_four"]) == (name, made["client_secret"][-4:])
    assert request_id.startswith("request-id-test-")
    changed, _ = client.write("m2m.clients.update", client_id=name, status="inactive").resource(
        "m2m_client", "client_id"
    )
    assert (changed["status"], "client_secret" in changed) == ("inactive", False)
    rows = client.search("m2m.clients.search", "/v1/m2m/clients/search", "m2m_clients", "client_id")
    assert [row["status"] for row in rows if row["client_id"] == name] == ["inactive"]
    client.write("m2m.clients.delete", client_id=name)
    assert client.find("m2m.clients.get", f"/v1/m2m/clients/{name}", ("m2m_client_not_found",)) is None


def test_the_secret_of_an_m2m_client_is_rotated(client: Client) -> None:
    name = f"{SLUG}-rotated"
    client.write("m2m.clients.create", client_id=name, scopes=["read:all"], client_secret=SECRET)
    key = {"client_id": name}
    first, _ = client.write("m2m.clients.secrets.rotate_start", **key).resource("m2m_client", "client_id")
    assert first["next_client_secret_last_four"] == first["next_client_secret"][-4:]
    with pytest.raises(Rejected) as caught:
        client.write("m2m.clients.secrets.rotate_start", **key)
    assert caught.value.error_type == "m2m_client_already_rotating_secret"
    client.write("m2m.clients.secrets.rotate_cancel", **key)
    second, _ = client.write("m2m.clients.secrets.rotate_start", **key).resource("m2m_client", "client_id")
    ended, _ = client.write("m2m.clients.secrets.rotate", **key).resource("m2m_client", "client_id")
    assert ended["client_secret_last_four"] == second["next_client_secret_last_four"]
    client.write("m2m.clients.delete", **key)


def test_no_cassette_holds_a_secret_or_somebodys_address() -> None:
    cassettes = list(CASSETTES.glob("*.yaml"))
    assert cassettes
    assert {path.name: found[0] for path in cassettes if (found := SENSITIVE.search(path.read_bytes()))} == {}
    for path in cassettes:
        for exchange in yaml.safe_load(path.read_text())["interactions"]:
            for text in (exchange["request"]["body"], exchange["response"]["body"]["string"]):
                assert text == (text and rewritten(text.encode(), scrubbed).decode()), path.name


def test_a_cassette_is_scrubbed() -> None:
    body = {
        "client": {"client_id": "acme", "client_secret": SECRET, "client_secret_last_four": SECRET[-4:]},
        "rows": [SECRET],
    }
    clean = scrubbed(body)
    assert clean["client"] == {"client_id": "acme", "client_secret": SCRUBBED, "client_secret_last_four": SCRUBBED[-4:]}
    assert rewritten(b"<html>", scrubbed) == b"<html>"
    assert SENSITIVE.search(json.dumps(clean).encode())  # what stands elsewhere is found
    assert not SENSITIVE.search(b"secret-test-6a7ee0e5-9a0c-4e09-9f7b-3c2a51ab7f40 of ann@example.com")
    for text in (b"secret-test-Ab3-x", b"bob@acme.example", b"Basic dXNlcjpwYXNz", b"Authorization: x"):
        assert SENSITIVE.search(text)


def test_every_cassette_belongs_to_a_test() -> None:
    names = {path.stem for path in CASSETTES.glob("*.yaml")}
    assert names == {name for name in globals() if name.startswith("test_") and "cassette" not in name}
