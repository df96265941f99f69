"""The vendor's own Python SDK, over a socket, calls every operation that both it and the emulator have."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from stytch import B2BClient, Client
from stytch.b2b.models.organizations import SearchQuery, SearchQueryOperator
from stytch.consumer.models.users import Name, SearchUsersQuery, SearchUsersQueryOperator
from stytch.core.response_base import StytchError

from reconciler.emulator.data.routes import B2B, CONSUMER
from reconciler.emulator.seed.bulk import place_member, place_user
from reconciler.emulator.seed.running import Options, Running, running
from reconciler.emulator.server.faults import Faults, parse
from tests.emulator.tour import FACTORS, RICH

# The SDK uses deprecated parts of aiohttp and pydantic.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def server() -> Iterator[Running]:
    with running() as started:
        yield started


def b2b(server: Running) -> B2BClient:
    environment = server.environment
    return B2BClient(
        project_id=environment["STYTCH_PROJECT_ID"],
        secret=environment["STYTCH_SECRET"],
        environment=server.url,
    )


def consumer(server: Running) -> Client:
    environment = server.environment
    return Client(
        project_id=environment["STYTCH_CONSUMER_PROJECT_ID"],
        secret=environment["STYTCH_CONSUMER_SECRET"],
        environment=server.url,
    )


def organizations(client: B2BClient) -> str:
    created = client.organizations.create(
        organization_name="Acme",
        organization_slug="acme",
        organization_external_id="tenant-1",
        trusted_metadata={"tier": "gold", "old": 1},
        email_allowed_domains=["acme.com"],
        email_invites="RESTRICTED",
    )
    id_ = created.organization.organization_id
    updated = client.organizations.update(organization_id="acme", trusted_metadata={"old": None}, mfa_policy="OPTIONAL")
    assert updated.organization.trusted_metadata == {"tier": "gold"}
    assert client.organizations.get("tenant-1").organization.organization_id == id_
    found = client.organizations.search(query=SearchQuery(operator=SearchQueryOperator.AND, operands=[]))
    assert [each.organization_slug for each in found.organizations] == ["acme"]
    assert client.organizations.delete_external_id("acme").organization.organization_external_id is None
    assert client.organizations.metrics("acme").member_count == 0
    return id_


def members(client: B2BClient, server: Running, id_: str) -> None:
    calls = client.organizations.members
    ann = calls.create("acme", "Ann@acme.com", name="Ann", roles=["stytch_admin"], external_id="7", is_breakglass=False)
    assert [role.role_id for role in ann.member.roles] == ["stytch_member", "stytch_admin"]
    assert calls.get("acme", email_address="ann@acme.com").member_id == ann.member_id
    assert calls.get("acme", member_id="7").member_id == ann.member_id
    assert calls.dangerously_get(ann.member_id).organization.organization_id == id_
    changed = calls.update("acme", ann.member_id, email_address="ann@new.com", trusted_metadata={"a": 1}, roles=[])
    assert changed.member.retired_email_addresses[0].email_address == "ann@acme.com"
    assert calls.start_email_update("acme", ann.member_id, "ann@next.com").member.email_address == "ann@new.com"
    assert calls.oidc_providers("acme", ann.member_id).registrations == []
    assert calls.unlink_retired_email("acme", ann.member_id, email_address="ann@acme.com").member_id == ann.member_id
    assert calls.delete_external_id("acme", ann.member_id).member.external_id is None
    whole = {
        "organization_id": id_,
        "email_address": "bea@acme.com",
        "email_address_verified": True,
        "mfa_phone_number": "+14155550100",
        "member_password_id": "password-1",
        "totp_registration_id": "totp-1",
    }
    bea = place_member(server.app, whole)["member_id"]
    assert calls.delete_mfa_phone_number("acme", bea).member.mfa_phone_number == ""
    assert calls.delete_totp("acme", bea).member.totp_registration_id == ""
    assert calls.delete_password("acme", "password-1").member.member_password_id == ""
    assert calls.delete("acme", bea).member_id == bea
    deleted = {"filter_name": "statuses", "filter_value": ["deleted"]}
    found = calls.search([id_], query=SearchQuery(operator=SearchQueryOperator.AND, operands=[deleted]))
    assert [member.member_id for member in found.members] == [bea]
    assert found.organizations[id_].organization_slug == "acme"
    assert calls.dangerously_get(bea, include_deleted=True).member.status == "deleted"
    assert calls.reactivate("acme", bea).member.status == "active"


def users(client: Client, server: Running) -> None:
    created = client.users.create(
        email="Ann@acme.com", name=Name(first_name="Ann"), external_id="7", roles=["stytch_user"]
    )
    assert client.users.get("7").user_id == created.user_id
    updated = client.users.update(created.user_id, trusted_metadata={"a": 1}, name=Name(last_name="Abel"))
    assert updated.user.name is not None
    assert (updated.user.name.first_name, updated.user.name.last_name) == ("Ann", "Abel")
    assert client.users.delete_external_id(created.user_id).user.external_id is None
    assert client.users.connected_apps(created.user_id).connected_apps == []
    app = client.connected_app.clients.create(client_type="first_party").connected_app
    assert client.users.revoke(created.user_id, app.client_id).status_code == 200
    exchanged = client.users.exchange_primary_factor(created.user_id, email_address="ann@new.com")
    assert [each.email for each in exchanged.user.emails] == ["ann@new.com"]
    rich = place_user(server.app, RICH)
    calls: dict[str, Callable[[str], Any]] = {
        "emails": client.users.delete_email,
        "phone_numbers": client.users.delete_phone_number,
        "oauth": client.users.delete_oauth_registration,
        "totps": client.users.delete_totp,
        "crypto_wallets": client.users.delete_crypto_wallet,
        "webauthn_registrations": client.users.delete_webauthn_registration,
        "biometric_registrations": client.users.delete_biometric_registration,
    }
    for path, name, id_ in FACTORS:
        assert calls[path](rich[name][0][id_]).user_id == rich["user_id"]
    assert client.users.delete_password(rich["password"]["password_id"]).user.password is None
    pages = list(
        client.users.search_all(limit=1, query=SearchUsersQuery(operator=SearchUsersQueryOperator.AND, operands=[]))
    )
    assert [len(page.results) for page in pages] == [1, 1]
    assert client.users.delete(created.user_id).user_id == created.user_id


def test_the_sdk_drives_every_operation(server: Running) -> None:
    client = b2b(server)
    id_ = organizations(client)
    members(client, server, id_)
    assert client.organizations.delete("acme").organization_id == id_
    policy = client.rbac.policy().policy
    assert policy is not None
    assert [role.role_id for role in policy.roles] == ["stytch_member", "stytch_admin"]
    assert client.sessions.get_jwks(server.environment["STYTCH_PROJECT_ID"]).keys[0].alg == "RS256"
    users(consumer(server), server)
    assert consumer(server).rbac.policy().policy is not None
    assert consumer(server).sessions.get_jwks(server.environment["STYTCH_CONSUMER_PROJECT_ID"]).keys[0].kty == "RSA"
    ours = {name for _, _, name, _ in (*B2B, *CONSUMER)}
    assert set(server.app.statistics.requests) == {*ours, "connected_apps_create"}
    assert server.app.statistics.statuses.keys() == {200}


def test_the_sdk_drives_it_asynchronously(server: Running) -> None:
    async def story() -> list[str]:
        client = b2b(server)
        try:
            made = await client.organizations.create_async(organization_name="Acme", organization_slug="acme")
            await asyncio.gather(
                *(client.organizations.members.create_async("acme", f"m{n}@acme.com") for n in range(5))
            )
            updated = await client.organizations.update_async("acme", organization_name="Acme Corp")
            assert updated.organization.organization_name == "Acme Corp"
            id_ = made.organization.organization_id
            found = await client.organizations.members.search_async([id_])
            with pytest.raises(StytchError):
                await client.organizations.members.create_async("acme", "m0@acme.com")
            await client.organizations.members.delete_async("acme", found.members[0].member_id)
            left = await client.organizations.members.search_async([id_])
            return sorted(member.email_address for member in left.members)
        finally:
            await client.close()

    assert len(asyncio.run(story())) == 4


def test_the_sdk_reads_the_errors(server: Running) -> None:
    client = b2b(server)
    client.organizations.create(organization_name="Acme", organization_slug="acme")
    with pytest.raises(StytchError) as refused:
        client.organizations.create(organization_name="Acme", organization_slug="acme")
    details = refused.value.details
    assert (details.status_code, details.error_type) == (400, "organization_slug_already_used")
    assert details.request_id.startswith("request-id-test-")
    server.app.faults = Faults(parse(["rate_429:1"])[0])
    with pytest.raises(StytchError) as limited:
        client.organizations.get("acme")
    assert (limited.value.details.status_code, limited.value.details.error_type) == (429, "too_many_requests")
    server.app.faults = Faults(parse(["status_503:1:html"])[0])
    with pytest.raises(StytchError) as broken:
        client.organizations.get("acme")
    assert (broken.value.details.status_code, broken.value.details.error_type) == (503, None)


SCRIPT = """
import asyncio, os
from stytch import B2BClient

def client():
    env = os.environ
    return B2BClient(env["STYTCH_PROJECT_ID"], env["STYTCH_SECRET"], custom_base_url=env["STYTCH_API_URL"])

async def read():
    asynchronous = client()
    try:
        return await asynchronous.organizations.get_async("acme")
    finally:
        await asynchronous.close()

client().organizations.create(organization_name="Acme", organization_slug="acme")
print(asyncio.run(read()).organization.organization_name)
"""


def test_the_variables_are_all_that_the_sdk_needs_for_https() -> None:
    with running(Options(https=True)) as server:
        environment = {"PATH": os.environ["PATH"], **server.environment}
        shown = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True
        )
    assert shown.stdout == "Acme\n"
