"""The format of a snapshot: JSON lines, compressed, the head first and the end last, each of a type that is checked."""

from typing import Any, Final

from msgspec import Struct, field

from reconciler.expressions.nodes import ReadPath
from reconciler.model import Live, LiveMember, Problem, Target

FORMAT: Final = 1


class Credential(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the credential store knows of a name; of the value itself only a hash of its last characters."""

    id: str | None = None
    last_four: str | None = None
    at_hand: str | None = None
    lost: bool = False


class TableHead(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table: what people call its file, whether ``reconciler.yaml`` names that, and the columns that are kept."""

    shown: str
    of_repository: bool
    columns: tuple[str, ...]


class Head(Struct, frozen=True, kw_only=True, tag_field="is", tag="snapshot", forbid_unknown_fields=True):
    """What a snapshot is of, when and how it was taken, and what it has.

    ``kinds`` were read, ``missing`` are those that Stytch does not offer; ``roles`` are those of the RBAC policy, None
    where it was not read; ``projects`` what the management API says of projects, by path. ``users`` are the paths of
    users that are kept, None where no users were read.
    """

    format: int = FORMAT
    taken_at: str
    salt: str
    environment: str
    project_id: str = ""
    consumer_project_id: str = ""
    secret_last_four: str = ""
    has_data: bool = True
    has_management: bool = False
    target: Target
    kinds: tuple[str, ...] = ()
    missing: dict[str, Problem] = {}
    roles: tuple[str, ...] | None = None
    projects: dict[str, dict[str, Any]] = {}
    credentials: dict[str, Credential] = {}
    users: tuple[ReadPath, ...] | None = None
    tables: dict[str, TableHead] = {}


class Row(Struct, frozen=True, tag_field="is", tag="row", forbid_unknown_fields=True):
    """A row of a table, and the line on which it begins in the file that it was read from."""

    table: str
    line: int
    cells: dict[str, Any]


class Thing(Struct, frozen=True, tag_field="is", tag="live", forbid_unknown_fields=True):
    """An organization, or another live resource."""

    live: Live


class Members(Struct, frozen=True, kw_only=True, tag_field="is", tag="members", forbid_unknown_fields=True):
    """Some of the members of an organization; those of one stand on lines that follow each other."""

    organization_id: str
    members: list[LiveMember]
    problems: tuple[Problem, ...] = ()
    half_read: tuple[str, ...] = ()
    unread: int = 0


class Malformed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A record of the users that could not be read."""

    user_id: str | None = None
    message: str
    file: str
    line: int


class Users(Struct, frozen=True, tag_field="is", tag="users", forbid_unknown_fields=True):
    """Some users, and what could not be read as one; the last of them say why nobody may be taken for gone, if so."""

    users: list[dict[str, Any]]
    malformed: list[Malformed] = field(default_factory=list)
    why_no_deletes: str = ""


class End(Struct, frozen=True, tag_field="is", tag="end", forbid_unknown_fields=True):
    """The end of a whole snapshot: how many lines come before, and the digest of all of them."""

    lines: int
    digest: str


Line = Head | Row | Thing | Members | Users | End
