"""One SSO connection in Stytch: read it, and change the certificates and keys of a SAML connection one by one."""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from msgspec import Struct

from reconciler.kinds._context import Access, Gone
from reconciler.kinds._sso.certificates import each_of, normal
from reconciler.kinds._sso.spec import CERTIFICATE, ENCRYPTION_KEY
from reconciler.kinds._writing import create_once, delete_once, retry_idempotent
from reconciler.model import Json

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
        told = {"organization_id": self.organization_id, "connection_id": self.id, **body}
        return self.access.client.write(f"sso.{method}", **told).request_id

    def change(self, **body: Json) -> str:
        """Change fields (safe to send twice). Return the id of the request."""
        return retry_idempotent(lambda: self.write(f"{self.sort}.update_connection", **body))

    def change_certificates(self, text: str) -> str:
        """Replace the certificates: add the new ones, then delete the old ones. Return the id of the last request."""
        wanted = each_of(text)
        requests = [self._add_certificate(one) for one in wanted if one not in self._certificates().values()]
        kept: set[str] = set()
        for id_, one in self._certificates().items():
            if one not in wanted or one in kept:
                requests.append(self._delete("saml.delete_verification_certificate", certificate_id=id_))
            kept.add(one)
        return requests[-1] if requests else ""

    def put_encryption_key(self, key: str) -> str:
        """Replace the key that decrypts assertions. Return the id of the last request."""
        before = self._encryption_keys()
        request_id = create_once(
            lambda: self.write("saml.update_connection", **{ENCRYPTION_KEY: key}),
            lambda: "" if self._encryption_keys() - before else None,
        )
        requests = [self._delete("saml.delete_encryption_private_key", private_key_id=id_) for id_ in sorted(before)]
        return requests[-1] if requests else request_id

    def _add_certificate(self, text: str) -> str:
        return create_once(
            lambda: self.write("saml.update_connection", **{CERTIFICATE: text}),
            lambda: "" if text in self._certificates().values() else None,
        )

    def _certificates(self) -> dict[str, str]:
        """Return its certificates by their ids."""
        found = self.row().get("verification_certificates") or ()
        return {each["certificate_id"]: normal(each["certificate"]) for each in found}

    def _encryption_keys(self) -> frozenset[str]:
        return frozenset(each["private_key_id"] for each in self.row().get("encryption_private_keys") or ())

    def _delete(self, method: str, **body: Json) -> str:
        return delete_once(lambda: self.write(method, **body))


def rows(access: Access, organization_id: str) -> Iterator[tuple[str, Row]]:
    """Yield the sort and the record of every connection of an organization."""
    found = access.client.read("sso.get_connections", f"/v1/b2b/sso/{quote(organization_id, safe='')}")
    for sort in SORTS:
        for row in found.get(f"{sort}_connections") or ():
            yield sort, row
