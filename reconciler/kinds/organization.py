"""Organizations: a tenant, its name, who may join it and how they sign in (docs/stytch.md, "Organizations")."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from reconciler.diff.fields import NOTHING, same
from reconciler.diff.ownership import Whose, organization_mark, provisional
from reconciler.diff.written import remembering
from reconciler.expressions.text import domain_label, fold, mail_domain
from reconciler.kinds._context import ApplyContext, Stale
from reconciler.kinds._joining import check_companions, check_factors, check_ways_in, refuses
from reconciler.kinds._writing import (
    WriteResult,
    create_once,
    delete_resource,
    must_exist,
    request_body,
    retry_idempotent,
)
from reconciler.model import MARK_KEY, Change, Create, Delete, Json, Mark, Problem, Resource, Spec, Update
from reconciler.schema.domains import is_common
from reconciler.schema.kind import Deletes, Identity, Key, Kind, Order, OrganizationLifecycle, Verbs, nothing
from reconciler.schema.traits import (
    Clearable,
    CreateValue,
    Domains,
    FromFile,
    InParts,
    Merged,
    RefersTo,
    TextFile,
    Unordered,
    UpdateOnly,
)
from reconciler.schema.types import (
    ExternalId,
    Slug,
    Text,
    check_domains,
    check_listed_once,
    check_metadata,
    check_role,
    common_domain,
)

ALREADY_THERE: Final = ("organization_slug_already_used", "duplicate_organization")

Name = Annotated[Text, Meta(max_length=128)]
Open = Literal["ALL_ALLOWED", "RESTRICTED", "NOT_ALLOWED"]
Narrow = Literal["RESTRICTED", "NOT_ALLOWED"]
Choice = Literal["ALL_ALLOWED", "RESTRICTED"]
AuthMethod = Literal[
    "sso",
    "magic_link",
    "email_otp",
    "password",
    "google_oauth",
    "microsoft_oauth",
    "slack_oauth",
    "github_oauth",
    "hubspot_oauth",
]
MfaMethod = Literal["sms_otp", "totp"]
OF_ITS_OWN: Final = RefersTo("SSOConnection", by_id=True, late=True)


Apps = Annotated[list[Text] | UnsetType, Unordered(), RefersTo("ConnectedApp", by_id=True)]


class OAuthTenants(Struct, forbid_unknown_fields=True, kw_only=True):
    """The tenants whose users may join, by OAuth provider."""

    slack: list[Text] | UnsetType = UNSET
    hubspot: list[Text] | UnsetType = UNSET
    github: list[Text] | UnsetType = UNSET


class ImplicitRole(Struct, forbid_unknown_fields=True, kw_only=True):
    """A role that everybody with a verified address in a domain has."""

    domain: str
    role_id: Text


class OrganizationSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """Every field of an organization that can be written, under Stytch's names; the slug is ``metadata.name``."""

    organization_name: Name | UnsetType = UNSET
    organization_external_id: Annotated[
        ExternalId | UnsetType | None, Clearable("DELETE /v1/b2b/organizations/{organization_id}/external_id")
    ] = UNSET
    organization_logo_url: Annotated[
        str | TextFile | UnsetType | None, Clearable("an empty string", sends=""), FromFile()
    ] = UNSET
    trusted_metadata: Annotated[dict[str, Any] | UnsetType, Merged()] = UNSET
    sso_default_connection_id: Annotated[Text | UnsetType, UpdateOnly(), OF_ITS_OWN] = UNSET
    sso_jit_provisioning: Annotated[Open | UnsetType, CreateValue("ALL_ALLOWED")] = UNSET
    sso_jit_provisioning_allowed_connections: Annotated[
        list[Text] | UnsetType, UpdateOnly(), Unordered(), OF_ITS_OWN
    ] = UNSET
    email_allowed_domains: Annotated[list[str] | UnsetType, Unordered(), Domains()] = UNSET
    email_jit_provisioning: Narrow | UnsetType = UNSET
    email_invites: Annotated[Open | UnsetType, CreateValue("ALL_ALLOWED")] = UNSET
    oauth_tenant_jit_provisioning: Narrow | UnsetType = UNSET
    allowed_oauth_tenants: Annotated[OAuthTenants | UnsetType, Unordered(), InParts()] = UNSET
    auth_methods: Choice | UnsetType = UNSET
    allowed_auth_methods: Annotated[list[AuthMethod] | UnsetType, Unordered()] = UNSET
    mfa_policy: Literal["REQUIRED_FOR_ALL", "OPTIONAL"] | UnsetType = UNSET
    mfa_methods: Choice | UnsetType = UNSET
    allowed_mfa_methods: Annotated[list[MfaMethod] | UnsetType, Unordered()] = UNSET
    rbac_email_implicit_role_assignments: Annotated[
        list[ImplicitRole] | UnsetType, Unordered(), RefersTo("RBACPolicy", "role_id")
    ] = UNSET
    claimed_email_domains: Annotated[list[str] | UnsetType, Unordered(), Domains()] = UNSET
    first_party_connected_apps_allowed_type: Open | UnsetType = UNSET
    allowed_first_party_connected_apps: Apps = UNSET
    third_party_connected_apps_allowed_type: Open | UnsetType = UNSET
    allowed_third_party_connected_apps: Apps = UNSET


SSO_PROVISIONING: Final = "sso_jit_provisioning"
ALLOWED_CONNECTIONS: Final = "sso_jit_provisioning_allowed_connections"
LISTS: Final = (
    "allowed_auth_methods",
    "allowed_mfa_methods",
    "sso_jit_provisioning_allowed_connections",
    "allowed_first_party_connected_apps",
    "allowed_third_party_connected_apps",
)
DOMAIN_LISTS: Final = ("email_allowed_domains", "claimed_email_domains")


def check(resource: Resource) -> Iterator[Problem]:
    """Yield what Stytch would refuse although every type is right."""
    said = {**resource.initial, **resource.spec}
    yield from check_companions(resource, said)
    yield from check_factors(resource, said)
    yield from check_ways_in(resource, said)
    for part, spec in (("spec", resource.spec), ("initial", resource.initial)):
        for name in DOMAIN_LISTS:
            yield from check_domains(resource, (part, name), spec.get(name) or ())
        for name in LISTS:
            yield from check_listed_once(resource, (part, name), spec.get(name) or ())
        for name in sorted(KIND.update_only & spec.keys()) if part == "initial" else ():
            message = f"{name} cannot be set at create, so it has no initial value"
            yield resource.problem("not-initial", message, "declare it under spec", (part, name))
        yield from _check_implicit_roles(resource, part, spec.get("rbac_email_implicit_role_assignments") or ())
        yield from check_metadata(resource, (part, "trusted_metadata"), spec.get("trusted_metadata"), marked=True)


def _check_implicit_roles(resource: Resource, part: str, assignments: Any) -> Iterator[Problem]:
    path = (part, "rbac_email_implicit_role_assignments")
    for index, assignment in enumerate(assignments):
        here = (*path, str(index))
        domain = mail_domain(assignment["domain"])
        if domain is None:
            message = f"{assignment['domain']!r} is not a domain name"
            yield resource.problem("not-a-domain", message, "write it as acme.example", (*here, "domain"))
        elif is_common(domain):
            yield common_domain(resource, path[-1], domain, (*here, "domain"))
        yield from check_role(resource, (*here, "role_id"), assignment["role_id"])


def canonical(spec: Spec) -> Spec:
    """Sort sets and spell domains as A-labels, as the order and case of Stytch's answers mean nothing."""
    if assignments := spec.get("rbac_email_implicit_role_assignments"):
        spelled = [{**item, "domain": _spelled(item.get("domain"))} for item in assignments]
        spec = {**spec, "rbac_email_implicit_role_assignments": spelled}
    return spec


def meanwhile(said: Spec, late: Spec) -> Spec:
    """Return SSO provisioning as it is set until the connections exist to which it will be restricted.

    It is shut where there is another way in: until then everybody who signs in by SSO would become a member.
    """
    if ALLOWED_CONNECTIONS not in late or said.get(SSO_PROVISIONING) != "RESTRICTED":
        return {}
    return {SSO_PROVISIONING: UNSET if said.get("email_invites") == "NOT_ALLOWED" else "NOT_ALLOWED"}


def _spelled(domain: str | None) -> str | None:
    return domain_label(domain or "") or domain


def create(change: Create, context: ApplyContext) -> WriteResult:
    """Create the organization with a provisional mark, then write the mark, which needs the id that Stytch gives."""
    slug = change.name
    fields = context.with_ids(KIND, request_body(change.fields, cleared=KIND.cleared), slug)
    metadata = {**fields.get("trusted_metadata", {}), MARK_KEY: provisional(context.owner.name, slug)}
    body = {"organization_slug": slug, **fields, "trusted_metadata": metadata}
    live, _ = create_once(
        lambda: context.client.create_organization(body), lambda: _found(slug, context), ALREADY_THERE
    )
    identifier = str(live["organization_id"])
    mark = Mark(owner=context.owner.name, organization=identifier)
    mark = remembering(mark, change.fields, metadata=metadata)
    live, request_id = retry_idempotent(
        lambda: context.client.update_organization(identifier, {"trusted_metadata": {MARK_KEY: mark.as_json()}})
    )
    context.organization_ids[slug] = identifier
    return WriteResult(identifier, request_id, live)


def update(change: Update, context: ApplyContext) -> WriteResult:
    """Change the declared fields, after a look at the lists that are replaced whole and at the mark that is there.

    Without an id it is the second half of a create: what names resources in the organization, which exist by now.
    """
    identifier = change.id or context.organization_ids[change.name]
    replaces = any(isinstance(field.before, list | dict) for field in change.fields)
    live = context.client.get_organization(identifier)
    whose, carried = _mark_on(live, context)
    if change.mark and whose is Whose.ANOTHER:
        raise Stale("another repository has put its mark on it since")
    if replaces:
        _still(change, live, context)
    request_id, now = "", None
    external_id = change.get("organization_external_id")
    if external_id and external_id.after is UNSET:
        now, request_id = retry_idempotent(lambda: context.client.delete_organization_external_id(identifier))
    body = context.with_ids(KIND, request_body(change.fields, cleared=KIND.cleared), change.name)
    if mark := change.mark or (carried if body else None):
        metadata = {**(live.get("trusted_metadata") or {}), **body.get("trusted_metadata", {})}
        mark = remembering(mark, change.fields, before=carried, metadata=metadata)
        body.setdefault("trusted_metadata", {})[MARK_KEY] = mark.as_json()
    if body:
        now, request_id = retry_idempotent(lambda: context.client.update_organization(identifier, body))
    return WriteResult(identifier, request_id, now)


def delete(change: Delete, context: ApplyContext) -> WriteResult:
    """Delete the organization with everything in it, if it still is what the plan saw."""
    identifier = str(change.id)
    live = must_exist(lambda: context.client.get_organization(identifier))
    if live["organization_slug"] != change.name:
        raise Stale("its slug has changed since")
    whose = _whose(live, context)
    if whose is Whose.ANOTHER or (not change.causes and whose is not Whose.OURS):
        raise Stale("it no longer carries this repository's mark")
    _still(change, live, context)
    return WriteResult(identifier, delete_resource(lambda: context.client.delete_organization(identifier)))


def writes(change: Change) -> int:
    """Count the mark, which follows a create, and the call that an external id alone is cleared by."""
    if isinstance(change, Update):
        external_id = change.get("organization_external_id")
        apart = external_id is not None and external_id.after is UNSET
        return apart + bool(request_body(change.fields, cleared=KIND.cleared) or change.mark)
    return 2 if isinstance(change, Create) else 1


def _found(slug: str, context: ApplyContext) -> tuple[dict[str, Json], str] | None:
    """Find the organization that a lost create, or a run just before this one, made: it carries a mark of ours."""
    live = context.client.find_organization(slug)
    if live is None:
        return None
    if _whose(live, context) not in (Whose.OURS, Whose.BEGUN):
        raise Stale("somebody else created an organization with this slug in the meantime")
    return live, ""


def _whose(live: Mapping[str, Json], context: ApplyContext) -> Whose:
    return _mark_on(live, context)[0]


def _mark_on(live: Mapping[str, Json], context: ApplyContext) -> tuple[Whose, Mark | None]:
    identifier, slug = str(live["organization_id"]), str(live["organization_slug"])
    return organization_mark(live.get("trusted_metadata"), identifier, slug, context.owner)


def _still(change: Change, live: Mapping[str, Json], context: ApplyContext) -> None:
    """Refuse to go on where a value is no longer what the plan saw."""
    there = KIND.normalize(live)
    for field in change.fields:
        name, *inner = field.path
        now = there.get(name) if not inner else (there.get(name) or {}).get(inner[0])
        before = None if field.before is UNSET else field.before
        if name in KIND.by_id:
            before = KIND.normalize(context.with_ids(KIND, {name: before}, change.name))[name]
        if not same(before, now) and not (before in NOTHING and now in NOTHING):
            raise Stale(f"{'.'.join(field.path)} has changed since")


DEFAULTS: Final = MappingProxyType(
    {
        "email_jit_provisioning": "NOT_ALLOWED",
        "oauth_tenant_jit_provisioning": "NOT_ALLOWED",
        "auth_methods": "ALL_ALLOWED",
        "mfa_policy": "OPTIONAL",
        "mfa_methods": "ALL_ALLOWED",
        "first_party_connected_apps_allowed_type": "ALL_ALLOWED",
        "third_party_connected_apps_allowed_type": "ALL_ALLOWED",
    }
)

KIND: Final = Kind(
    name="Organization",
    spec=OrganizationSpec,
    lifecycle=OrganizationLifecycle,
    key=Key("organization_slug", Slug, "its slug"),
    identity=Identity(found_by="external id", renamable=True, adoptable=True, canonical_name=fold),
    order=Order(shares=nothing),
    required=frozenset({"organization_name"}),
    computed=frozenset(
        (
            "organization_id",
            "created_at",
            "updated_at",
            "sso_active_connections",
            "scim_active_connection",
            "custom_roles",
        )
    ),
    defaults=DEFAULTS,
    check=check,
    canonical=canonical,
    meanwhile=meanwhile,
    refuses=refuses,
    deletes=Deletes(shown=("organization_name", "organization_external_id")),
    verbs=Verbs(create=create, update=update, delete=delete, writes=writes),
)
