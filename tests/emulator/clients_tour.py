"""One visit to every operation on M2M clients, Connected Apps and fraud prevention."""

from typing import Any

from tests.emulator.conftest import Api


def tour(api: Api) -> None:
    """Visit every operation; each must succeed."""
    client = {"scopes": ["read:users"], "client_name": "Payroll", "trusted_metadata": {"team": "pay"}}
    app = {"client_type": "first_party", "redirect_urls": ["https://app.example/in"]}
    bodies: tuple[tuple[str, str, Any], ...] = (
        ("/v1/m2m/clients", "m2m_client", client),
        ("/v1/connected_apps/clients", "connected_app", app),
    )
    ours = api.ok("POST", "/v1/m2m/clients", client)["m2m_client"]
    asked = {name: ours[name] for name in ("client_id", "client_secret")} | {"grant_type": "client_credentials"}
    project_id = api.app.workspace.environment("B2B").project_id
    api.ok("POST", f"/v1/public/{project_id}/oauth2/token", asked)
    for path, name, body in bodies:
        one = f"{path}/{api.ok('POST', path, body)[name]['client_id']}"
        api.ok("POST", f"{path}/search", {})
        api.ok("GET", one)
        api.ok("PUT", one, {"client_description": "Pays"})
        for step in ("rotate/start", "rotate/cancel", "rotate/start", "rotate"):
            api.ok("POST", f"{one}/secrets/{step}")
        api.ok("DELETE", one)
    public = {"client_type": "third_party_public", "client_name": "Reader", "logo_url": "https://app.example/logo.png"}
    api.ok("POST", "/v1/connected_apps/clients", public)
    api.ok("POST", "/v1/rules/set", {"action": "ALLOW", "cidr_block": "10.0.0.0/16", "description": "Ours"})
    api.ok("POST", "/v1/rules/set", {"action": "ALLOW", "asn": "64500", "expires_in_minutes": 60})
    api.ok("POST", "/v1/rules/list", {})
    override = {"verdict_reason": "VIRTUAL_MACHINE", "override_action": "ALLOW"}
    api.ok("POST", "/v1/verdict_reasons/override", override)
    api.ok("POST", "/v1/verdict_reasons/list", {})
