"""A client that answers from a snapshot: no credential, no request."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NoReturn

from reconciler.clients.api import Api, Body
from reconciler.clients.b2b import Client, Data
from reconciler.clients.kept import Malformed
from reconciler.clients.outage import Patience
from reconciler.clients.pacing import Clock
from reconciler.clients.retry import Statistics
from reconciler.errors import NotOffered, Unreadable
from reconciler.kinds import KINDS
from reconciler.model import ORGANIZATION, Json, Live, OrganizationMembers, Position, Target
from reconciler.snapshot.file import OpenSnapshot

MOST: Final = 4_000  # members of a batch, but for those of one organization
HINT: Final = "plan live to decide it, or take a new snapshot once this is merged"


class SnapshotClient(Client):
    """Stytch as it was when a snapshot was taken."""

    def __init__(self, snapshot: OpenSnapshot) -> None:
        super().__init__(None, None, Statistics(), Clock(), Patience(), _no_data)
        self._snapshot = snapshot
        self._head = snapshot.head
        self._projects = _Projects(snapshot.head.projects)
        self.kept = KeptThings(snapshot)

    def now(self) -> datetime:
        """Return when the snapshot was taken."""
        return datetime.fromisoformat(self._head.taken_at).astimezone(UTC)

    @property
    def project_id(self) -> str:
        """Return the id of the environment whose data are there."""
        return self._head.project_id

    @property
    def consumer_project_id(self) -> str:
        """Return the id of the Consumer project whose users are there."""
        return self._head.consumer_project_id

    @property
    def secret_last_four(self) -> str:
        """Return a hash of what Stytch shows of the secret that was in use."""
        return self._head.secret_last_four

    @property
    def has_data(self) -> bool:
        """Return whether the data of the environment were read."""
        return self._head.has_data

    @property
    def has_management(self) -> bool:
        """Return whether there was a workspace key."""
        return self._head.has_management

    @property
    def management(self) -> Api:
        """Return what the management API said of projects."""
        return self._projects

    def rbac_policy(self) -> Body:
        """Return the ids of the roles of the RBAC policy."""
        if self._head.roles is None:
            raise Unreadable("the snapshot does not have the roles of the RBAC policy", hint=HINT)
        return {"roles": [{"role_id": role} for role in self._head.roles]}

    def sign_in(self, project_id: str, secret: str) -> None:
        """Do nothing: nothing is asked for."""


class _Projects(Api):
    def __init__(self, by_path: Mapping[str, Body]) -> None:
        self._by_path = by_path

    def get(self, path: str, **parameters: str) -> Body:  # noqa: ARG002 # as the management API is asked
        """Return what was there at a path."""
        if path not in self._by_path:
            raise Unreadable("the snapshot does not have the projects of the workspace", hint=HINT)
        return self._by_path[path]


class KeptThings:
    """What the snapshot has, as the readers of live state give it."""

    def __init__(self, snapshot: OpenSnapshot) -> None:
        self._snapshot = snapshot
        found: dict[str, list[Live]] = {}
        for thing in snapshot.things():
            found.setdefault(thing.live.kind, []).append(thing.live)
        self._live = found
        self.why_no_deletes = ""
        self.user_fields = frozenset(str(path[1]) for path in snapshot.head.users or ())

    def organizations(self) -> tuple[Live, ...]:
        """Return every organization."""
        return tuple(self._live.get(ORGANIZATION, ()))

    def resources(self, kind: str, target: Target) -> Sequence[Live]:
        """Return everything of a kind; raises ``NotOffered`` where that was not read, or not everywhere."""
        head = self._snapshot.head
        if kind in head.missing:
            raise NotOffered([head.missing[kind]])
        lies_in = KINDS[kind].namespace == ORGANIZATION
        elsewhere = lies_in and not {*target.organizations.values()} <= {*head.target.organizations.values()}
        if kind not in head.kinds or elsewhere:
            raise NotOffered(f"the snapshot does not have every {kind}: nothing named it when it was taken", hint=HINT)
        return self._live.get(kind, ())

    def members(self, organization_ids: Sequence[str]) -> Iterator[Mapping[str, OrganizationMembers]]:
        """Yield the members of organizations; raises ``Unreadable`` where they were not read."""
        batch: dict[str, OrganizationMembers] = {}
        count = 0
        for organization_id in organization_ids:
            batch[organization_id] = found = self._members(organization_id)
            count += len(found.members) + 1
            if count > MOST:
                yield batch
                batch, count = {}, 0
        if batch:
            yield batch

    def users(self) -> Iterator[Sequence[Json | Malformed]] | None:
        """Yield the users; None where no user was read."""
        return None if self._snapshot.head.users is None else self._users()

    def _users(self) -> Iterator[Sequence[Json | Malformed]]:
        for line in self._snapshot.users():
            self.why_no_deletes = line.why_no_deletes
            odd = [(one.user_id, one.message, Position(one.file, one.line)) for one in line.malformed]
            yield [*line.users, *odd]

    def _members(self, organization_id: str) -> OrganizationMembers:
        if not self._snapshot.has_members(organization_id):
            raise Unreadable("the snapshot does not have the members of every organization", hint=HINT)
        lines = list(self._snapshot.members(organization_id))
        return OrganizationMembers(
            organization_id=organization_id,
            members=[member for line in lines for member in line.members],
            problems=tuple(problem for line in lines for problem in line.problems),
            half_read=frozenset(member for line in lines for member in line.half_read),
            unread=sum(line.unread for line in lines),
        )


def _no_data(project_id: str, secret: str) -> Data:
    return _refuse(project_id, secret)


def _refuse(*_asked: str) -> NoReturn:
    raise Unreadable("a snapshot answers nothing but what it has", hint=HINT)
