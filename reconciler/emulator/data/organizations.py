"""``/v1/b2b/organizations`` [2.19]."""

import re
import unicodedata
from typing import Any

from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import external_id, given
from reconciler.emulator.core.metadata import metadata
from reconciler.emulator.core.rbac import role_ids
from reconciler.emulator.core.store import Fields, Row
from reconciler.emulator.data import listed_ids
from reconciler.emulator.data import organization_settings as settings
from reconciler.emulator.data.member_record import keep as keep_member
from reconciler.emulator.data.member_roles import with_implicit_roles
from reconciler.emulator.data.organization_record import COMPUTED, folded, keep

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
    found = call.store.get(collection, given_id)
    if found is None:
        named = [
            *call.store.named(collection, f"slug:{folded(call, given_id)}"),
            *call.store.named(collection, f"external:{given_id}"),
        ]
        found = named[0] if named else None
    if found is None:
        raise Refusal("organization_not_found", "Organization could not be found.")
    return found


def _stated(call: Call, row: Row | None) -> Fields:
    """Return the fields in the request, each valid by itself and not in use elsewhere."""
    body, behaviour = call.body, call.behaviour
    custom = {role["role_id"] for role in row.fields.get("custom_roles", ())} if row else set()
    stated: dict[str, Any] = settings.sent(body, behaviour, {*role_ids(call), *custom})
    listed_ids.check(call, stated, row)
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
        _free(call, f"slug:{folded(call, slug)}", row, "organization_slug_already_used")
    return slug


def _free(call: Call, name: str, row: Row | None, error: str) -> None:
    if any(
        row is None or found.number != row.number for found in call.store.named(call.collection("organization"), name)
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
    if wanted and wanted not in listed_ids.active_connections(row):
        raise listed_ids.unusable_connection(call, wanted, row, "invalid_sso_default_connection_id")
    return wanted


def _assign_roles_anew(call: Call, organization: Row) -> None:
    for member in call.store.children(call.collection("member"), organization.number):
        fields = with_implicit_roles(member.fields, organization.fields)
        if fields != member.fields:
            keep_member(call, fields, member)
