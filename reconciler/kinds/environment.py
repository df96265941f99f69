"""Environments: one live and any number of test ones to a project, each with its own data (docs/stytch.md)."""

from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from reconciler.kinds._rest import Collection
from reconciler.kinds._writing import ApplyContext, WriteResult, create_once, lost_create, request_body
from reconciler.model import Change, Create, Live, Path, Resource, Target, Update
from reconciler.schema.kind import Deletes, Identity, Key, Kind, Order, Verbs
from reconciler.schema.traits import Clearable, CreateOnly, FromFile, Name, TextFile, UpdateOnly
from reconciler.schema.types import WorkspaceSlug

if TYPE_CHECKING:
    from reconciler.clients.b2b import Client

ALREADY_THERE: Final = ("duplicate_environment_slug", "environment_slug_already_used")
ENVIRONMENTS: Final = Collection(
    path=lambda target: f"{target.project_path}/environments",
    many="environments",
    one="environment",
    id="environment_slug",
)
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


def read(client: "Client", target: Target) -> Iterator[Live]:
    """Read every environment of the project."""
    for row in ENVIRONMENTS.records(client, target):
        slug = str(row["environment_slug"])
        yield Live(kind="Environment", name=slug, id=slug, spec={name: row[name] for name in FIELDS if name in row})


def create(client: "Client", change: Create, context: ApplyContext) -> WriteResult:
    """Create the environment, and say what Stytch takes only afterwards."""
    target, body = context.target, request_body(change.fields, cleared=KIND.cleared)
    later = {name: body.pop(name) for name in KIND.update_only & body.keys()}

    def look() -> WriteResult | None:
        found = {live.id: live.spec for live in read(client, target) if live.name == change.name}
        return lost_create(found, {name: body[name] for name in KIND.required}, "an environment with this slug")

    written = create_once(
        lambda: ENVIRONMENTS.create(client, target, {ENVIRONMENTS.id: change.name, **body}), look, ALREADY_THERE
    )
    return ENVIRONMENTS.patch(client, target, change.name, later) if later else written


def update(client: "Client", change: Update, context: ApplyContext) -> WriteResult:
    """Change the fields that differ; Stytch leaves all others as they are."""
    body = request_body(change.fields, cleared=KIND.cleared)
    return ENVIRONMENTS.patch(client, context.target, change.name, body)


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
    """Make the live environment before the test ones: Stytch wants it so."""
    sort = change.get("type")
    return 0 if sort and sort.after == "LIVE" else 1


KIND: Final = Kind(
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
    verbs=Verbs(list=read, create=create, update=update, delete=ENVIRONMENTS.delete),
)
