"""The operations of the management API, in one table. Each file of environment settings adds its own lines."""

from typing import Final

from reconciler.emulator.core.call import Routes
from reconciler.emulator.management import (
    country_codes,
    credentials,
    email_templates,
    environments,
    event_log_streaming,
    jwt_templates,
    password_strength,
    projects,
    rbac_policy,
    redirect_urls,
    sdk_config,
    trusted_token_profiles,
)

PROJECTS: Final = "/pwa/v3/projects"
PROJECT: Final = f"{PROJECTS}/{{project_slug}}"
ENVIRONMENTS: Final = f"{PROJECT}/environments"
ENVIRONMENT: Final = f"{ENVIRONMENTS}/{{environment_slug}}"

TEMPLATES: Final = f"{PROJECT}/email_templates"
TEMPLATE: Final = f"{TEMPLATES}/{{template_id}}"
DEFAULT_TEMPLATE: Final = f"{PROJECT}/default_email_templates/{{email_template_type}}"
LEGACY: Final = "/web/v1/projects"

BELOW_ENVIRONMENT: Routes = (
    *credentials.ROUTES,
    *redirect_urls.ROUTES,
    *jwt_templates.ROUTES,
    *country_codes.ROUTES,
    *rbac_policy.ROUTES,
    *password_strength.ROUTES,
    *trusted_token_profiles.ROUTES,
    *event_log_streaming.ROUTES,
    *sdk_config.ROUTES,
)
"""``ROUTES`` of each such file, with paths below the environment: ``("GET", "rbac_policy", "rbac_policy_get", …)``."""

MANAGEMENT: Routes = (
    ("POST", PROJECTS, "projects_create", projects.create),
    ("GET", PROJECTS, "projects_list", projects.list_all),
    ("GET", PROJECT, "projects_get", projects.get),
    ("PATCH", PROJECT, "projects_update", projects.update),
    ("DELETE", PROJECT, "projects_delete", projects.delete),
    ("POST", ENVIRONMENTS, "environments_create", environments.create),
    ("GET", ENVIRONMENTS, "environments_list", environments.list_all),
    ("GET", ENVIRONMENT, "environments_get", environments.get),
    ("PATCH", ENVIRONMENT, "environments_update", environments.update),
    ("DELETE", ENVIRONMENT, "environments_delete", environments.delete),
    ("GET", f"{ENVIRONMENT}/metrics", "environments_metrics", environments.metrics),
    ("POST", TEMPLATES, "email_templates_create", email_templates.create),
    ("GET", TEMPLATES, "email_templates_list", email_templates.list_all),
    ("GET", TEMPLATE, "email_templates_get", email_templates.get),
    ("PUT", TEMPLATE, "email_templates_update", email_templates.update),
    ("DELETE", TEMPLATE, "email_templates_delete", email_templates.delete),
    ("POST", DEFAULT_TEMPLATE, "default_email_templates_set", email_templates.set_default),
    ("GET", DEFAULT_TEMPLATE, "default_email_templates_get", email_templates.get_default),
    ("DELETE", DEFAULT_TEMPLATE, "default_email_templates_unset", email_templates.unset_default),
    ("GET", LEGACY, "legacy_projects_list", projects.list_legacy),
    ("GET", f"{LEGACY}/{{project_id}}", "legacy_projects_get", projects.get_legacy),
    *((method, f"{ENVIRONMENT}/{path}", name, endpoint) for method, path, name, endpoint in BELOW_ENVIRONMENT),
)
