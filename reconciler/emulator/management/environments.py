"""Environments of a project [2.2]."""

from collections.abc import Mapping
from typing import Final

from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import choice, given, positive
from reconciler.emulator.core.search import arranged
from reconciler.emulator.core.store import Fields
from reconciler.emulator.core.workspace import Type
from reconciler.emulator.management.founding import make_environment
from reconciler.emulator.management.projects import required_name, slug

SETTINGS: Final[Mapping[str, type]] = {
    "cross_org_passwords_enabled": bool,
    "user_impersonation_enabled": bool,
    "zero_downtime_session_migration_url": str,
    "user_lock_self_serve_enabled": bool,
    "idp_authorization_url": str,
    "idp_dynamic_client_registration_enabled": bool,
    "idp_dynamic_client_registration_access_token_template_content": str,
}
LOCKS: Final = {"user_lock_threshold": "invalid_user_lock_threshold", "user_lock_ttl": "invalid_user_lock_ttl"}


def create(call: Call) -> Answer:
    """``POST …/environments``: the live environment first, then test environments."""
    name = required_name(call, "invalid_argument")
    type_ = choice(call.body, "type", ("LIVE", "TEST"), call.behaviour, "invalid_argument")
    environments = call.workspace.environments_of(call.project)
    has_live = any(environment.type == "live" for environment in environments)
    if type_ is None:
        raise Refusal("invalid_argument", "type must be one of LIVE, TEST.")
    if type_ == "LIVE" and has_live:
        raise Refusal("invalid_argument", "A project has one live environment at most.")
    if type_ == "TEST" and not has_live:
        raise Refusal("invalid_argument", "A project needs its live environment before a test environment.")
    taken = {environment.slug for environment in environments}
    own = slug(call, "environment_slug", name, taken.__contains__)
    stated = {"environment_slug": own, "name": name, **_settings(call)}
    kind: Type = "live" if type_ == "LIVE" else "test"
    made = make_environment(call.workspace, call.project, kind, stated, call.behaviour, call.now())
    return {"environment": call.workspace.shown(made)}


def list_all(call: Call) -> Answer:
    """``GET …/environments``."""
    environments = arranged(
        call.workspace.environments_of(call.project), call.behaviour, lambda environment: environment.slug
    )
    return {"environments": [call.workspace.shown(environment) for environment in environments]}


def get(call: Call) -> Answer:
    """``GET …/environments/{environment_slug}``."""
    return {"environment": call.workspace.shown(call.environment)}


def update(call: Call) -> Answer:
    """``PATCH …/environments/{environment_slug}``: changes only the fields that are sent."""
    before = call.workspace.shown(call.environment)
    stated = _settings(call)
    if call.body.get("name") is not None:
        stated["name"] = required_name(call, "invalid_argument")
    domain = given(call.body, "use_custom_domain_in_magic_link_emails", bool, call.behaviour, "invalid_argument")
    if domain is not None:
        stated["use_custom_domain_in_magic_link_emails"] = domain
    toggled = stated.get("cross_org_passwords_enabled", before["cross_org_passwords_enabled"])
    if toggled != before["cross_org_passwords_enabled"] and _has_password(call):
        message = "Cross-organization passwords cannot be toggled while a password is in use."
        raise Refusal("cannot_toggle_cross_org_passwords_when_password_in_use", message)
    shown = {**before, **stated}
    call.workspace.keep_environment(call.project, shown, call.environment.secret, call.environment.number)
    return {"environment": shown}


def delete(call: Call) -> Answer:
    """``DELETE …/environments/{environment_slug}``: only a project's delete deletes a live one."""
    if call.environment.type == "live":
        raise Refusal("invalid_argument", "A live environment can only be deleted with its project.")
    call.workspace.remove_environment(call.environment)
    return {}


def metrics(call: Call) -> Answer:
    """``GET …/metrics``: the numbers of active objects."""
    counted = {
        "user_count": ("user", "deleted"),
        "organization_count": ("organization", "deleted"),
        "member_count": ("member", "deleted"),
        "m2m_client_count": ("m2m_client", "inactive"),
    }
    return {
        "metrics": {
            name: call.store.count(call.collection(kind), besides=status) for name, (kind, status) in counted.items()
        }
    }


def _settings(call: Call) -> Fields:
    stated = {
        name: given(call.body, name, type_, call.behaviour, "invalid_argument") for name, type_ in SETTINGS.items()
    }
    locks = {name: positive(call.body, name, error) for name, error in LOCKS.items()}
    return {name: value for name, value in {**stated, **locks}.items() if value is not None}


def _has_password(call: Call) -> bool:
    return call.store.holds(call.collection("member"), "member_password_id")
