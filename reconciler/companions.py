"""Settings of an organization that are RESTRICTED to what another one lists: one says nothing without the other."""

from collections.abc import Iterator
from typing import Final

from reconciler.fields import problem
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


def check_companions(resource: Resource, said: Spec) -> Iterator[Problem]:
    """Yield each setting of an organization that lacks its companion, or that leaves it idle."""
    for setting, companion in COMPANIONS.items():
        value = said.get(setting)
        at = ("spec" if setting in resource.spec else "initial", setting)
        if value == "RESTRICTED" and not _anything(said.get(companion)):
            yield problem(
                resource,
                "missing-companion",
                f"{setting} is RESTRICTED, but to what is not said: {companion} is {_state(said, companion)}",
                f"list at least one under {companion}",
                at,
            )
        elif value == "ALL_ALLOWED" and companion.startswith("allowed_") and _anything(said.get(companion)):
            yield problem(
                resource,
                "idle-companion",
                f"{setting} is ALL_ALLOWED, but {companion} lists some",
                f"{setting}: RESTRICTED, or remove {companion}",
                at,
            )


def _anything(value: Json) -> bool:
    return any(value.values()) if isinstance(value, dict) else bool(value)


def _state(said: Spec, name: str) -> str:
    return "empty" if name in said else "not declared"
