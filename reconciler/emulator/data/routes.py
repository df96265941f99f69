"""The operations of the data API, in tables. An API family is one file of endpoints, and its lines here."""

from typing import Final

from reconciler.emulator.core import rbac
from reconciler.emulator.core.call import Routes
from reconciler.emulator.data import (
    connected_apps,
    consents,
    fraud,
    m2m_clients,
    m2m_tokens,
    members,
    organization_policy,
    organizations,
    scim,
    searches,
    sso,
    sso_external,
    sso_oidc,
    sso_saml,
    users,
)

ORGANIZATIONS: Final = "/v1/b2b/organizations"
ORGANIZATION: Final = f"{ORGANIZATIONS}/{{organization_id}}"
MEMBER: Final = f"{ORGANIZATION}/members/{{member_id}}"
USER: Final = "/v1/users/{user_id}"
SSO: Final = "/v1/b2b/sso"
ONE: Final = "{organization_id}/connections/{connection_id}"
SAML: Final = f"{SSO}/saml/{ONE}"
SCIM: Final = "/v1/b2b/scim/{organization_id}/connection"
ROTATE: Final = f"{SCIM}/{{connection_id}}/rotate"
APPS: Final = f"{ORGANIZATION}/connected_apps"
ROLES: Final = "/v1/b2b/rbac/organizations/{organization_id}"

B2B: Final[Routes] = (
    ("POST", ORGANIZATIONS, "organizations_create", organizations.create),
    ("POST", f"{ORGANIZATIONS}/search", "organizations_search", searches.organizations),
    ("GET", ORGANIZATION, "organizations_get", organizations.get),
    ("PUT", ORGANIZATION, "organizations_update", organizations.update),
    ("DELETE", ORGANIZATION, "organizations_delete", organizations.delete),
    ("DELETE", f"{ORGANIZATION}/external_id", "organizations_delete_external_id", organizations.delete_external_id),
    ("GET", f"{ORGANIZATION}/metrics", "organizations_metrics", organizations.metrics),
    ("POST", f"{ORGANIZATIONS}/members/search", "members_search", searches.members),
    (
        "GET",
        f"{ORGANIZATIONS}/members/dangerously_get/{{member_id}}",
        "members_dangerously_get",
        members.dangerously_get,
    ),
    ("POST", f"{ORGANIZATION}/members", "members_create", members.create),
    ("GET", f"{ORGANIZATION}/member", "members_get", members.get),
    ("PUT", MEMBER, "members_update", members.update),
    ("DELETE", MEMBER, "members_delete", members.delete),
    ("PUT", f"{MEMBER}/reactivate", "members_reactivate", members.reactivate),
    ("DELETE", f"{MEMBER}/totp", "members_delete_totp", members.delete_totp),
    ("DELETE", f"{MEMBER}/external_id", "members_delete_external_id", members.delete_external_id),
    ("POST", f"{MEMBER}/unlink_retired_email", "members_unlink_retired_email", members.unlink_retired_email),
    ("POST", f"{MEMBER}/start_email_update", "members_start_email_update", members.start_email_update),
    ("GET", f"{MEMBER}/oidc_providers", "members_oidc_providers", members.oidc_providers),
    (
        "DELETE",
        f"{ORGANIZATION}/members/mfa_phone_numbers/{{member_id}}",
        "members_delete_mfa_phone_number",
        members.delete_mfa_phone_number,
    ),
    (
        "DELETE",
        f"{ORGANIZATION}/members/passwords/{{member_password_id}}",
        "members_delete_password",
        members.delete_password,
    ),
    ("GET", "/v1/b2b/rbac/policy", "rbac_policy", rbac.policy),
    ("GET", "/v1/b2b/sessions/jwks/{project_id}", "jwks", m2m_tokens.keys),
)
CONSUMER: Final[Routes] = (
    ("POST", "/v1/users", "users_create", users.create),
    ("POST", "/v1/users/search", "users_search", searches.users),
    ("GET", USER, "users_get", users.get),
    ("PUT", USER, "users_update", users.update),
    ("DELETE", USER, "users_delete", users.delete),
    ("PUT", f"{USER}/exchange_primary_factor", "users_exchange_primary_factor", users.exchange_primary_factor),
    ("GET", f"{USER}/connected_apps", "users_connected_apps", consents.of_user),
    ("POST", f"{USER}/connected_apps/{{connected_app_id}}/revoke", "users_revoke", consents.revoke_users),
    ("DELETE", f"{USER}/external_id", "users_delete_external_id", users.delete_external_id),
    ("DELETE", "/v1/users/passwords/{password_id}", "users_delete_password", users.delete_password),
    *(
        ("DELETE", f"/v1/users/{path}/{{{id_}}}", f"users_delete_{word}", users.delete_factor(name, error))
        for path, name, id_, word, error in (
            ("emails", "emails", "email_id", "email", "email_not_found"),
            ("phone_numbers", "phone_numbers", "phone_id", "phone_number", "phone_number_not_found"),
            ("oauth", "providers", "oauth_user_registration_id", "oauth", "oauth_user_registration_not_found"),
            ("totps", "totps", "totp_id", "totp", "totp_not_found"),
            ("crypto_wallets", "crypto_wallets", "crypto_wallet_id", "crypto_wallet", "crypto_wallet_not_found"),
            (
                *("webauthn_registrations", "webauthn_registrations", "webauthn_registration_id"),
                *("webauthn_registration", "webauthn_registration_not_found"),
            ),
            (
                *("biometric_registrations", "biometric_registrations", "biometric_registration_id"),
                *("biometric_registration", "biometric_registration_not_found"),
            ),
        )
    ),
    ("GET", "/v1/rbac/policy", "consumer_rbac_policy", rbac.policy),
    ("GET", "/v1/sessions/jwks/{project_id}", "consumer_jwks", m2m_tokens.keys),
)
CONNECTIONS: Final[Routes] = (
    ("GET", f"{SSO}/{{organization_id}}", "sso_connections_list", sso.list_all),
    ("DELETE", f"{SSO}/{ONE}", "sso_connections_delete", sso.delete),
    ("POST", f"{SSO}/saml/{{organization_id}}", "saml_connections_create", sso_saml.create),
    ("PUT", SAML, "saml_connections_update", sso_saml.update),
    ("PUT", f"{SAML}/url", "saml_connections_update_by_url", sso_saml.update_by_url),
    (
        "DELETE",
        f"{SAML}/verification_certificates/{{certificate_id}}",
        "saml_connections_delete_verification_certificate",
        sso_saml.delete_verification_certificate,
    ),
    (
        "DELETE",
        f"{SAML}/encryption_private_keys/{{private_key_id}}",
        "saml_connections_delete_encryption_private_key",
        sso_saml.delete_encryption_private_key,
    ),
    ("POST", f"{SSO}/oidc/{{organization_id}}", "oidc_connections_create", sso_oidc.create),
    ("PUT", f"{SSO}/oidc/{ONE}", "oidc_connections_update", sso_oidc.update),
    ("POST", f"{SSO}/external/{{organization_id}}", "external_connections_create", sso_external.create),
    ("PUT", f"{SSO}/external/{ONE}", "external_connections_update", sso_external.update),
    ("POST", SCIM, "scim_connections_create", scim.create),
    ("GET", SCIM, "scim_connections_get", scim.get),
    ("GET", f"{SCIM}/{{connection_id}}", "scim_connections_get_groups", scim.groups),
    ("PUT", f"{SCIM}/{{connection_id}}", "scim_connections_update", scim.update),
    ("DELETE", f"{SCIM}/{{connection_id}}", "scim_connections_delete", scim.delete),
    ("POST", f"{ROTATE}/start", "scim_connections_rotate_start", scim.rotate_start),
    ("POST", f"{ROTATE}/complete", "scim_connections_rotate_complete", scim.rotate_complete),
    ("POST", f"{ROTATE}/cancel", "scim_connections_rotate_cancel", scim.rotate_cancel),
    ("GET", APPS, "organizations_connected_apps", consents.list_all),
    ("GET", f"{APPS}/{{connected_app_id}}", "organizations_get_connected_app", consents.get),
    ("GET", f"{MEMBER}/connected_apps", "members_connected_apps", consents.of_member),
    (
        "POST",
        f"{MEMBER}/connected_apps/{{connected_app_id}}/revoke",
        "members_revoke_connected_app",
        consents.revoke_members,
    ),
    ("GET", ROLES, "organization_policy_get", organization_policy.get),
    ("PUT", ROLES, "organization_policy_set", organization_policy.replace),
)

M2M: Final = "/v1/m2m/clients"
CLIENT_APPS: Final = "/v1/connected_apps/clients"

CLIENTS: Final[Routes] = (
    ("POST", M2M, "m2m_clients_create", m2m_clients.create),
    ("POST", f"{M2M}/search", "m2m_clients_search", searches.m2m_clients),
    ("GET", f"{M2M}/{{client_id}}", "m2m_clients_get", m2m_clients.get),
    ("PUT", f"{M2M}/{{client_id}}", "m2m_clients_update", m2m_clients.update),
    ("DELETE", f"{M2M}/{{client_id}}", "m2m_clients_delete", m2m_clients.delete),
    ("POST", f"{M2M}/{{client_id}}/secrets/rotate/start", "m2m_clients_rotate_start", m2m_clients.rotate_start),
    ("POST", f"{M2M}/{{client_id}}/secrets/rotate", "m2m_clients_rotate", m2m_clients.rotate),
    ("POST", f"{M2M}/{{client_id}}/secrets/rotate/cancel", "m2m_clients_rotate_cancel", m2m_clients.rotate_cancel),
    ("POST", "/v1/public/{project_id}/oauth2/token", "m2m_token", m2m_tokens.issue),
    ("POST", CLIENT_APPS, "connected_apps_create", connected_apps.create),
    ("POST", f"{CLIENT_APPS}/search", "connected_apps_search", searches.connected_apps),
    ("GET", f"{CLIENT_APPS}/{{client_id}}", "connected_apps_get", connected_apps.get),
    ("PUT", f"{CLIENT_APPS}/{{client_id}}", "connected_apps_update", connected_apps.update),
    ("DELETE", f"{CLIENT_APPS}/{{client_id}}", "connected_apps_delete", connected_apps.delete),
    *(
        ("POST", f"{CLIENT_APPS}/{{client_id}}/secrets/{path}", f"connected_apps_{name}", endpoint)
        for path, name, endpoint in (
            ("rotate/start", "rotate_start", connected_apps.rotate_start),
            ("rotate", "rotate", connected_apps.rotate),
            ("rotate/cancel", "rotate_cancel", connected_apps.rotate_cancel),
        )
    ),
    ("POST", "/v1/rules/set", "rules_set", fraud.set_rule),
    ("POST", "/v1/rules/list", "rules_list", fraud.list_rules),
    ("POST", "/v1/verdict_reasons/override", "verdict_reasons_override", fraud.override),
    ("POST", "/v1/verdict_reasons/list", "verdict_reasons_list", fraud.list_reasons),
)
