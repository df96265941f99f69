"""Public tokens: frontends use them to name an environment (docs/stytch.md, "Public tokens").

They have no name and are their own id. The credential store knows which is which, although they are not secret.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from reconciler.kinds._writing import Moved, Scene, Written, alone, created, deleted
from reconciler.model import Change, Create, Delete, Live, Place, Update
from reconciler.schema.kind import Credential, Kind
from reconciler.schema.types import Text

if TYPE_CHECKING:
    from reconciler.clients.b2b import Client

FIELD: Final = "public_token"
Made = tuple[str, str]  # a token, and the id of the request


class PublicTokenSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """A public token has nothing that could be declared."""


def read(client: "Client", place: Place) -> Iterator[Live]:
    """Read every public token of the environment."""
    for row in client.management.get(_path(place))["public_tokens"]:
        yield Live(kind="PublicToken", name=row["public_token"], id=row["public_token"], spec={})


def create(client: "Client", change: Create, scene: Scene) -> Written:
    """Make a token and keep it; one that may have been made with a lost answer is held: nothing proves whose it is."""
    before = _ids(client, scene.place)
    known = scene.kept_id(change, FIELD)
    if known in before:
        raise Moved(f"{known} has been created and stored since")
    scene.begin(change, before)
    token, request_id = created(lambda: _make(client, scene.place), lambda: _doubtful(client, scene.place, before), ())
    scene.made(change, token)
    alone(
        token, lambda: {scene.kept_id(change, FIELD)} - {known, ""}, lambda: _delete(client, scene.place, token), "it"
    )
    scene.keep(change, FIELD, token, token)
    return Written(token, request_id)


def keep(_client: "Client", change: Update, scene: Scene) -> Written:
    """Keep a token that an earlier run made and was cut short before it kept."""
    scene.keep(change, FIELD, str(change.id), str(change.id))
    return Written(str(change.id), "")


def delete(client: "Client", change: Delete, scene: Scene) -> Written:
    """Delete the token: no frontend that names it works any more."""
    request_id = deleted(lambda: _delete(client, scene.place, str(change.id)))
    if scene.store:
        scene.store.forget(change.name)
    return Written(str(change.id), request_id)


def at_stake(_live: Live, among: Sequence[Live], _place: Place) -> str:
    """Return whether a token is the last, which Stytch would not delete either."""
    return "the last public token of the environment" if len(among) == 1 else ""


def writes(change: Change) -> int:
    """Count no write for a token that is there already and only to be kept."""
    return 0 if isinstance(change, Update) else 1


def _make(client: "Client", place: Place) -> Made:
    answer = client.management.write("POST", _path(place))
    return str(answer["public_token"]["public_token"]), str(answer["request_id"])


def _ids(client: "Client", place: Place) -> frozenset[str]:
    return frozenset(live.id for live in read(client, place))


def _doubtful(client: "Client", place: Place, before: Collection[str]) -> None:
    """Raise ``Moved`` where there is a token that was not there before: whoever made it."""
    if new := sorted(_ids(client, place) - {*before}):
        said = "a response was lost, and there is no proof that this run created"
        known = "add its value and its id to the credential store"
        raise Moved(f"{said} {', '.join(new)}: delete it in Stytch if it is not in use and apply again, or {known}")


def _delete(client: "Client", place: Place, token: str) -> str:
    return str(client.management.write("DELETE", f"{_path(place)}/{token}")["request_id"])


def _path(place: Place) -> str:
    return f"{place.path}/public_tokens"


KIND: Final = Kind(
    name="PublicToken",
    spec=PublicTokenSpec,
    managed_by="management",
    nameless=True,
    key="public_token",
    key_type=Text,
    names="its name in the credential store, or, if it was created elsewhere, the token itself",
    computed=frozenset({"created_at"}),
    credential=Credential(FIELD, shown_once=False),
    at_stake=at_stake,
    writes=writes,
    list=read,
    create=create,
    update=keep,
    delete=delete,
)
