"""The operations on an organization's SSO and SCIM connections, Connected Apps and own roles."""

from typing import Final

from reconciler.emulator.core.call import Endpoint
from reconciler.emulator.data import (
    external_connections,
    granted_apps,
    oidc_connections,
    organization_apps,
    organization_policy,
    saml_connections,
    scim_connections,
    scim_tokens,
    sso_connections,
)

SSO: Final = "/v1/b2b/sso"
ONE: Final = "{organization_id}/connections/{connection_id}"
SAML: Final = f"{SSO}/saml/{ONE}"
SCIM: Final = "/v1/b2b/scim/{organization_id}/connection"
ROTATE: Final = f"{SCIM}/{{connection_id}}/rotate"
APPS: Final = "/v1/b2b/organizations/{organization_id}/connected_apps"
MEMBER: Final = "/v1/b2b/organizations/{organization_id}/members/{member_id}"
ROLES: Final = "/v1/b2b/rbac/organizations/{organization_id}"

CONNECTIONS: Final[tuple[tuple[str, str, str, Endpoint], ...]] = (
    ("GET", f"{SSO}/{{organization_id}}", "sso_connections_list", sso_connections.list_all),
    ("DELETE", f"{SSO}/{ONE}", "sso_connections_delete", sso_connections.delete),
    ("POST", f"{SSO}/saml/{{organization_id}}", "saml_connections_create", saml_connections.create),
    ("PUT", SAML, "saml_connections_update", saml_connections.update),
    ("PUT", f"{SAML}/url", "saml_connections_update_by_url", saml_connections.update_by_url),
    (
        "DELETE",
        f"{SAML}/verification_certificates/{{certificate_id}}",
        "saml_connections_delete_verification_certificate",
        saml_connections.delete_verification_certificate,
    ),
    (
        "DELETE",
        f"{SAML}/encryption_private_keys/{{private_key_id}}",
        "saml_connections_delete_encryption_private_key",
        saml_connections.delete_encryption_private_key,
    ),
    ("POST", f"{SSO}/oidc/{{organization_id}}", "oidc_connections_create", oidc_connections.create),
    ("PUT", f"{SSO}/oidc/{ONE}", "oidc_connections_update", oidc_connections.update),
    ("POST", f"{SSO}/external/{{organization_id}}", "external_connections_create", external_connections.create),
    ("PUT", f"{SSO}/external/{ONE}", "external_connections_update", external_connections.update),
    ("POST", SCIM, "scim_connections_create", scim_connections.create),
    ("GET", SCIM, "scim_connections_get", scim_connections.get),
    ("GET", f"{SCIM}/{{connection_id}}", "scim_connections_get_groups", scim_connections.groups),
    ("PUT", f"{SCIM}/{{connection_id}}", "scim_connections_update", scim_connections.update),
    ("DELETE", f"{SCIM}/{{connection_id}}", "scim_connections_delete", scim_connections.delete),
    ("POST", f"{ROTATE}/start", "scim_connections_rotate_start", scim_tokens.start),
    ("POST", f"{ROTATE}/complete", "scim_connections_rotate_complete", scim_tokens.complete),
    ("POST", f"{ROTATE}/cancel", "scim_connections_rotate_cancel", scim_tokens.cancel),
    ("GET", APPS, "organizations_connected_apps", organization_apps.list_all),
    ("GET", f"{APPS}/{{connected_app_id}}", "organizations_get_connected_app", organization_apps.get),
    ("GET", f"{MEMBER}/connected_apps", "members_connected_apps", granted_apps.of_member),
    (
        "POST",
        f"{MEMBER}/connected_apps/{{connected_app_id}}/revoke",
        "members_revoke_connected_app",
        granted_apps.revoke_members,
    ),
    ("GET", ROLES, "organization_policy_get", organization_policy.get),
    ("PUT", ROLES, "organization_policy_set", organization_policy.replace),
)
