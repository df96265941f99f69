"""Connected Apps: applications that people sign in to with this project (docs/stytch.md, "Connected Apps").

Stytch generates their ids, and the secrets of those that are not public. They are found by their names; those that
registered themselves are never managed, whatever their names.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote, urlsplit

from msgspec import UNSET, Meta, Struct, UnsetType, structs

from reconciler.kinds._context import Access, ApplyContext, Gone, Stale, kept_as
from reconciler.kinds._credentials import Rotation, keep_given, rotation_writes
from reconciler.kinds._writing import (
    WriteResult,
    create_once,
    delete_resource,
    lost_create,
    merged_into_live,
    must_be_free,
    request_body,
    retry_idempotent,
    undo_if_doubled,
    write_result,
)
from reconciler.model import Create, Delete, Json, Live, Problem, Resource, Spec, Update
from reconciler.schema.kind import Credential, Identity, Key, Kind, Order, Verbs
from reconciler.schema.traits import Clearable, CreateOnly, FromFile, SecretName, TextFile, Unordered
from reconciler.schema.types import Text, check_listed_once

APPS: Final = "/v1/connected_apps/clients"
ABSENT: Final = ("connected_app_not_found",)
SECRET: Final = "client_secret"  # noqa: S105 # a field's name
PAUSES: Final = (0.0, 1.0, 2.0, 4.0, 8.0)  # seconds: searches are said to lag behind writes by up to 9
SELF_MADE: Final = re.compile(r"dynamic|dcr|metadata", re.IGNORECASE)  # the values are not documented
MARKS: Final = ("creation_method", "client_id_metadata_url", f"{SECRET}_last_four", f"next_{SECRET}_last_four")
LOOPBACK: Final = re.compile(r"localhost|127(\.\d+){3}|::1")
FIRST_PARTY_ONLY: Final = ("full_access_allowed", "bypass_consent_for_offline_access")
EMPTY: Final = Clearable("an empty string", sends="")

ClearedText = Annotated[str | UnsetType | None, EMPTY]
Template = Annotated[str | TextFile | UnsetType | None, EMPTY, FromFile()]
URLs = Annotated[list[Text] | UnsetType, Unordered()]


class ConnectedAppSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """Every field of a Connected App that can be written, under Stytch's names; its name is ``metadata.name``."""

    client_type: Annotated[
        Literal["first_party", "first_party_public", "third_party", "third_party_public"] | UnsetType, CreateOnly()
    ] = UNSET
    client_description: str | UnsetType = UNSET
    redirect_urls: URLs = UNSET
    post_logout_redirect_urls: URLs = UNSET
    full_access_allowed: bool | UnsetType = UNSET
    bypass_consent_for_offline_access: bool | UnsetType = UNSET
    access_token_expiry_minutes: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    access_token_custom_audience: ClearedText = UNSET
    access_token_template_content: Template = UNSET
    id_token_template_content: Template = UNSET
    logo_url: ClearedText = UNSET
    client_secret: Annotated[SecretName | UnsetType, CreateOnly()] = UNSET


SHOWN: Final = (*(name for name in ConnectedAppSpec.__struct_fields__ if name != SECRET), *MARKS)


def read(access: Access) -> Iterator[Live]:
    """Read every Connected App of the environment."""
    for row in access.client.search("connected_app.clients.search", f"{APPS}/search", "connected_apps", "client_id"):
        spec = {name: row[name] for name in SHOWN if name in row}
        yield Live(kind="ConnectedApp", name=str(row["client_name"]), id=str(row["client_id"]), spec=spec)


def registered_itself(live: Live) -> bool:
    """Return whether an app came by dynamic client registration, or by a document that describes it."""
    method = str(live.spec.get("creation_method") or "")
    return bool(SELF_MADE.search(method) or live.spec.get("client_id_metadata_url"))


def has_secret(spec: Spec) -> bool:
    """Return whether an app of this type has a secret."""
    return not str(spec.get("client_type", "")).endswith("_public")


def check(resource: Resource) -> Iterator[Problem]:
    """Yield what Stytch would refuse although every type is right."""
    said = {**resource.initial, **resource.spec}
    client_type = str(said.get("client_type", ""))
    for part, spec in (("spec", resource.spec), ("initial", resource.initial)):
        for name in ("redirect_urls", "post_logout_redirect_urls"):
            yield from check_listed_once(resource, (part, name), spec.get(name) or ())
        for index, url in enumerate(spec.get("redirect_urls") or ()):
            yield from _check_url(resource, (part, "redirect_urls", str(index)), url)
        for name in FIRST_PARTY_ONLY:
            if spec.get(name) and client_type.startswith("third_party"):
                message = f"{name} is only for first-party apps, but this one is {client_type}"
                yield resource.problem("contradiction", message, "remove it", (part, name), ("spec", "client_type"))
        if SECRET in spec and not has_secret(said):
            message = f"an app of type {client_type} has no secret"
            yield resource.problem("contradiction", message, "remove it", (part, SECRET), ("spec", "client_type"))


def _check_url(resource: Resource, path: tuple[str, ...], url: str) -> Iterator[Problem]:
    try:
        found = urlsplit(url)
        host = found.hostname or ""
    except ValueError:
        found, host = urlsplit(""), ""
    if not host or not (found.scheme == "https" or (found.scheme == "http" and LOOPBACK.fullmatch(host))):
        message = f"{url} is neither https nor http on this machine"
        yield resource.problem("not-https", message, "write it as https://acme.example/callback", path)


def create(change: Create, context: ApplyContext) -> WriteResult:
    """Create the app and store its secret; one whose response was lost is on hold: nobody has its secret."""
    before = {*_check_new(change, context), *context.given_ids, *context.ids.get(change.kind, {}).values()}
    context.begin(change, before)
    body = {"client_name": change.name, **request_body(change.fields, cleared=KIND.cleared)}
    body.pop(SECRET, None)
    written = create_once(lambda: _write(context, "create", **body), lambda: _found(context, body, before))
    if written.request_id:
        context.made(change, written.id, str((written.answered or {}).get(SECRET) or ""))
        others = partial(_namesakes, context, change.name, written.id)
        undo_if_doubled(written.id, others, partial(_delete, context, written.id), "a Connected App")
    keep_given(context, change, SECRET, written)
    return written


def update(change: Update, context: ApplyContext) -> WriteResult:
    """Change the fields that differ, after a look at them; a secret that was never kept is rotated."""
    identifier = str(change.id)
    written = WriteResult(identifier, "")
    body = request_body(change.fields, cleared=KIND.cleared)
    lost = body.pop(SECRET, None)
    if body:
        merged_into_live(KIND, _get(context, identifier), change)
        written = retry_idempotent(lambda: _write(context, "update", client_id=identifier, **body))
    if lost:
        request_id = _rotation(context, identifier).rotate(change, identifier, context)
        written = structs.replace(written, request_id=request_id)
    return written


def delete(change: Delete, context: ApplyContext) -> WriteResult:
    """Delete the app for good, and forget its secret."""
    request_id = delete_resource(partial(_delete, context, str(change.id)))
    context.forget(KIND, change)
    return WriteResult(str(change.id), request_id)


def _write(access: Access, method: str, **arguments: Json) -> WriteResult:
    return write_result(
        access.client.write(f"connected_app.clients.{method}", **arguments), "connected_app", "client_id"
    )


def _delete(access: Access, identifier: str) -> str:
    return access.client.write("connected_app.clients.delete", client_id=identifier).request_id


def _check_new(change: Create, context: ApplyContext) -> frozenset[str]:
    """Refuse to make again what another run made, whether a search shows it yet or not; return the ids there are."""
    looked = context.recently(KIND.name, read)
    must_be_free(sorted(live.id for live in looked.named(change.name) if not registered_itself(live)))
    known = context.store.id_of(kept_as(change, SECRET)) if context.store else None
    if known and context.client.find("connected_app.clients.get", _path(known), ABSENT):
        raise Stale("it already exists, but Stytch's search did not show it yet")
    return looked.ids


def _namesakes(context: ApplyContext, name: str, identifier: str) -> Sequence[str]:
    """Return the ids of the apps of a name, once a search shows the one that was just made, if it does in time."""
    named: list[str] = []
    for pause in PAUSES:
        context.client.clock.sleep(pause)
        named = [live.id for live in context.from_now(KIND.name, read).named(name)]
        if identifier in named:
            break
    return named


def _found(context: ApplyContext, body: Mapping[str, Any], before: Collection[str]) -> WriteResult | None:
    """Find the app that a lost create made: new, and as it was sent."""
    for pause in PAUSES:
        context.client.clock.sleep(pause)
        name = str(body["client_name"])
        new = [
            live
            for live in context.from_now(KIND.name, read).named(name)
            if live.name == name and live.id not in before and not registered_itself(live)
        ]
        if new:
            break
    sent = KIND.normalize(body)
    found = {live.id: KIND.normalize({**live.spec, "client_name": live.name}) for live in new}
    return lost_create(found, sent, "a Connected App with this name")


def _get(access: Access, identifier: str) -> dict[str, Any]:
    found = access.client.find("connected_app.clients.get", _path(identifier), ABSENT)
    if found is None:
        raise Gone
    return dict(found["connected_app"])


def _path(identifier: str) -> str:
    return f"{APPS}/{quote(identifier, safe='')}"


def _rotation(access: Access, identifier: str) -> Rotation:
    methods = {"start": "rotate_start", "complete": "rotate", "cancel": "rotate_cancel"}
    return Rotation(
        SECRET,
        lambda step: _write(access, f"secrets.{methods[step]}", client_id=identifier),
        lambda: _get(access, identifier),
    )


KIND: Final = Kind(
    name="ConnectedApp",
    spec=ConnectedAppSpec,
    key=Key(
        "client_name",
        Text,
        "the `client_name`; the `client_id` is Stytch's, and the credential store keeps it next to the secret",
    ),
    identity=Identity(found_by="stored id", renamable=True, registered_itself=registered_itself),
    order=Order(after=frozenset({"RBACPolicy"}), shares=lambda change: change.name.strip()),
    required=frozenset({"client_type"}),
    computed=frozenset({"client_id", "status", *MARKS}),
    credential=Credential(SECRET, suffix="SECRET", has_one=has_secret),
    check=check,
    verbs=Verbs(list=read, create=create, update=update, delete=delete, writes=partial(rotation_writes, field=SECRET)),
)
