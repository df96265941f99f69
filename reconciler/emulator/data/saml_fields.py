"""The fields of a SAML connection in a request, and their rules [2.21]."""

from typing import Any, Final

from reconciler.emulator.core.call import Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import given
from reconciler.emulator.core.implicit_roles import TO_EVERYBODY, TO_GROUPS, assignments
from reconciler.emulator.core.store import Fields, Row
from reconciler.emulator.core.urls import parts

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


def sent(call: Call, organization: Row) -> Fields:
    """Return the fields in the request, each valid by itself.

    Raises:
        Refusal: with the vendor's error type of the first invalid field.
    """
    body, behaviour = call.body, call.behaviour
    found: dict[str, Any] = {name: given(body, name, str, behaviour) for name in TEXTS}
    found |= {name: given(body, name, bool, behaviour) for name in FLAGS}
    found["idp_sso_url"] = given(body, "idp_sso_url", str, behaviour, f"{WRONG}_idp_sso_url_invalid_format")
    if found["idp_sso_url"] is not None:
        _check_url(found["idp_sso_url"])
    found["attribute_mapping"] = (
        given(body, "attribute_mapping", dict, behaviour) or None
    )  # Some SDKs send fields that are not set.
    if found["attribute_mapping"] is not None:
        _check_mapping(found["attribute_mapping"])
    everybody, groups = "saml_connection_implicit_role_assignments", "saml_group_implicit_role_assignments"
    found[everybody] = assignments(call, organization, everybody, TO_EVERYBODY)
    found[groups] = assignments(call, organization, groups, TO_GROUPS)
    return {name: value for name, value in found.items() if value is not None}


def checked(fields: Fields) -> Fields:
    """Return the complete connection, if its fields fit together.

    Raises:
        Refusal: ``saml_connection_attribute_mapping_missing_groups_key``.
    """
    if fields["saml_group_implicit_role_assignments"] and not (fields["attribute_mapping"] or {}).get("groups"):
        message = "Roles by group need the key groups in attribute_mapping."
        raise Refusal(f"{WRONG}_attribute_mapping_missing_groups_key", message)
    return fields


def _check_url(url: str) -> None:
    if not url:
        raise Refusal(f"{WRONG}_idp_sso_url_required", "idp_sso_url is required.")
    found = parts(url)
    if not found.scheme or not found.hostname:
        raise Refusal(f"{WRONG}_idp_sso_url_invalid_format", "idp_sso_url must be a URL.")
    if found.scheme != "https":
        raise Refusal(f"{WRONG}_idp_sso_url_not_https", "idp_sso_url must use https.")


def _check_mapping(mapping: Fields) -> None:
    if any(isinstance(value, (dict, list)) for value in mapping.values()):
        raise Refusal(f"{WRONG}_no_nested_keys_in_attribute_mapping", "attribute_mapping must not be nested.")
    if not mapping.get("email"):
        raise Refusal(f"{WRONG}_email_mapping_required", "attribute_mapping needs the key email.")
    if not (mapping.get("full_name") or (mapping.get("first_name") and mapping.get("last_name"))):
        message = "attribute_mapping needs the key full_name, or first_name and last_name."
        raise Refusal(f"{WRONG}_name_mapping_required", message)
