"""``…/organizations/{organization_id}/connected_apps``: the apps with the consent of members [2.19]."""

from typing import Final

from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.order import arranged
from reconciler.emulator.core.store import Fields, Row
from reconciler.emulator.data import connected_apps, organizations

GRANT: Final = "app_grant"
"""A member's consent to an app: ``connected_app_id``, ``member_id``, ``granted_scopes``. ``placing`` creates it."""


def list_all(call: Call) -> Answer:
    """``GET …/connected_apps``: the apps with the consent of some member."""
    organization = organizations.find(call)
    ids = dict.fromkeys(row.fields["connected_app_id"] for row in grants(call, organization))
    found = (call.store.get(call.collection(connected_apps.KIND), id_) for id_ in arranged(ids, call.behaviour))
    return {"connected_apps": [shown(call, app) for app in found if app is not None]}


def get(call: Call) -> Answer:
    """``GET …/connected_apps/{connected_app_id}``: with the members that have consented."""
    organization = organizations.find(call)
    app = connected_apps.find(call, call.path["connected_app_id"])
    members = [
        {"member_id": row.fields["member_id"], "granted_scopes": row.fields["granted_scopes"]}
        for row in grants(call, organization)
        if row.fields["connected_app_id"] == app.id
    ]
    return {**shown(call, app), "active_members": members}


def grants(call: Call, organization: Row) -> list[Row]:
    """Return the consents of the organization's members."""
    return list(call.store.children(call.collection(GRANT), organization.number))


def shown(call: Call, app: Row) -> Fields:
    """Return an app as lists of consents show it."""
    fields = app.fields
    answer = {
        "connected_app_id": app.id,
        "name": fields["client_name"],
        "description": fields["client_description"],
        "client_type": fields["client_type"],
        "logo_url": fields.get("logo_url"),
    }
    return call.store.clean(answer)
