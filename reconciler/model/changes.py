"""What would change and why: a plan, its parts, and what became of them."""

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from msgspec import UNSET, Struct, UnsetType

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


class _Change(Addressed, frozen=True, kw_only=True):
    id: str | None = None
    origin: str | None = None
    fields: tuple[FieldChange, ...] = ()
    adopts: bool = False
    replaces: bool = False  # an update that is only possible by deleting and recreating the resource
    mark: Mark | None = None  # the mark this change writes; None leaves the one that is there
    withheld_by: str | None = None
    causes: tuple[Cause, ...] = ()

    def get(self, *path: str) -> FieldChange | None:
        """Return the change of the field at ``path``, if there is one."""
        return next((change for change in self.fields if change.path == path), None)


class Create(_Change, frozen=True, kw_only=True):
    """Make a thing that is not live."""

    action: ClassVar[Action] = "create"


class Update(_Change, frozen=True, kw_only=True):
    """Change fields of a live thing, or (``adopts``) put our mark on it."""

    action: ClassVar[Action] = "update"


class Delete(_Change, frozen=True, kw_only=True):
    """Remove a live thing; ``fields`` hold, as ``before``, what must still be so when it is removed.

    ``members`` counts the live members that go with an organization.
    """

    action: ClassVar[Action] = "delete"

    members: int | None = None


Change = Create | Update | Delete


def completes(change: Change) -> str | None:
    """Return the slug of the organization that is made in the same plan, and that this update completes."""
    return change.name if isinstance(change, Update) and change.id is None else None


def withdrawn_roles(change: Change) -> tuple[str, ...]:
    """Return the roles that an update takes from a live member."""
    roles = change.get("roles")
    if not isinstance(change, Update) or roles is None:
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

    ``id`` is that of the thing it was about, where that was there before; ``there`` the ids that were there when it
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
    deletes: bool = False  # a member
    marked_at: str | None = None


Begun = Mapping[str, tuple[Intent, ...]]  # by address


class Listed(Addressed, frozen=True, kw_only=True):
    """A thing that is shown and left alone: held, removed in Stytch, kept, or unmanaged.

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
        """List a resource, a live thing or what a change is about."""
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


class GuardResult(Struct, frozen=True, kw_only=True):
    """What one guard saw: ``detail`` such as "0 of 500", and the scope (an organization's slug, or "" for all)."""

    name: str
    ok: bool
    detail: str
    kind: str = ""
    organization: str = ""


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


class Plan(Struct, frozen=True, kw_only=True):
    """What would change and why, in the order in which it would be done. The public JSON format is this value."""

    format_version: str = FORMAT_VERSION
    environment: str
    project_id: str  # "" as long as the environment is still to be made
    target: str = ""  # project and environment by their slugs, where the run knows them
    users_project_id: str = ""  # the Consumer project whose users they are, "" where they come from a file
    digest: str = ""
    summary: Summary = Summary()
    changes: tuple[Create | Update | Delete, ...] = ()
    observed: tuple[Create | Update | Delete, ...] = ()  # differences of kinds that are only observed: never written
    written_from_live: tuple[Create | Update | Delete, ...] = ()  # what an environment of type test never writes
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


Result = Literal["applied", "failed", "withheld", "skipped"]


class Kept(Struct, frozen=True, kw_only=True):
    """A credential that an apply handed to the store: whose it is, under which name, and where; never its value."""

    address: str
    name: str
    place: str


class Outcome(Addressed, frozen=True, kw_only=True):
    """What became of one change; ``detail`` says why where it was not applied, ``request_id`` is Stytch's.

    ``found`` says that somebody else did the same since the plan was made: a create found the resource there, a delete
    found it gone.
    """

    action: Action
    result: Result
    detail: str = ""
    id: str | None = None
    request_id: str = ""
    found: bool = False

    @classmethod
    def of(
        cls, change: Change, result: Result, detail: str = "", *, id: str | None = None, request_id: str = ""
    ) -> "Outcome":
        """Return what became of a change; ``id`` is that of its resource, where the plan could not know it."""
        return cls(
            kind=change.kind,
            namespace=change.namespace,
            name=change.name,
            action=change.action,
            result=result,
            detail=detail,
            id=id or change.id,
            request_id=request_id,
        )
