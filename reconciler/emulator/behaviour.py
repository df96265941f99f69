"""What Stytch does not document, each as a switch: a client must be right under every setting."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """One setting of everything unconfirmed; the number in brackets is the section of ``docs/stytch.md`` on it.

    The first value of each list is the default.
    """

    lower_emails: bool = True
    """Addresses come back in lower case; if not, as they were sent. They compare without case either way. [7.26]"""
    lower_domains: bool = True
    """Domains in organization settings come back in lower case. [2.19]"""
    slug_case_sensitive: bool = True
    """``Acme`` and ``acme`` are two slugs; if not, the second is refused and either finds the organization. [7.26]"""
    slug_required: bool = False
    """A create without a slug is refused; if not, the slug is made from the name. [2.19]"""
    set_order: Literal["kept", "sorted", "reversed"] = "kept"
    """The order in which lists that are sets come back. [7.18]"""
    total: Literal["exact", "unknown"] = "exact"
    """``results_metadata.total``: the number of matches, or -1. [1.3]"""
    last_cursor: Literal["null", "absent"] = "null"
    """``next_cursor`` on the last page. [1.3]"""
    search_order: Literal["insertion", "id", "random"] = "insertion"
    """The order of search results; ``random`` is another one for each search. [1.3]"""
    search_lag_ms: int = 0
    """A write shows in searches only so many milliseconds later. [1.3]"""
    search_lag_requests: int = 0
    """A write shows in searches only after so many further requests. [1.3]"""
    search_unknown_organization: Literal["refused", "ignored"] = "refused"
    """A member search that names an organization that does not exist. [1.3]"""
    created_status: Literal[200, 201] = 200
    """The status of a create. [1.2, 7.30]"""
    sso_jit_default: Literal["ALL_ALLOWED", "NOT_ALLOWED"] = "ALL_ALLOWED"
    """``sso_jit_provisioning`` where a create does not say. [2.19]"""
    empty_string: Literal["clears", "ignored"] = "clears"
    """``""`` for a member's name; it always clears an organization's logo. [2]"""
    null_field: Literal["ignored", "clears"] = "ignored"
    """``null`` for an optional top-level field. [2]"""
    unset_fields: Literal["absent", "null"] = "absent"
    """How an optional field without a value is answered. [7.19]"""
    empty_metadata: Literal["object", "absent"] = "object"
    """How metadata without any key is answered. [7.19]"""
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
    retry_after: bool = True
    """A 429 carries ``Retry-After``. [1.4]"""
