"""Who may join an organization and how: which of its settings Stytch takes together (docs/stytch.md, 4)."""

from collections.abc import Iterable, Iterator, Sequence
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

# Who joins so must be able to sign in so: each way needs one of these methods, if methods are restricted.
FACTORS: Final = {
    "email_jit_provisioning": ("magic_link", "email_otp", "password", "google_oauth", "microsoft_oauth"),
    "oauth_tenant_jit_provisioning": ("slack_oauth", "hubspot_oauth", "github_oauth"),
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


def check_factors(resource: Resource, said: Spec) -> Iterator[Problem]:
    """Yield each way to join of which no method to sign in is left."""
    allowed = said.get("allowed_auth_methods") or ()
    for setting, methods in FACTORS.items():
        both = said.get("auth_methods") == said.get(setting) == "RESTRICTED"
        if both and allowed and not {*allowed} & {*methods}:
            message = f"{setting} is RESTRICTED, but allowed_auth_methods has none of {', '.join(methods)}"
            at = ("spec" if setting in resource.spec else "initial", setting)
            yield resource.problem("no-factor", message, "allow one of them: who joins so must be able to sign in", at)


def refuses(spec: Spec) -> Iterator[tuple[Sequence[str], str]]:
    """Yield which fields of a whole organization contradict each other, and how."""
    for setting, companion in COMPANIONS.items():
        if spec.get(setting) == "RESTRICTED" and not _anything(spec.get(companion)):
            yield (setting, companion), f"{setting} is RESTRICTED, and {companion} would be empty"
    allowed = spec.get("allowed_auth_methods") or ()
    for setting, methods in FACTORS.items():
        both = spec.get("auth_methods") == spec.get(setting) == "RESTRICTED"
        if both and allowed and not {*allowed} & {*methods}:
            fields = (setting, "auth_methods", "allowed_auth_methods")
            yield fields, f"{setting} is RESTRICTED, and allowed_auth_methods would have none of {', '.join(methods)}"
    if all(spec.get(way) == CLOSED for way in (*SURE_WAYS_IN, BY_TENANT)):
        yield (*SURE_WAYS_IN, BY_TENANT), "all ways to join would be NOT_ALLOWED"


def _anything(value: Json) -> bool:
    return any(value.values()) if isinstance(value, dict) else bool(value)


def _state(said: Spec, name: str) -> str:
    return "empty" if name in said else "not declared"
