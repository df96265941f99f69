"""``…/connected_apps`` of one member or one user: the apps with their consent, and its revocation [2.20, 2.23].

Users have no consents: a consent comes from a log-in, which the emulator lacks, or for members from ``placing``.
"""

from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.order import arranged
from reconciler.emulator.core.store import Row
from reconciler.emulator.data import connected_apps, members, organization_apps, users


def of_member(call: Call) -> Answer:
    """``GET …/members/{member_id}/connected_apps``."""
    organization, member = members.find(call)
    granted = {
        row.fields["connected_app_id"]: " ".join(row.fields["granted_scopes"])
        for row in organization_apps.grants(call, organization)
        if row.fields["member_id"] == member.id
    }
    found = (call.store.get(call.collection(connected_apps.KIND), id_) for id_ in arranged(granted, call.behaviour))
    shown = [
        {**organization_apps.shown(call, app), "scopes_granted": granted[app.id]} for app in found if app is not None
    ]
    return {"connected_apps": shown}


def revoke_members(call: Call) -> Answer:
    """``POST …/members/{member_id}/connected_apps/{connected_app_id}/revoke``."""
    organization, member = members.find(call)
    app = _app(call)
    for row in organization_apps.grants(call, organization):
        if (row.fields["connected_app_id"], row.fields["member_id"]) == (app.id, member.id):
            call.store.remove(row)
    return {}


def of_user(call: Call) -> Answer:
    """``GET /v1/users/{user_id}/connected_apps``."""
    users.find(call)
    return {"connected_apps": []}


def revoke_users(call: Call) -> Answer:
    """``POST /v1/users/{user_id}/connected_apps/{connected_app_id}/revoke``."""
    users.find(call)
    _app(call)
    return {}


def _app(call: Call) -> Row:
    return connected_apps.find(call, call.path["connected_app_id"])
