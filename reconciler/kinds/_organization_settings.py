"""Check settings of an organization that depend on each other: restrictions and their lists, the ways to join."""

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import structs

from reconciler.model import Json, Problem, Resource, Spec

# What a setting that is RESTRICTED is restricted to; without it Stytch refuses the setting (docs/stytch.md).
COMPANIONS: Final = {
    "auth_methods": "allowed_auth_methods",
    "mfa_methods": "allowed_mfa_methods",
    "email_jit_provisioning": "email_allowed_domains",
    "email_invites": "email_allowed_domains",
    "sso_jit_provisioning": "sso_jit_provisioning_allowed_connections",
    "oauth_tenant_jit_provisioning": "allowed_oauth_tenants",
}

# The ways to join, of which one must stay open; whether the last one is enough, Stytch's sources do not agree on.
SURE_WAYS_IN: Final = ("sso_jit_provisioning", "email_jit_provisioning", "email_invites")
BY_TENANT: Final = "oauth_tenant_jit_provisioning"
CLOSED: Final = "NOT_ALLOWED"
CLOSED_BY_DEFAULT: Final = frozenset({"email_jit_provisioning", BY_TENANT})


def check_ways_in(resource: Resource, said: Spec) -> Iterator[Problem]:
    """Yield a problem where nobody can join an organization."""
    if _are_closed(said, *SURE_WAYS_IN, BY_TENANT):
        message = "all ways to join are NOT_ALLOWED, which Stytch refuses"
        yield _closed(resource, "no-way-in", message, *SURE_WAYS_IN, BY_TENANT)


def way_in_warnings(organizations: Iterable[Resource]) -> Iterator[Problem]:
    """Yield a warning for each organization that can be joined through an OAuth tenant only."""
    for resource in organizations:
        said = {**resource.initial, **resource.spec}
        if _are_closed(said, *SURE_WAYS_IN) and not _are_closed(said, BY_TENANT):
            message = f"{BY_TENANT} is the only way to join, which Stytch may refuse"
            yield structs.replace(_closed(resource, "only-way-in", message, *SURE_WAYS_IN), severity="warning")


def _are_closed(said: Spec, *ways: str) -> bool:
    return all(said.get(way, CLOSED if way in CLOSED_BY_DEFAULT else "") == CLOSED for way in ways)


def _closed(resource: Resource, code: str, message: str, *ways: str) -> Problem:
    hint = f"open one of {', '.join(ways)}; under `initial` if customers change it"
    return resource.problem(code, message, hint, ("spec", "email_invites"))


def check_companions(resource: Resource, said: Spec) -> Iterator[Problem]:
    """Yield each setting of an organization that lacks its companion, or that leaves it idle."""
    for setting, companion in COMPANIONS.items():
        value = said.get(setting)
        at = ("spec" if setting in resource.spec else "initial", setting)
        if value == "RESTRICTED" and not _anything(said.get(companion)):
            yield resource.problem(
                "missing-companion",
                f"{setting} is RESTRICTED, but {companion} is {_state(said, companion)}",
                f"list at least one under {companion}",
                at,
            )
        elif value == "ALL_ALLOWED" and companion.startswith("allowed_") and _anything(said.get(companion)):
            yield resource.problem(
                "idle-companion",
                f"{setting} is ALL_ALLOWED, but {companion} lists some",
                f"{setting}: RESTRICTED, or remove {companion}",
                at,
            )


def _anything(value: Json) -> bool:
    return any(value.values()) if isinstance(value, dict) else bool(value)


def _state(said: Spec, name: str) -> str:
    return "empty" if name in said else "not declared"
