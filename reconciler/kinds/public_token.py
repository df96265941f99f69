"""Public tokens: frontends use them to name an environment (docs/stytch.md, "Public tokens").

They have no name and are their own id. The credential store knows which is which, although they are not secret.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from reconciler.kinds._context import ApplyContext
from reconciler.kinds._credentials import Unnamed
from reconciler.kinds._writing import WriteResult
from reconciler.model import Change, Live, Target, Update
from reconciler.schema.kind import Credential, Deletes, Identity, Key, Kind, Order, Verbs, nothing
from reconciler.schema.types import Text

FIELD: Final = "public_token"
TOKENS: Final = Unnamed(
    path=lambda target: f"{target.path}/public_tokens",
    many="public_tokens",
    one=FIELD,
    id=FIELD,
    spec=lambda _record: {},
    field=FIELD,
    advice="delete it in Stytch if it is not in use and apply again, "
    "or add its value and its id to the credential store",
)


class PublicTokenSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """A public token has nothing that could be declared."""


def keep(change: Update, context: ApplyContext) -> WriteResult:
    """Keep a token that an earlier run made and was cut short before it kept."""
    context.keep(change, FIELD, str(change.id), str(change.id))
    return WriteResult(str(change.id), "")


def irrecoverable(_live: Live, among: Sequence[Live], _target: Target) -> str:
    """Return whether a token is the last, which Stytch would not delete either."""
    return "the last public token of the environment" if len(among) == 1 else ""


def writes(change: Change) -> int:
    """Count no write for a token that is there already and only to be kept."""
    return 0 if isinstance(change, Update) else 1


KIND: Final = TOKENS.added_to(
    Kind(
        name="PublicToken",
        spec=PublicTokenSpec,
        api="management",
        key=Key(
            "public_token", Text, "its name in the credential store, or, if it was created elsewhere, the token itself"
        ),
        identity=Identity(found_by="stored id", id_is_key=True),
        order=Order(shares=nothing),
        computed=frozenset({"created_at"}),
        credential=Credential(FIELD, shown_once=False),
        deletes=Deletes(irrecoverable=irrecoverable),
        verbs=Verbs(update=keep, writes=writes),
    )
)
