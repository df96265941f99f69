"""Organizations: ``/v1/b2b/organizations`` [2.19]."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Any, Final

from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import external_id, given, metadata
from reconciler.emulator.core.rbac import role_ids
from reconciler.emulator.core.store import Fields, Row
from reconciler.emulator.data import organization_settings as settings
from reconciler.emulator.data.member_fields import keep as keep_member
from reconciler.emulator.data.member_fields import with_implicit_roles

LISTED_CONNECTIONS: Final = "sso_jit_provisioning_allowed_connections"
LISTED_APPS: Final = {
    "allowed_first_party_connected_apps": "first_party",
    "allowed_third_party_connected_apps": "third_party",
}

COMPUTED: Fields = {
    "organization_logo_url": "",
    "sso_active_connections": [],
    "custom_roles": [],
    "trusted_metadata": {},
    "organization_external_id": None,
    "sso_default_connection_id": None,
    "scim_active_connection": None,
}

SLUG = re.compile(r"[A-Za-z0-9._~-]{2,128}")
NAME_LENGTH = 128


def create(call: Call) -> Answer:
    """``POST /v1/b2b/organizations``."""
    started = {**COMPUTED, **settings.defaults(call.body, call.behaviour)}
    name = _name(call)
    if name is None:
        raise Refusal("organization_name_missing", "organization_name is required.")
    stated = _stated(call, None)
    if "organization_slug" not in stated:
        stated["organization_slug"] = _free_slug(call, name)
    now = call.now()
    fields = {"organization_id": call.new_id("organization"), **started, **stated, "created_at": now, "updated_at": now}
    return {"organization": keep(call, settings.checked(fields, stated, call.behaviour)).fields}


def get(call: Call) -> Answer:
    """``GET /v1/b2b/organizations/{organization_id}``."""
    return {"organization": find(call).fields}


def update(call: Call) -> Answer:
    """``PUT /v1/b2b/organizations/{organization_id}``: changes only the fields that are sent."""
    row = find(call)
    before = {**COMPUTED, **row.fields}
    stated = _stated(call, row)
    after = settings.checked(before, stated, call.behaviour)
    kept = keep(call, {**after, "updated_at": call.now()}, row)
    if after["rbac_email_implicit_role_assignments"] != before["rbac_email_implicit_role_assignments"]:
        _assign_roles_anew(call, kept)
    return {"organization": kept.fields}


def delete(call: Call) -> Answer:
    """``DELETE /v1/b2b/organizations/{organization_id}``: permanently, with all its members."""
    row = find(call)
    call.store.remove(row)
    return {"organization_id": row.id}


def delete_external_id(call: Call) -> Answer:
    """``DELETE /v1/b2b/organizations/{organization_id}/external_id``."""
    row = find(call)
    return {
        "organization": keep(
            call, {**row.fields, "organization_external_id": None, "updated_at": call.now()}, row
        ).fields
    }


def metrics(call: Call) -> Answer:
    """``GET /v1/b2b/organizations/{organization_id}/metrics``: counts the members that are not deleted."""
    row = find(call)
    members = call.store.children(call.collection("member"), row.number)
    return {"member_count": sum(member.status != "deleted" for member in members)}


def find(call: Call) -> Row:
    """Return the organization in the path, by id, slug or external id.

    Raises:
        Refusal: ``organization_not_found``.
    """
    given_id = call.id("organization_id")
    collection = call.collection("organization")
    row = call.store.get(collection, given_id)
    if row is None:
        named = [
            *call.store.named(collection, f"slug:{_folded(call, given_id)}"),
            *call.store.named(collection, f"external:{given_id}"),
        ]
        row = named[0] if named else None
    if row is None:
        raise Refusal("organization_not_found", "Organization could not be found.")
    return row


def keep(call: Call, fields: Fields, row: Row | None = None) -> Row:
    """Store an organization. ``row`` is its former row."""
    kept = Row(fields["organization_id"], fields, names(call, fields), number=row.number if row else 0)
    return call.store.put(call.collection("organization"), kept)


def names(call: Call, fields: Fields) -> tuple[str, ...]:
    """Return the names by which an organization is found, apart from its id."""
    keys = [f"slug:{_folded(call, fields['organization_slug'])}"]
    if fields.get("organization_external_id"):
        keys.append(f"external:{fields['organization_external_id']}")
    keys += [f"claimed:{domain.lower()}" for domain in fields.get("claimed_email_domains", ())]
    return tuple(keys)


def _folded(call: Call, slug: str) -> str:
    """Return a slug in the form that is compared."""
    return slug if call.behaviour.slug_case_sensitive else slug.lower()


def _check_listed(call: Call, stated: Fields, row: Row | None) -> None:
    """Refuse ids that do not exist. Ids that the organization already lists may stay.

    Raises:
        Refusal: ``sso_connection_not_found``, ``requires_active_sso_connection`` or ``connected_app_not_found``.
    """
    if not call.behaviour.listed_ids_checked:
        return
    for id_ in _added(stated, LISTED_CONNECTIONS, row):
        if id_ not in _active_connections(row):
            raise _unusable_connection(call, id_, row, "sso_connection_not_found")
    for name, party in LISTED_APPS.items():
        for id_ in _added(stated, name, row):
            app = call.store.get(call.collection("connected_app"), call.own(id_))
            if app is None or not app.fields["client_type"].startswith(party):
                raise Refusal("connected_app_not_found", f"{name} lists an id that is not a {party} Connected App.")


def _active_connections(row: Row | None) -> set[str]:
    """Return the organization's active SSO connections."""
    return (
        {connection["connection_id"] for connection in row.fields.get("sso_active_connections", ())} if row else set()
    )


def _unusable_connection(call: Call, id: str, row: Row | None, unknown: str) -> Refusal:
    """Return the refusal for a connection that is not active, or that does not exist (``unknown``)."""
    kinds = ("saml_connection", "oidc_connection", "external_connection")
    connections = (call.store.get(call.collection(kind), call.own(id)) for kind in kinds)
    if row is not None and any(
        connection is not None and connection.parent == row.number for connection in connections
    ):
        return Refusal("requires_active_sso_connection", "The connection is not active.")
    return Refusal(unknown, "The connection is not an active one of the organization.")


def _stated(call: Call, row: Row | None) -> Fields:
    """Return the fields in the request, each valid by itself and not in use elsewhere."""
    body, behaviour = call.body, call.behaviour
    custom = {role["role_id"] for role in row.fields.get("custom_roles", ())} if row else set()
    stated: dict[str, Any] = settings.sent(body, behaviour, {*role_ids(call), *custom})
    _check_listed(call, stated, row)
    stated["organization_name"] = _name(call)
    stated["organization_slug"] = _slug(call, row)
    stated["organization_logo_url"] = given(body, "organization_logo_url", str, behaviour)
    stated["organization_external_id"] = external_id(
        body, "organization_external_id", behaviour, "invalid_organization_external_id"
    )
    _free(call, f"external:{stated['organization_external_id']}", row, "organization_external_id_already_used")
    stated["sso_default_connection_id"] = _connection(call, row) if row else None
    stated = {name: value for name, value in stated.items() if value is not None}
    before = row.fields.get("trusted_metadata") if row else None
    return {**stated, "trusted_metadata": metadata(before, body, "trusted_metadata", behaviour)}


def _name(call: Call) -> str | None:
    name: str | None = given(call.body, "organization_name", str, call.behaviour, "invalid_organization_name")
    if name is not None and not 1 <= len(name) <= NAME_LENGTH:
        raise Refusal("invalid_organization_name", "organization_name must have 1 to 128 characters.")
    return name


def _slug(call: Call, row: Row | None) -> str | None:
    slug: str | None = given(call.body, "organization_slug", str, call.behaviour, "invalid_organization_slug")
    if slug is not None:
        if not SLUG.fullmatch(slug):
            message = "organization_slug must have 2 to 128 characters of A-Z, a-z, 0-9 and - . _ ~"
            raise Refusal("invalid_organization_slug", message)
        _free(call, f"slug:{_folded(call, slug)}", row, "organization_slug_already_used")
    return slug


def _free(call: Call, name: str, row: Row | None, error: str) -> None:
    if any(
        row is None or holder.number != row.number for holder in call.store.named(call.collection("organization"), name)
    ):
        what = error.removesuffix("_already_used")
        raise Refusal(error, f"The provided {what} is already used in another organization.")


def _free_slug(call: Call, name: str) -> str:
    if call.behaviour.slug_required:
        raise Refusal("invalid_organization_slug", "organization_slug is required.")
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub("[^a-z0-9]+", "-", plain).strip("-")[:120]
    slug = slug if SLUG.fullmatch(slug) else f"organization-{slug}".strip("-")
    taken = call.collection("organization")
    number, free = 1, slug
    while call.store.named(taken, f"slug:{free}"):
        number += 1
        free = f"{slug}-{number}"
    return free


def _connection(call: Call, row: Row | None) -> str | None:
    wanted: str | None = given(call.body, "sso_default_connection_id", str, call.behaviour)
    if wanted and wanted not in _active_connections(row):
        raise _unusable_connection(call, wanted, row, "invalid_sso_default_connection_id")
    return wanted


def _assign_roles_anew(call: Call, organization: Row) -> None:
    for member in call.store.children(call.collection("member"), organization.number):
        fields = with_implicit_roles(member.fields, organization.fields)
        if fields != member.fields:
            keep_member(call, fields, member)


def _added(stated: Fields, name: str, row: Row | None) -> Iterator[str]:
    before = set(row.fields.get(name, ())) if row else set()
    yield from (id_ for id_ in stated.get(name) or () if id_ not in before)
