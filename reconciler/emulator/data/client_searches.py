"""The searches for M2M clients and for Connected Apps [1.3, 2.16, 2.17]."""

from typing import Final

from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.filters import LISTED, any_of, condition, each
from reconciler.emulator.core.search import Selection, page
from reconciler.emulator.data.searches import rendered

M2M_FILTERS: Final = {
    "client_id": any_of("id"),
    "client_name": any_of("json_extract(text, '$.client_name')"),
    "scopes": each("$.scopes", f"item.value IN {LISTED}"),
}


def m2m_clients(call: Call) -> Answer:
    """``POST /v1/m2m/clients/search``."""
    where, values = condition(call.body, "m2m", M2M_FILTERS)
    selection = Selection(call.collection("m2m_client"), (0,), f"({where})", tuple(values.items()))
    return rendered("m2m_clients", page(call, selection, "m2m"))


def connected_apps(call: Call) -> Answer:
    """``POST /v1/connected_apps/clients/search``: it has no filters."""
    selection = Selection(call.collection("connected_app"), (0,), "1")
    return rendered("connected_apps", page(call, selection, "connected_app"))
