"""Switches for everything that Stytch does not document. A client must work with every setting."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

TRUE = {"true", "yes", "on", "1"}
FALSE = {"false", "no", "off", "0"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """The value of every switch. The numbers in brackets are sections of ``docs/stytch.md``.

    The first value of each list is the default.
    """

    lower_emails: bool = True
    """Answers show addresses in lower case; if not, as they were sent. Comparisons always ignore case. [7.26]"""
    lower_domains: bool = True
    """Answers show domains in organization settings in lower case. [2.19]"""
    slug_case_sensitive: bool = True
    """``Acme`` and ``acme`` are two slugs; if not, the second is refused, and both find the organization. [7.26]"""
    slug_required: bool = False
    """A create without a slug is refused; if not, the slug is made from the name. [2.19]"""
    set_order: Literal["kept", "sorted", "reversed"] = "kept"
    """The order of lists that are sets, in answers. [7.18]"""
    total: Literal["exact", "unknown"] = "exact"
    """``results_metadata.total``: the number of matches, or -1. [1.3]"""
    last_cursor: Literal["null", "absent"] = "null"
    """``next_cursor`` on the last page. [1.3]"""
    search_order: Literal["insertion", "id", "random"] = "insertion"
    """The order of search results; ``random`` changes for each search. [1.3]"""
    search_lag_ms: int = 0
    """The milliseconds after which searches see a write. [1.3]"""
    search_lag_requests: int = 0
    """The number of further requests after which searches see a write. [1.3]"""
    search_unknown_organization: Literal["refused", "ignored"] = "refused"
    """A member search that names an organization that does not exist. [1.3]"""
    created_status: Literal[200, 201] = 200
    """The status of a create. [1.2, 7.30]"""
    sso_jit_default: Literal["ALL_ALLOWED", "NOT_ALLOWED", "closes"] = "ALL_ALLOWED"
    """``sso_jit_provisioning`` if a create lacks it; ``closes``: open only if it has no auth setting. [2.19]"""
    ways_in: Literal["three", "four", "unchecked"] = "three"
    """One of these ways to join must stay open: SSO, e-mail, invites; also OAuth tenants; or no check. [2.19]"""
    empty_string: Literal["clears", "ignored"] = "clears"
    """``""`` for a member's name. It always clears an organization's logo. [2]"""
    empty_list: Literal["clears", "ignored"] = "clears"
    """``[]`` or ``{}`` for a field in an update of the data API. [2]"""
    false_flag: Literal["taken", "ignored"] = "taken"
    """``false`` for a field in an update of the data API: some servers treat it as a field that is not set. [2]"""
    trims_names: bool = False
    """Blanks around a name are removed. [7.26]"""
    null_field: Literal["ignored", "clears"] = "ignored"
    """``null`` for an optional top-level field. [2]"""
    unset_fields: Literal["absent", "null"] = "absent"
    """How answers show an optional field without a value. [7.19]"""
    empty_metadata: Literal["object", "absent"] = "object"
    """How answers show metadata without keys. [7.19]"""
    unrestricted_list: Literal["ignored", "refused"] = "ignored"
    """``allowed_auth_methods`` and ``allowed_mfa_methods`` where the setting is not RESTRICTED. [4]"""
    claimed_domains: bool = False
    """The project may use ``claimed_email_domains``. [2.19]"""
    invites_bind_create: bool = False
    """``email_invites`` also decides whether the API may create a member. [4]"""
    mfa_unenrol_refused: bool = False
    """``mfa_enrolled: false`` is refused while the organization requires MFA. [4]"""
    mfa_phone_delete_unenrols: bool = False
    """Deleting a member's MFA phone number also ends the enrolment. [2.20]"""
    get_shows_deleted: bool = False
    """GET by ``member_id`` shows a deleted member. [2.20]"""
    second_delete: Literal["refused", "accepted"] = "refused"
    """Deleting a member that is already deleted. [2.20]"""
    deleted_frees_external_id: bool = True
    """A deleted member's external id may be used by another. [2.20]"""
    name_parts: Literal["kept", "reset"] = "kept"
    """The parts of a user's name that an update of another part leaves out. [2.23]"""
    last_factor: Literal["refused", "accepted"] = "refused"
    """Deleting the last address, phone number or OAuth registration of a user. [2.23]"""
    retry_after: bool = True
    """A 429 carries ``Retry-After``. [1.4]"""
    jwt_template_tags: Literal["checked", "any"] = "checked"
    """A tag of a JWT template must begin with a name of its type and vertical; if not, any path is accepted. [2.7]"""
    reserved_claims: Literal["refused", "accepted"] = "refused"
    """A JWT template that sets a registered claim, or one of Stytch's. [2.7]"""
    billing_verified: bool = True
    """The workspace may send messages to more countries than CA and US. [2.8]"""
    rbac_absent_list: Literal["emptied", "kept"] = "emptied"
    """A list of custom roles, resources or scopes that a PUT of the RBAC policy leaves out. [2.9, 7.5]"""
    luds_with_zxcvbn: Literal["ignored", "refused"] = "ignored"
    """LUDS numbers where the policy is ZXCVBN. [2.10]"""
    unset_jwks_url: Literal["absent", "empty"] = "absent"
    """How answers show a trusted token profile without a ``jwks_url``. [2.11, 7.19]"""
    last_pem_file: Literal["refused", "accepted"] = "refused"
    """Deleting the last key of a trusted token profile. [2.11]"""
    sdk_absent_section: Literal["kept", "default"] = "kept"
    """A section that a PUT of the SDK configuration leaves out. [2.13]"""
    custom_domain: bool = False
    """The environment has a custom domain. [2.6, 2.13]"""
    new_redirect_url: bool = True
    """A new test environment begins with the redirect URL ``http://localhost:3000/authenticate``. [2.5, 7.14]"""
    live_http_localhost: bool = False
    """A live environment accepts a redirect URL with http that leads to the user's own machine. [2.5]"""
    template_put: Literal["replaces", "merges"] = "replaces"
    """A PUT of an e-mail template replaces all fields; if not, absent fields stay. [2.14]"""
    template_switch: Literal["refused", "accepted"] = "refused"
    """A PUT that changes a prebuilt e-mail template into one with custom HTML, or the reverse. [2.14]"""
    email_domain_verified: bool = True
    """The workspace has a mail domain; if not, it refuses custom HTML and drops a sender's domain. [2.14]"""
    default_template_type: Literal["matching", "any"] = "matching"
    """Which templates may be the default of a type: those made for it, or any. [2.15]"""
    most_of_each: int = 0
    """The limit of M2M clients, their scopes, Connected Apps, an organization's SSO connections; 0: none. [1.5]"""
    m2m_metadata: Literal["merged", "replaced"] = "merged"
    """How an update treats an M2M client's ``trusted_metadata``. [2.16, 7.13]"""
    app_redirect_http: Literal["loopback", "no_localhost", "never"] = "loopback"
    """A Connected App's ``http`` redirect URL: to the local machine, only by its IP address, or never. [2.17]"""
    listed_ids_checked: bool = True
    """The connections and Connected Apps in an organization's settings must exist. [2.19]"""
    dfp_enabled: bool = True
    """The project may use fraud rules, verdict reasons and protected auth. [2.13, 2.18]"""
    rules_last_cursor: Literal["empty", "null"] = "empty"
    """``next_cursor`` on the last page of fraud rules: ``""``, or null, which the Python SDK cannot read. [1.3]"""
    cidr_block: Literal["kept", "normalised"] = "kept"
    """Answers show a fraud rule's ``cidr_block`` as sent, or as the network with its prefix. [2.18]"""
    same_certificate: Literal["adds", "kept"] = "adds"
    """Sending a certificate that a SAML connection already has. [2.21, 7.16]"""
    certificate_text: Literal["kept", "normalised"] = "kept"
    """Answers show a certificate as sent, or in the usual form of PEM. [2.21]"""
    oidc_credentials: Literal["full", "masked"] = "full"
    """How answers show an OIDC connection's ``client_secret``. [2.21]"""
    oidc_discovery: bool = True
    """The metadata of an OIDC issuer can be read; if not, its URLs stay unchanged, with a warning. [2.21]"""
    no_scim_connection: Literal["refused", "absent"] = "refused"
    """GET of an organization's SCIM connection that does not exist. [2.22]"""


def parse_switches(settings: Sequence[str]) -> Behaviour:
    """Return the behaviour with these ``NAME=VALUE`` settings over the defaults.

    Raises:
        ValueError: with every invalid setting and the valid values.
    """
    hints = get_type_hints(Behaviour)
    chosen: dict[str, Any] = {}
    problems = []
    for setting in settings:
        name, _, text = setting.partition("=")
        if name not in hints:
            problems.append(f"--behaviour {setting}: there is no switch {name!r}; use one of {', '.join(hints)}")
            continue
        try:
            chosen[name] = _value(hints[name], text.strip())
        except ValueError as error:
            problems.append(f"--behaviour {setting}: {error}")
    if problems:
        raise ValueError("\n".join(problems))
    return dataclasses.replace(Behaviour(), **chosen)


def _value(hint: Any, text: str) -> Any:
    if get_origin(hint) is Literal:
        for choice in get_args(hint):
            if str(choice) == text:
                return choice
        raise ValueError(f"must be one of {', '.join(map(str, get_args(hint)))}")
    if hint is bool:
        if text.lower() in TRUE | FALSE:
            return text.lower() in TRUE
        raise ValueError("must be true or false")
    if not text.isdecimal():
        raise ValueError("must be a whole number")
    return int(text)
