"""The fields of each type of SSO connection, and its certificates in PEM (docs/stytch.md, "SSO connections").

Certificates are compared by their content: white space around and inside them is ignored.
"""

import re
from base64 import b64decode
from collections.abc import Mapping
from textwrap import wrap
from typing import Annotated, Any, Final, Literal
from warnings import catch_warnings

from msgspec import UNSET, Struct, UnsetType

from reconciler.model import Spec
from reconciler.schema.secret_names import LAST_FOUR
from reconciler.schema.traits import (
    CreateOnly,
    FillsIn,
    FromFile,
    HoldsSecret,
    RefersTo,
    SecretName,
    TextFile,
    Unordered,
)
from reconciler.schema.types import Text

TYPE: Final = "connection_type"
NAME: Final = "display_name"
MAPPING: Final = "attribute_mapping"
CERTIFICATE: Final = "x509_certificate"
CLIENT_SECRET: Final = "client_secret"  # noqa: S105 # a field's name
ENCRYPTION_KEY: Final = "saml_encryption_private_key"
ASSIGNMENTS: Final = "_implicit_role_assignments"
SHOWN: Final = 4  # characters of a secret that are compared
URLS: Final = ("authorization_url", "token_url", "userinfo_url", "jwks_url")
Sort = Literal["saml", "oidc", "external"]
IdentityProvider = Literal[
    "classlink",
    "cyberark",
    "duo",
    "generic",
    "google-workspace",
    "jumpcloud",
    "keycloak",
    "miniorange",
    "microsoft-entra",
    "okta",
    "onelogin",
    "pingfederate",
    "rippling",
    "salesforce",
    "shibboleth",
]


class RoleOfAll(Struct, forbid_unknown_fields=True, kw_only=True):
    """A role of every member who signs in through a connection."""

    role_id: Text


class RoleOfGroup(Struct, forbid_unknown_fields=True, kw_only=True):
    """A role of the members of a group who sign in through a connection."""

    role_id: Text
    group: Text


RolesOfAll = Annotated[list[RoleOfAll] | UnsetType, Unordered(), RefersTo("RBACPolicy", "role_id")]
RolesOfGroups = Annotated[list[RoleOfGroup] | UnsetType, Unordered(), RefersTo("RBACPolicy", "role_id")]
Key = Annotated[SecretName | UnsetType, HoldsSecret(readable=False)]


class SSOConnectionSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """Every writable field of all sorts of connections, under Stytch's names. Only ``connection_type`` is ours.

    In Stytch the path of the create request decides the sort. Its ``display_name`` is ``metadata.name``.
    """

    connection_type: Annotated[Sort | UnsetType, CreateOnly()] = UNSET
    identity_provider: IdentityProvider | UnsetType = UNSET
    attribute_mapping: dict[str, str] | UnsetType = UNSET
    idp_entity_id: Text | UnsetType = UNSET
    idp_sso_url: Text | UnsetType = UNSET
    x509_certificate: Annotated[Text | TextFile | UnsetType, FromFile()] = UNSET
    alternative_audience_uri: str | UnsetType = UNSET
    alternative_acs_url: str | UnsetType = UNSET
    nameid_format: Text | UnsetType = UNSET
    idp_initiated_auth_disabled: bool | UnsetType = UNSET
    allow_gateway_callback: bool | UnsetType = UNSET
    signing_private_key: Key = UNSET
    saml_encryption_private_key: Key = UNSET
    saml_connection_implicit_role_assignments: RolesOfAll = UNSET
    saml_group_implicit_role_assignments: RolesOfGroups = UNSET
    client_id: Text | UnsetType = UNSET
    client_secret: Annotated[SecretName | UnsetType, HoldsSecret()] = UNSET
    issuer: Annotated[Text | UnsetType, FillsIn(URLS)] = UNSET
    authorization_url: Text | UnsetType = UNSET
    token_url: Text | UnsetType = UNSET
    userinfo_url: Text | UnsetType = UNSET
    jwks_url: Text | UnsetType = UNSET
    custom_scopes: str | UnsetType = UNSET
    external_organization_id: Annotated[Text | UnsetType, CreateOnly()] = UNSET
    external_connection_id: Annotated[Text | UnsetType, CreateOnly()] = UNSET
    external_connection_implicit_role_assignments: RolesOfAll = UNSET
    external_group_implicit_role_assignments: RolesOfGroups = UNSET


EXTERNAL_KEY: Final = ("external_organization_id", "external_connection_id")
AT_CREATE: Final[Mapping[str, frozenset[str]]] = {
    "saml": frozenset({"identity_provider"}),
    "oidc": frozenset({"identity_provider"}),
    "external": frozenset(EXTERNAL_KEY),
}
FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "saml": (
        "identity_provider",
        MAPPING,
        "idp_entity_id",
        "idp_sso_url",
        CERTIFICATE,
        "alternative_audience_uri",
        "alternative_acs_url",
        "nameid_format",
        "idp_initiated_auth_disabled",
        "allow_gateway_callback",
        "signing_private_key",
        ENCRYPTION_KEY,
        "saml_connection_implicit_role_assignments",
        "saml_group_implicit_role_assignments",
    ),
    "oidc": ("identity_provider", MAPPING, "client_id", CLIENT_SECRET, "issuer", *URLS, "custom_scopes"),
    "external": (
        *EXTERNAL_KEY,
        "external_connection_implicit_role_assignments",
        "external_group_implicit_role_assignments",
    ),
}
SHOWN_OTHERWISE: Final = frozenset({CERTIFICATE, CLIENT_SECRET, "signing_private_key", ENCRYPTION_KEY})


def spec_of(sort: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the spec of a connection, given its record in Stytch's answer."""
    shown = {name: row.get(name) for name in FIELDS[sort] if name not in SHOWN_OTHERWISE}
    found = {name: value for name, value in shown.items() if value is not None}
    found |= {name: [] for name in shown.keys() - found.keys() if name.endswith(ASSIGNMENTS)}
    if certificates := row.get("verification_certificates"):
        found[CERTIFICATE] = "".join(each["certificate"] for each in certificates)
    if secret := row.get(CLIENT_SECRET):
        found[CLIENT_SECRET] = {LAST_FOUR: _shown(str(secret))}
    return {**found, TYPE: sort, NAME: row[NAME]}


def canonical(spec: Spec) -> Spec:
    """Return the spec with sorted sets and with certificates in their normal form."""
    if isinstance(spec.get(CERTIFICATE), str):
        spec = {**spec, CERTIFICATE: normal_pem(spec[CERTIFICATE])}
    return spec


def fill(desired: Spec, live: Spec) -> Spec:
    """Return the desired spec with the live secret where the characters that Stytch shows match the declared ones."""
    told, seen = desired.get(CLIENT_SECRET), live.get(CLIENT_SECRET)
    if told and seen and str(told[LAST_FOUR]).endswith(seen[LAST_FOUR]):
        return {**desired, CLIENT_SECRET: seen}
    return desired


def _shown(secret: str) -> str:
    """Return the last characters of a secret that are not masked, at most four."""
    return secret.replace("•", "*").rpartition("*")[2][-SHOWN:]


BEGIN: Final = "-----BEGIN CERTIFICATE-----"
END: Final = "-----END CERTIFICATE-----"
BLOCK: Final = re.compile(f"{BEGIN}(.*?){END}", re.DOTALL)
WIDTH: Final = 64


def certificates_in(text: str) -> list[str]:
    """Return the certificates in a text, each once, in the usual form of PEM."""
    return list(dict.fromkeys(map(_written, BLOCK.findall(text))))


def normal_pem(text: str) -> str:
    """Return the certificates of a text, sorted; the text itself where it holds no certificate."""
    return "".join(sorted(certificates_in(text))) or text


def are_certificates(text: str) -> bool:
    """Return whether a text consists only of valid certificates."""
    bodies = ["".join(body.split()) for body in BLOCK.findall(text)]
    return bool(bodies) and not BLOCK.sub("", text).strip() and all(map(_is_certificate, bodies))


def _written(body: str) -> str:
    return "\n".join((BEGIN, *wrap("".join(body.split()), WIDTH), END, ""))


def _is_certificate(body: str) -> bool:
    from cryptography.x509 import load_der_x509_certificate

    try:
        with catch_warnings(action="ignore"):  # identity providers use certificates that cause warnings
            load_der_x509_certificate(b64decode(body, validate=True))
    except ValueError:
        return False
    return True
