"""Secrets: they open an environment's data, are shown once and have no name (docs/stytch.md, "Secrets").

Only the credential store knows which is which: it stores the value under the manifest's name, and the id.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from reconciler.kinds._context import ApplyContext
from reconciler.kinds._credentials import Unnamed
from reconciler.kinds._writing import WriteResult, delete_once
from reconciler.model import Create, Live, Target, Update
from reconciler.schema.kind import Credential, Deletes, Identity, Key, Kind, Order, Verbs, nothing
from reconciler.schema.types import Text

FIELD: Final = "secret"
SECRETS: Final = Unnamed(
    path=lambda target: f"{target.path}/secrets",
    many="secrets",
    one="secret",
    id="secret_id",
    spec=lambda record: {"last_four": record["last_four"], "used_at": record.get("used_at")},
    answered=lambda record: {FIELD: record[FIELD]},  # without its value a response is as good as lost
    field=FIELD,
    advice="delete it in Stytch if it is not in use, and apply again",
)


class SecretSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """A secret has nothing that could be declared."""


def replace(change: Update, context: ApplyContext) -> WriteResult:
    """Create a secret in the place of one whose value was lost when an earlier run was cut short."""
    delete_once(lambda: SECRETS.remove(context, change.id))
    return SECRETS.create(KIND, Create(kind=change.kind, name=change.name, fields=change.fields), context)


def irrecoverable(live: Live, among: Sequence[Live], target: Target) -> str:
    """Return why a secret must not be deleted: it is the one in use, as far as known, or the last; else ""."""
    if len(among) == 1:
        return "the last secret of the environment"
    return "the secret in use" if live.spec["last_four"] == target.secret_last_four else ""


KIND: Final = SECRETS.added_to(
    Kind(
        name="Secret",
        spec=SecretSpec,
        api="management",
        key=Key(
            "secret_id", Text, "its name in the credential store, or, if it was created elsewhere, its `secret_id`"
        ),
        identity=Identity(found_by="stored id", id_is_key=True),
        order=Order(opens_environment=True, after=frozenset({"Environment"}), shares=nothing),
        computed=frozenset({"secret", "last_four", "created_at", "used_at"}),
        credential=Credential(FIELD),
        deletes=Deletes(irrecoverable=irrecoverable),
        verbs=Verbs(update=replace),
    )
)
