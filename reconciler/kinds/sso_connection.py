"""SSO connections: the identity providers that an organization trusts (docs/stytch.md, "SSO connections").

A create takes little more than a name, so a connection is made and then completed; what was cut short in between is
completed by the next run. Connections are known by their names, and each has a sort that it keeps.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any, Final
from urllib.parse import quote, urlsplit

from msgspec import Struct

from reconciler.errors import Ambiguous, Fault
from reconciler.kinds._context import Access, ApplyContext, Gone, Stale
from reconciler.kinds._looks import side_by_side
from reconciler.kinds._sso import (
    ASSIGNMENTS,
    AT_CREATE,
    CERTIFICATE,
    ENCRYPTION_KEY,
    EXTERNAL_KEY,
    FIELDS,
    MAPPING,
    NAME,
    TYPE,
    URLS,
    SSOConnectionSpec,
    are_certificates,
    canonical,
    certificates_in,
    fill,
    normal_pem,
    spec_of,
)
from reconciler.kinds._writing import (
    WriteResult,
    create_once,
    delete_part,
    delete_resource,
    explaining,
    lost_create,
    merged_into_live,
    must_be_free,
    request_body,
    retry_idempotent,
    reworded,
    undo_if_doubled,
    write_result,
)
from reconciler.model import Change, Create, Delete, Json, Live, Path, Problem, Resource, Spec, Update
from reconciler.schema.kind import Identity, Key, Kind, Order, Verbs
from reconciler.schema.types import Text, check_role

IS_DEFAULT: Final = "cannot_delete_default_sso_connection"
MOST: Final = 5  # certificates of one connection
GROUPS: Final = "saml_group_implicit_role_assignments"
HTTPS: Final = ("idp_sso_url", "issuer", *URLS)
SORTS: Final = ("saml", "oidc", "external")
Row = Mapping[str, Any]


class Connection(Struct, frozen=True):
    """A connection of one organization, and the client that reaches it."""

    access: Access
    organization_id: str
    sort: str
    id: str

    def row(self) -> Row:
        """Return Stytch's record of it. Raises ``Stale`` where it no longer exists."""
        for sort, row in rows(self.access, self.organization_id):
            if (sort, row["connection_id"]) == (self.sort, self.id):
                return row
        raise Gone

    def write(self, method: str, **body: Json) -> str:
        """Call one of the SDK's methods for it. Return the id of the request."""
        arguments = {"organization_id": self.organization_id, "connection_id": self.id, **body}
        return self.access.client.write(f"sso.{method}", **arguments).request_id

    def change(self, **body: Json) -> str:
        """Change fields (safe to send twice). Return the id of the request."""
        return retry_idempotent(lambda: self.write(f"{self.sort}.update_connection", **body))

    def change_certificates(self, text: str) -> str:
        """Replace the certificates: add the new ones, then delete the old ones. Return the id of the last request."""
        wanted = certificates_in(text)
        requests = [self._add_certificate(one) for one in wanted if one not in self._certificates().values()]
        kept: set[str] = set()
        for id_, one in self._certificates().items():
            if one not in wanted or one in kept:
                requests.append(self._delete_certificate(id_))
            kept.add(one)
        return requests[-1] if requests else ""

    def put_encryption_key(self, key: str) -> str:
        """Replace the key that decrypts assertions. Return the id of the last request."""
        before = self._encryption_keys()
        request_id = create_once(
            lambda: self.write("saml.update_connection", **{ENCRYPTION_KEY: key}),
            lambda: "" if self._encryption_keys() - before else None,
        )
        requests = [self._delete_encryption_key(id_) for id_ in sorted(before)]
        return requests[-1] if requests else request_id

    def _add_certificate(self, text: str) -> str:
        return create_once(
            lambda: self.write("saml.update_connection", **{CERTIFICATE: text}),
            lambda: "" if text in self._certificates().values() else None,
        )

    def _certificates(self) -> dict[str, str]:
        """Return its certificates by their ids."""
        found = self.row().get("verification_certificates") or ()
        return {each["certificate_id"]: normal_pem(each["certificate"]) for each in found}

    def _encryption_keys(self) -> frozenset[str]:
        return frozenset(each["private_key_id"] for each in self.row().get("encryption_private_keys") or ())

    def _delete_certificate(self, id_: str) -> str:
        delete = partial(self.write, "saml.delete_verification_certificate", certificate_id=id_)
        return delete_part(delete, lambda: id_ in self._certificates())

    def _delete_encryption_key(self, id_: str) -> str:
        delete = partial(self.write, "saml.delete_encryption_private_key", private_key_id=id_)
        return delete_part(delete, lambda: id_ in self._encryption_keys())


def rows(access: Access, organization_id: str) -> Iterator[tuple[str, Row]]:
    """Yield the sort and the record of every connection of an organization."""
    found = access.client.read("sso.get_connections", f"/v1/b2b/sso/{quote(organization_id, safe='')}")
    for sort in SORTS:
        for row in found.get(f"{sort}_connections") or ():
            yield sort, row


def read(access: Access) -> Iterator[Live]:
    """Read every connection of the organizations that anything is declared in."""
    return chain.from_iterable(side_by_side(partial(_read, access), access.target.organizations.items()))


def _read(access: Access, organization: tuple[str, str]) -> list[Live]:
    slug, organization_id = organization
    return [
        Live(
            kind="SSOConnection",
            name=str(row[NAME]),
            namespace=slug,
            id=str(row["connection_id"]),
            spec=spec_of(sort, row),
        )
        for sort, row in rows(access, organization_id)
    ]


def check(resource: Resource) -> Iterator[Problem]:
    """Yield every problem of a declared connection (``ensure: present``)."""
    said = {**resource.initial, **resource.spec}
    sort = said.get(TYPE)
    if resource.ensure != "present":
        return
    if sort is None:
        hint = f"add {TYPE}: saml, oidc or external"
        yield resource.problem("missing-key", f"spec has no {TYPE}", hint, ("spec",))
        return
    for name in EXTERNAL_KEY if sort == "external" else ():
        if name not in said:
            message = f"an external connection refers to another connection, and spec has no {name}"
            yield resource.problem("missing-key", message, f"add {name}", ("spec", TYPE))
    for part, spec in (("spec", resource.spec), ("initial", resource.initial)):
        for name in spec.keys() - {TYPE, *FIELDS[sort]}:
            others = " and ".join(other for other, names in FIELDS.items() if name in names)
            message = f"{name} is a field of {others} connections, but {TYPE} is {sort}"
            yield resource.problem("contradiction", message, f"remove {name}", (part, name), (part, TYPE))
        yield from _check_urls(resource, part, spec)
        yield from _check_certificates(resource, (part, CERTIFICATE), spec.get(CERTIFICATE))
        for name in (each for each in FIELDS[sort] if each.endswith(ASSIGNMENTS)):
            for index, assignment in enumerate(spec.get(name) or ()):
                yield from check_role(resource, (part, name, str(index), "role_id"), assignment["role_id"])
        if sort == "saml" and MAPPING in spec:
            yield from _check_mapping(resource, (part, MAPPING), spec, grouped=bool(said.get(GROUPS)))


def _check_urls(resource: Resource, part: str, spec: Spec) -> Iterator[Problem]:
    for name in HTTPS:
        url = spec.get(name)
        if url is not None and not _is_https(url):
            yield resource.problem("not-https", f"{name} is not an https URL", "begin it with https://", (part, name))


def _is_https(url: str) -> bool:
    try:
        return urlsplit(url).scheme == "https" and bool(urlsplit(url).hostname)
    except ValueError:
        return False


def _check_certificates(resource: Resource, path: Path, text: str | None) -> Iterator[Problem]:
    if text is None:
        return
    if "PRIVATE KEY" in text:
        hint = "remove the private key from the repository, and put the certificate here"
        yield resource.problem("private-key", "this text holds a private key, which must stay private", hint, path)
    elif not are_certificates(text):
        hint = "write the complete text from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----"
        yield resource.problem("not-a-certificate", "this is not an X.509 certificate in PEM", hint, path)
    elif len(certificates_in(text)) > MOST:
        message = f"these are {len(certificates_in(text))} certificates; Stytch keeps at most {MOST}"
        yield resource.problem("too-many", message, "remove certificates that are no longer used", path)


def _check_mapping(resource: Resource, path: Path, spec: Spec, *, grouped: bool) -> Iterator[Problem]:
    mapping = spec[MAPPING]
    if not mapping.get("email"):
        yield resource.problem("missing-key", f"{MAPPING} has no email", "add email: with the attribute's name", path)
    if not (mapping.get("full_name") or (mapping.get("first_name") and mapping.get("last_name"))):
        hint = "add full_name, or first_name and last_name"
        yield resource.problem("missing-key", f"{MAPPING} has no attributes for the name", hint, path)
    if grouped and not mapping.get("groups"):
        message = f"{GROUPS} needs groups, and {MAPPING} has no groups"
        yield resource.problem("missing-key", message, "add groups: with the attribute's name", path)


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
    connection, row = _at(change, context)
    merged_into_live(KIND, spec_of(connection.sort, row), change)
    return _completed(connection, request_body(change.fields, cleared={}), context)


def writes(change: Change) -> int:
    """Count the create by itself, what completes it, and each certificate that comes or goes, and the key."""
    if isinstance(change, Delete):
        return 1
    sort, certificate = change.get(TYPE), change.get(CERTIFICATE)
    sent_alone = {TYPE, CERTIFICATE, ENCRYPTION_KEY, *(AT_CREATE[str(sort.after)] if sort else ())}
    others = any(field.path[0] not in sent_alone for field in change.fields)
    before, after = (
        certificates_in(text or "") for text in ((certificate.before, certificate.after) if certificate else ("", ""))
    )
    return isinstance(change, Create) + others + len({*before} ^ {*after}) + bool(change.get(ENCRYPTION_KEY))


def delete(change: Delete, context: ApplyContext) -> WriteResult:
    """Delete the connection: nobody comes in through it any more. Stytch keeps the one that is the default."""
    connection, row = _at(change, context)
    if row[NAME] != change.name:
        raise Stale("its name has changed since")
    said = "it is the default of its organization: set sso_default_connection_id to another one first"
    with explaining(IS_DEFAULT, said):
        return WriteResult(connection.id, delete_resource(lambda: connection.write("delete_connection")))


def _at(change: Update | Delete, context: ApplyContext) -> tuple[Connection, Row]:
    organization_id = context.organization_ids[str(change.namespace)]
    for sort, row in rows(context, organization_id):
        if row["connection_id"] == change.id:
            return Connection(context, organization_id, sort, str(change.id)), row
    raise Gone


def _completed(
    connection: Connection, body: dict[str, Json], context: ApplyContext, request_id: str = ""
) -> WriteResult:
    """Send what a create cannot, and return the connection as it is then, with the id of the last request.

    A certificate and a key for decryption come to those that are there, so each is sent by itself, and once.
    """
    arguments = context.revealed(body)
    certificate, key = arguments.pop(CERTIFICATE, None), arguments.pop(ENCRYPTION_KEY, None)
    try:
        if arguments:
            request_id = connection.change(**arguments)
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
    order=Order(shares=lambda change: change.namespace),
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
