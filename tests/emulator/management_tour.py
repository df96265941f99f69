"""One visit to every operation of the management API."""

from tests.emulator import settings_tour
from tests.emulator.conftest import Api

PROJECTS = "/pwa/v3/projects"


def tour(api: Api) -> None:
    """Visit every operation; each must succeed."""
    api.ok("POST", PROJECTS, {"name": "Acme", "vertical": "B2B", "project_slug": "acme"})
    api.ok("GET", PROJECTS)
    acme = f"{PROJECTS}/acme"
    api.ok("GET", acme)
    api.ok("PATCH", acme, {"name": "Acme Corp"})
    environments = f"{acme}/environments"
    live = {"name": "Production", "type": "LIVE", "environment_slug": "production"}
    test = {"name": "Staging", "type": "TEST", "environment_slug": "staging"}
    for each in (live, test):
        api.ok("POST", environments, each)
    api.ok("GET", environments)
    staging = f"{environments}/staging"
    api.ok("GET", staging)
    api.ok("PATCH", staging, {"name": "Test", "user_lock_threshold": 5})
    api.ok("GET", f"{staging}/metrics")
    _credentials(api, staging)
    _redirect_urls(api, staging)
    _templates(api, acme)
    settings_tour.tour(api)
    legacy = api.ok("GET", "/web/v1/projects")["projects"][0]
    api.ok("GET", f"/web/v1/projects/{legacy['live_project_id']}")
    api.ok("DELETE", staging)
    api.ok("DELETE", acme)


def _credentials(api: Api, environment: str) -> None:
    secret = api.ok("POST", f"{environment}/secrets")["secret"]["secret_id"]
    api.ok("GET", f"{environment}/secrets")
    api.ok("GET", f"{environment}/secrets/{secret}")
    api.ok("DELETE", f"{environment}/secrets/{secret}")
    token = api.ok("POST", f"{environment}/public_tokens")["public_token"]["public_token"]
    api.ok("GET", f"{environment}/public_tokens")
    api.ok("GET", f"{environment}/public_tokens/{token}")
    api.ok("DELETE", f"{environment}/public_tokens/{token}")


def _redirect_urls(api: Api, environment: str) -> None:
    url = {"url": "https://app.acme.com/authenticate"}
    login, signup = ({"type": type_, "is_default": True} for type_ in ("LOGIN", "SIGNUP"))
    api.ok("POST", f"{environment}/redirect_urls", {**url, "valid_types": [login]})
    api.ok("PUT", f"{environment}/redirect_urls", {"valid_types": [login, signup]}, query=url)
    api.ok("GET", f"{environment}/redirect_urls", query=url)
    api.ok("GET", f"{environment}/redirect_urls/all")
    api.ok("DELETE", f"{environment}/redirect_urls", query=url)


def _templates(api: Api, project: str) -> None:
    looks = {"template_type": "LOGIN", "html_content": "<a href={{magic_link_url}}>in</a>", "subject": "Sign in"}
    rest = {"name": "Sign in", "sender_information": {"from_local_part": "hello"}}
    templates, default = f"{project}/email_templates", f"{project}/default_email_templates/LOGIN"
    api.ok("POST", templates, {"template_id": "sign-in", **rest, "custom_html_customization": looks})
    api.ok("GET", templates)
    api.ok("GET", f"{templates}/sign-in")
    api.ok("PUT", f"{templates}/sign-in", {**rest, "custom_html_customization": {**looks, "subject": "In"}})
    api.ok("POST", default, {"template_id": "sign-in"})
    api.ok("GET", default)
    api.ok("DELETE", default)
    api.ok("DELETE", f"{templates}/sign-in")
