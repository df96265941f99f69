"""One visit to every operation that the emulator has."""

from typing import Any

from reconciler.emulator.seed.bulk import place_member, place_user
from reconciler.emulator.seed.placing import place_connected_app
from tests.emulator import clients_tour, connections_tour, management_tour
from tests.emulator.conftest import Api

ORGANIZATIONS = "/v1/b2b/organizations"


def tour(api: Api) -> None:
    """Visit every operation; each must succeed."""
    _organizations(api)
    _users(api)
    api.ok("GET", "/v1/b2b/rbac/policy")
    api.ok("GET", "/v1/rbac/policy")
    api.ok("GET", f"/v1/b2b/sessions/jwks/{api.app.workspace.environment('B2B').project_id}")
    api.ok("GET", f"/v1/sessions/jwks/{api.app.workspace.environment('CONSUMER').project_id}")
    clients_tour.tour(api)
    connections_tour.tour(api)
    management_tour.tour(api)


def _organizations(api: Api) -> None:
    organization = api.organization(organization_external_id="tenant-1", trusted_metadata={"tier": "gold"})
    acme = f"{ORGANIZATIONS}/acme"
    api.ok("GET", acme)
    api.ok("PUT", acme, {"organization_name": "Acme", "email_allowed_domains": ["acme.com"]})
    api.ok("POST", f"{ORGANIZATIONS}/search", {})
    api.ok("DELETE", f"{acme}/external_id")
    _members(api, organization, f"{acme}/members")
    api.ok("GET", f"{acme}/metrics")
    api.ok("DELETE", acme)


def _members(api: Api, organization: Any, members: str) -> None:
    whole = {
        "organization_id": organization["organization_id"],
        "email_address": "bea@acme.com",
        "email_address_verified": True,
        "external_id": "user-7",
        "mfa_phone_number": "+14155550100",
        "member_password_id": "member-password-test-00000000-0000-4000-8000-000000000001",
        "totp_registration_id": "member-totp-test-00000000-0000-4000-8000-000000000002",
        "roles": ["stytch_admin"],
        "scim_registration": {
            "connection_id": "scim-connection-test-00000000-0000-4000-8000-000000000003",
            "registration_id": "scim-registration-test-00000000-0000-4000-8000-000000000004",
        },
    }
    bea = f"{members}/{place_member(api.app, whole)['member_id']}"
    id_ = bea.rpartition("/")[2]
    ann = api.member()
    api.ok("GET", f"{members.removesuffix('s')}", query={"member_id": ann["member_id"]})
    api.ok("GET", f"{ORGANIZATIONS}/members/dangerously_get/{id_}")
    api.ok("POST", f"{ORGANIZATIONS}/members/search", {"organization_ids": [organization["organization_id"]]})
    api.ok("PUT", bea, {"name": "Bea", "email_address": "bea@acme.example"})
    api.ok("POST", f"{bea}/unlink_retired_email", {"email_address": "bea@acme.com"})
    api.ok("POST", f"{bea}/start_email_update", {"email_address": "bea@acme.net"})
    api.ok("GET", f"{bea}/oidc_providers")
    api.ok("DELETE", f"{bea}/totp")
    api.ok("DELETE", f"{bea}/external_id")
    api.ok("DELETE", f"{members}/mfa_phone_numbers/{id_}")
    cem = place_member(api.app, whole | {"email_address": "cem@acme.com", "external_id": "user-8"})
    api.ok("DELETE", f"{members}/passwords/{cem['member_password_id']}")
    api.ok("DELETE", f"{members}/{cem['member_id']}")
    api.ok("PUT", f"{members}/{cem['member_id']}/reactivate", {})


def _users(api: Api) -> None:
    user = api.user(phone_number="+14155550100", external_id="1", name={"first_name": "Ann"})
    one = f"/v1/users/{user['user_id']}"
    api.ok("GET", one)
    api.ok("PUT", one, {"name": {"last_name": "Abel"}})
    api.ok("POST", "/v1/users/search", {})
    api.ok("DELETE", f"{one}/external_id")
    api.ok("GET", f"{one}/connected_apps")
    app = place_connected_app(api.app, {}, api.app.workspace.environment("CONSUMER"))
    api.ok("POST", f"{one}/connected_apps/{app['client_id']}/revoke", {})
    api.ok("DELETE", one)
    moving = api.user("cem@acme.com")["user_id"]
    api.ok("PUT", f"/v1/users/{moving}/exchange_primary_factor", {"phone_number": "+14155550109"})
    rich = place_user(api.app, RICH)
    for path, name, id_ in FACTORS:
        api.ok("DELETE", f"/v1/users/{path}/{rich[name][0][id_]}")
    api.ok("DELETE", f"/v1/users/passwords/{rich['password']['password_id']}")


FACTORS = (
    ("emails", "emails", "email_id"),
    ("phone_numbers", "phone_numbers", "phone_id"),
    ("oauth", "providers", "oauth_user_registration_id"),
    ("totps", "totps", "totp_id"),
    ("crypto_wallets", "crypto_wallets", "crypto_wallet_id"),
    ("webauthn_registrations", "webauthn_registrations", "webauthn_registration_id"),
    ("biometric_registrations", "biometric_registrations", "biometric_registration_id"),
)
RICH: dict[str, Any] = {
    "emails": [
        {"email_id": "email-1", "email": "bea@acme.com", "verified": True},
        {"email_id": "email-2", "email": "bea@home.example", "verified": True},
    ],
    "phone_numbers": [{"phone_id": "phone-1", "phone_number": "+14155550101", "verified": True}],
    "providers": [
        {
            "provider_type": "google",
            "provider_subject": "1",
            "profile_picture_url": "",
            "locale": "en",
            "oauth_user_registration_id": "oauth-1",
        }
    ],
    "totps": [{"totp_id": "totp-1", "verified": True}],
    "crypto_wallets": [
        {"crypto_wallet_id": "w-1", "crypto_wallet_address": "0x1", "crypto_wallet_type": "ethereum", "verified": True}
    ],
    "webauthn_registrations": [
        {
            "webauthn_registration_id": "webauthn-1",
            "domain": "app.example",
            "user_agent": "",
            "verified": True,
            "authenticator_type": "platform",
            "name": "",
        }
    ],
    "biometric_registrations": [{"biometric_registration_id": "biometric-1", "verified": True}],
    "password": {"password_id": "password-1", "requires_reset": False},
}
