"""A member's MFA phone, password, TOTP, external id, retired address and next address [2.20]."""

from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import given
from reconciler.emulator.core.store import Fields
from reconciler.emulator.data import member_fields, members, organizations


def delete_mfa_phone_number(call: Call) -> Answer:
    """``DELETE …/members/mfa_phone_numbers/{member_id}``."""
    organization, row = members.find(call)
    change: Fields = {"mfa_phone_number": "", "mfa_phone_number_verified": False}
    if row.fields["default_mfa_method"] == "sms_otp":
        change["default_mfa_method"] = ""
    if call.behaviour.mfa_phone_delete_unenrols:
        change["mfa_enrolled"] = False
    return members.answer_with(call, organization, row, change)


def delete_totp(call: Call) -> Answer:
    """``DELETE …/members/{member_id}/totp``."""
    organization, row = members.find(call)
    change: Fields = {"totp_registration_id": ""}
    if row.fields["default_mfa_method"] == "totp":
        change["default_mfa_method"] = ""
    return members.answer_with(call, organization, row, change)


def delete_password(call: Call) -> Answer:
    """``DELETE …/members/passwords/{member_password_id}``."""
    organization = organizations.find(call)
    name = f"factor:{call.id('member_password_id')}"
    found = call.store.named(call.collection("member"), name, organization.number)
    if not found:
        raise Refusal("password_not_found", "Password could not be found.")
    return members.answer_with(call, organization, found[0], {"member_password_id": ""})


def delete_external_id(call: Call) -> Answer:
    """``DELETE …/members/{member_id}/external_id``."""
    organization, row = members.find(call)
    return members.answer_with(call, organization, row, {"external_id": None})


def start_email_update(call: Call) -> Answer:
    """``POST …/members/{member_id}/start_email_update``: no mail is sent, so the address never changes."""
    organization, row = members.find(call)
    member_fields.check_new_email(call, organization, row)
    return members.answer(row, organization)


def oidc_providers(call: Call) -> Answer:
    """``GET …/members/{member_id}/oidc_providers``: always empty, because the emulator has no log-ins."""
    members.find(call)
    return {"registrations": []}


def unlink_retired_email(call: Call) -> Answer:
    """``POST …/members/{member_id}/unlink_retired_email``: others may use the address again."""
    organization, row = members.find(call)
    id_ = given(call.body, "email_id", str, call.behaviour)
    address = given(call.body, "email_address", str, call.behaviour)
    retired = row.fields["retired_email_addresses"]
    left = [
        each for each in retired if each["email_id"] != id_ and each["email_address"].lower() != (address or "").lower()
    ]
    if len(left) == len(retired):
        raise Refusal("email_not_found", "The member has no such retired email address.")
    answer = members.answer_with(call, organization, row, {"retired_email_addresses": left})
    return {**answer, "organization_id": organization.id} if isinstance(answer, dict) else answer
