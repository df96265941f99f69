"""The kinds of resources in Stytch that can be declared: one file each, all of them in ``KINDS``.

In come declared and live specs to check and compare, and planned changes; out go what is live, and the requests that
make a change. Nothing here decides what is changed, and no kind knows another.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Final

from reconciler.schema.kind import Kind

# The file of each kind, in the order in which they are written where nothing else says what comes first.
FILES: Final = {
    "Project": "project",
    "Environment": "environment",
    "Secret": "secret",
    "RedirectURL": "redirect_url",
    "JWTTemplate": "jwt_template",
    "CountryCodeAllowlist": "country_code_allowlist",
    "PasswordStrengthConfig": "password_strength_config",
    "PublicToken": "public_token",
    "SDKConfig": "sdk_config",
    "RBACPolicy": "rbac_policy",
    "TrustedTokenProfile": "trusted_token_profile",
    "EventLogStreaming": "event_log_streaming",
    "EmailTemplate": "email_template",
    "DefaultEmailTemplate": "default_email_template",
    "M2MClient": "m2m_client",
    "ConnectedApp": "connected_app",
    "DFPRule": "dfp_rule",
    "VerdictReasonOverride": "verdict_reason_override",
    "Organization": "organization",
    "SSOConnection": "sso_connection",
    "SCIMConnection": "scim_connection",
    "Member": "member",
}


class Kinds(Mapping[str, Kind]):
    """The kinds by their names, each imported when it is asked for: a repository declares few of them."""

    def __getitem__(self, name: str) -> Kind:
        return _imported(name)

    def __contains__(self, name: object) -> bool:
        return name in FILES

    def __iter__(self) -> Iterator[str]:
        return iter(FILES)

    def __len__(self) -> int:
        return len(FILES)


@cache
def _imported(name: str) -> Kind:
    kind: Kind = import_module(f"{__name__}.{FILES[name]}").KIND
    return kind


KINDS: Final = Kinds()
