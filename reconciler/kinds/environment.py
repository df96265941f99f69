"""Environments: one live and any number of test ones to a project, each with its own data (docs/stytch.md)."""

from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from reconciler.kinds._rest import Collection
from reconciler.model import Change, Live, Path, Resource, Target
from reconciler.schema.kind import Deletes, Identity, Key, Kind, Order
from reconciler.schema.traits import Clearable, CreateOnly, FromFile, Name, TextFile, UpdateOnly
from reconciler.schema.types import WorkspaceSlug

if TYPE_CHECKING:
    pass

EMPTY: Final = Clearable("an empty string", sends="")

URL = Annotated[str | UnsetType | None, EMPTY]


class EnvironmentSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """Every field of an environment that can be written, under Stytch's names; the slug is ``metadata.name``."""

    name: Name | UnsetType = UNSET
    type: Annotated[Literal["LIVE", "TEST"] | UnsetType, CreateOnly()] = UNSET
    cross_org_passwords_enabled: bool | UnsetType = UNSET
    user_impersonation_enabled: bool | UnsetType = UNSET
    zero_downtime_session_migration_url: URL = UNSET
    use_custom_domain_in_magic_link_emails: Annotated[bool | UnsetType, UpdateOnly()] = UNSET
    user_lock_self_serve_enabled: bool | UnsetType = UNSET
    user_lock_threshold: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    user_lock_ttl: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    idp_authorization_url: URL = UNSET
    idp_dynamic_client_registration_enabled: bool | UnsetType = UNSET
    idp_dynamic_client_registration_access_token_template_content: Annotated[
        str | TextFile | UnsetType | None, EMPTY, FromFile()
    ] = UNSET


FIELDS: Final = EnvironmentSpec.__struct_fields__
FLAGS: Final = (
    "cross_org_passwords_enabled",
    "user_impersonation_enabled",
    "use_custom_domain_in_magic_link_emails",
    "user_lock_self_serve_enabled",
    "idp_dynamic_client_registration_enabled",
)
DEFAULTS: Final = MappingProxyType({**dict.fromkeys(FLAGS, False), "user_lock_threshold": 10, "user_lock_ttl": 3600})


def irrecoverable(live: Live, _among: Sequence[Live], target: Target) -> str:
    """Return what goes with a live environment, and with the one that the run is about."""
    if live.spec.get("type") == "LIVE":
        return "all its users and members"
    return "the environment that this repository manages" if live.name == target.environment else ""


def claims(resource: Resource) -> Iterator[tuple[str, Path]]:
    """Return whether an environment is the live one of the project."""
    for part, spec in (("spec", resource.spec), ("initial", resource.initial)):
        if spec.get("type") == "LIVE":
            yield "the live environment of the project", (part, "type")


def live_first(change: Change) -> int:
    """Create the live environment before those for tests: Stytch wants it so."""
    environment_type = change.get("type")
    return 0 if environment_type and environment_type.after == "LIVE" else 1


ENVIRONMENTS: Final = Collection(
    path=lambda target: f"{target.project_path}/environments",
    many="environments",
    one="environment",
    id="environment_slug",
    spec=lambda record: {name: record[name] for name in FIELDS if name in record},
    duplicates=None,
    what="an environment with this slug",
    alike=frozenset({"name", "type"}),
)
KIND: Final = ENVIRONMENTS.added_to(
    Kind(
        name="Environment",
        spec=EnvironmentSpec,
        scope="project",
        api="management",
        key=Key("environment_slug", WorkspaceSlug, "the environment's slug, which `target.environment` names"),
        identity=Identity(claims=claims),
        order=Order(opens_environment=True, after=frozenset({"Project"}), rank=live_first),
        required=frozenset({"name", "type"}),
        computed=frozenset({"project_id", "project_slug", "oauth_callback_id", "created_at"}),
        defaults=DEFAULTS,
        deletes=Deletes(irrecoverable=irrecoverable),
    )
)
