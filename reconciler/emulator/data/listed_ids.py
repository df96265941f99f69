"""Connections and Connected Apps that an organization's settings list: they must exist [2.19]."""

from collections.abc import Iterator
from typing import Final

from reconciler.emulator.core.call import Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.store import Fields, Row

CONNECTIONS: Final = "sso_jit_provisioning_allowed_connections"
APPS: Final = {
    "allowed_first_party_connected_apps": "first_party",
    "allowed_third_party_connected_apps": "third_party",
}


def check(call: Call, stated: Fields, row: Row | None) -> None:
    """Refuse ids that do not exist. Ids that the organization already lists may stay.

    Raises:
        Refusal: ``sso_connection_not_found``, ``requires_active_sso_connection`` or ``connected_app_not_found``.
    """
    if not call.behaviour.listed_ids_checked:
        return
    for id_ in _added(stated, CONNECTIONS, row):
        if id_ not in active_connections(row):
            raise unusable_connection(call, id_, row, "sso_connection_not_found")
    for name, party in APPS.items():
        for id_ in _added(stated, name, row):
            app = call.store.get(call.collection("connected_app"), call.own(id_))
            if app is None or not app.fields["client_type"].startswith(party):
                raise Refusal("connected_app_not_found", f"{name} lists an id that is not a {party} Connected App.")


def active_connections(row: Row | None) -> set[str]:
    """Return the organization's active SSO connections."""
    return {each["connection_id"] for each in row.fields.get("sso_active_connections", ())} if row else set()


def unusable_connection(call: Call, id: str, row: Row | None, unknown: str) -> Refusal:
    """Return the refusal for a connection that is not active, or that does not exist (``unknown``)."""
    kinds = ("saml_connection", "oidc_connection", "external_connection")
    found = (call.store.get(call.collection(kind), call.own(id)) for kind in kinds)
    if row is not None and any(each is not None and each.parent == row.number for each in found):
        return Refusal("requires_active_sso_connection", "The connection is not active.")
    return Refusal(unknown, "The connection is not an active one of the organization.")


def _added(stated: Fields, name: str, row: Row | None) -> Iterator[str]:
    before = set(row.fields.get(name, ())) if row else set()
    yield from (id_ for id_ in stated.get(name) or () if id_ not in before)
