"""Stytch's data API as the reconciler needs it: bulk reads, single reads and writes, one method each.

Methods raise a ``Fault`` if an exchange fails and ``Unreadable`` if a search is incomplete. The
endpoints, and what is known of their behaviour, are described in docs/stytch.md.
"""

import sys
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Raw, Struct

from reconciler.clients.api import Api, find
from reconciler.clients.outage import Patience
from reconciler.clients.pacing import Clock, Waiting
from reconciler.clients.retry import Statistics
from reconciler.clients.search import SearchResult, page_decoder, read_whole, stream_whole
from reconciler.documents import nesting
from reconciler.errors import Refused, Unreadable
from reconciler.model import Json, LiveMember

if TYPE_CHECKING:
    from reconciler.clients.kept import Kept
    from reconciler.clients.sdk import Answered, Writer

T = TypeVar("T")
Body = dict[str, Json]

ORGANIZATIONS = "/v1/b2b/organizations"
STATUSES = ("active", "pending", "invited", "deleted")  # a search hides deleted members unless they are asked for
ABSENT_MEMBER = frozenset({"member_not_found", "member_does_not_exist_in_organization", "email_not_found"})
ABSENT_ORGANIZATION = frozenset({"organization_not_found"})
ABSENT_USER = frozenset({"user_not_found"})


class _MemberBody(Struct):
    member: LiveMember


class _OrganizationBody(Struct):
    organization: Body


class _PolicyBody(Struct):
    policy: Body


class _UserId(Struct):
    user_id: str


class Data(Struct, frozen=True):
    """The way to the data of one environment: what is read, its fraud rules, the SDK for writes, which secret it is."""

    api: Api
    telemetry: Api
    make_writer: Callable[[], "Writer"]
    last_four: str


class Client:
    """One B2B project, and the Consumer project whose users move to it, if there is one. Safe for many threads.

    ``patience`` says for how long a server that does not answer is waited for, and may be changed at any time.
    ``kept`` answers bulk reads in Stytch's place, where it is there.
    """

    kept: "Kept | None" = None

    def __init__(
        self,
        management: Api | None,
        consumer: Api | None,
        statistics: Statistics,
        clock: Clock,
        patience: Patience,
        open_data: Callable[[str, str], Data],
    ) -> None:
        self.statistics = statistics
        self.clock = clock
        self.patience = patience
        self._management = management
        self._consumer = consumer
        self._open_data = open_data
        self._data: Data | None = None
        self._writer: Writer | None = None
        self._lock = threading.Lock()

    def sign_in(self, project_id: str, secret: str) -> None:
        """Open the data of an environment, whose secret may be known only once a run is under way."""
        self._data = self._open_data(project_id, secret)

    def close(self) -> None:
        """Close every connection."""
        for opened in self._apis:
            opened.transport.close()

    def now(self) -> datetime:
        """Return the time by Stytch's clock, as far as it is known."""
        return datetime.fromtimestamp(self.clock.now(), UTC)

    @property
    def waiting(self) -> Waiting | None:
        """Return what keeps requests from being sent, if anything does: an outage, or a pause that Stytch asked for."""
        return next(filter(None, (api.requester.waiting for api in self._apis)), None)

    @property
    def _apis(self) -> Iterator[Api]:
        data = (self._data.api, self._data.telemetry) if self._data else ()
        return filter(None, (*data, self._consumer, self._management))

    @property
    def project_id(self) -> str:
        """Return the id of the environment whose data can be asked for, "" where there is none yet."""
        return self._data.api.user if self._data else ""

    @property
    def consumer_project_id(self) -> str:
        """Return the id of the Consumer project whose users can be asked for, "" where there is none."""
        return self._consumer.user if self._consumer else ""

    @property
    def secret_last_four(self) -> str:
        """Return what Stytch shows of the secret that is in use."""
        return self._data.last_four if self._data else ""

    @property
    def has_data(self) -> bool:
        """Return whether a secret of the environment is known."""
        return self._data is not None

    @property
    def has_management(self) -> bool:
        """Return whether there is a workspace key."""
        return self._management is not None

    @property
    def management(self) -> Api:
        """Return the management API; raises ``Refused`` where there is no workspace key."""
        if self._management is None:
            raise Refused(
                "this needs Stytch's management API, but there is no workspace key",
                hint="set STYTCH_WORKSPACE_KEY_ID and STYTCH_WORKSPACE_KEY_SECRET",
            )
        return self._management

    @property
    def telemetry(self) -> Api:
        """Return the API of fraud rules; raises ``Refused`` where the environment's secret is not known."""
        return self._opened.telemetry

    @property
    def _opened(self) -> Data:
        if self._data is None:
            raise Refused(
                "this needs a secret of the environment, but none is known",
                hint="set STYTCH_PROJECT_ID and STYTCH_SECRET, or declare a Secret, which `apply` creates",
            )
        return self._data

    @property
    def _b2b(self) -> Api:
        return self._opened.api

    # Whatever has no method of its own

    def read(self, name: str, path: str) -> Body:
        """Return what is at a path of the data API; ``name`` is the operation, for people."""
        return self._b2b.read(name, path, Body)

    def find(self, name: str, path: str, absent: Collection[str]) -> Body | None:
        """Return what is at a path, or None if Stytch responds with one of the error types ``absent``."""
        return find(lambda: self.read(name, path), absent)

    def search(self, name: str, path: str, key: str, id_key: str) -> list[Body]:
        """Return every row of a search of the data API, which are under ``key``; raises ``Unreadable``."""
        fetch = self._b2b.search(name, path, page_decoder(key, dict[str, Any], (id_key,)))
        found = read_whole(fetch, lambda row: str(row.get(id_key)), key.replace("_", " "))
        if found.malformed:
            raise Unreadable(
                f"{len(found.malformed)} {key} do not match Stytch's API description: {found.malformed[0].reason}"
            )
        return list(found.rows)

    def write(self, name: str, **arguments: Json) -> "Answered":
        """Call the SDK's method ``name``, such as ``m2m.clients.create``."""
        return self.writer().write(name, arguments)

    # Reads in bulk

    def search_organizations(self) -> SearchResult[Body]:
        """Return every organization of the project, each as Stytch describes it."""
        decode = page_decoder("organizations", dict[str, Any], ("organization_id", "organization_slug"))
        fetch = self._b2b.search("organizations.search", f"{ORGANIZATIONS}/search", decode)
        return read_whole(fetch, lambda row: str(row.get("organization_id")), "organizations")

    def search_members(
        self, organization_ids: Sequence[str], most: int = sys.maxsize, statuses: Sequence[str] = STATUSES
    ) -> SearchResult[LiveMember]:
        """Return every member of these organizations, deleted ones too; ``TooMany`` if they are more than ``most``."""
        decode = page_decoder("members", LiveMember, ("organization_id", "member_id"))
        fetch = self._b2b.search(
            "organizations.members.search",
            f"{ORGANIZATIONS}/members/search",
            decode,
            organization_ids=organization_ids,
            query={"operator": "AND", "operands": [{"filter_name": "statuses", "filter_value": statuses}]},
        )
        return read_whole(fetch, attrgetter("member_id"), "members", most)

    def search_users(self, uncounted: Callable[[], None] = lambda: None) -> Iterator[list[Raw]]:
        """Yield the Consumer project's users, page by page, each once, as the JSON that Stytch sent.

        ``uncounted`` is called at the end where Stytch did not say how many there are.
        """
        if self._consumer is None:
            raise Refused(
                "the users should be read from the live Consumer project, but its id is not set",
                hint="set STYTCH_CONSUMER_PROJECT_ID and STYTCH_CONSUMER_SECRET",
            )
        decoder = msgspec.json.Decoder(_UserId)

        def key(row: Raw) -> object:
            try:
                try:
                    return decoder.decode(row).user_id
                except RecursionError:  # whatever somebody nested in it, it is one user
                    return decoder.decode(nesting.pruned(bytes(row))).user_id
            except msgspec.ValidationError:
                return bytes(row)

        fetch = self._consumer.search("users.search", "/v1/users/search", page_decoder("results", Raw, ()))
        return stream_whole(fetch, key, "users", uncounted)

    def has_user(self, user_id: str) -> bool:
        """Return whether the Consumer project has a user with this id."""
        consumer = self._consumer
        if consumer is None:
            raise Refused("the Consumer project's id is not set", hint="set STYTCH_CONSUMER_PROJECT_ID")
        path = f"/v1/users/{quote(user_id, safe='')}"
        return find(lambda: consumer.read("users.get", path, Body), ABSENT_USER) is not None

    def rbac_policy(self) -> Body:
        """Return the project's RBAC policy: roles, resources, scopes."""
        return self._b2b.read("rbac.policy", "/v1/b2b/rbac/policy", _PolicyBody).policy

    # Single reads

    def get_organization(self, organization_id: str) -> Body:
        """Return an organization by its id."""
        path = f"{ORGANIZATIONS}/{quote(organization_id, safe='')}"
        return self._b2b.read("organizations.get", path, _OrganizationBody).organization

    def find_organization(self, slug: str) -> Body | None:
        """Return the organization with this slug, if there is one.

        The path takes an external id too, so what it leads to may be another organization than the one meant.
        """
        found = find(lambda: self.get_organization(slug), ABSENT_ORGANIZATION)
        if found is None or found.get("organization_slug") == slug:
            return found
        every = self.search_organizations().rows
        return next((row for row in every if row.get("organization_slug") == slug), None)

    def get_member(self, organization_id: str, member_id: str) -> LiveMember | None:
        """Return a member by its id, or None if Stytch says that there is none."""
        return self._member(organization_id, member_id=member_id)

    def find_member(self, organization_id: str, email_address: str) -> LiveMember | None:
        """Return the member with this address, or None if there is none; deleted ones are hidden."""
        return self._member(organization_id, email_address=email_address)

    def _member(self, organization_id: str, **key: str) -> LiveMember | None:
        path = f"{ORGANIZATIONS}/{quote(organization_id, safe='')}/member"
        return find(lambda: self._b2b.read("organizations.members.get", path, _MemberBody, **key).member, ABSENT_MEMBER)

    # Writes return the resource as Stytch has it now, and the request's id.
    # The SDK leaves out an argument that is None, but not one inside metadata, where it removes a key.

    def create_organization(self, body: Body) -> tuple[Body, str]:
        """Create an organization from its fields by Stytch's names."""
        return self._organization("create", **body)

    def update_organization(self, organization_id: str, body: Body) -> tuple[Body, str]:
        """Change the fields that ``body`` has."""
        return self._organization("update", organization_id=organization_id, **body)

    def delete_organization(self, organization_id: str) -> str:
        """Delete an organization and every member of it, for good."""
        return self._request_id("organizations.delete", organization_id=organization_id)

    def delete_organization_external_id(self, organization_id: str) -> tuple[Body, str]:
        """Clear an organization's external id."""
        return self._organization("delete_external_id", organization_id=organization_id)

    def create_member(self, organization_id: str, body: Body) -> tuple[Body, str]:
        """Create a member from its fields by Stytch's names; no mail is sent."""
        return self._member_write("create", organization_id=organization_id, **body)

    def update_member(self, organization_id: str, member_id: str, body: Body) -> tuple[Body, str]:
        """Change the fields that ``body`` has; ``roles`` replaces those that were assigned directly."""
        return self._member_write("update", organization_id=organization_id, member_id=member_id, **body)

    def delete_member(self, organization_id: str, member_id: str) -> str:
        """Delete a member, which Stytch keeps as a record with the status ``deleted``."""
        return self._request_id("organizations.members.delete", organization_id=organization_id, member_id=member_id)

    def delete_mfa_phone_number(self, organization_id: str, member_id: str) -> tuple[Body, str]:
        """Take a member's phone number away, which is the only way to another one."""
        return self._member_write("delete_mfa_phone_number", organization_id=organization_id, member_id=member_id)

    def delete_member_external_id(self, organization_id: str, member_id: str) -> tuple[Body, str]:
        """Clear a member's external id."""
        return self._member_write("delete_external_id", organization_id=organization_id, member_id=member_id)

    def _organization(self, verb: str, **arguments: Json) -> tuple[Body, str]:
        return self.writer().write(f"organizations.{verb}", arguments).resource("organization", "organization_id")

    def _member_write(self, verb: str, **arguments: Json) -> tuple[Body, str]:
        return self.writer().write(f"organizations.members.{verb}", arguments).resource("member", "member_id")

    def _request_id(self, name: str, **arguments: Json) -> str:
        return self.writer().write(name, arguments).request_id

    def writer(self) -> "Writer":
        """Return the writer, made when the first write comes: it takes half a second to import."""
        with self._lock:
            if self._writer is None:
                self._writer = self._opened.make_writer()
            return self._writer
