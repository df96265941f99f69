"""Members: ``/v1/b2b/organizations/{organization_id}/members`` [2.20]."""

from typing import Any

from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import given
from reconciler.emulator.core.store import Fields, Row
from reconciler.emulator.data import organizations
from reconciler.emulator.data.member_fields import (
    DEFAULTS,
    assigned,
    change_email,
    check_create,
    check_new_email,
    keep,
    stated,
    with_roles,
)


def create(call: Call) -> Answer:
    """``POST /v1/b2b/organizations/{organization_id}/members``."""
    organization = organizations.find(call)
    email = check_create(call, organization)
    fields, roles = stated(call, organization, None)
    pending = given(call.body, "create_member_as_pending", bool, call.behaviour)
    now = call.now()
    member = {
        "organization_id": organization.id,
        "member_id": call.new_id("member"),
        "email_address": email,
        "status": "pending" if pending else "active",
        **DEFAULTS,
        **fields,
        "created_at": now,
        "updated_at": now,
    }
    kept = keep(call, with_roles(member, roles or (), organization.fields), None, organization)
    return _answer(kept, organization)


def get(call: Call) -> Answer:
    """``GET /v1/b2b/organizations/{organization_id}/member?member_id=|email_address=``."""
    organization = organizations.find(call)
    id_, email = call.query.get("member_id"), call.query.get("email_address")
    if bool(id_) == bool(email):
        raise Refusal("invalid_member_get_fields", "Exactly one of member_id and email_address must be given.")
    if email:
        rows = call.store.named(call.collection("member"), f"email:{email.lower()}", organization.number)
        return _answer(_live(rows), organization)
    row = _by_id(call, organization, call.own(id_ or ""))
    return _answer(row if call.behaviour.get_shows_deleted else _live([row]), organization)


def dangerously_get(call: Call) -> Answer:
    """``GET /v1/b2b/organizations/members/dangerously_get/{member_id}?include_deleted=``: in any organization."""
    row = call.store.get(call.collection("member"), call.id("member_id"))
    hidden = call.query.get("include_deleted", "").lower() != "true"
    if row is None or (hidden and row.status == "deleted"):
        raise _not_found()
    return _answer(row, call.store.numbered(row.parent))


def update(call: Call) -> Answer:
    """``PUT …/members/{member_id}``: changes only the fields that are sent."""
    organization, row = find(call)
    if row.status == "deleted":
        raise Refusal("action_available_only_for_active_members", "A deleted member cannot be updated.")
    given(call.body, "preserve_existing_sessions", bool, call.behaviour)  # The emulator has no sessions.
    fields, roles = stated(call, organization, row)
    member = change_email(call, organization, row, {**row.fields, **fields, "updated_at": call.now()})
    return _answer(keep(call, _with_roles(member, roles, organization), row), organization)


def delete(call: Call) -> Answer:
    """``DELETE …/members/{member_id}``: the record stays, with status ``deleted``."""
    _, row = find(call)
    if row.status == "deleted" and call.behaviour.second_delete == "refused":
        raise _not_found()
    keep(call, {**row.fields, "status": "deleted", "updated_at": call.now()}, row)
    return {"member_id": row.id}


def reactivate(call: Call) -> Answer:
    """``PUT …/members/{member_id}/reactivate``: needs Stytch's own id and a verified address."""
    organization = organizations.find(call)
    row = call.store.get(call.collection("member"), call.id("member_id"))
    if row is None or row.parent != organization.number:
        raise _not_found()
    if row.status != "deleted":
        raise Refusal("no_deleted_member_found_for_reactivation", "The member is not deleted.", 400)
    if not row.fields["email_address_verified"]:
        raise Refusal("email_unverified_for_reactivation", "The member's email address is not verified.")
    name = f"email:{row.fields['email_address'].lower()}"
    if any(other.status != "deleted" for other in call.store.named(call.collection("member"), name, row.parent)):
        message = "Another member has the email address now."
        raise Refusal("reactivation_email_belongs_to_another_member", message)
    return _answer(keep(call, {**row.fields, "status": "active", "updated_at": call.now()}, row), organization)


def find(call: Call) -> tuple[Row, Row]:
    """Return the organization and the member in the path. The member is found by id or external id.

    Raises:
        Refusal: ``organization_not_found`` or ``member_not_found``.
    """
    organization = organizations.find(call)
    return organization, _by_id(call, organization, call.id("member_id"))


def delete_mfa_phone_number(call: Call) -> Answer:
    """``DELETE …/members/mfa_phone_numbers/{member_id}``."""
    organization, row = find(call)
    change: Fields = {"mfa_phone_number": "", "mfa_phone_number_verified": False}
    if row.fields["default_mfa_method"] == "sms_otp":
        change["default_mfa_method"] = ""
    if call.behaviour.mfa_phone_delete_unenrols:
        change["mfa_enrolled"] = False
    return _answer_with(call, organization, row, change)


def delete_totp(call: Call) -> Answer:
    """``DELETE …/members/{member_id}/totp``."""
    organization, row = find(call)
    change: Fields = {"totp_registration_id": ""}
    if row.fields["default_mfa_method"] == "totp":
        change["default_mfa_method"] = ""
    return _answer_with(call, organization, row, change)


def delete_password(call: Call) -> Answer:
    """``DELETE …/members/passwords/{member_password_id}``."""
    organization = organizations.find(call)
    name = f"factor:{call.id('member_password_id')}"
    rows = call.store.named(call.collection("member"), name, organization.number)
    if not rows:
        raise Refusal("password_not_found", "Password could not be found.")
    return _answer_with(call, organization, rows[0], {"member_password_id": ""})


def delete_external_id(call: Call) -> Answer:
    """``DELETE …/members/{member_id}/external_id``."""
    organization, row = find(call)
    return _answer_with(call, organization, row, {"external_id": None})


def start_email_update(call: Call) -> Answer:
    """``POST …/members/{member_id}/start_email_update``: no mail is sent, so the address never changes."""
    organization, row = find(call)
    check_new_email(call, organization, row)
    return _answer(row, organization)


def oidc_providers(call: Call) -> Answer:
    """``GET …/members/{member_id}/oidc_providers``: always empty, because the emulator has no log-ins."""
    find(call)
    return {"registrations": []}


def unlink_retired_email(call: Call) -> Answer:
    """``POST …/members/{member_id}/unlink_retired_email``: others may use the address again."""
    organization, row = find(call)
    id_ = given(call.body, "email_id", str, call.behaviour)
    address = given(call.body, "email_address", str, call.behaviour)
    retired = row.fields["retired_email_addresses"]
    left = [
        entry
        for entry in retired
        if entry["email_id"] != id_ and entry["email_address"].lower() != (address or "").lower()
    ]
    if len(left) == len(retired):
        raise Refusal("email_not_found", "The member has no such retired email address.")
    shown = _answer_with(call, organization, row, {"retired_email_addresses": left})
    return {**shown, "organization_id": organization.id}


def _answer(row: Row, organization: Row) -> Fields:
    """Return the answer for a member."""
    return {"member_id": row.id, "member": row.fields, "organization": organization.fields}


def _answer_with(call: Call, organization: Row, row: Row, change: dict[str, Any]) -> Fields:
    """Store the member with ``change``, and return the answer."""
    return _answer(keep(call, {**row.fields, **change, "updated_at": call.now()}, row), organization)


def _with_roles(member: Fields, roles: list[str] | None, organization: Row) -> Fields:
    return with_roles(member, assigned(member) if roles is None else roles, organization.fields)


def _by_id(call: Call, organization: Row, id: str) -> Row:
    collection = call.collection("member")
    row = call.store.get(collection, id)
    if row is None:
        named = call.store.named(collection, f"external:{id}", organization.number)
        row = min(named, key=lambda member: member.status == "deleted", default=None)
    if row is None or row.parent != organization.number:
        raise _not_found()
    return row


def _live(rows: list[Row]) -> Row:
    for row in rows:
        if row.status != "deleted":
            return row
    raise _not_found()


def _not_found() -> Refusal:
    return Refusal("member_not_found", "Member could not be found.")
