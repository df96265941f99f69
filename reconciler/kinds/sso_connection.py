"""SSO connections: the identity providers that an organization trusts (docs/stytch.md, "SSO connections").

A create takes little more than a name, so a connection is made and then completed; what was cut short in between is
completed by the next run. Connections are known by their names, and each has a sort that it keeps.
"""

from collections.abc import Iterator
from functools import partial
from typing import Final

from reconciler.errors import Ambiguous, Fault
from reconciler.kinds._context import Access, ApplyContext, Stale
from reconciler.kinds._sso.certificates import each_of
from reconciler.kinds._sso.checks import check
from reconciler.kinds._sso.connection import Connection, rows
from reconciler.kinds._sso.spec import (
    AT_CREATE,
    CERTIFICATE,
    ENCRYPTION_KEY,
    NAME,
    TYPE,
    SSOConnectionSpec,
    canonical,
    fill,
    spec_of,
)
from reconciler.kinds._writing import (
    WriteResult,
    create_once,
    delete_resource,
    explaining,
    lost_create,
    merged_into_live,
    must_be_free,
    request_body,
    reworded,
    undo_if_doubled,
    write_result,
)
from reconciler.model import Change, Create, Delete, Json, Live, Update
from reconciler.schema.kind import Identity, Key, Kind, Verbs
from reconciler.schema.types import Text

IS_DEFAULT: Final = "cannot_delete_default_sso_connection"


def read(access: Access) -> Iterator[Live]:
    """Read every connection of the organizations that anything is declared in."""
    for slug, organization_id in access.target.organizations.items():
        for sort, row in rows(access, organization_id):
            identifier = str(row["connection_id"])
            yield Live(
                kind="SSOConnection", name=str(row[NAME]), namespace=slug, id=identifier, spec=spec_of(sort, row)
            )


def create(change: Create, context: ApplyContext) -> WriteResult:
    """Create the connection, by its name alone, and complete it; after a lost response it is looked for."""
    organization_id = context.organization_ids[str(change.namespace)]
    body = request_body(change.fields, cleared={})
    sort = str(body.pop(TYPE))
    first = {NAME: change.name, **{name: body.pop(name) for name in AT_CREATE[sort] & body.keys()}}
    must_be_free(_named(context, organization_id, change.name))

    def make() -> WriteResult:
        answer = context.client.write(f"sso.{sort}.create_connection", organization_id=organization_id, **first)
        return write_result(answer, "connection", "connection_id")

    def look() -> WriteResult | None:
        # What a lost response created has this name, and no more than was sent.
        named = ((one, row) for one, row in rows(context, organization_id) if row[NAME] == change.name)
        found = {str(row["connection_id"]): {**row, TYPE: one} for one, row in named}
        sent = {**first, TYPE: sort, **({} if sort == "external" else {"status": "pending"})}
        return lost_create(found, sent, "a connection with this name")

    written = create_once(make, look)
    connection = Connection(context, organization_id, sort, written.id)
    if written.request_id:
        others = partial(_named, context, organization_id, change.name)
        undo_if_doubled(written.id, others, partial(connection.write, "delete_connection"), "a connection of this name")
    return _completed(connection, body, context, written.request_id)


def _named(access: Access, organization_id: str, name: str) -> list[str]:
    """Return the ids of an organization's connections of a name, but for the blanks around it."""
    return [str(row["connection_id"]) for _, row in rows(access, organization_id) if row[NAME].strip() == name.strip()]


def update(change: Update, context: ApplyContext) -> WriteResult:
    """Change the fields that differ, after a look at them."""
    connection = _at(change, context)
    merged_into_live(KIND, spec_of(connection.sort, connection.row()), change)
    return _completed(connection, request_body(change.fields, cleared={}), context)


def writes(change: Change) -> int:
    """Count the create by itself, what completes it, and each certificate that comes or goes, and the key."""
    if isinstance(change, Delete):
        return 1
    sort, certificate = change.get(TYPE), change.get(CERTIFICATE)
    sent_alone = {TYPE, CERTIFICATE, ENCRYPTION_KEY, *(AT_CREATE[str(sort.after)] if sort else ())}
    others = any(field.path[0] not in sent_alone for field in change.fields)
    before, after = (
        each_of(text or "") for text in ((certificate.before, certificate.after) if certificate else ("", ""))
    )
    return isinstance(change, Create) + others + len({*before} ^ {*after}) + bool(change.get(ENCRYPTION_KEY))


def delete(change: Delete, context: ApplyContext) -> WriteResult:
    """Delete the connection: nobody comes in through it any more. Stytch keeps the one that is the default."""
    connection = _at(change, context)
    if connection.row()[NAME] != change.name:
        raise Stale("its name has changed since")
    said = "it is the default of its organization: set sso_default_connection_id to another one first"
    with explaining(IS_DEFAULT, said):
        return WriteResult(connection.id, delete_resource(lambda: connection.write("delete_connection")))


def _at(change: Update | Delete, context: ApplyContext) -> Connection:
    organization_id = context.organization_ids[str(change.namespace)]
    for sort, row in rows(context, organization_id):
        if row["connection_id"] == change.id:
            return Connection(context, organization_id, sort, str(change.id))
    raise Stale("it no longer exists")


def _completed(
    connection: Connection, body: dict[str, Json], context: ApplyContext, request_id: str = ""
) -> WriteResult:
    """Send what a create cannot, and give the connection as it is then, with the id of the last request.

    A certificate and a key for decryption come to those that are there, so each is sent by itself, and once.
    """
    told = context.revealed(body)
    certificate, key = told.pop(CERTIFICATE, None), told.pop(ENCRYPTION_KEY, None)
    try:
        if told:
            request_id = connection.change(**told)
        if certificate:
            request_id = connection.change_certificates(certificate) or request_id
        if key:
            request_id = connection.put_encryption_key(key)
        return WriteResult(connection.id, request_id, spec_of(connection.sort, connection.row()))
    except Fault as fault:
        # The connection is there; what Stytch never shows of it must be sent by the next run, whatever went wrong.
        raise reworded(fault, Ambiguous, f"it was created, but differs from the declaration: {fault}") from fault


KIND: Final = Kind(
    name="SSOConnection",
    spec=SSOConnectionSpec,
    scope="organization",
    namespace="Organization",
    key=Key(NAME, Text, "the `display_name`; Stytch allows it twice, and then it is unknown which one is declared"),
    identity=Identity(renamable=True),
    computed=frozenset(
        {
            "organization_id",
            "connection_id",
            "status",
            "acs_url",
            "audience_uri",
            "redirect_url",
            "signing_certificates",
            "verification_certificates",
            "encryption_private_keys",
        }
    ),
    check=check,
    canonical=canonical,
    fill=fill,
    verbs=Verbs(list=read, create=create, update=update, delete=delete, writes=writes),
)
