"""M2M clients: programs that sign in with a secret of their own (docs/stytch.md, "M2M clients").

The secret can be chosen: it is stored first and then sent, so that none is lost.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal
from urllib.parse import quote

from msgspec import UNSET, Struct, UnsetType

from reconciler.kinds._context import Access, ApplyContext, Stale
from reconciler.kinds._credentials import chosen
from reconciler.kinds._writing import (
    WriteResult,
    create_once,
    delete_resource,
    merged_into_live,
    request_body,
    retry_idempotent,
    write_result,
)
from reconciler.model import Create, Delete, Json, Live, Problem, Resource, Update
from reconciler.schema.kind import Credential, Key, Kind, Order, Verbs, nothing
from reconciler.schema.traits import CreateOnly, Merged, SecretName, Unordered, UpdateOnly
from reconciler.schema.types import Text, check_listed_once, check_metadata

if TYPE_CHECKING:
    from reconciler.model.secret import Sealed

CLIENTS: Final = "/v1/m2m/clients"
SECRET: Final = "client_secret"  # noqa: S105 # a field's name
METADATA: Final = "trusted_metadata"
ALREADY_THERE: Final = ("duplicate_m2m_client_id",)
ABSENT: Final = ("m2m_client_not_found",)


class M2MClientSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """Every field of an M2M client that can be written, under Stytch's names; the id is ``metadata.name``."""

    client_name: str | UnsetType = UNSET
    client_description: str | UnsetType = UNSET
    scopes: Annotated[list[Text] | UnsetType, Unordered()] = UNSET
    trusted_metadata: Annotated[dict[str, Any] | UnsetType, Merged()] = UNSET
    status: Annotated[Literal["active", "inactive"] | UnsetType, UpdateOnly()] = UNSET
    client_secret: Annotated[SecretName | UnsetType, CreateOnly()] = UNSET


ENDS: Final = frozenset({f"{SECRET}_last_four", f"next_{SECRET}_last_four"})
SHOWN: Final = (frozenset(M2MClientSpec.__struct_fields__) - {SECRET}) | ENDS


def read(access: Access) -> Iterator[Live]:
    """Read every M2M client of the environment."""
    for row in access.client.search("m2m.clients.search", f"{CLIENTS}/search", "m2m_clients", "client_id"):
        identifier = str(row["client_id"])
        yield Live(
            kind="M2MClient", name=identifier, id=identifier, spec={name: row[name] for name in SHOWN & row.keys()}
        )


def check(resource: Resource) -> Iterator[Problem]:
    """Yield what Stytch would refuse although every type is right."""
    for part, spec in (("spec", resource.spec), ("initial", resource.initial)):
        yield from check_listed_once(resource, (part, "scopes"), spec.get("scopes") or ())
        yield from check_metadata(resource, (part, "trusted_metadata"), spec.get("trusted_metadata"), marked=False)


def create(change: Create, context: ApplyContext) -> WriteResult:
    """Create the client under its own id, with a secret that is stored already; its status can only be said later."""
    body = request_body(change.fields, cleared={})
    status = body.pop("status", None)
    if (there := _get(context, change.name)) and not context.holds(change, SECRET, there[f"{SECRET}_last_four"]):
        raise Stale("it exists now, but did not when the plan was made")
    with chosen(context, change, SECRET) as secret:
        body |= {"client_id": change.name, SECRET: secret.reveal()}
        written = create_once(
            lambda: _write(context, "create", **body), lambda: _found(context, change, secret), ALREADY_THERE
        )
    if status and (written.answered or {}).get("status") != status:
        return retry_idempotent(lambda: _write(context, "update", client_id=change.name, status=status))
    return written


def update(change: Update, context: ApplyContext) -> WriteResult:
    """Change the fields that differ; metadata is sent whole, in case Stytch does not merge it here."""
    body = request_body(change.fields, cleared=KIND.cleared)
    if METADATA in body:
        whole = merged_into_live(KIND, _get(context, change.name) or {}, change)
        body[METADATA] = {**whole[METADATA], **body[METADATA]}
    return retry_idempotent(lambda: _write(context, "update", client_id=change.name, **body))


def delete(change: Delete, context: ApplyContext) -> WriteResult:
    """Delete the client for good, and forget its secret."""
    request_id = delete_resource(lambda: context.client.write("m2m.clients.delete", client_id=change.name).request_id)
    context.forget(KIND, change)
    return WriteResult(change.name, request_id)


def _get(access: Access, name: str) -> Mapping[str, Any] | None:
    found = access.client.find("m2m.clients.get", f"{CLIENTS}/{quote(name, safe='')}", ABSENT)
    return found["m2m_client"] if found else None


def _found(access: Access, change: Create, secret: "Sealed") -> WriteResult | None:
    """Find the client that a lost create made: it has the secret that was sent."""
    live = _get(access, change.name)
    if live is None:
        return None
    if live[f"{SECRET}_last_four"] != secret.last_four:
        raise Stale("somebody else created an M2M client with this id at the same time")
    return WriteResult(change.name, "", live)


def _write(access: Access, method: str, **arguments: Json) -> WriteResult:
    return write_result(access.client.write(f"m2m.clients.{method}", **arguments), "m2m_client", "client_id")


KIND: Final = Kind(
    name="M2MClient",
    spec=M2MClientSpec,
    key=Key("client_id", Text, "the `client_id`, which can be chosen"),
    required=frozenset({"scopes"}),
    computed=ENDS,
    order=Order(after=frozenset({"RBACPolicy"}), shares=nothing),
    credential=Credential(SECRET, suffix="SECRET", chosen=True),
    check=check,
    verbs=Verbs(list=read, create=create, update=update, delete=delete),
)
