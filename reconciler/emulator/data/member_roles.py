"""A member's roles: ids in requests, objects with their sources in answers [2.20]."""

from collections.abc import Collection, Sequence
from typing import Any

from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.store import Fields

MEMBER, ADMIN = "stytch_member", "stytch_admin"
DIRECT, BY_EMAIL = "direct_assignment", "email_assignment"
OURS = {DIRECT, BY_EMAIL}


def check(roles: Sequence[str], known: Collection[str]) -> None:
    """Refuse roles that cannot be assigned.

    Raises:
        Refusal: ``cannot_assign_default_rbac_role_id`` or ``invalid_role``.
    """
    for role in roles:
        if role == MEMBER:
            raise Refusal("cannot_assign_default_rbac_role_id", f"{MEMBER} is implicit and cannot be assigned.")
        if role not in known:
            raise Refusal("invalid_role", "A role is not in the project's RBAC policy.")


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
