"""Create the Consumer project that a file describes in the emulator, through Stytch's own SDKs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from stytch import Client as Data
from stytch_management import Client as Management

from reconciler.emulator.core.workspace import Environment
from reconciler.emulator.seed.running import Running

FILE = Path(__file__).parent / "consumer.yaml"

Fields = Mapping[str, Any]


def described() -> dict[str, Any]:
    """Return the project that the file describes."""
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return loaded


def build(server: Running, management: Management, project: Fields) -> None:
    """Create everything in ``project``."""
    slug = project["project"]["slug"]
    for template in project["email_templates"]:
        management.email_templates.create(slug, **template)
    for type_, id_ in project["default_email_templates"].items():
        management.email_templates.set_default(slug, template_id=id_, email_template_type=type_)
    for name, environment in project["environments"].items():
        _settings(management, slug, name, environment)
        _data(data(server, slug, name), environment)


def environment_of(server: Running, project: str, slug: str) -> Environment:
    """Return the emulator's environment with this slug."""
    every = server.app.workspace.environments
    return next(each for each in every if (each.project_slug, each.slug) == (project, slug))


def data(server: Running, project: str, slug: str) -> Data:
    """Return the vendor's SDK for the data of one of the emulator's initial environments."""
    found = environment_of(server, project, slug)
    return Data(
        project_id=found.project_id,
        secret=found.secret,
        suppress_warnings=True,
        custom_base_url=server.url,
        fraud_environment=server.url,
    )


def _settings(management: Any, project: str, slug: str, environment: Fields) -> None:
    here = (project, slug)
    management.environments.update(*here, **environment["settings"])
    for url, types in environment["redirect_urls"].items():
        _redirect_url(management, here, url, types)
    for type_, template in environment["jwt_templates"].items():
        management.jwt_templates.set(*here, jwt_template_type=type_, **template)
    codes = environment["country_codes"]
    management.country_code_allowlist.set_allowed_sms_country_codes(*here, country_codes=codes["sms"])
    management.country_code_allowlist.set_allowed_whatsapp_country_codes(*here, country_codes=codes["whatsapp"])
    management.rbac_policy.set(*here, **environment["rbac_policy"])
    management.password_strength_config.set(*here, **environment["password_strength"])
    for profile in environment["trusted_token_profiles"]:
        management.trusted_token_profiles.create(*here, **profile)
    stream = dict(environment["event_log_streaming"])
    enabled = stream.pop("enabled")
    management.event_log_streaming.create(*here, **stream)
    if enabled:
        management.event_log_streaming.enable(*here, stream["destination_type"])
    management.sdk.set_consumer_config(*here, config=environment["sdk"])


def _redirect_url(management: Management, here: tuple[str, str], url: str, types: Any) -> None:
    """Create the URL, or set its types where a new environment already has it."""
    there = {each.url for each in management.redirect_urls.get_all(*here).redirect_urls}
    write = management.redirect_urls.update if url in there else management.redirect_urls.create
    write(*here, url=url, valid_types=types, do_not_promote_defaults=True)


def _data(client: Data, environment: Fields) -> None:
    for fields in environment["m2m_clients"]:
        made = {name: value for name, value in fields.items() if name != "status"}
        client.m2m.clients.create(**made)
        if "status" in fields:
            client.m2m.clients.update(client_id=fields["client_id"], status=fields["status"])
    for app in environment["connected_apps"]:
        client.connected_app.clients.create(**app)
    for rule in environment["fraud_rules"]:
        client.fraud.rules.set(**rule)
    for reason in environment["verdict_reasons"]:
        client.fraud.verdict_reasons.override(**reason)
