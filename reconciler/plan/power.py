"""A change → the power that grows with it: a table of every field of every kind, as data, and one function.

A row says what a field's change permits when it goes the wrong way. ``fresh`` rows count in what is created too, where
nothing was there before; of others, such as weaker MFA, a new resource takes nothing from anybody. What stands in
``HARMLESS`` permits nothing to anybody, whatever it says.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

from msgspec import UNSET, Struct

from reconciler.diff.fields import NOTHING, same
from reconciler.model import (
    ADMIN_ROLE,
    MEMBER,
    ORGANIZATION,
    Change,
    Create,
    Delete,
    FieldChange,
    Json,
    Path,
    added_roles,
    completes,
)
from reconciler.plan.access import ASSIGNMENTS, POLICY, assigned, permissions, scopes_widened, widened


class Row(Struct, frozen=True):
    """What a field's change is growth of, where it goes from a value to one that permits more.

    A list means something while the field ``under`` is RESTRICTED. While that is ALL_ALLOWED the list stands for
    ``all``, or for everything.
    """

    what: str
    permits_more: Callable[[Json, Json], bool]
    fresh: bool = False
    under: str = ""
    all: tuple[Json, ...] | None = None

    def grows(self, change: Change, field: FieldChange) -> bool:
        """Return whether a field of a change permits more afterwards."""
        before = None if field.before is UNSET else field.before
        mode = change.get(self.under) if self.under else None
        if mode and mode.after == "ALL_ALLOWED":
            return False  # its own row says so
        if mode and mode.before == "ALL_ALLOWED":
            if self.all is None:
                return False
            before = self.all
        return self.permits_more(before, None if field.after is UNSET else field.after)


def _longer(before: Json, after: Json) -> bool:
    """Return whether a list, or a list of a map of lists, has something that was not in it."""
    return bool(_items(after) - _items(before))


def _other(before: Json, after: Json) -> bool:
    """Return whether a value takes the place of another one, or comes where none was."""
    return after is not None and not same(before, after)


def _without(item: str, before: Json, after: Json) -> bool:
    """Return whether a list no longer has an item."""
    return item in (before or ()) and item not in (after or ())


def _replaced(before: Json, after: Json) -> bool:
    """Return whether a value that was there is another one now, or none."""
    return before not in NOTHING and not same(before, after)


def _more(before: Json, after: Json) -> bool:
    return after is not None and (not isinstance(before, int | float) or after > before)


def _less(before: Json, after: Json) -> bool:
    return after is not None and (not isinstance(before, int | float) or after < before)


def _beyond(*from_narrow: Json) -> Callable[[Json, Json], bool]:
    """Return whether a value stands after another one in this row, in which a value that is unknown stands first."""

    def place(value: Json) -> int:
        return from_narrow.index(value) if value in from_narrow else 0

    return lambda before, after: place(after) > place(before)


_ON: Final = _beyond(*(False, True))
_OFF: Final = _beyond(*(True, False))
_OPEN: Final = _beyond("NOT_ALLOWED", "RESTRICTED", "ALL_ALLOWED")
_VERDICT: Final = _beyond("BLOCK", "CHALLENGE", None, "ALLOW")
_PKCE: Final = Row("protection", _OFF)
_WAY_IN: Final = Row("sign_in", _ON)

FIELDS: Final[Mapping[str, Mapping[str, Row]]] = {
    ORGANIZATION: {
        "sso_default_connection_id": Row("sso_off", lambda before, after: before is not None and after in NOTHING),
        "sso_jit_provisioning": Row("join", _OPEN),
        "sso_jit_provisioning_allowed_connections": Row("join", _longer, under="sso_jit_provisioning"),
        "email_allowed_domains": Row("domains", _longer, fresh=True),
        "claimed_email_domains": Row("domains", _longer, fresh=True),
        "email_jit_provisioning": Row("join", _OPEN, fresh=True),
        "email_invites": Row("join", _OPEN),
        "oauth_tenant_jit_provisioning": Row("join", _OPEN, fresh=True),
        "allowed_oauth_tenants": Row("join", _longer, fresh=True),
        "auth_methods": Row("sign_in", _OPEN),
        "allowed_auth_methods": Row("sign_in", _longer, under="auth_methods"),
        "mfa_policy": Row("mfa", _beyond("REQUIRED_FOR_ALL", "OPTIONAL")),
        "mfa_methods": Row("mfa", _OPEN),
        "allowed_mfa_methods": Row("mfa", _longer, under="mfa_methods"),
        "first_party_connected_apps_allowed_type": Row("client", _OPEN),
        "allowed_first_party_connected_apps": Row("client", _longer, under="first_party_connected_apps_allowed_type"),
        "third_party_connected_apps_allowed_type": Row("client", _OPEN),
        "allowed_third_party_connected_apps": Row("client", _longer, under="third_party_connected_apps_allowed_type"),
    },
    MEMBER: {
        "email_address": Row("address", _replaced),
        "is_breakglass": Row("breakglass", _ON, fresh=True),
        "mfa_phone_number": Row("mfa", _replaced),
        "mfa_enrolled": Row("mfa", _OFF),
        "default_mfa_method": Row("mfa", _beyond("totp", "sms_otp")),
    },
    "SSOConnection": {
        "attribute_mapping": Row("voucher", _other),
        "idp_entity_id": Row("voucher", _other),
        "idp_sso_url": Row("voucher", _other),
        "x509_certificate": Row("voucher", _other),
        "alternative_audience_uri": Row("voucher", _other),
        "alternative_acs_url": Row("voucher", _other),
        "idp_initiated_auth_disabled": Row("protection", _OFF),
        "allow_gateway_callback": Row("protection", _ON),
        "client_id": Row("voucher", _other),
        "issuer": Row("voucher", _other),
        "authorization_url": Row("voucher", _other),
        "token_url": Row("voucher", _other),
        "userinfo_url": Row("voucher", _other),
        "jwks_url": Row("voucher", _other),
        "external_organization_id": Row("voucher", _other),
        "external_connection_id": Row("voucher", _other),
    },
    "SCIMConnection": {"identity_provider": Row("voucher", _replaced)},
    "TrustedTokenProfile": {
        "issuer": Row("voucher", _other),
        "audience": Row("voucher", _other),
        "jwks_url": Row("voucher", _other),
        "pem_files": Row("voucher", _longer),
        "attribute_mapping": Row("voucher", _other),
        "can_jit_provision": Row("join", _ON, fresh=True),
    },
    "M2MClient": {"scopes": Row("client", _longer, fresh=True), "status": Row("client", _beyond("inactive", "active"))},
    "ConnectedApp": {
        "redirect_urls": Row("redirect", _longer, fresh=True),
        "post_logout_redirect_urls": Row("redirect", _longer),
        "full_access_allowed": Row("client", _ON, fresh=True),
        "bypass_consent_for_offline_access": Row("client", _ON, fresh=True),
        "access_token_expiry_minutes": Row("session", _more),
        "access_token_custom_audience": Row("tokens", _other),
        "access_token_template_content": Row("tokens", _other),
        "id_token_template_content": Row("tokens", _other),
    },
    "Environment": {
        "cross_org_passwords_enabled": Row("sign_in", _ON),
        "user_impersonation_enabled": Row("impersonation", _ON, fresh=True),
        "zero_downtime_session_migration_url": Row("voucher", _other, fresh=True),
        "user_lock_self_serve_enabled": Row("protection", _ON),
        "user_lock_threshold": Row("protection", _more),
        "user_lock_ttl": Row("protection", _less),
        "idp_authorization_url": Row("redirect", _other),
        "idp_dynamic_client_registration_enabled": Row("client", _ON, fresh=True),
        "idp_dynamic_client_registration_access_token_template_content": Row("tokens", _other),
    },
    "SDKConfig": {
        "basic.enabled": _WAY_IN,
        "basic.allow_self_onboarding": Row("join", _ON, fresh=True),
        "basic.enable_member_permissions": Row("client", _ON, fresh=True),
        "basic.domains": Row("redirect", _longer),
        "basic.bundle_ids": Row("redirect", _longer),
        "sessions.max_session_duration_minutes": Row("session", _more),
        "magic_links.enabled": _WAY_IN,
        "magic_links.pkce_required": _PKCE,
        "oauth.enabled": _WAY_IN,
        "oauth.pkce_required": _PKCE,
        "sso.enabled": Row("sso_off", _OFF),
        "sso.pkce_required": _PKCE,
        "totps.enabled": Row("mfa", _OFF),
        "totps.create_totps": Row("mfa", _OFF),
        "otps.sms_enabled": _WAY_IN,
        "otps.email_enabled": _WAY_IN,
        "otps.sms_autofill_metadata": Row("redirect", _longer),
        "dfppa.enabled": Row("protection", _beyond("ENABLED", "PASSIVE", "DISABLED")),
        "dfppa.on_challenge": Row("protection", _beyond("BLOCK", "TRIGGER_CAPTCHA", "ALLOW")),
        "passwords.enabled": _WAY_IN,
        "passwords.pkce_required_for_password_resets": _PKCE,
        "cookies.http_only": Row("protection", _beyond("ENFORCED", "ENABLED", "DISABLED")),
        "user_impersonation.enabled": Row("impersonation", _ON, fresh=True),
    },
    "PasswordStrengthConfig": {
        "check_breach_on_creation": Row("protection", _OFF),
        "check_breach_on_authentication": Row("protection", _OFF),
        "validate_on_authentication": Row("protection", _OFF),
        "validation_policy": Row("protection", _beyond("ZXCVBN", "LUDS")),
        "luds_min_password_length": Row("protection", _less),
        "luds_min_password_complexity": Row("protection", _less),
    },
    "JWTTemplate": {
        "template_content": Row("tokens", _other, fresh=True),
        "custom_audience": Row("tokens", _other, fresh=True),
    },
    "RedirectURL": {"valid_types": Row("redirect", _other)},
    "CountryCodeAllowlist": {"country_codes": Row("protection", _longer)},
    "DFPRule": {"action": Row("protection", _VERDICT, fresh=True)},
    "VerdictReasonOverride": {"override_action": Row("protection", _VERDICT, fresh=True)},
    "EventLogStreaming": {
        "streaming_status": Row("records", _beyond("ACTIVE", "DISABLED")),
        "destination_config": Row("records", _replaced),
    },
}

# A second thing that some fields permit.
ALSO: Final[Mapping[str, Mapping[str, Row]]] = {
    ORGANIZATION: {
        "allowed_auth_methods": Row("sso_off", partial(_without, "sso"), under="auth_methods", all=("sso",))
    },
}

# What permits something by being there, and what protects by being there.
COMES: Final[Mapping[str, str]] = {
    "Secret": "credential",
    "M2MClient": "credential",
    "ConnectedApp": "credential",
    "SSOConnection": "voucher",
    "SCIMConnection": "voucher",
    "TrustedTokenProfile": "voucher",
    "RedirectURL": "redirect",
}
GOES: Final[Mapping[str, str]] = {
    "SSOConnection": "sso_off",
    "SCIMConnection": "protection",  # whoever leaves stays a member
    "EventLogStreaming": "records",
}
LAPSE: Final = frozenset({"DFPRule", "VerdictReasonOverride"})  # whose fields say what a delete permits

# Fields that say nothing about power, or whose power is looked at apart: roles, and what is managed item by item.
HARMLESS: Final[Mapping[str, frozenset[str]]] = {
    ORGANIZATION: frozenset(
        {
            *("organization_name", "organization_external_id", "organization_logo_url", "trusted_metadata"),
            "rbac_email_implicit_role_assignments",
        }
    ),
    MEMBER: frozenset({"name", "roles", "trusted_metadata", "untrusted_metadata", "external_id"}),
    "SSOConnection": frozenset(
        {
            *("connection_type", "identity_provider", "nameid_format", "custom_scopes"),
            *("signing_private_key", "saml_encryption_private_key", "client_secret"),
            *("saml_connection_implicit_role_assignments", "saml_group_implicit_role_assignments"),
            *("external_connection_implicit_role_assignments", "external_group_implicit_role_assignments"),
        }
    ),
    "SCIMConnection": frozenset({"scim_group_implicit_role_assignments", "bearer_token"}),
    "TrustedTokenProfile": frozenset({"public_key_type"}),
    "M2MClient": frozenset({"client_name", "client_description", "trusted_metadata", "client_secret"}),
    "ConnectedApp": frozenset({"client_type", "client_description", "logo_url", "client_secret"}),
    "Environment": frozenset({"name", "type", "use_custom_domain_in_magic_link_emails"}),
    "Project": frozenset({"name", "vertical"}),
    "RBACPolicy": frozenset({"stytch_member", "stytch_admin", "custom_roles", "custom_resources", "custom_scopes"}),
    "DFPRule": frozenset({"description", "expires_at"}),
    "VerdictReasonOverride": frozenset({"override_description"}),
    "EmailTemplate": frozenset({"name", "sender_information", "prebuilt_customization", "custom_html_customization"}),
    "DefaultEmailTemplate": frozenset({"template_id"}),
}


def _by_path(kind: str) -> dict[Path, tuple[Row, ...]]:
    also = ALSO.get(kind, {})
    return {
        tuple(name.split(".")): (row, *([also[name]] if name in also else [])) for name, row in FIELDS[kind].items()
    }


_BY_PATH: Final = {kind: _by_path(kind) for kind in FIELDS}


def grown(change: Change) -> Iterator[tuple[str, FieldChange | None]]:
    """Yield each kind of power that a change makes grow, with the field that does, or None for all of the resource."""
    comes, goes = isinstance(change, Create), isinstance(change, Delete)
    if comes and change.kind in COMES:
        yield COMES[change.kind], None
    if goes and change.kind in GOES:
        yield GOES[change.kind], None
    rows = _BY_PATH.get(change.kind, {})
    fresh = comes or completes(change) is not None
    # Of what goes, only what is reset has values afterwards.
    left = (field for field in change.fields if not goes or field.after is not UNSET or change.kind in LAPSE)
    for field in left:
        for row in rows.get(field.path) or rows.get(field.path[:1], ()):
            if (row.fresh or not fresh) and row.grows(change, field):
                yield row.what, field
    yield from _roles(change)


def _roles(change: Change) -> Iterator[tuple[str, FieldChange | None]]:
    """Yield what a change of roles, or of what they permit, makes grow."""
    if change.kind == MEMBER:
        if ADMIN_ROLE in added_roles(change):
            yield "admin", None
        return
    roles, scopes = widened(change), scopes_widened(change)
    for field in change.fields:
        name = field.path[1] if len(field.path) > 1 else ""
        if change.kind == POLICY and (field.path[0] in roles or (field.path[0] == "custom_roles" and name in roles)):
            yield "wider_role", permissions(field)
        elif change.kind == POLICY and field.path[0] == "custom_scopes" and name in scopes:
            yield "wider_scope", permissions(field)
        elif field.path[0].endswith(ASSIGNMENTS) and (given := list(assigned(field))):
            yield "admin_for_many" if ADMIN_ROLE in given else "role_for_many", field


def _items(value: Json) -> set[str]:
    """Return what is in a list, or in the lists of a map, as text that can be compared."""
    parts = value.items() if isinstance(value, Mapping) else (("", value),)
    lists = ((key, part) for key, part in parts if isinstance(part, list | tuple))
    return {json.dumps([key, item], sort_keys=True) for key, part in lists for item in part}
