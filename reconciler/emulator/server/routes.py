"""All operations of the emulator, in one table. An API family is one file of endpoints, and its lines here."""

from collections import defaultdict
from dataclasses import dataclass
from urllib.parse import unquote

from reconciler.emulator.core import rbac
from reconciler.emulator.core.call import Endpoint
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.workspace import Vertical
from reconciler.emulator.data import (
    granted_apps,
    member_factors,
    members,
    organizations,
    searches,
    signing_key,
    user_factors,
    users,
)
from reconciler.emulator.data.client_routes import CLIENTS
from reconciler.emulator.data.connection_routes import CONNECTIONS
from reconciler.emulator.management.routes import MANAGEMENT


@dataclass(frozen=True, slots=True)
class Route:
    """One operation.

    Limits, faults and statistics use ``name``. ``vertical`` is the vertical that has the operation, None for both. An
    operation of the management API needs the workspace's key, a public one needs no credentials, any other needs the
    secret of an environment.
    """

    method: str
    path: str
    name: str
    vertical: Vertical | None
    endpoint: Endpoint

    @property
    def manages(self) -> bool:
        """Return whether the operation belongs to the management API."""
        return is_management(self.path)

    @property
    def speaks_oauth(self) -> bool:
        """Return whether requests have the form of RFC 6749."""
        return self.path.endswith("/oauth2/token")

    @property
    def creates(self) -> bool:
        """Return whether the status of a success may be 201."""
        return self.name.endswith("_create")

    @property
    def reads(self) -> bool:
        """Return whether the operation changes nothing."""
        return self.method == "GET" or self.name.endswith(("_search", "_list"))


ORGANIZATIONS = "/v1/b2b/organizations"
ORGANIZATION = f"{ORGANIZATIONS}/{{organization_id}}"
MEMBER = f"{ORGANIZATION}/members/{{member_id}}"
ELSEWHERE = frozenset({"/v1/b2b/sso/authenticate"})
"""Paths of the vendor's API that are not served, although they match a path with a parameter."""
USER = "/v1/users/{user_id}"

B2B: tuple[tuple[str, str, str, Endpoint], ...] = (
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
    ("DELETE", f"{MEMBER}/totp", "members_delete_totp", member_factors.delete_totp),
    ("DELETE", f"{MEMBER}/external_id", "members_delete_external_id", member_factors.delete_external_id),
    ("POST", f"{MEMBER}/unlink_retired_email", "members_unlink_retired_email", member_factors.unlink_retired_email),
    ("POST", f"{MEMBER}/start_email_update", "members_start_email_update", member_factors.start_email_update),
    ("GET", f"{MEMBER}/oidc_providers", "members_oidc_providers", member_factors.oidc_providers),
    (
        "DELETE",
        f"{ORGANIZATION}/members/mfa_phone_numbers/{{member_id}}",
        "members_delete_mfa_phone_number",
        member_factors.delete_mfa_phone_number,
    ),
    (
        "DELETE",
        f"{ORGANIZATION}/members/passwords/{{member_password_id}}",
        "members_delete_password",
        member_factors.delete_password,
    ),
    ("GET", "/v1/b2b/rbac/policy", "rbac_policy", rbac.policy),
    ("GET", "/v1/b2b/sessions/jwks/{project_id}", "jwks", signing_key.published),
)
CONSUMER: tuple[tuple[str, str, str, Endpoint], ...] = (
    ("POST", "/v1/users", "users_create", users.create),
    ("POST", "/v1/users/search", "users_search", searches.users),
    ("GET", USER, "users_get", users.get),
    ("PUT", USER, "users_update", users.update),
    ("DELETE", USER, "users_delete", users.delete),
    ("PUT", f"{USER}/exchange_primary_factor", "users_exchange_primary_factor", users.exchange_primary_factor),
    ("GET", f"{USER}/connected_apps", "users_connected_apps", granted_apps.of_user),
    ("POST", f"{USER}/connected_apps/{{connected_app_id}}/revoke", "users_revoke", granted_apps.revoke_users),
    ("DELETE", f"{USER}/external_id", "users_delete_external_id", users.delete_external_id),
    ("DELETE", "/v1/users/passwords/{password_id}", "users_delete_password", user_factors.delete_password),
    *(
        ("DELETE", f"/v1/users/{path}/{{{id_}}}", f"users_delete_{word}", user_factors.delete_factor(name, error))
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
    ("GET", "/v1/sessions/jwks/{project_id}", "consumer_jwks", signing_key.published),
)
FAMILIES: tuple[tuple[Vertical | None, tuple[tuple[str, str, str, Endpoint], ...]], ...] = (
    ("B2B", B2B),
    ("B2B", CONNECTIONS),
    ("CONSUMER", CONSUMER),
    (None, CLIENTS),
    (None, MANAGEMENT),
)
ROUTES = tuple(
    Route(method, path, name, vertical, endpoint)
    for vertical, family in FAMILIES
    for method, path, name, endpoint in family
)


def _first_look(segments: list[str]) -> tuple[int, str]:
    return len(segments), "/".join(segments[1:3])


_TABLE: defaultdict[tuple[int, str], list[tuple[Route, list[str]]]] = defaultdict(list)
"""The operations by the number of path segments and the first two segments, which are never parameters."""
for _segments, _route in ((each.path.split("/"), each) for each in ROUTES):
    _TABLE[_first_look(_segments)].append((_route, _segments))


def is_management(path: str) -> bool:
    """Return whether a path belongs to the management API."""
    return path.startswith(("/pwa/", "/web/"))


def is_public(path: str) -> bool:
    """Return whether a path needs no credentials: it contains the project's id."""
    return path.startswith(("/v1/public/", "/v1/sessions/jwks/", "/v1/b2b/sessions/jwks/"))


def match(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """Return the operation of this request, and its decoded path parameters.

    A literal segment wins over a parameter.

    Raises:
        Refusal: ``route_not_found`` or ``method_not_allowed``.
    """
    wanted = path.split("/")
    found: list[tuple[int, Route, dict[str, str]]] = []
    for route, segments in _TABLE.get(_first_look(wanted), ()):
        parameters = _parameters(segments, wanted)
        if parameters is not None:
            found.append((len(parameters), route, parameters))
    for _, route, parameters in sorted(found, key=lambda each: each[0]):
        if route.method == method:
            return route, parameters
    if found and path not in ELSEWHERE:
        raise Refusal("method_not_allowed", "The method is not allowed for this route.")
    raise Refusal("route_not_found", "There is no such route.")


def _parameters(segments: list[str], wanted: list[str]) -> dict[str, str] | None:
    parameters = {}
    for segment, text in zip(segments, wanted, strict=True):
        if segment.startswith("{") and text:
            parameters[segment[1:-1]] = unquote(text)
        elif segment != text:
            return None
    return parameters
