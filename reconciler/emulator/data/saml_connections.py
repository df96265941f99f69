"""``/v1/b2b/sso/saml``: created with a name, then completed by updates [2.21]."""

from typing import Final

from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import given
from reconciler.emulator.core.store import Fields
from reconciler.emulator.core.urls import is_https, parts
from reconciler.emulator.data import organizations, saml_keys
from reconciler.emulator.data.saml_fields import DEFAULTS, checked, sent
from reconciler.emulator.data.sso_connections import SAML, callback, find, keep, named, start

NEEDED: Final = ("idp_entity_id", "idp_sso_url", "attribute_mapping", "verification_certificates")
"""The fields that make a connection active."""


def create(call: Call) -> Answer:
    """``POST /v1/b2b/sso/saml/{organization_id}``."""
    organization = organizations.find(call)
    fields = {**start(call, organization, SAML), **DEFAULTS, "identity_provider": "generic", **named(call)}
    url = callback(call, fields["connection_id"])
    fields |= {"acs_url": url, "audience_uri": url, "signing_certificates": saml_keys.signing(call, None)}
    return {"connection": keep(call, organization, SAML, fields).fields}


def update(call: Call) -> Answer:
    """``PUT …/connections/{connection_id}``: changes only the fields that are sent, and adds a certificate."""
    organization, row = find(call, SAML)
    fields = {**DEFAULTS, **row.fields, **named(call), **sent(call, organization)}
    certificate, signing_key, encryption_key = (
        given(call.body, name, str, call.behaviour)
        for name in ("x509_certificate", "signing_private_key", "saml_encryption_private_key")
    )
    if certificate:
        before = fields["verification_certificates"]
        fields["verification_certificates"] = saml_keys.with_verification(call, before, certificate)
    if signing_key:
        fields["signing_certificates"] = saml_keys.signing(call, signing_key)
    if encryption_key:
        keys = saml_keys.with_encryption(call, fields["encryption_private_keys"], encryption_key)
        fields["encryption_private_keys"] = keys
    return {"connection": keep(call, organization, SAML, _with_status(checked(fields)), row).fields}


def update_by_url(call: Call) -> Answer:
    """``PUT …/connections/{connection_id}/url``: the metadata is not fetched; its values are derived from its URL."""
    organization, row = find(call, SAML)
    url = given(call.body, "metadata_url", str, call.behaviour, "invalid_saml_metadata_url") or ""
    host = parts(url).hostname
    if not host or not is_https(url):
        raise Refusal("invalid_saml_metadata_url", "metadata_url must be an https URL.")
    before = row.fields["verification_certificates"]
    found = {
        "idp_entity_id": url,
        "idp_sso_url": f"https://{host}/sso/saml",
        "verification_certificates": saml_keys.with_verification(call, before, saml_keys.made(host)),
    }
    fields = _with_status({**DEFAULTS, **row.fields, **found})
    return {"connection": keep(call, organization, SAML, fields, row).fields}


def delete_verification_certificate(call: Call) -> Answer:
    """``DELETE …/verification_certificates/{certificate_id}``: refused for the last one."""
    organization, row = find(call, SAML)
    certificates, id_ = row.fields["verification_certificates"], call.id("certificate_id")
    left = [each for each in certificates if each["certificate_id"] != id_]
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
    left = [each for each in keys if each["private_key_id"] != id_]
    if len(left) == len(keys):
        raise Refusal("sso_encryption_private_key_not_found", "The encryption private key could not be found.")
    keep(call, organization, SAML, {**row.fields, "encryption_private_keys": left}, row)
    return {"private_key_id": id_}


def _with_status(fields: Fields) -> Fields:
    return {**fields, "status": "active" if all(fields[name] for name in NEEDED) else "pending"}
