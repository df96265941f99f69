"""One visit to every operation on an organization's connections and own roles."""

from reconciler.emulator.seed.placing import place_connected_app, place_grant, place_scim_group
from tests.emulator.certificates import certificate, private_key
from tests.emulator.conftest import Api

SSO = "/v1/b2b/sso"
SCIM = "/v1/b2b/scim"
MAPPING = {"email": "mail", "full_name": "name", "groups": "groups"}
BY_GROUP = [{"role_id": "stytch_admin", "group": "admins"}]


def tour(api: Api) -> None:
    """Visit every operation; each must succeed."""
    for slug in ("north", "south"):
        api.organization(slug)
    _sso(api)
    _scim(api)
    _roles(api)
    _apps(api)


def _sso(api: Api) -> None:
    saml = api.ok("POST", f"{SSO}/saml/north", {"display_name": "Okta", "identity_provider": "okta"})["connection"]
    one = f"{SSO}/saml/north/connections/{saml['connection_id']}"
    api.ok("PUT", f"{one}/url", {"metadata_url": "https://idp.example/metadata"})
    body = {
        "attribute_mapping": MAPPING,
        "x509_certificate": certificate("idp.example"),
        "signing_private_key": private_key(),
        "saml_encryption_private_key": private_key(),
        "saml_group_implicit_role_assignments": BY_GROUP,
        "saml_connection_implicit_role_assignments": [{"role_id": "stytch_member"}],
    }
    saml = api.ok("PUT", one, body)["connection"]
    key, first = saml["encryption_private_keys"][0], saml["verification_certificates"][0]
    api.ok("DELETE", f"{one}/verification_certificates/{first['certificate_id']}")
    api.ok("DELETE", f"{one}/encryption_private_keys/{key['private_key_id']}")
    underlying = {"external_organization_id": saml["organization_id"], "external_connection_id": saml["connection_id"]}
    external = api.ok("POST", f"{SSO}/external/south", {**underlying, "display_name": "North's"})["connection"]
    body = {"external_group_implicit_role_assignments": BY_GROUP}
    api.ok("PUT", f"{SSO}/external/south/connections/{external['connection_id']}", body)
    oidc = api.ok("POST", f"{SSO}/oidc/south", {"display_name": "Google"})["connection"]
    oidc_body = {"issuer": "https://idp.example", "client_id": "c", "client_secret": "s-1234567"}
    api.ok("PUT", f"{SSO}/oidc/south/connections/{oidc['connection_id']}", oidc_body)
    api.ok("POST", f"{SSO}/saml/south", {})
    api.ok("GET", f"{SSO}/south")
    api.ok("DELETE", f"{SSO}/south/connections/{oidc['connection_id']}")


def _scim(api: Api) -> None:
    connection = api.ok("POST", f"{SCIM}/north/connection", {"display_name": "Okta"})["connection"]
    one = f"{SCIM}/north/connection/{connection['connection_id']}"
    api.ok("GET", f"{SCIM}/north/connection")
    group = place_scim_group(api.app, connection["organization_id"], "admins")
    api.ok("GET", one)
    assigned = {"role_id": "stytch_admin", "group_id": group["group_id"], "group_name": "admins"}
    api.ok("PUT", one, {"scim_group_implicit_role_assignments": [assigned]})
    for step in ("start", "cancel", "start", "complete"):
        api.ok("POST", f"{one}/rotate/{step}")
    api.ok("GET", "/v1/b2b/organizations/north")
    api.ok("DELETE", one)


def _roles(api: Api) -> None:
    path = "/v1/b2b/rbac/organizations/north"
    role = {
        "role_id": "auditor",
        "description": "Reads",
        "permissions": [{"resource_id": "stytch.member", "actions": ["search"]}],
    }
    api.ok("PUT", path, {"org_policy": {"roles": [role]}})
    api.ok("GET", path)


def _apps(api: Api) -> None:
    reader = place_connected_app(api.app, {"client_name": "Reader"})
    ann = api.member("ann@north.example", "north")
    place_grant(api.app, ann, reader["client_id"], ["openid"])
    api.ok("GET", "/v1/b2b/organizations/north/connected_apps")
    api.ok("GET", f"/v1/b2b/organizations/north/connected_apps/{reader['client_id']}")
    apps = f"/v1/b2b/organizations/north/members/{ann['member_id']}/connected_apps"
    api.ok("GET", apps)
    api.ok("POST", f"{apps}/{reader['client_id']}/revoke", {})
