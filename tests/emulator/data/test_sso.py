"""OIDC and external connections, and the effects of connections on their organization."""

from typing import Any

import pytest

from tests.emulator.behaving import behaving
from tests.emulator.certificates import certificate
from tests.emulator.conftest import Api
from tests.emulator.data.test_saml import MAPPING, WHOLE

SSO = "/v1/b2b/sso"
ACME = "/v1/b2b/organizations/acme"
ISSUER = "https://idp.example"
CLIENT = {"client_id": "c", "client_secret": "s-1234567"}


def oidc(api: Api, **fields: Any) -> Any:
    """Return the complete answer to an update of a new OIDC connection of acme with these fields."""
    id_ = api.ok("POST", f"{SSO}/oidc/acme", {"display_name": "Google"})["connection"]["connection_id"]
    return api.ok("PUT", f"{SSO}/oidc/acme/connections/{id_}", fields)


def saml(api: Api, **fields: Any) -> Any:
    """Return a new active SAML connection of acme."""
    id_ = api.ok("POST", f"{SSO}/saml/acme", {"display_name": "Okta"})["connection"]["connection_id"]
    body = {**WHOLE, "x509_certificate": certificate("idp.example"), **fields}
    return api.ok("PUT", f"{SSO}/saml/acme/connections/{id_}", body)["connection"]


def test_an_issuer_fills_in_its_urls(api: Api) -> None:
    api.organization()
    made = oidc(api)["connection"]
    assert (made["status"], made["issuer"], made["identity_provider"]) == ("pending", "", "generic")
    assert made["redirect_url"].endswith(made["connection_id"])
    one = f"{SSO}/oidc/acme/connections/{made['connection_id']}"
    found = api.ok("PUT", one, {"issuer": f"{ISSUER}/", "token_url": f"{ISSUER}/own"})["connection"]
    assert (found["authorization_url"], found["token_url"]) == (f"{ISSUER}/oauth2/authorize", f"{ISSUER}/own")
    assert found["status"] == "pending"
    whole = api.ok("PUT", one, {**CLIENT, "custom_scopes": "openid email"})["connection"]
    assert (whole["status"], whole["client_secret"]) == ("active", "s-1234567")
    again = api.ok("PUT", one, {"issuer": f"{ISSUER}/", "jwks_url": f"{ISSUER}/own"})["connection"]
    assert (again["token_url"], again["jwks_url"]) == (f"{ISSUER}/own", f"{ISSUER}/own")
    moved = api.ok("PUT", one, {"issuer": "https://new.example"})["connection"]
    assert moved["token_url"] == "https://new.example/oauth2/token"
    assert api.refused("PUT", one, {"client_secret": ""}) == (400, "oidc_connection_client_secret_required")
    assert api.refused("PUT", one, {"jwks_url": ""}) == (400, "oidc_connection_jwks_url_required")


def test_an_issuer_that_cannot_be_read() -> None:
    with behaving(oidc_discovery=False) as api:
        api.organization()
        answer = oidc(api, issuer=ISSUER, **CLIENT)
        assert (answer["connection"]["status"], answer["connection"]["token_url"]) == ("pending", "")
        assert answer["warning"]


def test_a_client_secret_may_be_masked() -> None:
    with behaving(oidc_credentials="masked") as api:
        api.organization()
        connection = oidc(api, issuer=ISSUER, **CLIENT)["connection"]
        assert (connection["status"], connection["client_secret"]) == ("active", "********4567")
        one = f"{SSO}/oidc/acme/connections/{connection['connection_id']}"
        assert api.ok("PUT", one, {"display_name": "G"})["connection"]["client_secret"] == "********4567"


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"issuer": "http://idp.example"}, "oidc_connection_issuer_url_invalid_format"),
        ({"authorization_url": "idp"}, "oidc_connection_authorization_url_invalid_format"),
        ({"token_url": "https:///x"}, "oidc_connection_token_url_invalid_format"),
        ({"token_url": "https://["}, "oidc_connection_token_url_invalid_format"),
        ({"userinfo_url": "x:y"}, "oidc_connection_userinfo_url_invalid_format"),
        ({"jwks_url": "http://idp.example"}, "oidc_connection_jwks_url_invalid_format"),
        ({"identity_provider": "myspace"}, "invalid_sso_idp"),
    ],
)
def test_what_oidc_refuses(api: Api, fields: Any, error: str) -> None:
    api.organization()
    one = f"{SSO}/oidc/acme/connections/{oidc(api)['connection']['connection_id']}"
    assert api.refused("PUT", one, fields) == (400, error)


def external(connection: Any, **fields: Any) -> Any:
    ids = {name: connection[f"{name.removeprefix('external_')}"] for name in EXTERNAL}
    return {**ids, **fields}


EXTERNAL = ("external_organization_id", "external_connection_id")
ADMINS = [{"role_id": "stytch_admin", "group": "admins"}]


def test_an_external_connection(api: Api) -> None:
    api.organization()
    api.organization("other")
    path, underlying = f"{SSO}/external/other", saml(api, attribute_mapping={**MAPPING, "groups": "g"})
    body = external(underlying, display_name="Acme's", group_implicit_role_assignments=ADMINS)
    made = api.ok("POST", path, body)["connection"]
    assert made["connection_id"].startswith("external-connection-test-")
    assert (made["status"], made["external_group_implicit_role_assignments"]) == ("active", ADMINS)
    one = f"{path}/connections/{made['connection_id']}"
    change = {"display_name": "A", "external_connection_implicit_role_assignments": [{"role_id": "stytch_admin"}]}
    assert api.ok("PUT", one, change)["connection"] == {**made, **change}
    assert api.ok("GET", f"{SSO}/other")["external_connections"] == [{**made, **change}]
    organization = api.ok("GET", "/v1/b2b/organizations/other")["organization"]
    assert [each["display_name"] for each in organization["sso_active_connections"]] == ["A"]
    assert api.refused("POST", path, body) == (400, "duplicate_external_sso_connection")
    assert api.refused("POST", f"{SSO}/external/acme", body)[1] == "external_organization_id_same_as_organization_id"
    unknown = external(underlying, external_connection_id="saml-connection-1")
    assert api.refused("POST", path, unknown) == (404, "external_connection_id_not_found")
    assert api.refused("PUT", f"{path}/connections/x", {}) == (404, "sso_connection_not_found")
    api.ok("DELETE", f"{SSO}/acme/connections/{underlying['connection_id']}")
    assert api.ok("PUT", one, {"display_name": "B"})["connection"]["display_name"] == "B"


def test_what_an_external_connection_rests_on(api: Api) -> None:
    api.organization()
    api.organization("other")
    path = f"{SSO}/external/other"
    pending = oidc(api)["connection"]
    assert api.refused("POST", path, external(pending)) == (400, "external_connection_not_active")
    by_oidc = oidc(api, issuer=ISSUER, **CLIENT)["connection"]
    roles = external(by_oidc, connection_implicit_role_assignments=[{"role_id": "stytch_admin"}])
    assert api.refused("POST", path, roles) == (400, "invalid_rbac_role_assignment")
    made = api.ok("POST", path, external(by_oidc))["connection"]
    one = f"{path}/connections/{made['connection_id']}"
    assert api.refused("PUT", one, {"external_group_implicit_role_assignments": ADMINS})[0] == 400
    by_saml = external(saml(api), group_implicit_role_assignments=ADMINS)
    assert api.refused("POST", path, by_saml)[1] == "saml_connection_attribute_mapping_missing_groups_key"


def test_what_connections_mean_to_their_organization(api: Api) -> None:
    api.organization()
    api.organization("other")
    pending, whole = oidc(api)["connection"]["connection_id"], saml(api)["connection_id"]
    for name in ("sso_default_connection_id", "sso_jit_provisioning_allowed_connections"):
        wanted = {name: pending if name == "sso_default_connection_id" else [pending]}
        assert api.refused("PUT", ACME, wanted) == (400, "requires_active_sso_connection")
        assert api.refused("PUT", "/v1/b2b/organizations/other", wanted)[1] == (
            "invalid_sso_default_connection_id" if name == "sso_default_connection_id" else "sso_connection_not_found"
        )
    settings = {
        "sso_default_connection_id": whole,
        "sso_jit_provisioning": "RESTRICTED",
        "sso_jit_provisioning_allowed_connections": [whole],
    }
    assert api.ok("PUT", ACME, settings)["organization"]["sso_default_connection_id"] == whole
    one = f"{SSO}/acme/connections/{whole}"
    assert api.refused("DELETE", one) == (400, "cannot_delete_default_sso_connection")
    assert api.refused("DELETE", f"{SSO}/other/connections/{whole}") == (404, "sso_connection_not_found")
    api.ok("PUT", ACME, {"sso_default_connection_id": ""})
    assert api.ok("DELETE", one)["connection_id"] == whole
    organization = api.ok("GET", ACME)["organization"]
    assert organization["sso_active_connections"] == []
    api.ok("PUT", ACME, {"sso_jit_provisioning_allowed_connections": [whole]})
    assert [row["organization_slug"] for row in api.search("organizations", ("has_active_sso_connection", True))] == []


def test_an_organizations_connections_go_with_it(api: Api) -> None:
    api.organization()
    whole = saml(api)
    api.ok("DELETE", ACME)
    assert api.refused("GET", f"{SSO}/acme") == (404, "organization_not_found")
    api.organization()
    assert api.ok("GET", f"{SSO}/acme")["saml_connections"] == []
    path = f"{SSO}/saml/acme/connections/{whole['connection_id']}"
    assert api.refused("PUT", path, {}) == (404, "saml_connection_not_found")
    assert api.refused("PUT", path.replace("saml/acme", "oidc/acme"), {}) == (404, "oidc_connection_not_found")


@pytest.mark.parametrize("order", ["insertion", "id", "random"])
def test_the_order_of_connections(order: str) -> None:
    with behaving(search_order=order) as api:
        api.organization()
        made = [api.ok("POST", f"{SSO}/oidc/acme", {})["connection"]["connection_id"] for _ in range(6)]
        seen = [[row["connection_id"] for row in api.ok("GET", f"{SSO}/acme")["oidc_connections"]] for _ in range(20)]
        expected = {"insertion": [made] * 20, "id": [sorted(made)] * 20}
        assert all(sorted(each) == sorted(made) for each in seen)
        assert seen == expected[order] if order in expected else len({tuple(each) for each in seen}) > 1


def test_there_may_be_too_many() -> None:
    with behaving(most_of_each=1) as api:
        api.organization()
        oidc(api)
        assert api.refused("POST", f"{SSO}/saml/acme", {}) == (400, "too_many_sso_connections")
