"""Secrets: they open an environment's data, are shown once and have no name (docs/stytch.md, "Secrets").

Only the credential store knows which is which: it stores the value under the manifest's name, and the id.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from reconciler.kinds._writing import (
    ApplyContext,
    Stale,
    WriteResult,
    create_once,
    delete_once,
    delete_resource,
    undo_if_doubled,
)
from reconciler.model import Create, Delete, Live, Target, Update
from reconciler.schema.kind import Credential, Deletes, Identity, Key, Kind, Order, Verbs
from reconciler.schema.types import Text

if TYPE_CHECKING:
    from reconciler.clients.b2b import Client

FIELD: Final = "secret"


class SecretSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """A secret has nothing that could be declared."""


def read(client: "Client", target: Target) -> Iterator[Live]:
    """Read every secret of the environment, as far as Stytch shows it."""
    for row in client.management.get(f"{target.path}/secrets")["secrets"]:
        identifier = str(row["secret_id"])
        spec = {"last_four": row["last_four"], "used_at": row.get("used_at")}
        yield Live(kind="Secret", name=identifier, id=identifier, spec=spec)


def create(client: "Client", change: Create, context: ApplyContext) -> WriteResult:
    """Make a secret and keep it; one that may have been made with a lost answer is held: nothing proves whose it is."""
    before = _ids(client, context)
    known = context.kept_id(change, FIELD)
    if known in before:
        raise Stale(f"{known} has been created and stored since")
    context.begin(change, before)
    identifier, value, request_id = create_once(
        lambda: _made(client, context), lambda: _doubtful(client, context, before)
    )
    context.made(change, identifier)
    undo_if_doubled(
        identifier,
        lambda: {context.kept_id(change, FIELD)} - {known, ""},
        lambda: _delete(client, context, identifier),
        "it",
    )
    context.keep(change, FIELD, value, identifier)
    return WriteResult(identifier, request_id)


def replace(client: "Client", change: Update, context: ApplyContext) -> WriteResult:
    """Make a secret in the place of one whose value was lost when an earlier run was cut short."""
    delete_once(lambda: _delete(client, context, str(change.id)))
    return create(client, Create(kind=change.kind, name=change.name, fields=change.fields), context)


def delete(client: "Client", change: Delete, context: ApplyContext) -> WriteResult:
    """Delete the secret: whoever uses it is locked out at once."""
    request_id = delete_resource(lambda: _delete(client, context, str(change.id)))
    if context.store:
        context.store.forget(change.name)
    return WriteResult(str(change.id), request_id)


def irrecoverable(live: Live, among: Sequence[Live], target: Target) -> str:
    """Return why a secret must not be deleted: it is the one in use, as far as known, or the last; else ""."""
    if len(among) == 1:
        return "the last secret of the environment"
    return "the secret in use" if live.spec["last_four"] == target.secret_last_four else ""


def _ids(client: "Client", context: ApplyContext) -> frozenset[str]:
    return frozenset(live.id for live in read(client, context.target))


def _made(client: "Client", context: ApplyContext) -> tuple[str, str, str]:
    answer = client.management.write("POST", f"{context.target.path}/secrets")
    made: dict[str, Any] = answer["secret"]
    return str(made["secret_id"]), str(made["secret"]), str(answer["request_id"])


def _doubtful(client: "Client", context: ApplyContext, before: Collection[str]) -> None:
    """Raise ``Stale`` where there is a secret that was not there before: its value is lost, whoever made it."""
    if new := sorted(_ids(client, context) - {*before}):
        said = "a response was lost, and there is no proof that this run created"
        raise Stale(f"{said} {', '.join(new)}: delete it in Stytch if it is not in use, and apply again")


def _delete(client: "Client", context: ApplyContext, identifier: str) -> str:
    return str(client.management.write("DELETE", f"{context.target.path}/secrets/{identifier}")["request_id"])


KIND: Final = Kind(
    name="Secret",
    spec=SecretSpec,
    api="management",
    key=Key("secret_id", Text, "its name in the credential store, or, if it was created elsewhere, its `secret_id`"),
    identity=Identity(found_by="stored id", id_is_key=True),
    order=Order(opens_environment=True, after=frozenset({"Environment"})),
    computed=frozenset({"secret", "last_four", "created_at", "used_at"}),
    credential=Credential(FIELD),
    deletes=Deletes(irrecoverable=irrecoverable),
    verbs=Verbs(list=read, create=create, update=replace, delete=delete),
)
