"""The Connected Apps that members have consented to: of an organization, a member or a user [2.19, 2.20, 2.23].

Users have no consents: a consent comes from a log-in, which the emulator lacks, or for members from ``placing``.
"""

from typing import Final

from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.search import arranged
from reconciler.emulator.core.store import Fields, Row
from reconciler.emulator.data import connected_apps, members, organizations, users

GRANT: Final = "app_grant"
"""A member's consent to an app: ``connected_app_id``, ``member_id``, ``granted_scopes``. ``placing`` creates it."""


def list_all(call: Call) -> Answer:
    """``GET …/connected_apps``: the apps with the consent of some member."""
    organization = organizations.find(call)
    ids = dict.fromkeys(row.fields["connected_app_id"] for row in _grants(call, organization))
    rows = (call.store.get(call.collection(connected_apps.KIND), id_) for id_ in arranged(ids, call.behaviour))
    return {"connected_apps": [_shown(call, app) for app in rows if app is not None]}


def get(call: Call) -> Answer:
    """``GET …/connected_apps/{connected_app_id}``: with the members that have consented."""
    organization = organizations.find(call)
    app = connected_apps.find(call, call.path["connected_app_id"])
    active = [
        {"member_id": row.fields["member_id"], "granted_scopes": row.fields["granted_scopes"]}
        for row in _grants(call, organization)
        if row.fields["connected_app_id"] == app.id
    ]
    return {**_shown(call, app), "active_members": active}


def of_member(call: Call) -> Answer:
    """``GET …/members/{member_id}/connected_apps``."""
    organization, member = members.find(call)
    granted = {
        row.fields["connected_app_id"]: " ".join(row.fields["granted_scopes"])
        for row in _grants(call, organization)
        if row.fields["member_id"] == member.id
    }
    rows = (call.store.get(call.collection(connected_apps.KIND), id_) for id_ in arranged(granted, call.behaviour))
    apps = [{**_shown(call, app), "scopes_granted": granted[app.id]} for app in rows if app is not None]
    return {"connected_apps": apps}


def revoke_members(call: Call) -> Answer:
    """``POST …/members/{member_id}/connected_apps/{connected_app_id}/revoke``."""
    organization, member = members.find(call)
    app = _app(call)
    for row in _grants(call, organization):
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


def _grants(call: Call, organization: Row) -> list[Row]:
    """Return the consents of the organization's members."""
    return list(call.store.children(call.collection(GRANT), organization.number))


def _shown(call: Call, app: Row) -> Fields:
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


def _app(call: Call) -> Row:
    return connected_apps.find(call, call.path["connected_app_id"])
