"""The vendor's own Python SDK, over a socket, calls clients, apps, fraud prevention, SSO, SCIM and own roles."""

from collections.abc import Iterator

import pytest
from stytch import B2BClient, Client
from stytch.b2b.models.rbac import OrgPolicy, PolicyRole, PolicyRolePermission
from stytch.b2b.models.sso import Connection, SAMLGroupImplicitRoleAssignment
from stytch.consumer.models.fraud import RuleType
from stytch.consumer.models.m2m import M2MSearchQuery, M2MSearchQueryOperator

from reconciler.emulator.data.routes import CLIENTS, CONNECTIONS
from reconciler.emulator.seed.placing import place_grant, place_scim_group
from reconciler.emulator.seed.running import Running, running
from tests.emulator.certificates import certificate, private_key

# The SDK uses deprecated parts of aiohttp and pydantic.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

PROVIDERS = {"email": "mail", "full_name": "name", "groups": "groups"}


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
        fraud_environment=server.url,
    )


def consumer(server: Running) -> Client:
    environment = server.environment
    return Client(
        project_id=environment["STYTCH_CONSUMER_PROJECT_ID"],
        secret=environment["STYTCH_CONSUMER_SECRET"],
        environment=server.url,
        fraud_environment=server.url,
    )


def m2m_clients(client: B2BClient | Client) -> None:
    calls = client.m2m.clients
    created = calls.create(scopes=["read"], client_id="payroll", client_name="Payroll", trusted_metadata={"a": 1})
    assert created.m2m_client.client_secret.endswith(created.m2m_client.client_secret_last_four)
    query = M2MSearchQuery(
        operator=M2MSearchQueryOperator.AND, operands=[{"filter_name": "scopes", "filter_value": ["read"]}]
    )
    assert [each.client_id for each in calls.search(query=query).m2m_clients] == ["payroll"]
    told = client.m2m.token("payroll", created.m2m_client.client_secret).access_token
    claims = client.m2m.authenticate_token(told, required_scopes=["read"])
    assert claims is not None
    assert (claims.client_id, claims.scopes) == ("payroll", ["read"])
    updated = calls.update("payroll", status="inactive", trusted_metadata={"a": None, "b": 2})
    assert (updated.m2m_client.status, updated.m2m_client.trusted_metadata) == ("inactive", {"b": 2})
    calls.secrets.rotate_start("payroll")
    assert calls.secrets.rotate_cancel("payroll").m2m_client.next_client_secret_last_four is None
    started = calls.secrets.rotate_start("payroll").m2m_client
    rotated = calls.secrets.rotate("payroll").m2m_client
    assert rotated.client_secret_last_four == started.next_client_secret[-4:]
    assert calls.get("payroll").m2m_client == rotated
    assert calls.delete("payroll").client_id == "payroll"


def connected_apps(client: B2BClient | Client) -> str:
    calls = client.connected_app.clients
    created = calls.create("third_party", client_name="Reader", redirect_urls=["https://a.example/in"]).connected_app
    assert created.client_secret is not None
    assert calls.create("first_party_public").connected_app.client_secret is None
    assert [each.client_name for each in calls.search(limit=1).connected_apps] == ["Reader"]
    updated = calls.update(created.client_id, id_token_template_content="{}", logo_url="https://a.example/logo")
    assert updated.connected_app.id_token_template_content == "{}"
    calls.secrets.rotate_start(created.client_id)
    calls.secrets.rotate_cancel(created.client_id)
    started = calls.secrets.rotate_start(created.client_id).connected_app
    rotated = calls.secrets.rotate(created.client_id).connected_app
    assert rotated.client_secret_last_four == started.next_client_secret[-4:]
    assert calls.get(created.client_id).connected_app == rotated
    assert calls.delete(created.client_id).client_id == created.client_id
    return calls.create("third_party", client_name="Reader").connected_app.client_id


def fraud(client: B2BClient | Client) -> None:
    rules = client.fraud.rules
    rules.set("BLOCK", country_code="FR", description="Not there")
    assert rules.set("ALLOW", cidr_block="10.0.0.0/24", expires_in_minutes=5).expires_at is not None
    page = rules.list(limit=1)
    assert [rule.rule_type for rule in page.rules] == [RuleType.COUNTRY_CODE]
    rest = rules.list(cursor=page.next_cursor)
    assert [(rule.cidr_block, rest.next_cursor) for rule in rest.rules] == [("10.0.0.0/24", "")]
    rules.set("NONE", country_code="FR")
    reasons = client.fraud.verdict_reasons
    reasons.override("VIRTUAL_MACHINE", "ALLOW", "Ours")
    assert [each.override_description for each in reasons.list(overrides_only=True).verdict_reason_actions] == ["Ours"]


def sso(client: B2BClient) -> None:
    calls = client.sso
    made = calls.saml.create_connection("acme", "Okta", "okta").connection
    assert made is not None
    one = made.connection_id
    calls.saml.update_by_url("acme", one, "https://idp.example/metadata")
    saml = calls.saml.update_connection(
        "acme",
        one,
        attribute_mapping=PROVIDERS,
        x509_certificate=certificate("idp.example"),
        saml_encryption_private_key=private_key(),
        saml_group_implicit_role_assignments=[SAMLGroupImplicitRoleAssignment(role_id="stytch_admin", group="a")],
    ).connection
    assert saml is not None
    assert (saml.status, len(saml.verification_certificates)) == ("active", 2)
    first = saml.verification_certificates[0].certificate_id
    assert calls.saml.delete_verification_certificate("acme", one, first).certificate_id == first
    key = saml.encryption_private_keys[0].private_key_id
    assert calls.saml.delete_encryption_private_key("acme", one, key).private_key_id == key
    external = calls.external.create_connection("other", saml.organization_id, one, display_name="Acme's").connection
    assert external is not None
    changed = calls.external.update_connection("other", external.connection_id, display_name="A").connection
    assert changed == Connection(**{**external.model_dump(), "display_name": "A"})
    oidc = calls.oidc.create_connection("acme", "Google").connection
    assert oidc is not None
    whole = calls.oidc.update_connection(
        "acme", oidc.connection_id, client_id="c", client_secret="s", issuer="https://idp.example"
    )
    assert whole.connection is not None
    assert (whole.connection.status, whole.warning) == ("active", None)
    assert [each.connection_id for each in calls.get_connections("acme").saml_connections] == [one]
    active = client.organizations.get("acme").organization.sso_active_connections
    assert [each.connection_id for each in active] == [one, oidc.connection_id]
    assert calls.delete_connection("acme", oidc.connection_id).connection_id == oidc.connection_id


def scim(client: B2BClient, server: Running) -> None:
    calls = client.scim.connection
    made = calls.create("acme", "Okta", "okta").connection
    assert made is not None
    one = made.connection_id
    group = place_scim_group(server.app, made.organization_id, "admins")
    assert [each.group_name for each in calls.get_groups("acme", one, limit=5).scim_groups] == ["admins"]
    assigned = {"role_id": "stytch_admin", "group_id": group["group_id"], "group_name": "admins"}
    updated = calls.update("acme", one, scim_group_implicit_role_assignments=[assigned]).connection
    assert updated is not None
    assert [each.role_id for each in updated.scim_group_implicit_role_assignments] == ["stytch_admin"]
    calls.rotate_start("acme", one)
    calls.rotate_cancel("acme", one)
    started = calls.rotate_start("acme", one).connection
    done = calls.rotate_complete("acme", one).connection
    assert started is not None
    assert done is not None
    assert done.bearer_token_last_four == started.next_bearer_token[-4:]
    assert calls.get("acme").connection == done
    assert calls.delete("acme", one).connection_id == one


def own_roles(client: B2BClient) -> None:
    reads = PolicyRolePermission(resource_id="stytch.member", actions=["search"])
    roles = [PolicyRole(role_id="auditor", description="Reads", permissions=[reads])]
    set_ = client.rbac.organizations.set_org_policy("acme", OrgPolicy(roles=roles))
    assert client.rbac.organizations.get_org_policy("acme").org_policy == set_.org_policy


def test_the_sdk_drives_every_operation(server: Running) -> None:
    client = b2b(server)
    for slug in ("acme", "other"):
        client.organizations.create(organization_name=slug, organization_slug=slug)
    m2m_clients(client)
    app = connected_apps(client)
    fraud(client)
    sso(client)
    scim(client, server)
    own_roles(client)
    ann = client.organizations.members.create("acme", "ann@acme.com").member
    place_grant(server.app, ann.model_dump(), app, ["openid"])
    assert [each.name for each in client.organizations.connected_apps("acme").connected_apps] == ["Reader"]
    one = client.organizations.get_connected_app("acme", app)
    assert [each.member_id for each in one.active_members] == [ann.member_id]
    members = client.organizations.members
    granted = members.get_connected_apps("acme", ann.member_id).connected_apps
    assert [(each.name, each.scopes_granted) for each in granted] == [("Reader", "openid")]
    members.connected_apps.revoke("acme", ann.member_id, app)
    assert members.get_connected_apps("acme", ann.member_id).connected_apps == []
    assert {name for _, _, name, _ in (*CLIENTS, *CONNECTIONS)} <= set(server.app.statistics.requests)
    assert server.app.statistics.statuses.keys() == {200}


def test_the_consumer_sdk_drives_what_consumer_projects_have(server: Running) -> None:
    client = consumer(server)
    m2m_clients(client)
    connected_apps(client)
    fraud(client)
    assert {"consumer_jwks", *(name for _, _, name, _ in CLIENTS)} == set(server.app.statistics.requests)
    assert server.app.statistics.statuses.keys() == {200}
