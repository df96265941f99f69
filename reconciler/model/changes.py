"""What would change and why: a plan, its parts, and what became of them."""

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, Self

from msgspec import UNSET, Struct, UnsetType

from reconciler.model.access import Access
from reconciler.model.analysis import Analysis
from reconciler.model.consents import Accepted, Approval
from reconciler.model.problems import Json, Path, Position, Problem
from reconciler.model.resources import Addressed, Mark

FORMAT_VERSION = "1.0"
Action = Literal["create", "update", "delete"]


class Cause(Struct, frozen=True, order=True, kw_only=True):
    """Why a change is planned: the document (and, for memberships, the rule and the user) that asks for it."""

    file: str
    line: int
    rule: str | None = None
    user: str | None = None


class FieldChange(Struct, frozen=True, kw_only=True):
    """One field's difference; ``before``/``after`` are UNSET where there is no value (not yet there, cleared)."""

    path: Path
    before: Json | UnsetType = UNSET
    after: Json | UnsetType = UNSET


Origin = Literal["git", "users", "live", "conflict"]


class _Change(Addressed, frozen=True, kw_only=True):
    id: str | None = None
    origin: Origin | None = None
    fields: tuple[FieldChange, ...] = ()
    adopts: bool = False
    replaces: bool = False  # an update that is only possible by deleting and recreating the resource
    mark: Mark | None = None  # the mark this change writes; None leaves the one that is there
    withheld_by: str | None = None
    causes: tuple[Cause, ...] = ()
    written: str = ""  # what our mark remembers of what was written, as it is live

    def get(self, *path: str) -> FieldChange | None:
        """Return the change of the field at ``path``, if there is one."""
        return next((change for change in self.fields if change.path == path), None)


class Create(_Change, frozen=True, kw_only=True):
    """Make a resource that is not live; ``restores`` says that it may be made although somebody removed it."""

    action: ClassVar[Action] = "create"
    restores: bool = False


class Update(_Change, frozen=True, kw_only=True):
    """Change fields of a live resource, or (``adopts``) put our mark on it."""

    action: ClassVar[Action] = "update"


class Delete(_Change, frozen=True, kw_only=True):
    """Remove a live resource; ``fields`` hold, as ``before``, what must still be so when it is removed.

    ``members`` counts the live members that go with an organization.
    """

    action: ClassVar[Action] = "delete"

    members: int | None = None


Change = Create | Update | Delete


def completes(change: Change) -> str | None:
    """Return the slug of the organization that is made in the same plan, and that this update completes."""
    return change.name if isinstance(change, Update) and change.id is None else None


def is_drift(change: Change) -> bool:
    """Return whether somebody changed Stytch behind git's back, as far as anything tells."""
    return change.origin in (None, "live", "conflict")


def is_inferred(change: Change) -> bool:
    """Return whether a change is a delete that no manifest asks for."""
    return isinstance(change, Delete) and not change.causes


def withdrawn_roles(change: Change) -> tuple[str, ...]:
    """Return the roles that an update takes from a live member."""
    roles = change.get("roles") if isinstance(change, Update) else None
    if roles is None:
        return ()
    return tuple(sorted({*(roles.before or ())} - {*(roles.after or ())}))


def added_roles(change: Change) -> tuple[str, ...]:
    """Return the roles that a create or an update gives to a member."""
    roles = change.get("roles")
    if isinstance(change, Delete) or roles is None:
        return ()
    return tuple(sorted({*(roles.after or ())} - {*(roles.before or ())}))


class Intent(Struct, frozen=True, kw_only=True):
    """What an earlier run began and, as its journal has it, never ended.

    ``id`` is that of the resource it was about, where that was there before; ``there`` the ids that were there when it
    began (None: not noted, so that nothing was sent either); ``made`` the id that Stytch's answer gave, and ``given``
    the last characters of the credentials that it gave. ``marked_at`` is when the mark was written that says that we
    delete a member, as Stytch tells it (None: not noted, so that no delete was sent either).
    """

    address: str
    journal: str = ""
    id: str | None = None
    there: frozenset[str] | None = None
    made: str | None = None
    given: frozenset[str] = frozenset()
    deletes: bool = False
    marked_at: str | None = None


Begun = Mapping[str, tuple[Intent, ...]]  # by address


class Listed(Addressed, frozen=True, kw_only=True):
    """A resource that is shown and left alone: held, removed in Stytch, kept, or unmanaged.

    Of what is held, ``declared`` says that a manifest, or a row of an OrganizationSet, declares it, and ``waiting``
    holds the addresses of the members that wait for an organization.
    """

    reason: str
    id: str | None = None
    at: tuple[Position, ...] = ()
    users: tuple[str, ...] = ()
    declared: bool = False
    waiting: tuple[str, ...] = ()

    @classmethod
    def of(cls, item: Addressed, reason: str, *, id: str | None = None, at: tuple[Position, ...] = ()) -> Self:
        """Return a declared or live resource, or what a change is about, as listed."""
        return cls(kind=item.kind, namespace=item.namespace, name=item.name, reason=reason, id=id, at=at)


class Counted(Struct, frozen=True, kw_only=True):
    """How many users, or memberships, one cause is so of; ``code`` is that of a problem, if it has one."""

    cause: str
    count: int
    code: str = ""
    at: tuple[Position, ...] = ()


class ManualStep(Struct, frozen=True, kw_only=True):
    """What a person must do in Stytch's dashboard, because no API does, and is not known to have done."""

    name: str
    what: str
    where: str
    required: bool = False
    state: Literal["open", "unknown"] = "open"
    at: Position


class Count(Struct, frozen=True):
    """How many there are of something, and how many there may be."""

    number: int
    limit: int

    @property
    def is_within(self) -> bool:
        """Return whether it is no more than there may be."""
        return self.number <= self.limit

    @property
    def needed(self) -> str:
        """Return the limit that would suffice."""
        return str(self.number)

    def __str__(self) -> str:
        return f"{self.number} of {self.limit}"


class Share(Struct, frozen=True):
    """Which part of a whole it is, and which percentage may be; of fewer than ``least`` a percentage says nothing."""

    part: int
    whole: int
    limit: float
    least: int = 0

    @property
    def percent(self) -> float:
        """Return the percentage."""
        return 100 * self.part / self.whole if self.whole else (100.0 if self.part else 0.0)

    @property
    def is_within(self) -> bool:
        """Return whether it is no more than there may be."""
        return self.part < self.least or self.percent <= self.limit

    @property
    def needed(self) -> str:
        """Return a whole percentage that would suffice, above the rounded one that people read."""
        return str(min(100, math.floor(round(self.percent, 1)) + 1))

    def __str__(self) -> str:
        least = f" from {self.least} up" if self.least else ""
        return f"{self.part} of {self.whole} ({self.percent:.1f} %), limit {self.limit:g} %{least}"


class GuardResult(Struct, frozen=True, kw_only=True):
    """What one guard saw: a number and its limit, or a sentence; ``organization`` is a slug, or "" for all."""

    name: str
    ok: bool
    seen: Count | Share | str
    kind: str = ""
    organization: str = ""

    @property
    def setting(self) -> str:
        """Return the name of the setting that is the guard's limit, if it has one."""
        by_organization = self.organization and self.name == "max_delete_percent"
        return f"{self.name}_per_organization" if by_organization else self.name

    @property
    def detail(self) -> str:
        """Return what the guard saw, such as "0 of 500"."""
        return str(self.seen)

    @property
    def needed(self) -> str:
        """Return the limit that would let everything through, "" where the guard knows no number."""
        return "" if isinstance(self.seen, str) else self.seen.needed


class Summary(Struct, frozen=True, kw_only=True):
    """Counts of things, not of requests."""

    create: int = 0
    update: int = 0
    delete: int = 0
    unchanged: int = 0
    unmanaged: int = 0
    held: int = 0
    held_by_data: int = 0  # memberships that data leave open
    removed: int = 0
    kept: int = 0
    withheld: int = 0
    adopt: int = 0
    users: int = 0
    unmatched_users: int = 0
    problems: int = 0
    manual_steps: int = 0
    on_unverified: int = 0  # memberships that rest on an unverified address
    on_untrusted: int = 0  # memberships that rest on a value users write themselves


class Cost(Struct, frozen=True, kw_only=True):
    """Requests made to read, requests an apply would make, and the seconds those take at the configured rate."""

    reads: int = 0
    writes: int = 0
    seconds_at_rate: float = 0.0


class Snapshot(Struct, frozen=True, kw_only=True):
    """The snapshot that a plan was made from: when it was taken, how many seconds earlier, its digest and its salt."""

    taken_at: str
    digest: str
    salt: str
    age: int = 0


class Plan(Struct, frozen=True, kw_only=True):
    """What would change and why, in the order in which it would be done. The public JSON format is this value."""

    format_version: str = FORMAT_VERSION
    environment: str
    project_id: str  # "" as long as the environment is still to be made
    target: str = ""  # project and environment by their slugs, where the run knows them
    users_project_id: str = ""  # the Consumer project whose users they are, "" where they come from a file
    digest: str = ""
    summary: Summary = Summary()
    changes: Sequence[Create | Update | Delete] = ()
    observed: Sequence[Create | Update | Delete] = ()  # differences of kinds that are only observed: never written
    written_from_live: Sequence[Create | Update | Delete] = ()  # what an environment of type test never writes
    unmatched: tuple[str, ...] = ()
    unmatched_by: tuple[Counted, ...] = ()
    held: tuple[Listed, ...] = ()
    held_by: tuple[Counted, ...] = ()  # memberships that data leave open: also of users who are no members yet
    removed: tuple[Listed, ...] = ()
    kept: tuple[Listed, ...] = ()  # ours and no longer wanted, of a kind that is not authoritative
    unmanaged: tuple[Listed, ...] = ()
    problems: tuple[Problem, ...] = ()
    manual_steps: tuple[ManualStep, ...] = ()
    guards: tuple[GuardResult, ...] = ()
    cost: Cost = Cost()
    access: Access | None = None  # what the changes do to people and to power, None where they do nothing to either
    analysis: Analysis | None = None  # what is to be said of the rules
    snapshot: Snapshot | None = None  # what it was made from, None where Stytch was asked
    operations_digest: str = ""  # of all that would be done if nothing were withheld, whatever the plan is narrowed to
    revision: str = ""  # the commit that it was made of, "" without git, or where something is not committed
    applied: str = ""  # the commit that was applied last, "" where nobody knows
    approvals: tuple[Approval, ...] = ()  # of what guards withhold: those that it uses, or not, or could use
    accepted: tuple[Accepted, ...] = ()  # what differs and stays as it is for a while


Result = Literal["applied", "failed", "withheld", "skipped"]


class StoredCredential(Struct, frozen=True, kw_only=True):
    """A credential that an apply handed to the store: whose it is, under which name, and where; never its value."""

    address: str
    name: str
    place: str


class Outcome(Addressed, frozen=True, kw_only=True):
    """What became of one change; ``request_id`` is Stytch's.

    Where it was not applied ``blocked_by`` names a guard or another obstacle, and ``reason`` says more. ``file`` is the
    emergency file of a credential that the store refused. ``found`` says that somebody else did the same since the plan
    was made: a create found the resource there, a delete found it gone.
    """

    action: Action
    result: Result
    blocked_by: str = ""
    reason: str = ""
    file: str = ""
    id: str | None = None
    request_id: str = ""
    found: bool = False

    @classmethod
    def of(  # the fields of an outcome, by name
        cls,
        change: Change,
        result: Result,
        reason: str = "",
        *,
        blocked_by: str = "",
        file: str = "",
        id: str | None = None,
        request_id: str = "",
    ) -> "Outcome":
        """Return what became of a change; ``id`` is that of its resource, where the plan could not know it."""
        return cls(
            kind=change.kind,
            namespace=change.namespace,
            name=change.name,
            action=change.action,
            result=result,
            blocked_by=blocked_by,
            reason=reason,
            file=file,
            id=id or change.id,
            request_id=request_id,
        )

    @property
    def why(self) -> str:
        """Return why it was not applied, in one line."""
        return ": ".join(filter(None, (self.blocked_by, self.reason)))

    @property
    def detail(self) -> str:
        """Return why it was not applied, and where a credential is that the store refused."""
        return f"{self.why}, which is now in {self.file}" if self.file else self.why
