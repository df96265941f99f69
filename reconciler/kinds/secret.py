"""Secrets: what opens an environment's data; shown once, without a name (docs/stytch.md, "Secrets").

Which is which only the credential store knows: it keeps the value under the name that the manifest gives, and the id.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from reconciler.errors import Ambiguous
from reconciler.fields import Text
from reconciler.model import Create, Delete, Live, Place, Update
from reconciler.schema import Credential, Kind
from reconciler.writing import TRIES, Scene, Written, gone

if TYPE_CHECKING:
    from reconciler.clients.data import Client

FIELD: Final = "secret"


class SecretSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """A secret has nothing that could be declared."""


def read(client: "Client", place: Place) -> Iterator[Live]:
    """Read every secret of the environment, as far as Stytch shows it."""
    for row in client.management.get(f"{place.path}/secrets")["secrets"]:
        identifier = str(row["secret_id"])
        spec = {"last_four": row["last_four"], "used_at": row.get("used_at")}
        yield Live(kind="Secret", name=identifier, id=identifier, spec=spec)


def create(client: "Client", change: Create, scene: Scene) -> Written:
    """Make a secret and keep it; one whose value was lost with the answer is deleted before another is made."""
    path = f"{scene.place.path}/secrets"
    before = {live.id for live in read(client, scene.place)}
    scene.note(change, {"there": sorted(before)})
    for _ in range(TRIES):
        try:
            answer = client.management.write("POST", path)
        except Ambiguous:
            _delete_orphans(client, scene, before)
            continue
        made: dict[str, Any] = answer["secret"]
        scene.keep(change, FIELD, str(made["secret"]), str(made["secret_id"]))
        return Written(str(made["secret_id"]), str(answer["request_id"]))
    raise Ambiguous("the answers to several creates in a row were lost")


def replace(client: "Client", change: Update, scene: Scene) -> Written:
    """Make a secret in the place of one whose value was lost when an earlier run was cut short."""
    gone(lambda: _delete(client, scene, str(change.id)))
    return create(client, Create(address=change.address, kind=change.kind, fields=change.fields), scene)


def delete(client: "Client", change: Delete, scene: Scene) -> Written:
    """Delete the secret: whoever uses it is locked out at once."""
    request_id = gone(lambda: _delete(client, scene, str(change.id)))
    if scene.store:
        scene.store.forget(change.name)
    return Written(str(change.id), request_id)


def at_stake(live: Live, among: Sequence[Live], place: Place) -> str:
    """Say whether a secret is the one in use, as far as that can be told, or the last."""
    if len(among) == 1:
        return "the last secret of the environment"
    return "the secret in use" if live.spec["last_four"] == place.secret_last_four else ""


def _delete_orphans(client: "Client", scene: Scene, before: set[str]) -> None:
    for live in list(read(client, scene.place)):
        if live.id not in before:
            gone(lambda live=live: _delete(client, scene, live.id))  # type: ignore[misc] # a lambda's default has no annotation


def _delete(client: "Client", scene: Scene, identifier: str) -> str:
    return str(client.management.write("DELETE", f"{scene.place.path}/secrets/{identifier}")["request_id"])


KIND: Final = Kind(
    name="Secret",
    spec=SecretSpec,
    managed_by="management",
    foundation=True,
    nameless=True,
    after=frozenset({"Environment"}),
    key="secret_id",
    key_type=Text,
    names="the name that the credential store keeps it under, or, of one that was made elsewhere, its `secret_id`",
    computed=frozenset({"secret", "last_four", "created_at", "used_at"}),
    credential=Credential(FIELD),
    at_stake=at_stake,
    list=read,
    create=create,
    update=replace,
    delete=delete,
)
