"""The fields of a member: in a request, checked against the organization, and as they are stored [2.20 and 4].

Roles are ids in requests, and objects with their sources in answers.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from reconciler.emulator.core.call import Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import email, external_id, given, metadata, phone, texts
from reconciler.emulator.core.rbac import role_ids
from reconciler.emulator.core.store import Fields, Row

DEFAULTS: Fields = {
    "name": "",
    "sso_registrations": [],
    "is_breakglass": False,
    "member_password_id": "",
    "oauth_registrations": [],
    "email_address_verified": False,
    "mfa_phone_number_verified": False,
    "is_admin": False,
    "totp_registration_id": "",
    "retired_email_addresses": [],
    "is_locked": False,
    "mfa_enrolled": False,
    "mfa_phone_number": "",
    "default_mfa_method": "",
    "roles": [],
    "trusted_metadata": {},
    "untrusted_metadata": {},
    "external_id": None,
    "scim_registration": None,
    "lock_created_at": None,
    "lock_expires_at": None,
}
FACTORS = {"sms_otp": "mfa_phone_number", "totp": "totp_registration_id"}

MEMBER, ADMIN = "stytch_member", "stytch_admin"
DIRECT, BY_EMAIL = "direct_assignment", "email_assignment"
OURS = {DIRECT, BY_EMAIL}


def check_create(call: Call, organization: Row) -> str:
    """Return the new member's address, if the organization allows it.

    Raises:
        Refusal: with the vendor's error type.
    """
    address = email(given(call.body, "email_address", str, call.behaviour, "invalid_email") or "", call.behaviour)
    _free_email(call, organization, address, None)
    domain = address.rpartition("@")[2].lower()
    claims = call.store.named(call.collection("organization"), f"claimed:{domain}")
    if any(claim.number != organization.number for claim in claims):
        message = "The email's domain is claimed by another organization."
        raise Refusal("action_not_allowed_email_domain_is_claimed", message)
    if call.behaviour.invites_bind_create:
        invites = organization.fields["email_invites"]
        allowed = {allowed_domain.lower() for allowed_domain in organization.fields["email_allowed_domains"]}
        if invites == "NOT_ALLOWED" or (invites == "RESTRICTED" and domain not in allowed):
            raise Refusal("invalid_email_for_invites", "The organization does not allow to invite this address.")
    return address


def stated(call: Call, organization: Row, row: Row | None) -> tuple[Fields, list[str] | None]:
    """Return the fields in the request, and the roles (None where it does not change them).

    Raises:
        Refusal: with the vendor's error type of the first invalid field.
    """
    body, behaviour = call.body, call.behaviour
    before = row.fields if row else {}
    fields: dict[str, Any] = {
        "name": given(body, "name", str, behaviour),
        "is_breakglass": given(body, "is_breakglass", bool, behaviour),
        "mfa_enrolled": given(body, "mfa_enrolled", bool, behaviour, "invalid_set_mfa_enrollment"),
        "external_id": external_id(body, "external_id", behaviour, "bad_request"),
        "mfa_phone_number": _phone(call, before),
        "default_mfa_method": _method(call, before) if row else None,
    }
    if fields["name"] == "" and behaviour.empty_string == "ignored":
        fields["name"] = None
    if fields["external_id"]:
        _free_external_id(call, organization, fields["external_id"], row)
    required = organization.fields["mfa_policy"] == "REQUIRED_FOR_ALL"
    if behaviour.mfa_unenrol_refused and required and fields["mfa_enrolled"] is False:
        raise Refusal("invalid_set_mfa_enrollment", "The organization requires MFA.")
    fields = {name: value for name, value in fields.items() if value is not None}
    for name in ("trusted_metadata", "untrusted_metadata"):
        fields[name] = metadata(before.get(name), body, name, behaviour)
    roles = texts(body, "roles", behaviour)
    if roles is not None:
        custom = {role["role_id"] for role in organization.fields.get("custom_roles", ())}
        _check_roles(roles, {*role_ids(call), *custom})
    return fields, roles


def change_email(call: Call, organization: Row, row: Row, member: Fields) -> Fields:
    """Return the member with the address in the request.

    A new address clears the password and is unverified. The old address is retired, unless ``unlink_email``.

    Raises:
        Refusal: with the vendor's error type, where the member cannot have the address.
    """
    unlink = given(call.body, "unlink_email", bool, call.behaviour)
    wanted: str | None = given(call.body, "email_address", str, call.behaviour, "invalid_email")
    if wanted is None or wanted.lower() == row.fields["email_address"].lower():
        return member
    address = check_new_email(call, organization, row)
    retired = [
        entry for entry in row.fields["retired_email_addresses"] if entry["email_address"].lower() != address.lower()
    ]
    if not unlink:
        retired.append({"email_id": call.new_id("email"), "email_address": row.fields["email_address"]})
    change = {"email_address": address, "email_address_verified": False, "member_password_id": ""}
    return {**member, **change, "retired_email_addresses": retired}


def check_new_email(call: Call, organization: Row, row: Row) -> str:
    """Return the address in the request, if the member can have it.

    Raises:
        Refusal: with the vendor's error type.
    """
    wanted = given(call.body, "email_address", str, call.behaviour, "invalid_email") or ""
    address = email(wanted, call.behaviour)
    if row.status != "active":
        message = "The email address can only be changed for active members."
        raise Refusal("email_updates_available_only_for_active_members", message)
    _free_email(call, organization, address, row)
    return address


def assigned(member: Fields) -> list[str]:
    """Return the directly assigned roles."""
    return [
        role["role_id"]
        for role in member.get("roles", ())
        if role["role_id"] != MEMBER and any(source["type"] == DIRECT for source in role["sources"])
    ]


def with_roles(member: Fields, direct: Sequence[str], organization: Fields) -> Fields:
    """Return the member with exactly these direct assignments, and the roles from other sources.

    The organization's assignments by domain are computed again. Sources of SSO and SCIM are kept.
    """
    sources: dict[str, list[Fields]] = {MEMBER: [{"type": DIRECT, "details": {}}]}
    for role in member.get("roles", ()):
        kept = [source for source in role["sources"] if source["type"] not in OURS]
        if kept:
            sources.setdefault(role["role_id"], []).extend(kept)
    for role_id in dict.fromkeys(direct):
        sources.setdefault(role_id, []).append({"type": DIRECT, "details": {}})
    domain = member["email_address"].rpartition("@")[2].lower()
    for assignment in organization.get("rbac_email_implicit_role_assignments", ()):
        if assignment["domain"].lower() == domain:
            source: dict[str, Any] = {"type": BY_EMAIL, "details": {"email_domain": assignment["domain"]}}
            sources.setdefault(assignment["role_id"], []).append(source)
    roles = [{"role_id": role_id, "sources": given} for role_id, given in sources.items()]
    return {**member, "roles": roles, "is_admin": ADMIN in sources}


def with_implicit_roles(member: Fields, organization: Fields) -> Fields:
    """Return the member with the organization's assignments by domain, computed again."""
    return with_roles(member, assigned(member), organization)


def keep(call: Call, fields: Fields, row: Row | None, organization: Row | None = None) -> Row:
    """Store a member. ``row`` is its former row; a new member needs ``organization``."""
    parent = row.parent if row else organization.number if organization else 0
    number = row.number if row else 0
    kept = Row(fields["member_id"], fields, tuple(names(fields)), fields["status"], parent, number)
    return call.store.put(call.collection("member"), kept)


def names(fields: Fields) -> Iterator[str]:
    """Yield the names by which a member is found, apart from its id."""
    yield f"email:{fields['email_address'].lower()}"
    yield from (f"retired:{entry['email_address'].lower()}" for entry in fields.get("retired_email_addresses", ()))
    if fields.get("external_id"):
        yield f"external:{fields['external_id']}"
    if fields.get("member_password_id"):
        yield f"factor:{fields['member_password_id']}"


def _check_roles(roles: Sequence[str], known: Collection[str]) -> None:
    """Refuse roles that cannot be assigned.

    Raises:
        Refusal: ``cannot_assign_default_rbac_role_id`` or ``invalid_role``.
    """
    for role in roles:
        if role == MEMBER:
            raise Refusal("cannot_assign_default_rbac_role_id", f"{MEMBER} is implicit and cannot be assigned.")
        if role not in known:
            raise Refusal("invalid_role", "A role is not in the project's RBAC policy.")


def _free_email(call: Call, organization: Row, address: str, row: Row | None) -> None:
    collection, number = call.collection("member"), row.number if row else 0
    for name, error in (("email", "duplicate_member_email"), ("retired", "retired_member_email")):
        for member in call.store.named(collection, f"{name}:{address.lower()}", organization.number):
            if member.status != "deleted" and member.number != number:
                raise Refusal(error, "A member of the organization has this email address already.")


def _free_external_id(call: Call, organization: Row, wanted: str, row: Row | None) -> None:
    for member in call.store.named(call.collection("member"), f"external:{wanted}", organization.number):
        freed = member.status == "deleted" and call.behaviour.deleted_frees_external_id
        if not freed and (row is None or member.number != row.number):
            message = "A member of the organization has this external_id already."
            raise Refusal("duplicate_member_external_id", message)


def _phone(call: Call, before: Fields) -> str | None:
    wanted: str | None = given(call.body, "mfa_phone_number", str, call.behaviour, "invalid_phone_number")
    if not wanted:
        return None
    number = before.get("mfa_phone_number")
    if number and number != wanted:
        message = "The member has an MFA phone number already; it must be deleted first."
        raise Refusal("duplicate_member_phone_number_for_member", message)
    return phone(wanted)


def _method(call: Call, before: Fields) -> str | None:
    wanted: str | None = given(call.body, "default_mfa_method", str, call.behaviour, "invalid_mfa_default_method")
    if not wanted:
        return None
    if wanted not in FACTORS:
        raise Refusal("invalid_mfa_default_method", "default_mfa_method must be sms_otp or totp.")
    if not before.get(FACTORS[wanted]) and not (wanted == "sms_otp" and call.body.get("mfa_phone_number")):
        raise Refusal("default_mfa_member_missing_factor", "The member does not have this factor.")
    return wanted
