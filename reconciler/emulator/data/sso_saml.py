"""SAML connections, ``/v1/b2b/sso/saml``: created with a name, then completed by updates [2.21]."""

from typing import Any, Final

from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import given, is_https, url_parts
from reconciler.emulator.core.rbac import TO_EVERYBODY, TO_GROUPS, assignments
from reconciler.emulator.core.store import Fields, Row
from reconciler.emulator.data import organizations, sso_saml_keys
from reconciler.emulator.data.sso import SAML, callback, find, keep, named, start

DEFAULTS: Final[Fields] = {
    "idp_entity_id": "",
    "idp_sso_url": "",
    "acs_url": "",
    "audience_uri": "",
    "signing_certificates": [],
    "verification_certificates": [],
    "encryption_private_keys": [],
    "saml_connection_implicit_role_assignments": [],
    "saml_group_implicit_role_assignments": [],
    "alternative_audience_uri": "",
    "alternative_acs_url": "",
    "nameid_format": "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
    "idp_initiated_auth_disabled": False,
    "allow_gateway_callback": False,
    "attribute_mapping": None,
}
TEXTS: Final = ("idp_entity_id", "alternative_audience_uri", "alternative_acs_url", "nameid_format")
FLAGS: Final = ("idp_initiated_auth_disabled", "allow_gateway_callback")
WRONG: Final = "saml_connection"

NEEDED: Final = ("idp_entity_id", "idp_sso_url", "attribute_mapping", "verification_certificates")
"""The fields that make a connection active."""


def create(call: Call) -> Answer:
    """``POST /v1/b2b/sso/saml/{organization_id}``."""
    organization = organizations.find(call)
    fields = {**start(call, organization, SAML), **DEFAULTS, "identity_provider": "generic", **named(call)}
    url = callback(call, fields["connection_id"])
    fields |= {"acs_url": url, "audience_uri": url, "signing_certificates": sso_saml_keys.signing(call, None)}
    return {"connection": keep(call, organization, SAML, fields).fields}


def update(call: Call) -> Answer:
    """``PUT …/connections/{connection_id}``: changes only the fields that are sent, and adds a certificate."""
    organization, row = find(call, SAML)
    fields = {**DEFAULTS, **row.fields, **named(call), **_sent(call, organization)}
    certificate, signing_key, encryption_key = (
        given(call.body, name, str, call.behaviour)
        for name in ("x509_certificate", "signing_private_key", "saml_encryption_private_key")
    )
    if certificate:
        before = fields["verification_certificates"]
        fields["verification_certificates"] = sso_saml_keys.with_verification(call, before, certificate)
    if signing_key:
        fields["signing_certificates"] = sso_saml_keys.signing(call, signing_key)
    if encryption_key:
        keys = sso_saml_keys.with_encryption(call, fields["encryption_private_keys"], encryption_key)
        fields["encryption_private_keys"] = keys
    return {"connection": keep(call, organization, SAML, _with_status(_checked(fields)), row).fields}


def update_by_url(call: Call) -> Answer:
    """``PUT …/connections/{connection_id}/url``: the metadata is not fetched; its values are derived from its URL."""
    organization, row = find(call, SAML)
    url = given(call.body, "metadata_url", str, call.behaviour, "invalid_saml_metadata_url") or ""
    host = url_parts(url).hostname
    if not host or not is_https(url):
        raise Refusal("invalid_saml_metadata_url", "metadata_url must be an https URL.")
    before = row.fields["verification_certificates"]
    discovered = {
        "idp_entity_id": url,
        "idp_sso_url": f"https://{host}/sso/saml",
        "verification_certificates": sso_saml_keys.with_verification(call, before, sso_saml_keys.made(host)),
    }
    fields = _with_status({**DEFAULTS, **row.fields, **discovered})
    return {"connection": keep(call, organization, SAML, fields, row).fields}


def delete_verification_certificate(call: Call) -> Answer:
    """``DELETE …/verification_certificates/{certificate_id}``: refused for the last one."""
    organization, row = find(call, SAML)
    certificates, id_ = row.fields["verification_certificates"], call.id("certificate_id")
    left = [certificate for certificate in certificates if certificate["certificate_id"] != id_]
    if len(left) == len(certificates):
        raise Refusal("sso_verification_key_not_found", "The verification certificate could not be found.")
    if not left:
        raise Refusal("cannot_delete_last_sso_verification_key", "A connection needs a verification certificate.")
    keep(call, organization, SAML, {**row.fields, "verification_certificates": left}, row)
    return {"certificate_id": id_}


def delete_encryption_private_key(call: Call) -> Answer:
    """``DELETE …/encryption_private_keys/{private_key_id}``."""
    organization, row = find(call, SAML)
    keys, id_ = row.fields["encryption_private_keys"], call.id("private_key_id")
    left = [key for key in keys if key["private_key_id"] != id_]
    if len(left) == len(keys):
        raise Refusal("sso_encryption_private_key_not_found", "The encryption private key could not be found.")
    keep(call, organization, SAML, {**row.fields, "encryption_private_keys": left}, row)
    return {"private_key_id": id_}


def _sent(call: Call, organization: Row) -> Fields:
    """Return the fields in the request, each valid by itself.

    Raises:
        Refusal: with the vendor's error type of the first invalid field.
    """
    body, behaviour = call.body, call.behaviour
    fields: dict[str, Any] = {name: given(body, name, str, behaviour) for name in TEXTS}
    fields |= {name: given(body, name, bool, behaviour) for name in FLAGS}
    fields["idp_sso_url"] = given(body, "idp_sso_url", str, behaviour, f"{WRONG}_idp_sso_url_invalid_format")
    if fields["idp_sso_url"] is not None:
        _check_url(fields["idp_sso_url"])
    fields["attribute_mapping"] = (
        given(body, "attribute_mapping", dict, behaviour) or None
    )  # Some SDKs send fields that are not set.
    if fields["attribute_mapping"] is not None:
        _check_mapping(fields["attribute_mapping"])
    everybody, groups = "saml_connection_implicit_role_assignments", "saml_group_implicit_role_assignments"
    fields[everybody] = assignments(call, organization, everybody, TO_EVERYBODY)
    fields[groups] = assignments(call, organization, groups, TO_GROUPS)
    return {name: value for name, value in fields.items() if value is not None}


def _checked(fields: Fields) -> Fields:
    """Return the complete connection, if its fields fit together.

    Raises:
        Refusal: ``saml_connection_attribute_mapping_missing_groups_key``.
    """
    if fields["saml_group_implicit_role_assignments"] and not (fields["attribute_mapping"] or {}).get("groups"):
        message = "Roles by group need the key groups in attribute_mapping."
        raise Refusal(f"{WRONG}_attribute_mapping_missing_groups_key", message)
    return fields


def _with_status(fields: Fields) -> Fields:
    return {**fields, "status": "active" if all(fields[name] for name in NEEDED) else "pending"}


def _check_url(url: str) -> None:
    if not url:
        raise Refusal(f"{WRONG}_idp_sso_url_required", "idp_sso_url is required.")
    parts = url_parts(url)
    if not parts.scheme or not parts.hostname:
        raise Refusal(f"{WRONG}_idp_sso_url_invalid_format", "idp_sso_url must be a URL.")
    if parts.scheme != "https":
        raise Refusal(f"{WRONG}_idp_sso_url_not_https", "idp_sso_url must use https.")


def _check_mapping(mapping: Fields) -> None:
    if any(isinstance(value, (dict, list)) for value in mapping.values()):
        raise Refusal(f"{WRONG}_no_nested_keys_in_attribute_mapping", "attribute_mapping must not be nested.")
    if not mapping.get("email"):
        raise Refusal(f"{WRONG}_email_mapping_required", "attribute_mapping needs the key email.")
    if not (mapping.get("full_name") or (mapping.get("first_name") and mapping.get("last_name"))):
        message = "attribute_mapping needs the key full_name, or first_name and last_name."
        raise Refusal(f"{WRONG}_name_mapping_required", message)
