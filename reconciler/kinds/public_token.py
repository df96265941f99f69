"""Public tokens: frontends use them to name an environment (docs/stytch.md, "Public tokens").

They have no name and are their own id. The credential store knows which is which, although they are not secret.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from reconciler.kinds._writing import ApplyContext, Stale, WriteResult, create_once, delete_resource, undo_if_doubled
from reconciler.model import Change, Create, Delete, Live, Target, Update
from reconciler.schema.kind import Credential, Deletes, Identity, Key, Kind, Verbs
from reconciler.schema.types import Text

if TYPE_CHECKING:
    from reconciler.clients.b2b import Client

FIELD: Final = "public_token"
Made = tuple[str, str]  # a token, and the id of the request


class PublicTokenSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """A public token has nothing that could be declared."""


def read(client: "Client", target: Target) -> Iterator[Live]:
    """Read every public token of the environment."""
    for row in client.management.get(_path(target))["public_tokens"]:
        yield Live(kind="PublicToken", name=row["public_token"], id=row["public_token"], spec={})


def create(client: "Client", change: Create, context: ApplyContext) -> WriteResult:
    """Make a token and keep it; one that may have been made with a lost answer is held: nothing proves whose it is."""
    before = _ids(client, context.target)
    known = context.kept_id(change, FIELD)
    if known in before:
        raise Stale(f"{known} has been created and stored since")
    context.begin(change, before)
    token, request_id = create_once(
        lambda: _make(client, context.target), lambda: _doubtful(client, context.target, before)
    )
    context.made(change, token)
    undo_if_doubled(
        token,
        lambda: {context.kept_id(change, FIELD)} - {known, ""},
        lambda: _delete(client, context.target, token),
        "it",
    )
    context.keep(change, FIELD, token, token)
    return WriteResult(token, request_id)


def keep(_client: "Client", change: Update, context: ApplyContext) -> WriteResult:
    """Keep a token that an earlier run made and was cut short before it kept."""
    context.keep(change, FIELD, str(change.id), str(change.id))
    return WriteResult(str(change.id), "")


def delete(client: "Client", change: Delete, context: ApplyContext) -> WriteResult:
    """Delete the token: no frontend that names it works any more."""
    request_id = delete_resource(lambda: _delete(client, context.target, str(change.id)))
    if context.store:
        context.store.forget(change.name)
    return WriteResult(str(change.id), request_id)


def irrecoverable(_live: Live, among: Sequence[Live], _target: Target) -> str:
    """Return whether a token is the last, which Stytch would not delete either."""
    return "the last public token of the environment" if len(among) == 1 else ""


def writes(change: Change) -> int:
    """Count no write for a token that is there already and only to be kept."""
    return 0 if isinstance(change, Update) else 1


def _make(client: "Client", target: Target) -> Made:
    answer = client.management.write("POST", _path(target))
    return str(answer["public_token"]["public_token"]), str(answer["request_id"])


def _ids(client: "Client", target: Target) -> frozenset[str]:
    return frozenset(live.id for live in read(client, target))


def _doubtful(client: "Client", target: Target, before: Collection[str]) -> None:
    """Raise ``Stale`` where there is a token that was not there before: whoever made it."""
    if new := sorted(_ids(client, target) - {*before}):
        said = "a response was lost, and there is no proof that this run created"
        known = "add its value and its id to the credential store"
        raise Stale(f"{said} {', '.join(new)}: delete it in Stytch if it is not in use and apply again, or {known}")


def _delete(client: "Client", target: Target, token: str) -> str:
    return str(client.management.write("DELETE", f"{_path(target)}/{token}")["request_id"])


def _path(target: Target) -> str:
    return f"{target.path}/public_tokens"


KIND: Final = Kind(
    name="PublicToken",
    spec=PublicTokenSpec,
    api="management",
    key=Key(
        "public_token", Text, "its name in the credential store, or, if it was created elsewhere, the token itself"
    ),
    identity=Identity(found_by="stored id", id_is_key=True),
    computed=frozenset({"created_at"}),
    credential=Credential(FIELD, shown_once=False),
    deletes=Deletes(irrecoverable=irrecoverable),
    verbs=Verbs(list=read, create=create, update=keep, delete=delete, writes=writes),
)
