"""The rules of an organization's settings, and of mail domains in them [2.19 and 4]."""

import re
from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING, Any

from reconciler.emulator.core.behaviour import Behaviour
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import choice, given, ordered, texts
from reconciler.emulator.core.store import Fields

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList


DOMAIN = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9][a-z0-9-]{0,61}[a-z0-9]", re.ASCII)

COMMON_NAMES = frozenset(
    (
        *("gmail", "googlemail", "yahoo", "outlook", "hotmail", "live", "msn", "icloud", "me", "mac", "aol", "comcast"),
        *("att", "verizon", "sbcglobal", "earthlink", "mail", "hey", "laposte", "wanadoo", "orange", "free"),
        *("rediffmail", "uol", "bol", "ig"),
    )
)
"""Mail providers in Stytch's list, without a top-level domain: the label before the public suffix decides."""
COMMON_DOMAINS = frozenset(
    (
        *(
            "ymail.com",
            "rocketmail.com",
            "bellsouth.net",
            "cox.net",
            "charter.net",
            "yandex.ru",
            "yandex.com",
            "sfr.fr",
        ),
        *("terra.com.br", "proton.me", "protonmail.com", "gmx.com", "gmx.de", "gmx.net", "web.de", "t-online.de"),
        *("freenet.de", "qq.com", "163.com", "126.com", "sina.com", "naver.com", "hanmail.net", "daum.net"),
        *("zoho.com", "fastmail.com", "fastmail.fm", "libero.it"),
    )
)
"""The copy of Stytch's list that we have is incomplete. These are the largest providers that it lacks."""
DISPOSABLE_DOMAINS = frozenset(
    ("mailinator.com", "guerrillamail.com", "10minutemail.com", "yopmail.com", "trashmail.com", "temp-mail.org")
)

OPEN, RESTRICTED, CLOSED = "ALL_ALLOWED", "RESTRICTED", "NOT_ALLOWED"
BAD_FACTOR = "invalid_organization_auth_factor_setting"

CHOICES: dict[str, tuple[tuple[str, ...], str]] = {
    "sso_jit_provisioning": ((OPEN, RESTRICTED, CLOSED), BAD_FACTOR),
    "email_jit_provisioning": ((RESTRICTED, CLOSED), BAD_FACTOR),
    "email_invites": ((OPEN, RESTRICTED, CLOSED), BAD_FACTOR),
    "oauth_tenant_jit_provisioning": ((RESTRICTED, CLOSED), BAD_FACTOR),
    "auth_methods": ((OPEN, RESTRICTED), "invalid_organization_auth_method_settings"),
    "mfa_policy": (("REQUIRED_FOR_ALL", "OPTIONAL"), "invalid_organization_mfa_policy"),
    "mfa_methods": ((OPEN, RESTRICTED), "invalid_organization_mfa_factor_setting"),
    "first_party_connected_apps_allowed_type": ((OPEN, RESTRICTED, CLOSED), "bad_request"),
    "third_party_connected_apps_allowed_type": ((OPEN, RESTRICTED, CLOSED), "bad_request"),
}
AUTH_METHODS = (
    *("sso", "magic_link", "email_otp", "password"),
    *("google_oauth", "microsoft_oauth", "slack_oauth", "github_oauth", "hubspot_oauth"),
)
EMAIL_METHODS = {"magic_link", "email_otp", "password", "google_oauth", "microsoft_oauth"}
TENANT_METHODS = {"slack_oauth", "hubspot_oauth", "github_oauth"}
TENANTS = {"slack", "hubspot", "github"}
MFA_METHODS = ("sms_otp", "totp")
LISTS = (
    "sso_jit_provisioning_allowed_connections",
    "allowed_first_party_connected_apps",
    "allowed_third_party_connected_apps",
)
THREE = ("sso_jit_provisioning", "email_jit_provisioning", "email_invites")
ROUTES = {"three": THREE, "four": (*THREE, "oauth_tenant_jit_provisioning"), "unchecked": ()}
"""The ways to join an organization. At least one must stay open."""
SETTINGS = {*CHOICES, *LISTS, "email_allowed_domains", "allowed_auth_methods", "allowed_mfa_methods",
            "allowed_oauth_tenants", "claimed_email_domains", "rbac_email_implicit_role_assignments"}  # fmt: skip

DEFAULTS: Fields = {
    "sso_jit_provisioning_allowed_connections": [],
    "email_allowed_domains": [],
    "email_jit_provisioning": CLOSED,
    "oauth_tenant_jit_provisioning": CLOSED,
    "allowed_oauth_tenants": {},
    "auth_methods": OPEN,
    "allowed_auth_methods": [],
    "mfa_policy": "OPTIONAL",
    "mfa_methods": OPEN,
    "allowed_mfa_methods": [],
    "rbac_email_implicit_role_assignments": [],
    "claimed_email_domains": [],
    "first_party_connected_apps_allowed_type": OPEN,
    "allowed_first_party_connected_apps": [],
    "third_party_connected_apps_allowed_type": OPEN,
    "allowed_third_party_connected_apps": [],
}


def defaults(body: Fields, behaviour: Behaviour) -> Fields:
    """Return the initial settings of a create with ``body``: any auth setting closes ``email_invites`` [7.12].

    An empty list counts as absent, because the official SDK for Java sends every list that is not set.
    """
    given_ = {name for name in SETTINGS if body.get(name) not in (None, [], {})}
    sso: str = behaviour.sso_jit_default
    if sso == "closes":
        sso = CLOSED if given_ - {"sso_jit_provisioning"} else OPEN
    return {**DEFAULTS, "sso_jit_provisioning": sso, "email_invites": CLOSED if given_ - {"email_invites"} else OPEN}


def sent(body: Fields, behaviour: Behaviour, roles: Collection[str]) -> Fields:
    """Return the settings in ``body``, each valid by itself.

    Raises:
        Refusal: with the vendor's error type of the first invalid setting.
    """
    fields: dict[str, Any] = {
        name: choice(body, name, choices, behaviour, error) for name, (choices, error) in CHOICES.items()
    }
    fields |= {name: _set(texts(body, name, behaviour), behaviour) for name in LISTS}
    fields["allowed_auth_methods"] = _methods(
        body, "allowed_auth_methods", AUTH_METHODS, behaviour, "invalid_organization_allowed_auth_methods"
    )
    fields["allowed_mfa_methods"] = _methods(
        body, "allowed_mfa_methods", MFA_METHODS, behaviour, "invalid_organization_allowed_mfa_methods"
    )
    fields["email_allowed_domains"] = _domains(body, "email_allowed_domains", behaviour, "")
    fields["claimed_email_domains"] = _domains(body, "claimed_email_domains", behaviour, "claimed_")
    fields["allowed_oauth_tenants"] = _tenants(body, behaviour)
    fields["rbac_email_implicit_role_assignments"] = _assignments(body, behaviour, roles)
    return {name: value for name, value in fields.items() if value is not None}


def checked(organization: Fields, stated: Fields, behaviour: Behaviour) -> Fields:
    """Return the complete organization with ``stated`` applied, if its settings fit together.

    Raises:
        Refusal: with the vendor's error type of the first contradiction.
    """
    after = {**organization, **stated}
    for setting, name, error in (
        ("auth_methods", "allowed_auth_methods", "invalid_organization_auth_method_settings"),
        ("mfa_methods", "allowed_mfa_methods", "invalid_organization_mfa_factor_setting"),
    ):
        if after[setting] == RESTRICTED:
            if not after[name]:
                raise Refusal(f"{name}_required_for_restricted", f"{name} is required when {setting} is RESTRICTED.")
        elif stated.get(name) and behaviour.unrestricted_list == "refused":
            raise Refusal(error, f"{name} may only be given when {setting} is RESTRICTED.")
        else:
            after[name] = []
    _companions(after)
    routes = ROUTES[behaviour.ways_in]
    if routes and all(after[route] == CLOSED for route in routes):
        raise Refusal(BAD_FACTOR, "At least one way to join the organization must be allowed.")
    if after["claimed_email_domains"] and not behaviour.claimed_domains:
        raise Refusal("claimed_email_domains_not_supported", "claimed_email_domains is not enabled for this project.")
    return after


def _well_formed(domain: str) -> bool:
    """Return whether the text is a well-formed domain."""
    return DOMAIN.fullmatch(domain.lower()) is not None


def _is_common(domain: str) -> bool:
    """Return whether it is a common domain, such as ``gmail.com``, ``outlook.co.uk`` or ``mail.orange.es``."""
    own = _suffixes().privatesuffix(domain.lower()) or ""
    return own.partition(".")[0] in COMMON_NAMES or domain.lower() in COMMON_DOMAINS


def _is_disposable(domain: str) -> bool:
    """Return whether it is a domain of disposable addresses."""
    return domain.lower() in DISPOSABLE_DOMAINS


def _companions(after: Fields) -> None:
    by_email = RESTRICTED in {after["email_jit_provisioning"], after["email_invites"]}
    if by_email and not after["email_allowed_domains"]:
        raise Refusal("invalid_restricted_email_setting", "RESTRICTED needs at least one of email_allowed_domains.")
    if after["sso_jit_provisioning"] == RESTRICTED and not after["sso_jit_provisioning_allowed_connections"]:
        message = "RESTRICTED needs at least one of sso_jit_provisioning_allowed_connections."
        raise Refusal("invalid_restricted_sso_setting", message)
    by_tenant = after["oauth_tenant_jit_provisioning"] == RESTRICTED
    if by_tenant and not any(after["allowed_oauth_tenants"].values()):
        raise Refusal("invalid_restricted_oauth_tenants_setting", "RESTRICTED needs allowed_oauth_tenants.")
    if after["auth_methods"] == RESTRICTED:
        allowed = set(after["allowed_auth_methods"])
        for restricted, compatible, route in (
            (after["email_jit_provisioning"] == RESTRICTED, EMAIL_METHODS, "email"),
            (by_tenant, TENANT_METHODS, "oauth_tenant"),
        ):
            if restricted and not allowed & compatible:
                message = f"{route}_jit_provisioning needs a compatible auth method to be allowed."
                raise Refusal(f"{BAD_FACTOR}_for_{route}_jit_provisioning", message)


def _set(values: list[str] | None, behaviour: Behaviour) -> list[str] | None:
    return None if values is None else ordered(list(dict.fromkeys(values)), behaviour)


def _methods(body: Fields, name: str, known: tuple[str, ...], behaviour: Behaviour, error: str) -> list[str] | None:
    values = texts(body, name, behaviour, error)
    if values is not None and not set(values) <= set(known):
        raise Refusal(error, f"{name} may hold {', '.join(known)}.")
    return _set(values, behaviour)


def _domains(body: Fields, name: str, behaviour: Behaviour, claimed: str) -> list[str] | None:
    values = texts(body, name, behaviour)
    if values is None:
        return None
    for domain in values:
        if not _well_formed(domain):
            error = (
                "organization_settings_invalid_claimed_domain" if claimed else "organization_settings_invalid_domain"
            )
            raise Refusal(error, f"{name} holds an invalid domain.")
        if _is_common(domain):
            raise Refusal(f"organization_settings_{claimed}domain_too_common", f"{name} holds a common domain.")
        if _is_disposable(domain) and not claimed:
            raise Refusal("organization_settings_disposable_domain", f"{name} holds a disposable domain.")
    if len({domain.lower() for domain in values}) < len(values):
        raise Refusal(f"organization_settings_duplicate_{claimed}domain", f"{name} holds a domain twice.")
    return ordered([domain.lower() for domain in values] if behaviour.lower_domains else values, behaviour)


def _tenants(body: Fields, behaviour: Behaviour) -> Fields | None:
    tenants: Fields | None = given(
        body, "allowed_oauth_tenants", dict, behaviour, "invalid_oauth_allowed_tenants_format"
    )
    for provider, ids in (tenants or {}).items():
        if (
            provider not in TENANTS
            or not isinstance(ids, list)
            or not all(isinstance(tenant_id, str) for tenant_id in ids)
        ):
            message = "allowed_oauth_tenants maps slack, hubspot or github to a list of tenant ids."
            raise Refusal("invalid_oauth_allowed_tenants_format", message)
    return tenants


def _assignments(body: Fields, behaviour: Behaviour, roles: Collection[str]) -> list[Fields] | None:
    values: list[Any] | None = given(body, "rbac_email_implicit_role_assignments", list, behaviour)
    if values is None:
        return None
    kept = []
    for value in values:
        domain, role = (value.get("domain"), value.get("role_id")) if isinstance(value, dict) else (None, None)
        if not isinstance(domain, str) or not _well_formed(domain):
            raise Refusal("rbac_invalid_domain", "An implicit role assignment has an invalid domain.")
        if _is_common(domain):
            raise Refusal("rbac_domain_too_common", "An implicit role assignment has a common domain.")
        if not isinstance(role, str) or role not in roles:
            raise Refusal("invalid_role", "An implicit role assignment names a role that is not in the RBAC policy.")
        kept.append({"domain": domain.lower() if behaviour.lower_domains else domain, "role_id": role})
    return ordered(kept, behaviour)


@cache
def _suffixes() -> "PublicSuffixList":
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList(accept_encoded_idn=False)
