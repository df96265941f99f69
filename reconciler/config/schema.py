"""The settings of ``reconciler.yaml`` as types, with safe defaults. ``reconciler.config.read`` reads it."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, defstruct, field

from reconciler.clients.credentials import Rates
from reconciler.credentials.settings import CredentialSettings
from reconciler.kinds import KINDS
from reconciler.schema.traits import ApiVersion, Name

Count = Annotated[int, Meta(ge=0)]
Percent = Annotated[float, Meta(ge=0, le=100)]


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The numbers under ``guards:`` in reconciler.yaml. Percentages are of the managed things of a kind."""

    max_deletes: Count = 500
    max_delete_percent: Percent = 5
    max_organization_deletes: Count = 0
    max_update_percent: Percent = 30
    max_new_admins: Count = 5
    max_missing_users_percent: Percent = 20
    max_shrink_percent: Percent = 20
    max_problems: Count = 50
    max_delete_percent_per_organization: Percent = 20
    max_organization_loss_percent: Percent = 50


class Rows(Struct, forbid_unknown_fields=True, kw_only=True):
    """A file of rows, and how many it must have at least."""

    file: Name
    rows: Annotated[int, Meta(ge=1)] | UnsetType = UNSET


class ConsumerProject(Struct, forbid_unknown_fields=True, kw_only=True):
    """The Consumer project whose users are searched; one of the other type only where ``other_type`` allows it."""

    project_id: Name
    other_type: Literal["allow"] | UnsetType = UNSET


class Users(Struct, forbid_unknown_fields=True, kw_only=True):
    """Where the users come from: a file, or the search of a Consumer project (``live``: that of the credentials)."""

    file: Name | UnsetType = UNSET
    rows: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    consumer: Literal["live"] | ConsumerProject | UnsetType = UNSET


class Target(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which project of Stytch an environment is; a live one is written to only if ``type`` says so."""

    type: Literal["test", "live"] = "test"
    project_id: Name | None = None
    project: Name | None = None
    environment: Name | None = None


class OrganizationsPolicy(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How organizations are treated: whether those that a slug alone leads to are taken over."""

    adopt: bool = False


class MembersPolicy(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How members are treated; the defaults are the careful ones."""

    roles: Literal["ours", "exact", "initial"] = "ours"
    adopt: bool = False
    external_id: str | None = "user.user_id"
    removed: Literal["report", "restore"] = "report"
    email_address: Literal["report", "managed"] = "report"


class JournalPolicy(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which journals of earlier runs stay: at most so many, and none that is older than so many days."""

    keep: Annotated[int, Meta(ge=1)] = 100
    days: Annotated[int, Meta(ge=1)] = 90


Authority = Literal["observe", "additive", "authoritative"]
KindName = Literal[tuple(KINDS)]  # type: ignore[valid-type] # the registered kinds are known when this is imported
# What may be done to resources of each kind.
AuthorityByKind: type[Struct] = defstruct(
    "AuthorityByKind",
    [(kind, Authority, "additive") for kind in KINDS],
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
)


class Environment(Struct, forbid_unknown_fields=True, kw_only=True):
    """One environment of ``reconciler.yaml``."""

    target: Target = field(default_factory=Target)
    users: Users | None = None
    unmatched: Literal["report", "error", "ignore"] = "report"
    held: Literal["report", "error"] = "report"
    tables: dict[str, Name | Rows] = field(default_factory=dict)
    kinds: list[KindName] | None = None  # type: ignore[valid-type] # as above
    authority: AuthorityByKind = AuthorityByKind()  # type: ignore[valid-type] # made by defstruct
    owns_project: bool | None = None
    credentials: CredentialSettings | None = None
    organizations: OrganizationsPolicy = OrganizationsPolicy()
    members: MembersPolicy = MembersPolicy()
    guards: Limits = Limits()
    rates: Rates = Rates()
    journal: JournalPolicy = JournalPolicy()
    vars: dict[str, Any] = field(default_factory=dict)


OwnerName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        pattern=r"^[A-Za-z0-9._-]+$(?!\n)",
        description="a name of letters, digits and . _ -",
    ),
]


class SnapshotPolicy(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whether a snapshot may be taken in a public repository, where anybody can download it."""

    public: bool = False


class Configuration(Struct, forbid_unknown_fields=True, kw_only=True):
    """``reconciler.yaml``."""

    api_version: ApiVersion = field(name="apiVersion")
    kind: Literal["Configuration"]
    name: OwnerName | None = None
    formerly: OwnerName | None = None
    ignore: list[Name] = field(default_factory=list)
    snapshot: SnapshotPolicy = SnapshotPolicy()
    state: Literal["git", "none"] = "git"
    addresses: Literal["masked", "whole"] = "masked"
    environments: Annotated[dict[str, Environment | None], Meta(min_length=1)]
