"""Read a B2B project with Stytch's own SDKs, in the shape of b2b.yaml."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stytch import B2BClient
from stytch_management.errors import StytchError

COMPUTED = {
    *("environment_slug", "project_slug", "project_id", "oauth_callback_id", "created_at", "last_updated_at"),
    *("template_id", "profile_id", "client_id", "client_name", "name", "creation_method", "default_action"),
    *("verdict_reason", "override_created_at", "client_secret_last_four", "jwt_template_type"),
}

Fields = dict[str, Any]
Here = tuple[str, str]


def of_project(management: Any, slug: str) -> Fields:
    """Return the resources of the whole project."""
    project = management.projects.get(slug).project
    templates = management.email_templates.get_all(slug).email_templates
    defaults = {}
    for type_ in ("LOGIN", "PREBUILT"):
        defaults[type_] = management.email_templates.get_default(slug, email_template_type=type_).template_id
    return {
        "project": {"name": project.name, "vertical": project.vertical},
        "email_templates": {each.template_id: {"name": each.name, **shown(each)} for each in templates},
        "default_email_templates": defaults,
    }


def of_environment(management: Any, here: Here, data: B2BClient) -> Fields:
    """Return the resources of an environment."""
    environment = management.environments.get(*here).environment
    codes = management.country_code_allowlist.get_allowed_sms_country_codes(*here)
    return {
        "settings": {"name": environment.name, **shown(environment)},
        "secrets": len(management.secrets.get_all(*here).secrets),
        "redirect_urls": {
            each.url: {sort.type.value: sort.is_default for sort in each.valid_types}
            for each in management.redirect_urls.get_all(*here).redirect_urls
        },
        "jwt_templates": {
            type_: shown(management.jwt_templates.get(*here, jwt_template_type=type_).jwt_template)
            for type_ in ("SESSION", "M2M")
        },
        "country_codes": codes.country_codes,
        "rbac_policy": _policy(management.rbac_policy.get(*here).policy),
        "password_strength": shown(management.password_strength_config.get(*here).password_strength_config),
        "trusted_token_profiles": {
            each.name: {**shown(each), "pem_files": [file.public_key for file in each.pem_files]}
            for each in management.trusted_token_profiles.get_all(*here).profiles
        },
        "event_log_streaming": _streaming(management, here),
        "sdk": _sdk(management.sdk.get_b2_b_config(*here).config),
        **_data(data),
    }


def _data(client: B2BClient) -> Fields:
    clients = client.m2m.clients.search().m2m_clients
    apps = client.connected_app.clients.search().connected_apps
    rules = client.fraud.rules.list().rules
    reasons = client.fraud.verdict_reasons.list(overrides_only=True).verdict_reason_actions
    return {
        "m2m_clients": {each.client_id: {"client_name": each.client_name, **shown(each)} for each in clients},
        "connected_apps": {each.client_name: shown(each) for each in apps},
        "fraud_rules": by(("rule_type",), [shown(each) for each in rules]),
        "verdict_reasons": {each.verdict_reason: shown(each) for each in reasons},
    }


def shown(model: Any) -> Fields:
    """Return the fields of an answer that Stytch does not choose itself. Lists that are sets are sorted."""
    fields = model.model_dump(mode="json", exclude_none=True)
    return {name: _sorted(value) for name, value in fields.items() if name not in COMPUTED}


def by(keys: Sequence[str], rows: Iterable[Fields]) -> list[Fields]:
    """Return the rows, sorted by these fields."""
    return sorted(rows, key=lambda row: [row[key] for key in keys])


def _sorted(value: Any) -> Any:
    return sorted(value) if isinstance(value, list) and all(isinstance(each, str) for each in value) else value


def _policy(policy: Any) -> Fields:
    def granted(holder: Any) -> Fields:
        return {each.resource_id: sorted(each.actions) for each in holder.permissions}

    return {
        "stytch_member": granted(policy.stytch_member),
        "stytch_admin": granted(policy.stytch_admin),
        "custom_resources": {
            each.resource_id: {"description": each.description, "available_actions": sorted(each.available_actions)}
            for each in policy.custom_resources
        },
        "custom_roles": {
            each.role_id: {"description": each.description, "permissions": granted(each)}
            for each in policy.custom_roles
        },
        "custom_scopes": {
            each.scope: {"description": each.description, "permissions": granted(each)} for each in policy.custom_scopes
        },
    }


def _streaming(management: Any, here: Here) -> Fields:
    for type_ in ("DATADOG", "GRAFANA_LOKI"):
        try:
            return shown(management.event_log_streaming.get(*here, type_).event_log_streaming_config)
        except StytchError as error:
            assert error.error_type == "event_log_streaming_not_found"  # noqa: PT017 # there is no other type
    raise AssertionError("nothing is streamed anywhere")


def _sdk(config: Any) -> Mapping[str, Any]:
    fields: Fields = config.model_dump(mode="json")
    domains = [domain["domain"] for domain in fields["basic"]["domains"]]
    assert not any(domain["slug_pattern"] for domain in fields["basic"]["domains"])
    return {**fields, "basic": {**fields["basic"], "domains": sorted(domains)}}
