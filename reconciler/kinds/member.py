"""Members: a person inside an organization (docs/stytch.md, "Members"). Rules give most; some are written by hand."""

from collections.abc import Callable, Collection, Iterator
from functools import partial
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from reconciler.diff.fields import same
from reconciler.diff.ownership import OwnedMember, Owner, Whose, farewell, read_member
from reconciler.diff.roles import direct_roles
from reconciler.diff.written import remembering
from reconciler.errors import Rejected
from reconciler.expressions.text import mailbox, mailbox_or_text
from reconciler.kinds._context import Access, ApplyContext, Gone, Stale
from reconciler.kinds._writing import (
    WriteResult,
    create_once,
    delete_once,
    delete_resource,
    request_body,
    retry_idempotent,
)
from reconciler.model import (
    ADMIN_ROLE,
    MARK_KEY,
    Change,
    Create,
    Delete,
    FieldChange,
    Json,
    LiveMember,
    Mark,
    Problem,
    Resource,
    Role,
    Spec,
    Update,
    added_roles,
    withdrawn_roles,
)
from reconciler.schema.kind import Deletes, Identity, Key, Kind, MemberLifecycle, Order, Verbs, nothing
from reconciler.schema.traits import Clearable, CreateOnly, Merged, RefersTo, Unordered, UpdateOnly
from reconciler.schema.types import ExternalId, Text, check_listed_once, check_metadata, check_role

ALREADY_THERE: Final = ("duplicate_member_email",)
SAME_PERSON: Final = ("duplicate_member_external_id", "retired_member_email")  # is there, at another address

PhoneNumber = Annotated[
    str, Meta(pattern=r"^\+[1-9][0-9]{1,14}$(?!\n)", description="a phone number in E.164 such as +15005550006")
]


class MemberSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """Every field of a member that can be written, under Stytch's names; the address is ``metadata.name``."""

    name: str | UnsetType = UNSET
    roles: Annotated[list[Text] | UnsetType, Unordered(), RefersTo("RBACPolicy")] = UNSET
    trusted_metadata: Annotated[dict[str, Any] | UnsetType, Merged()] = UNSET
    untrusted_metadata: Annotated[dict[str, Any] | UnsetType, Merged()] = UNSET
    external_id: Annotated[
        ExternalId | UnsetType | None,
        Clearable("DELETE /v1/b2b/organizations/{organization_id}/members/{member_id}/external_id"),
    ] = UNSET
    is_breakglass: bool | UnsetType = UNSET
    mfa_phone_number: Annotated[
        PhoneNumber | UnsetType | None,
        Clearable("DELETE /v1/b2b/organizations/{organization_id}/members/mfa_phone_numbers/{member_id}"),
    ] = UNSET
    mfa_enrolled: bool | UnsetType = UNSET
    default_mfa_method: Annotated[Literal["sms_otp", "totp"] | UnsetType, UpdateOnly()] = UNSET


class MemberInitial(MemberSpec, forbid_unknown_fields=True, kw_only=True):
    """What may be given once, at create."""

    create_member_as_pending: Annotated[bool | UnsetType, CreateOnly()] = UNSET


def check(resource: Resource) -> Iterator[Problem]:
    """Yield what Stytch would refuse although every type is right."""
    if "*" in resource.name:
        message = "* is not a wildcard here: a Member is one address"
        hint = "write one address; for a domain or a pattern write a rule with email_domain or email_regex"
        yield resource.problem("wildcard", message, hint, ("metadata", "name"))
    elif mailbox(resource.name) is None:
        message = "the name of a Member is an e-mail address"
        yield resource.problem("not-an-address", message, "write it as ann@acme.example", ("metadata", "name"))
    for part, spec in (("spec", resource.spec), ("initial", resource.initial)):
        roles = spec.get("roles") or ()
        for index, role in enumerate(roles):
            yield from check_role(resource, (part, "roles", str(index)), role)
        yield from check_listed_once(resource, (part, "roles"), roles)
        yield from check_metadata(resource, (part, "trusted_metadata"), spec.get("trusted_metadata"), marked=True)
        yield from check_metadata(resource, (part, "untrusted_metadata"), spec.get("untrusted_metadata"), marked=False)
    if "default_mfa_method" in resource.initial:
        message = "default_mfa_method cannot be set at create, so it has no initial value"
        yield resource.problem("not-initial", message, "declare it under spec", ("initial", "default_mfa_method"))


def create(change: Create, context: ApplyContext) -> WriteResult:
    """Create the member with its mark, which is complete once it names the id that Stytch gave.

    What only an update can say goes with the completed mark. Raises ``Stale`` where somebody removed the member, and
    the plan did not see that.
    """
    slug, email_address = str(change.namespace), change.name
    organization_id = context.organization_ids[slug]
    mark = structs.replace(change.mark, organization=organization_id) if change.mark else None
    gone = context.removed.get(organization_id)
    if gone and not change.restores and (record := gone.by_somebody(mark.user if mark else None, email_address)):
        raise Stale(f"somebody removed this member in Stytch ({record}), which Stytch's search did not show before")
    body = {"email_address": email_address, **request_body(change.fields, cleared={})}
    if mark:
        written = (*change.fields, FieldChange(path=("email_address",), after=email_address))
        mark = remembering(mark, written, metadata=body.get("trusted_metadata", {}))
        body["trusted_metadata"] = {**body.get("trusted_metadata", {}), MARK_KEY: mark.as_json()}
    later = {name: body.pop(name) for name in KIND.update_only & body.keys()}
    live, request_id = create_once(
        lambda: _made(context, organization_id, body),
        lambda: _found(context, organization_id, email_address, mark, context.owner),
        ALREADY_THERE,
    )
    identifier = str(live["member_id"])
    whole = structs.replace(mark, member=identifier, roles=_taken(mark, live)) if mark else None
    if whole:
        whole = remembering(whole, (), before=mark, metadata=body["trusted_metadata"])
        later["trusted_metadata"] = {MARK_KEY: whole.as_json()}
    if later:
        live, request_id = retry_idempotent(lambda: context.client.update_member(organization_id, identifier, later))
    return WriteResult(identifier, request_id, _spec(live))


def _made(access: Access, organization_id: str, body: dict[str, Json]) -> tuple[Spec, str]:
    """Make the member; raises ``Stale`` where another one, whom the plan did not see, has its external id."""
    try:
        return access.client.create_member(organization_id, body)
    except Rejected as fault:
        external_id = body.get("external_id")
        if fault.error_type not in SAME_PERSON or not external_id:
            raise
        other = access.client.get_member(organization_id, str(external_id))
        if other is None or other.external_id != external_id:
            raise
        said = "has this member's external id, and Stytch's search did not show it before"
        raise Stale(f"{other.member_id} {said}") from None


def update(change: Update, context: ApplyContext) -> WriteResult:
    """Change the declared fields of a member that is still at its address and still whose the plan saw it to be.

    Roles start from what is live now, and lose or gain only what is planned.
    """
    organization_id, identifier = context.organization_ids[str(change.namespace)], str(change.id)
    live = _live(context, organization_id, identifier, change)
    found = read_member(live, context.owner)
    if not _may_claim(change, found):
        raise Stale("it no longer carries this repository's mark")
    body = request_body(change.fields, cleared=KIND.cleared)
    mark = change.mark or (found.carried if found.whose is Whose.OURS and body else None)
    roles, given = change.get("roles"), frozenset(mark.roles if mark else ())
    if roles:
        given |= {*(found.carried.roles if found.carried else ())} & {*withdrawn_roles(change)}
        there, added, withdrawn = set(direct_roles(live.roles)), set(added_roles(change)), set(withdrawn_roles(change))
        body["roles"] = sorted((there | added) - withdrawn)
        body["preserve_existing_sessions"] = not withdrawn
    if mark:
        metadata = {**(live.trusted_metadata or {}), **body.get("trusted_metadata", {})}
        mark = remembering(mark, change.fields, before=found.carried, metadata=metadata)
        body.setdefault("trusted_metadata", {})[MARK_KEY] = mark.as_json()
    request_id, now = "", None
    calls = {
        "mfa_phone_number": context.client.delete_mfa_phone_number,
        "external_id": context.client.delete_member_external_id,
    }
    for name in _cleared_apart(change):
        now, request_id = _cleared(partial(calls[name], organization_id, identifier))
    if body:
        now, request_id = retry_idempotent(lambda: context.client.update_member(organization_id, identifier, body))
        if change.mark and mark:
            _remember(context, now, mark, given)
    sent = {"roles": body["roles"]} if roles else {}
    return WriteResult(identifier, request_id, now and _spec(now), sent)


def delete(change: Delete, context: ApplyContext) -> WriteResult:
    """Delete the member if it still is what the plan saw, having said in its mark that it was us."""
    organization_id, identifier = context.organization_ids[str(change.namespace)], str(change.id)
    live = _live(context, organization_id, identifier, change)
    found = read_member(live, context.owner)
    if found.whose is Whose.ANOTHER or (not change.causes and found.whose is not Whose.OURS):
        raise Stale("it no longer carries this repository's mark")
    if farewell(found, context.owner) != change.mark:
        raise Stale("its mark has changed since")
    for name in (*KIND.deletes.shown, "roles"):
        now = list(direct_roles(live.roles)) if name == "roles" else getattr(live, name)
        seen = change.get(name)
        if not same(seen.before, now) if seen else now:
            raise Stale(f"{name} has changed since")
    body = {"trusted_metadata": {MARK_KEY: farewell(found, context.owner).as_json()}}
    try:
        marked, _ = retry_idempotent(lambda: context.client.update_member(organization_id, identifier, body))
    except Rejected:
        _live(context, organization_id, identifier, change)  # raises Gone where somebody else deleted it just now
        raise
    context.deleting(change, str(marked.get("updated_at") or ""))
    return WriteResult(identifier, delete_resource(lambda: context.client.delete_member(organization_id, identifier)))


def rank(change: Change) -> int:
    """Put what makes somebody stop being admin last, so that his heir is one before."""
    return int(ADMIN_ROLE in withdrawn_roles(change))


def writes(change: Change) -> int:
    """Count an update's calls for what only a call of its own clears, and the mark.

    That is completed after a create, with what only an update can say, and says before a delete that it is ours.
    """
    if isinstance(change, Update):
        return len(_cleared_apart(change)) + bool(request_body(change.fields, cleared=KIND.cleared) or change.mark)
    if isinstance(change, Delete):
        return 2
    with_the_mark = any(field.path[0] in KIND.update_only for field in change.fields)
    return 1 if with_the_mark or change.mark is None else 2


def _cleared_apart(change: Update) -> list[str]:
    """Return the fields that only a call of its own clears; a phone number must go before another can come."""
    phone, external_id = change.get("mfa_phone_number"), change.get("external_id")
    clears_phone = phone is not None and phone.before is not UNSET
    clears_id = external_id is not None and external_id.after is UNSET
    return ["mfa_phone_number"] * clears_phone + ["external_id"] * clears_id


def _may_claim(change: Update, found: OwnedMember) -> bool:
    """Return whether an update may do to a member what only ours suffer: be marked by us, and lose roles."""
    if found.whose is Whose.ANOTHER:
        return False
    if change.mark is None and not withdrawn_roles(change):
        return True
    return found.whose is Whose.OURS or (change.adopts and not found.member.scim_registration)


def _live(access: Access, organization_id: str, identifier: str, change: Change) -> LiveMember:
    live: LiveMember | None = access.client.get_member(organization_id, identifier)
    if live is None or live.status == "deleted":
        raise Gone
    if mailbox_or_text(live.email_address) != change.name:
        raise Stale("its address has changed since")
    return live


def _cleared(clear: Callable[[], tuple[Spec, str]]) -> tuple[Spec | None, str]:
    """Clear a field by a call of its own, and return the member as Stytch answers it, if it does."""
    answers: list[Spec] = []

    def call() -> str:
        member, request_id = clear()
        answers.append(member)
        return request_id

    request_id = delete_once(call)
    return answers[-1] if answers else None, request_id


def _taken(mark: Mark, answered: Spec) -> tuple[str, ...]:
    """Return the roles of a mark that Stytch took, as far as an answer says so."""
    roles = _spec(answered).get("roles")
    return mark.roles if roles is None else tuple(role for role in mark.roles if role in roles)


def _remember(access: Access, answered: Spec, mark: Mark, given: Collection[str]) -> None:
    """Correct a mark that remembers a role which Stytch did not take, or forgets one that it did not take away."""
    if answered.get("roles") is None:
        return
    there = _spec(answered)["roles"]
    roles = tuple(sorted({*given} & {*there}))
    if roles != tuple(sorted(mark.roles)):
        true = {"trusted_metadata": {MARK_KEY: structs.replace(mark, roles=roles).as_json()}}
        retry_idempotent(lambda: access.client.update_member(mark.organization, str(answered["member_id"]), true))


def _spec(answered: Spec) -> Spec:
    """Return a member as Stytch answers it under the names of its spec: of its roles those that were given directly."""
    if answered.get("roles") is None:
        return {name: value for name, value in answered.items() if name != "roles"}
    return {**answered, "roles": list(direct_roles(msgspec.convert(answered["roles"], tuple[Role, ...])))}


def _found(
    access: Access, organization_id: str, email_address: str, mark: Mark | None, owner: Owner
) -> tuple[dict[str, Json], str] | None:
    """Find the member that a lost create made, or a run just before this one: it carries the mark that was sent."""
    live = access.client.find_member(organization_id, email_address)
    if live is None:
        return None
    found = read_member(live, owner).carried
    if found is None or mark is None or structs.replace(found, member=None, written=mark.written) != mark:
        raise Stale(f"somebody else created a member with this address in the meantime ({live.member_id})")
    return {"member_id": live.member_id}, ""


DEFAULTS: Final = MappingProxyType({"is_breakglass": False, "mfa_enrolled": False})

KIND: Final = Kind(
    name="Member",
    spec=MemberSpec,
    initial=MemberInitial,
    lifecycle=MemberLifecycle,
    scope="organization",
    namespace="Organization",
    key=Key("email_address", str, "the address, as [addresses compare](rules.md#what-is-the-same)"),
    identity=Identity(found_by="mark", canonical_name=mailbox_or_text),
    order=Order(after=frozenset({"Organization"}), rank=rank, shares=nothing),
    computed=frozenset(
        {
            "member_id",
            "organization_id",
            "status",
            "email_address_verified",
            "mfa_phone_number_verified",
            "is_admin",
            "member_password_id",
            "totp_registration_id",
            "sso_registrations",
            "scim_registration",
            "oauth_registrations",
            "retired_email_addresses",
            "is_locked",
            "lock_created_at",
            "lock_expires_at",
            "created_at",
            "updated_at",
        }
    ),
    defaults=DEFAULTS,
    deletes=Deletes(restorable=True, shown=("name", "external_id")),
    check=check,
    verbs=Verbs(create=create, update=update, delete=delete, writes=writes),
)
