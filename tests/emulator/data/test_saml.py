"""SAML connections: created with a name, completed by updates; certificates, keys, roles."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import PrivateFormat

from tests.emulator.behaving import behaving
from tests.emulator.certificates import certificate, private_key
from tests.emulator.conftest import Api

SAML = "/v1/b2b/sso/saml/acme"
MAPPING = {"email": "mail", "full_name": "name"}
WHOLE = {
    "idp_entity_id": "https://idp.example/entity",
    "idp_sso_url": "https://idp.example/sso",
    "attribute_mapping": MAPPING,
}


def made(api: Api, **fields: Any) -> tuple[str, Any]:
    """Return the path of a new connection of a new organization, and the connection."""
    api.organization()
    connection = api.ok("POST", SAML, fields)["connection"]
    return f"{SAML}/connections/{connection['connection_id']}", connection


def put(api: Api, one: str, **fields: Any) -> Any:
    return api.ok("PUT", one, fields)["connection"]


def active(api: Api) -> Any:
    return api.ok("GET", "/v1/b2b/organizations/acme")["organization"]["sso_active_connections"]


def test_a_connection_is_made_by_name(api: Api) -> None:
    _, connection = made(api, display_name="Okta", identity_provider="okta", idp_entity_id="ignored")
    id_ = connection["connection_id"]
    assert id_.startswith("saml-connection-test-")
    assert connection.pop("signing_certificates")[0]["issuer"] == "Stytch"
    assert connection == {
        "organization_id": api.ok("GET", "/v1/b2b/organizations/acme")["organization"]["organization_id"],
        "connection_id": id_,
        "status": "pending",
        "display_name": "Okta",
        "identity_provider": "okta",
        "idp_entity_id": "",
        "idp_sso_url": "",
        "acs_url": f"https://test.stytch.com/v1/b2b/sso/callback/{id_}",
        "audience_uri": f"https://test.stytch.com/v1/b2b/sso/callback/{id_}",
        "verification_certificates": [],
        "encryption_private_keys": [],
        "saml_connection_implicit_role_assignments": [],
        "saml_group_implicit_role_assignments": [],
        "alternative_audience_uri": "",
        "alternative_acs_url": "",
        "nameid_format": "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
        "idp_initiated_auth_disabled": False,
        "allow_gateway_callback": False,
    }
    assert active(api) == []


def test_it_is_active_once_it_is_whole(api: Api) -> None:
    one, _ = made(api)
    assert put(api, one, **WHOLE)["status"] == "pending"
    whole = put(api, one, x509_certificate=certificate("idp.example"), display_name="Okta")
    assert (whole["status"], whole["attribute_mapping"], whole["identity_provider"]) == ("active", MAPPING, "generic")
    shown = {"connection_id": whole["connection_id"], "display_name": "Okta", "identity_provider": "generic"}
    assert active(api) == [shown]
    put(api, one, display_name="Entra", identity_provider="microsoft-entra")
    assert active(api) == [{**shown, "display_name": "Entra", "identity_provider": "microsoft-entra"}]
    assert api.ok("GET", "/v1/b2b/sso/acme")["saml_connections"][0]["display_name"] == "Entra"


def test_an_update_leaves_the_rest_alone(api: Api) -> None:
    one, _ = made(api, display_name="Okta")
    before = put(api, one, **WHOLE, idp_initiated_auth_disabled=True, alternative_acs_url="https://old.example")
    assert put(api, one, organization_id="acme", connection_id="x") == before
    assert put(api, one, attribute_mapping={}) == before
    assert put(api, one, alternative_acs_url="") == {**before, "alternative_acs_url": ""}
    assert put(api, one, attribute_mapping={**MAPPING, "phone": "tel"})["attribute_mapping"] == {
        **MAPPING,
        "phone": "tel",
    }
    assert put(api, one, attribute_mapping=MAPPING)["attribute_mapping"] == MAPPING


def test_certificates_come_to_one_another_and_the_last_stays(api: Api) -> None:
    one, _ = made(api)
    first = put(api, one, x509_certificate=certificate("a"))["verification_certificates"]
    assert first[0]["certificate"] == certificate("a")
    assert first[0]["expires_at"] == "2040-01-01T00:00:00Z"
    assert first[0]["issuer"] == "CN=a"
    both = put(api, one, x509_certificate=certificate("a"))["verification_certificates"]
    assert both[0] == first[0]
    assert len({each["certificate_id"] for each in both}) == 2
    for each in both[:1]:
        path = f"{one}/verification_certificates/{each['certificate_id']}"
        assert api.ok("DELETE", path)["certificate_id"] == each["certificate_id"]
        assert api.refused("DELETE", path) == (404, "sso_verification_key_not_found")
    last = f"{one}/verification_certificates/{both[1]['certificate_id']}"
    assert api.refused("DELETE", last) == (400, "cannot_delete_last_sso_verification_key")
    for name in "bcde":
        put(api, one, x509_certificate=certificate(name))
    error = "too_many_sso_verification_certificates"
    assert api.refused("PUT", one, {"x509_certificate": certificate("f")}) == (400, error)


@pytest.mark.parametrize(("text", "kept"), [("kept", True), ("normalised", False)])
def test_a_known_certificate_is_shown_as_sent_or_reformatted(text: str, *, kept: bool) -> None:
    with behaving(same_certificate="kept", certificate_text=text) as api:
        one, _ = made(api)
        odd = certificate("a").strip() + "\n\n"
        put(api, one, x509_certificate=odd)
        found = put(api, one, x509_certificate=certificate("a"))["verification_certificates"]
        assert [each["certificate"] for each in found] == [odd if kept else certificate("a")]


def test_private_keys_are_never_answered_with(api: Api) -> None:
    one, connection = made(api)
    key = private_key()
    changed = put(api, one, signing_private_key=key, saml_encryption_private_key=key)
    assert key not in str(changed)
    assert changed["signing_certificates"] != connection["signing_certificates"]
    assert [each["private_key"] for each in changed["encryption_private_keys"]] == [""]
    id_ = changed["encryption_private_keys"][0]["private_key_id"]
    assert api.ok("DELETE", f"{one}/encryption_private_keys/{id_}")["private_key_id"] == id_
    assert api.refused("DELETE", f"{one}/encryption_private_keys/{id_}")[1] == "sso_encryption_private_key_not_found"
    for _ in range(5):
        put(api, one, saml_encryption_private_key=key)
    assert api.refused("PUT", one, {"saml_encryption_private_key": key})[1] == "too_many_encryption_certificates"


GROUP = {"role_id": "stytch_admin", "group": "admins"}


def test_roles_by_connection_and_by_group(api: Api) -> None:
    one, _ = made(api)
    roles = {"saml_connection_implicit_role_assignments": [{"role_id": "stytch_member"}]}
    assert put(api, one, **roles)["saml_connection_implicit_role_assignments"] == [{"role_id": "stytch_member"}]
    missing = "saml_connection_attribute_mapping_missing_groups_key"
    by_group = {"saml_group_implicit_role_assignments": [GROUP, GROUP]}
    assert api.refused("PUT", one, by_group) == (400, missing)
    changed = put(api, one, **by_group, attribute_mapping={**MAPPING, "groups": "g"})
    assert changed["saml_group_implicit_role_assignments"] == [GROUP]
    assert api.refused("PUT", one, {"attribute_mapping": MAPPING}) == (400, missing)
    api.ok(
        "PUT",
        "/v1/b2b/rbac/organizations/acme",
        {"org_policy": {"roles": [{"role_id": "auditor", "permissions": [
            {"resource_id": "stytch.member", "actions": ["search"]}
        ]}]}},
    )  # fmt: skip
    put(api, one, saml_connection_implicit_role_assignments=[{"role_id": "auditor"}])


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"identity_provider": "myspace"}, "invalid_sso_idp"),
        ({"display_name": 1}, "invalid_display_name"),
        ({"idp_sso_url": ""}, "saml_connection_idp_sso_url_required"),
        ({"idp_sso_url": "idp.example"}, "saml_connection_idp_sso_url_invalid_format"),
        ({"idp_sso_url": "https://["}, "saml_connection_idp_sso_url_invalid_format"),
        ({"idp_sso_url": "http://idp.example"}, "saml_connection_idp_sso_url_not_https"),
        ({"attribute_mapping": {"full_name": "n"}}, "saml_connection_email_mapping_required"),
        ({"attribute_mapping": {"email": "m", "first_name": "f"}}, "saml_connection_name_mapping_required"),
        (
            {"attribute_mapping": {"email": "m", "full_name": {"a": "b"}}},
            "saml_connection_no_nested_keys_in_attribute_mapping",
        ),
        ({"x509_certificate": "-----BEGIN CERTIFICATE-----"}, "invalid_x509_certificate"),
        ({"saml_connection_implicit_role_assignments": [{"role_id": "nobody"}]}, "invalid_role"),
        ({"saml_connection_implicit_role_assignments": [{}]}, "bad_request"),
        ({"saml_group_implicit_role_assignments": [{"role_id": "stytch_admin"}]}, "bad_request"),
    ],
)
def test_what_an_update_refuses(api: Api, fields: Any, error: str) -> None:
    one, connection = made(api)
    assert api.refused("PUT", one, fields) == (400, error)
    assert api.ok("GET", "/v1/b2b/sso/acme")["saml_connections"] == [connection]


@pytest.mark.parametrize("name", ["signing_private_key", "saml_encryption_private_key"])
def test_private_keys_that_are_refused(api: Api, name: str) -> None:
    one, _ = made(api)
    for key, error in (
        (private_key(PrivateFormat.PKCS8), "saml_signing_private_key_format_not_supported"),
        (private_key()[:200], "saml_signing_private_key_invalid"),
    ):
        assert api.refused("PUT", one, {name: key}) == (400, error)


def test_a_metadata_url(api: Api) -> None:
    one, _ = made(api)
    put(api, one, attribute_mapping=MAPPING)
    url = "https://idp.example/app/metadata"
    found = api.ok("PUT", f"{one}/url", {"metadata_url": url})["connection"]
    assert (found["status"], found["idp_entity_id"], found["idp_sso_url"]) == (
        *("active", url),
        "https://idp.example/sso/saml",
    )
    assert len(found["verification_certificates"]) == 1
    for wrong in ({}, {"metadata_url": "http://idp.example"}, {"metadata_url": "https://["}):
        assert api.refused("PUT", f"{one}/url", wrong) == (400, "invalid_saml_metadata_url")
