import inspect
from typing import Any

import httpx
import msgspec
import pytest

from reconciler.clients import credentials as access
from reconciler.clients.b2b import Client
from reconciler.clients.connect import Transports, open_client
from reconciler.clients.credentials import Credentials, Rates
from reconciler.emulator.seed.bulk import members as stored_members
from reconciler.emulator.seed.bulk import organizations as stored_organizations
from reconciler.emulator.seed.bulk import place_member, place_organization, place_user
from reconciler.emulator.server import faults
from reconciler.emulator.server.app import App
from reconciler.errors import Ambiguous, Fault, Refused, Rejected, Unavailable, Unreadable
from reconciler.kinds import KINDS
from reconciler.schema.traits import fields_of
from tests.connected import VirtualClock, connected, credentials

SECRET = "secret-test-of-nobody"
NOBODY = Credentials(project_id="project-test-1", secret=SECRET, api_url="http://127.0.0.1:1")


@pytest.fixture
def acme(app: App) -> str:
    return str(place_organization(app, {"organization_slug": "acme", "organization_name": "Acme"})["organization_id"])


def broken(app: App, *specs: str) -> None:
    app.faults = faults.Faults(faults.parse(specs)[0])


# Reads


def test_every_organization_is_found(app: App, client: Client) -> None:
    for number in range(1003):
        place_organization(app, {"organization_slug": f"org-{number}"})
    assert len(client.search_organizations().rows) == 1003
    assert client.statistics.by_operation["organizations.search"] == 2


def test_every_member_is_found_deleted_ones_too(app: App, client: Client, acme: str) -> None:
    for status in ("active", "pending", "invited", "deleted"):
        place_member(app, {"organization_id": acme, "email_address": f"{status}@acme.example", "status": status})
    place_organization(app, {"organization_slug": "other"})
    assert {row.status for row in client.search_members([acme]).rows} == {"active", "pending", "invited", "deleted"}


@pytest.mark.parametrize("total", ["exact", "unknown"])
@pytest.mark.parametrize("order", ["insertion", "id", "random"])
@pytest.mark.parametrize("cursor", ["null", "absent"])
def test_a_search_is_read_whole_whatever_stytch_does(total: str, order: str, cursor: str) -> None:
    from reconciler.emulator.core.behaviour import parse_switches

    behaviour = parse_switches([f"total={total}", f"search_order={order}", f"last_cursor={cursor}"])
    app = App(behaviour=behaviour)
    place_organization(app, {"organization_slug": "acme", "organization_id": "organization-test-1"})
    for number in range(2100):
        member = {"organization_id": "organization-test-1", "email_address": f"{number}@acme.example"}
        place_member(app, {**member, "member_id": f"member-test-{number}"})
    with connected(app) as client:
        rows = client.search_members(["organization-test-1"]).rows
    assert {row.member_id for row in rows} == {f"member-test-{number}" for number in range(2100)}
    app.close()


@pytest.mark.parametrize("spec", ["short_page:1", "moved_rows:1"])
def test_rows_that_stay_missing_make_a_search_unreadable(app: App, client: Client, acme: str, spec: str) -> None:
    for number in range(1200):
        place_member(app, {"organization_id": acme, "email_address": f"{number}@acme.example"})
    broken(app, spec)
    with pytest.raises(Unreadable):
        client.search_members([acme])


def test_users_come_page_by_page(app: App, client: Client) -> None:
    for number in range(1500):
        place_user(app, {"user_id": f"user-test-{number}"})
    pages = list(client.search_users())
    assert [len(page) for page in pages] == [1000, 500]
    assert msgspec.json.decode(pages[0][0])["user_id"] == "user-test-0"


def test_without_a_consumer_project_there_are_no_users(app: App) -> None:
    whole = credentials(app)
    known = Credentials(project_id=whole.project_id, secret=whole.secret)
    with open_client(known, Rates()) as client, pytest.raises(Refused, match="its id is not set"):
        client.search_users()


def test_the_policy_is_read(client: Client) -> None:
    assert {role["role_id"] for role in client.rbac_policy()["roles"]} >= {"stytch_member", "stytch_admin"}


def test_a_member_is_found_by_id_and_by_address(app: App, client: Client, acme: str) -> None:
    placed = place_member(app, {"organization_id": acme, "email_address": "ann+1@acme.example"})
    by_id = client.get_member(acme, placed["member_id"])
    by_address = client.find_member(acme, "ann+1@acme.example")
    assert by_id == by_address
    assert by_id is not None
    assert by_id.email_address == "ann+1@acme.example"


def test_a_member_who_is_not_there_is_none(client: Client, acme: str) -> None:
    assert client.find_member(acme, "nobody@acme.example") is None
    assert client.get_member(acme, "member-test-00000000-0000-4000-8000-000000000000") is None


def test_a_member_of_an_organization_that_is_not_there_is_a_fault(client: Client) -> None:
    with pytest.raises(Rejected):
        client.find_member("organization-test-00000000-0000-4000-8000-000000000000", "ann@acme.example")


def test_a_not_found_of_a_proxy_does_not_mean_absent() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(404, html="<h1>not here</h1>"))
    with open_client(NOBODY, Rates(), Transports(clock=VirtualClock(), transport=transport)) as client:
        with pytest.raises(Rejected):
            client.find_member("organization-test-1", "ann@acme.example")
        with pytest.raises(Rejected):
            client.find_organization("acme")


def test_an_organization_is_found_by_its_slug(client: Client, acme: str) -> None:
    assert (client.find_organization("acme") or {})["organization_id"] == acme
    assert client.find_organization("nobody") is None


def test_another_organizations_external_id_is_not_taken_for_a_slug(app: App, client: Client) -> None:
    place_organization(app, {"organization_slug": "globex", "organization_external_id": "initech"})
    assert client.find_organization("initech") is None
    made = place_organization(app, {"organization_slug": "initech"})
    assert (client.find_organization("initech") or {}).get("organization_id") == made["organization_id"]


# Writes


def test_an_organization_is_made_changed_and_deleted(app: App, client: Client) -> None:
    made, request_id = client.create_organization({"organization_slug": "acme", "organization_name": "Acme"})
    assert request_id.startswith("request-id-")
    assert made["organization_slug"] == "acme"
    identifier = made["organization_id"]
    changed, _ = client.update_organization(
        identifier, {"trusted_metadata": {"tier": "gold"}, "organization_external_id": "a1"}
    )
    assert (changed["trusted_metadata"], changed["organization_external_id"]) == ({"tier": "gold"}, "a1")
    changed, request_id = client.delete_organization_external_id(identifier)
    assert (changed.get("organization_external_id"), request_id[:11]) == (None, "request-id-")
    changed, _ = client.update_organization(identifier, {"trusted_metadata": {"tier": None}})
    assert not changed["trusted_metadata"]
    assert not client.get_organization(identifier).get("organization_external_id")
    client.delete_organization(identifier)
    assert stored_organizations(app) == []


def test_a_member_is_made_changed_deleted_and_made_live_again(app: App, client: Client, acme: str) -> None:
    made, _ = client.create_member(acme, {"email_address": "ann@acme.example", "roles": ["stytch_admin"]})
    identifier = made["member_id"]
    changed, _ = client.update_member(
        acme, identifier, {"name": "Ann", "mfa_phone_number": "+15005550006", "external_id": "a1"}
    )
    assert (changed["name"], changed["external_id"]) == ("Ann", "a1")
    assert client.delete_mfa_phone_number(acme, identifier)[0]["mfa_phone_number"] == ""
    assert client.delete_member_external_id(acme, identifier)[0].get("external_id") is None
    assert client.delete_member(acme, identifier).startswith("request-id-")
    (stored,) = stored_members(app)
    assert (stored["status"], stored.get("external_id"), stored["mfa_phone_number"]) == ("deleted", None, "")
    with pytest.raises(Rejected, match="email_unverified_for_reactivation"):
        client.write("organizations.members.reactivate", organization_id=acme, member_id=identifier)
    place_member(app, {**stored, "email_address_verified": True})
    again = client.write("organizations.members.reactivate", organization_id=acme, member_id=identifier)
    assert again.resource("member", "member_id")[0]["status"] == "active"


@pytest.mark.parametrize("kind", ["Organization", "Member"])
def test_the_sdk_knows_every_field_that_can_be_declared(kind: str) -> None:
    from stytch.b2b.api.organizations import Organizations
    from stytch.b2b.api.organizations_members import Members

    api: Any = {"Organization": Organizations, "Member": Members}[kind]
    fields = set(fields_of(KINDS[kind].spec))
    assert fields <= set(inspect.signature(api.update).parameters)
    assert fields - KINDS[kind].update_only <= set(inspect.signature(api.create).parameters)


# Faults


@pytest.mark.parametrize("spec", ["drop_after:1", "stall:1:after", "html_200:1:after", "status_502:1:after"])
def test_a_lost_answer_to_a_write_is_ambiguous_and_the_write_is_not_repeated(
    app: App, client: Client, acme: str, spec: str
) -> None:
    broken(app, spec)
    with pytest.raises(Ambiguous):
        client.create_member(acme, {"email_address": "ann@acme.example"})
    assert len(stored_members(app)) == 1
    assert client.statistics.requests == 1


@pytest.mark.parametrize("spec", ["rate_429:0.5", "rate_429:0.5:retry_after"])
def test_a_refusal_to_do_it_now_is_overcome(app: App, client: Client, acme: str, spec: str) -> None:
    broken(app, spec)
    for number in range(10):
        client.create_member(acme, {"email_address": f"{number}@acme.example"})
    assert len(stored_members(app)) == 10
    assert client.statistics.retries > 0


@pytest.mark.parametrize(
    "spec", ["drop_before:0.3", "stall:0.3", "html_200:0.3", "status_500:0.3", "status_504:0.3:html"]
)
def test_reads_are_repeated_whatever_happened(app: App, client: Client, spec: str) -> None:
    broken(app, spec)
    for _ in range(10):
        assert client.search_organizations().rows == []
    assert client.statistics.retries > 0


def test_a_write_that_was_answered_in_a_shape_the_sdk_does_not_know_has_happened() -> None:
    body = {"request_id": "r1", "member_id": "m1", "member": {"new": True}}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=body))
    with open_client(NOBODY, Rates(), Transports(clock=VirtualClock(), transport=transport)) as client:
        assert client.create_member("o1", {"email_address": "a@b.example"}) == ({"new": True, "member_id": "m1"}, "r1")
        with pytest.raises(Ambiguous, match="without organization_id"):
            client.create_organization({"organization_name": "Acme"})


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (httpx.ConnectTimeout("x"), Unavailable),
        (httpx.ConnectError("x"), Unavailable),
        (httpx.ProxyError("502 Bad Gateway"), Unavailable),
        (httpx.ReadError("x"), Ambiguous),
        (httpx.WriteError("x"), Ambiguous),
        (httpx.RemoteProtocolError("x"), Ambiguous),
        (httpx.ReadTimeout("x"), Ambiguous),
    ],
)
def test_a_write_that_was_never_sent_is_told_from_one_that_may_have_been(
    error: httpx.RequestError, fault: type[Fault]
) -> None:
    def broken(_: httpx.Request) -> httpx.Response:
        raise error

    transports = Transports(clock=VirtualClock(), transport=httpx.MockTransport(broken))
    with open_client(NOBODY, Rates(), transports) as client, pytest.raises(fault):
        client.delete_member("o1", "m1")


def test_a_server_whose_certificate_is_not_trusted_is_not_asked_again() -> None:
    import ssl

    asked = []

    def refuse(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        raise httpx.ConnectError("x") from ssl.SSLCertVerificationError(1, "CERTIFICATE_VERIFY_FAILED")

    transports = Transports(clock=VirtualClock(), transport=httpx.MockTransport(refuse))
    with open_client(NOBODY, Rates(), transports) as client, pytest.raises(Rejected, match="SSL_CERT_FILE"):
        client.search_organizations()
    assert len(asked) == 1


def test_a_wrong_secret_is_said_once(app: App) -> None:
    wrong = msgspec.structs.replace(credentials(app), secret="wrong")
    from reconciler.emulator.server.transport import EmulatorTransport

    transports = Transports(clock=VirtualClock(), transport=EmulatorTransport(app))
    with open_client(wrong, Rates(), transports) as client, pytest.raises(Rejected) as caught:
        client.search_organizations()
    assert caught.value.error_type == "unauthorized_credentials"
    assert client.statistics.requests == 1


def test_requests_carry_our_timeouts_and_follow_no_redirects() -> None:
    seen: list[dict[str, float]] = []

    def redirect(request: httpx.Request) -> httpx.Response:
        seen.append(request.extensions["timeout"])
        return httpx.Response(302, headers={"Location": "https://elsewhere.example/"})

    transports = Transports(clock=VirtualClock(), transport=httpx.MockTransport(redirect))
    with open_client(NOBODY, Rates(), transports) as client:
        with pytest.raises(Ambiguous, match="redirects"):
            client.delete_member("o1", "m1")
        with pytest.raises(Rejected, match="redirects"):
            client.get_member("o1", "m1")
    assert [(timeout["connect"], timeout["read"]) for timeout in seen] == [(5.0, 30.0)] * 2


def test_the_secret_shows_nowhere(app: App, client: Client, acme: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    broken(app, "status_500:1")
    with pytest.raises(Fault) as caught:
        client.create_member(acme, {"email_address": "ann@acme.example"})
    with pytest.raises(Fault) as again:
        client.find_member(acme, "ann@acme.example")
    shown = f"{caught.value!r} {again.value!r} {client!r} {vars(client)} {caplog.text}"
    assert credentials(app).secret not in shown
    assert "ann@acme.example" not in shown


# Where the credentials go


@pytest.mark.parametrize(
    ("project_id", "api_url", "url"),
    [
        ("project-live-1", "", "https://api.stytch.com"),
        ("project-test-1", "", "https://test.stytch.com"),
        ("project-live-1", "http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
    ],
)
def test_the_server_follows_from_the_project_unless_it_is_named(project_id: str, api_url: str, url: str) -> None:
    assert access.base_url(Credentials(project_id=project_id, api_url=api_url), project_id) == url


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (Credentials(), "STYTCH_PROJECT_ID is not set; the environment variable STYTCH_SECRET is not set"),
        (Credentials(project_id="p", secret="s", consumer_project_id="c"), "STYTCH_CONSUMER_SECRET is not set"),
        (Credentials(project_id="p", secret="s", api_url="http://stytch.example"), "begins with http"),
        (Credentials(project_id="p", secret="s", api_url="stytch.example"), "not the URL of a server"),
        (Credentials(project_id="p", secret="s", api_url="https://stytch.example/v1"), "not the URL of a server"),
    ],
)
def test_credentials_that_cannot_be_used_are_refused_before_anything_is_sent(wrong: Credentials, message: str) -> None:
    with pytest.raises(Refused, match=message), open_client(wrong, Rates()):
        pass
