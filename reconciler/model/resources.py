"""Declared and live resources: organizations, members, and the mark that says which are managed."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal
from urllib.parse import quote

from msgspec import Struct, field

from reconciler.model.problems import Json, Path, Position, Problem, Severity, Spec, nearest_place, problem

API_VERSION: Final = "reconciler/v1"


ORGANIZATION: Final = "Organization"  # the two kinds that others lie in, or that users become
MEMBER: Final = "Member"
ADMIN_ROLE = "stytch_admin"
IMPLICIT_ROLE = "stytch_member"  # every member has it; it can be neither given nor taken
TEST = "TEST"  # what Stytch calls an environment that is not live
TEST_PROJECT = "project-test-"  # how the ids of those begin
MARK_KEY = "reconciler"  # the key of our mark in trusted_metadata


def type_of(project_id: str) -> Literal["test", "live"]:
    """Return a project's type by its id; one that is not known to be a test project is live."""
    return "test" if project_id.startswith(TEST_PROJECT) else "live"


class Mark(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Our sign on a thing we created or adopted, kept at ``trusted_metadata.reconciler``.

    ``organization`` and ``member`` are Stytch's ids of what it was written for: a mark found anywhere else was copied
    and proves nothing. ``member`` is None on organizations, and on a member until the mark is completed. ``user`` is
    the source's id (None on organizations and on members declared by hand alone), ``roles`` the roles that we gave,
    ``deleted`` says that the delete that follows is ours. ``written`` holds short hashes of the values that we wrote
    ("": nobody remembers them); a plan knows them of what is live and never gives any.
    """

    v: int = field(default=1)
    owner: str
    organization: str
    member: str | None = None
    user: str | None = None
    roles: tuple[str, ...] = ()
    deleted: bool = False
    written: str = ""

    def as_json(self) -> dict[str, Json]:
        """Return the object that is written to Stytch: v, owner, organization, and the rest where it says something."""
        body: dict[str, Json] = {"v": self.v, "owner": self.owner, "organization": self.organization}
        if self.member is not None:
            body["member"] = self.member
        if self.user is not None:
            body["user"] = self.user
        if self.roles:
            body["roles"] = list(self.roles)
        if self.deleted:
            body["deleted"] = True
        if self.written:
            body["written"] = self.written
        return body


class Lifecycle(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a declared resource is treated.

    ``ignore`` paths are never compared, ``protect`` refuses every delete, and what can never be got back is deleted
    only where ``allow_delete`` says its name again. ``allow_loss`` permits what takes something from a member although
    it is the last admin, or a breakglass one; ``max_loss_percent`` says which share of an organization may go at once.
    """

    ignore: tuple[Path, ...] = ()
    protect: bool = False
    allow_delete: str | None = None
    allow_loss: bool = False
    max_loss_percent: float | None = None


Ensure = Literal["present", "absent", "external"]


class Addressed(Struct, frozen=True, kw_only=True):
    """What a kind, a namespace (an organization's slug) and a name identify; its address is made of these three."""

    kind: str
    namespace: str | None = None
    name: str

    @property
    def address(self) -> str:
        """Return Kind/key, such as ``Member/acme/ann@acme.com``; a name may itself hold slashes."""
        # Not by ``address``: this is asked of every change, several times.
        return f"{self.kind}/{self.name}" if self.namespace is None else f"{self.kind}/{self.namespace}/{self.name}"


class Resource(Addressed, frozen=True, kw_only=True):
    """One declared resource: a manifest, a row of an OrganizationSet.

    ``spec`` holds declared fields only, under Stytch's names, already normalised; ``environments`` are those that it
    is declared for. ``omitted`` says that it was declared at the revision that was applied last, and is no longer.
    ``positions`` maps a path in the
    document (("spec", "trusted_metadata", "email_domains", "0")) to its place; ``at(path)`` falls back to the parents.
    """

    spec: Spec = field(default_factory=dict)
    initial: Spec = field(default_factory=dict)
    ensure: Ensure = "present"
    renamed_from: str | None = None
    restore: bool = False
    adopt: bool = False
    lifecycle: Lifecycle = Lifecycle()
    environments: frozenset[str] = frozenset()
    omitted: bool = False
    position: Position
    positions: Mapping[Path, Position] = field(default_factory=dict)

    def at(self, *path: str) -> Position:
        """Return the place of the value at ``path``, or of the nearest parent that has one."""
        return nearest_place(self.positions, path, self.position)

    def problem(self, code: str, message: str, hint: str = "", *paths: Path, severity: Severity = "error") -> Problem:
        """Return a problem of this resource, at the places of ``paths`` in its document, or else at its beginning.

        ``message`` need not name the resource, which is in ``addresses``: so no message holds a person's address.
        """
        at = [self.at(*path) for path in paths] or [self.position]
        return problem(code, message, hint, *at, severity=severity, addresses=(self.address,))


class Table(Struct, frozen=True):
    """A table's rows (column → value; a column that a row lacks is missing), and where each begins.

    ``lines`` are counted from 1; so are ``offsets``, which are empty where every row begins its line.
    """

    name: str
    file: str
    rows: Sequence[dict[str, Json]]
    lines: Sequence[int]
    columns: frozenset[str]
    offsets: Sequence[int] = ()

    def at(self, row: int) -> Position:
        """Return the place of a row (from 0)."""
        return Position(self.file, self.lines[row], self.offsets[row] if self.offsets else 1)


def address(kind: str, *key: str | None) -> str:
    """Join a kind and the parts of a key that are there: ``Member/acme/ann@acme.com``."""
    return "/".join((kind, *(part for part in key if part is not None)))


class Live(Addressed, frozen=True, kw_only=True):
    """A resource read from Stytch (members have a leaner value): its key, its id, and its fields by Stytch's names."""

    id: str
    spec: Spec = field(default_factory=dict)


class Target(Struct, frozen=True, kw_only=True):
    """Where in Stytch a run reads and writes: the slugs of a project and an environment, and the data API's id of it.

    ``project`` and ``environment`` are "" where nothing needs the management API; ``project_id`` is "" as long as the
    environment is not there. ``environments`` gives the type of each environment that the project had when the run was
    planned, by slug; ``organizations`` maps slugs to ids; ``lacks`` has the ids of those
    without any, by kind; ``secret_last_four`` tells which secret is in use.
    """

    project: str = ""
    environment: str = ""
    project_id: str = ""
    vertical: Literal["B2B", "CONSUMER"] = "B2B"
    project_is_there: bool = True
    environments: Mapping[str, str] = field(default_factory=dict)
    organizations: Mapping[str, str] = field(default_factory=dict)
    lacks: Mapping[str, frozenset[str]] = field(default_factory=dict)
    secret_last_four: str = ""

    @property
    def is_there(self) -> bool:
        """Return whether the environment exists."""
        return bool(self.project_id)

    @property
    def is_live(self) -> bool:
        """Return whether the environment is live: whatever is not known to be a test one is."""
        called = self.environments.get(self.environment, TEST)
        return self.is_there and (called != TEST or type_of(self.project_id) == "live")

    @property
    def has_live(self) -> bool:
        """Return whether the project has an environment that is live."""
        return any(called != TEST for called in self.environments.values())

    @property
    def project_path(self) -> str:
        """Return the management API's path of the project."""
        return f"/pwa/v3/projects/{quote(self.project, safe='')}"

    @property
    def path(self) -> str:
        """Return the management API's path of the environment."""
        return f"{self.project_path}/environments/{quote(self.environment, safe='')}"


class RoleSource(Struct, frozen=True, gc=False):
    """Where a live member's role comes from; only ``direct_assignment`` is anybody's to give or take."""

    type: str = ""


class Role(Struct, frozen=True, gc=False):
    """One role of a live member with every source it comes from."""

    role_id: str
    sources: tuple[RoleSource, ...] = ()


class LiveMember(Struct, frozen=True, kw_only=True, gc=False):
    """A member as search and get return it (docs/stytch.md 2.20), less what we never look at."""

    organization_id: str
    member_id: str
    email_address: str
    email_address_verified: bool = False
    status: str = "active"  # active, pending, invited, deleted
    name: str | None = None
    external_id: str | None = None
    is_breakglass: bool = False
    mfa_phone_number: str | None = None
    mfa_enrolled: bool = False
    default_mfa_method: str | None = None
    totp_registration_id: str | None = None
    retired_email_addresses: list[dict[str, Json]] | None = None
    roles: tuple[Role, ...] = ()
    trusted_metadata: dict[str, Json] | None = None
    untrusted_metadata: dict[str, Json] | None = None
    scim_registration: Json = None
    created_at: str | None = None
    updated_at: str | None = None


class OrganizationMembers(Struct, frozen=True, kw_only=True):
    """The members of one organization, deleted ones too.

    ``half_read`` are the ids of those of whom only what decides who they are could be read: they are left as they are.
    ``unread`` counts the records of which not even that could be.
    """

    organization_id: str
    members: list[LiveMember]
    problems: tuple[Problem, ...] = ()
    half_read: frozenset[str] = frozenset()
    unread: int = 0

    @property
    def complete(self) -> bool:
        """Return whether it is known of every record who that is."""
        return not self.unread


class Membership(Struct, frozen=True, kw_only=True, gc=False, array_like=True, omit_defaults=True):
    """One user in one organization, as all rules and a hand-written Member together want it.

    ``addresses`` are the admissible ones, lower-cased, the one a new member gets first; ``verified`` says for each
    whether the source verified it. ``fields`` are Member spec fields but ``roles``, rendered, None meaning clear;
    ``by_hand`` names those among them that a hand-written Member states (its ``roles`` count in ``roles``).
    ``rules`` are indexes into the causes of the rule set. Small and packable: a million of them must fit.
    """

    organization: str  # the organization's slug as declared
    addresses: tuple[str, ...]
    user: str | None = None
    verified: tuple[bool, ...] = ()
    rules: tuple[int, ...] = ()
    roles: tuple[str, ...] = ()
    fields: dict[str, Json] = field(default_factory=dict)
    initial: dict[str, Json] = field(default_factory=dict)
    declared: int = -1  # index of the hand-written Member among the declared ones, or -1
    unverified: bool = False  # rests on an unverified address
    untrusted: bool = False  # rests on a value that users can change themselves
