"""The operations on M2M clients, Connected Apps and fraud prevention, for Consumer and B2B projects."""

from typing import Final

from reconciler.emulator.core.call import Endpoint
from reconciler.emulator.data import (
    client_searches,
    connected_apps,
    fraud_rules,
    m2m_clients,
    m2m_tokens,
    verdict_reasons,
)

M2M: Final = "/v1/m2m/clients"
APPS: Final = "/v1/connected_apps/clients"

CLIENTS: Final[tuple[tuple[str, str, str, Endpoint], ...]] = (
    ("POST", M2M, "m2m_clients_create", m2m_clients.create),
    ("POST", f"{M2M}/search", "m2m_clients_search", client_searches.m2m_clients),
    ("GET", f"{M2M}/{{client_id}}", "m2m_clients_get", m2m_clients.get),
    ("PUT", f"{M2M}/{{client_id}}", "m2m_clients_update", m2m_clients.update),
    ("DELETE", f"{M2M}/{{client_id}}", "m2m_clients_delete", m2m_clients.delete),
    ("POST", f"{M2M}/{{client_id}}/secrets/rotate/start", "m2m_clients_rotate_start", m2m_clients.rotate_start),
    ("POST", f"{M2M}/{{client_id}}/secrets/rotate", "m2m_clients_rotate", m2m_clients.rotate),
    ("POST", f"{M2M}/{{client_id}}/secrets/rotate/cancel", "m2m_clients_rotate_cancel", m2m_clients.rotate_cancel),
    ("POST", "/v1/public/{project_id}/oauth2/token", "m2m_token", m2m_tokens.issue),
    ("POST", APPS, "connected_apps_create", connected_apps.create),
    ("POST", f"{APPS}/search", "connected_apps_search", client_searches.connected_apps),
    ("GET", f"{APPS}/{{client_id}}", "connected_apps_get", connected_apps.get),
    ("PUT", f"{APPS}/{{client_id}}", "connected_apps_update", connected_apps.update),
    ("DELETE", f"{APPS}/{{client_id}}", "connected_apps_delete", connected_apps.delete),
    *(
        ("POST", f"{APPS}/{{client_id}}/secrets/{path}", f"connected_apps_{name}", endpoint)
        for path, name, endpoint in (
            ("rotate/start", "rotate_start", connected_apps.rotate_start),
            ("rotate", "rotate", connected_apps.rotate),
            ("rotate/cancel", "rotate_cancel", connected_apps.rotate_cancel),
        )
    ),
    ("POST", "/v1/rules/set", "rules_set", fraud_rules.set_rule),
    ("POST", "/v1/rules/list", "rules_list", fraud_rules.list_rules),
    ("POST", "/v1/verdict_reasons/override", "verdict_reasons_override", verdict_reasons.override),
    ("POST", "/v1/verdict_reasons/list", "verdict_reasons_list", verdict_reasons.list_reasons),
)
