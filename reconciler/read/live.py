"""Stytch → live: organizations, roles and everything else but members, read completely or not at all."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import TypeVar

import msgspec
from msgspec import Struct, structs

from reconciler.clients.b2b import Client
from reconciler.clients.redact import identifier
from reconciler.config.read import Config
from reconciler.diff.identity import led_to
from reconciler.errors import Fault, NotOffered, Rejected, Unreadable
from reconciler.kinds import KINDS
from reconciler.kinds._context import Access
from reconciler.load.repository import Declared
from reconciler.model import MEMBER, ORGANIZATION, Json, Live, Problem, Resource, Target
from reconciler.read.run import Run
from reconciler.schema.kind import Kind
from reconciler.schema.traits import completed

AGAIN = "nothing was changed; run again"
REFUSED = "nothing was changed; fix this first: another run would fail again"
NOT_OFFERED_HINT = "its declared resources are held until the product is enabled for this project"
HINTS = {
    "unauthorized_credentials": "check that the project id and the secret belong to the "
    "same environment of the same project",
    "invalid_b2b_endpoint": "STYTCH_PROJECT_ID holds the id of a Consumer project; put "
    "it into STYTCH_CONSUMER_PROJECT_ID",
    "invalid_consumer_endpoint": "STYTCH_CONSUMER_PROJECT_ID holds the id of a B2B "
    "project; put it into STYTCH_PROJECT_ID",
    "organization_not_found": "an organization was deleted while it was being read; run again",
}
UNAUTHORIZED = 401
NOT_OFFERED = frozenset({"enterprise_endpoint", "unavailable_endpoint"})
WORKSPACE_KEY = "check that STYTCH_WORKSPACE_KEY_ID and STYTCH_WORKSPACE_KEY_SECRET are a key of this workspace"


Named = TypeVar("Named", Live, Resource)
Missing = Mapping[str, Problem]  # kinds that Stytch does not offer, and what it said


class _Organization(Struct):
    """What must be readable of an organization for anything to be said about it."""

    organization_id: str
    organization_slug: str
    trusted_metadata: dict[str, object] | None = None
    custom_roles: list[dict[str, object]] | None = None


class LiveResources(Struct, frozen=True, kw_only=True):
    """Everything that is live in the target, but for members, who are read batch by batch.

    ``missing`` are the kinds that Stytch does not offer the project, with what it said.
    """

    target: Target
    organizations: tuple[Live, ...]
    resources: Mapping[str, tuple[Live, ...]]
    missing: Missing

    def everything(self) -> Iterator[Live]:
        """Yield every organization and every other resource."""
        return chain(self.organizations, *self.resources.values())


def read_live(run: Run, declared: Declared, target: Target) -> LiveResources:
    """Read everything but members, whole; raises ``Unreadable`` where that is not possible."""
    organizations = read_organizations(run.client) if run.client.has_data else ()
    opened = _with_organizations(target, declared, organizations)
    resources, missing = read_offered(run.client, _kinds_read(run.config, declared), opened)
    return LiveResources(target=opened, organizations=organizations, resources=resources, missing=missing)


def _kinds_read(config: Config, declared: Declared) -> Sequence[str]:
    """Return the kinds that are managed, and those that a managed thing names: they are read, and never written."""
    managed = declared.kinds(config)
    named = {
        reference.kind
        for resource in declared.resources
        if resource.kind in managed
        for name, reference in KINDS[resource.kind].references.items()
        if reference.by_id and name in resource.spec.keys() | resource.initial.keys()
    }
    return [name for name, kind in KINDS.items() if not kind.is_searched and name in managed | named]


def _with_organizations(target: Target, declared: Declared, live: Sequence[Live]) -> Target:
    """Return the target with the organizations that things are looked for in: those in which something is declared."""
    wanted = {resource.namespace for resource in declared.resources if resource.kind != MEMBER}
    wanted |= {
        resource.name
        for resource in declared.organizations
        for name, reference in KINDS[ORGANIZATION].references.items()
        if reference.late and name in resource.spec
    }
    found = led_to((resource for resource in declared.organizations if resource.name in wanted), live)
    return looked_for_in(target, found, live)


def looked_for_in(target: Target, organizations: Mapping[str, Live], live: Sequence[Live]) -> Target:
    """Return the target with the organizations, by slug, that things are looked for in; ``live`` are all of them."""
    ids = {slug: organization.id for slug, organization in organizations.items()}
    lacks = {name: kind.identity.lacking(live) for name, kind in KINDS.items() if kind.namespace == ORGANIZATION}
    return structs.replace(target, organizations=ids, lacks=lacks)


def read_organizations(client: Client) -> tuple[Live, ...]:
    """Return every organization, in the order of their slugs; raises ``Unreadable`` where that is not possible."""
    if client.kept:
        return client.kept.organizations()
    with unreadable("organizations"):
        found = client.search_organizations()
    read, malformed = [], [f"{name_of(item.ids.get('organization_id'))}: {item.reason}" for item in found.malformed]
    for row in found.rows:
        try:
            known = msgspec.convert(row, _Organization)
        except msgspec.ValidationError as error:
            malformed.append(f"{name_of(row.get('organization_id'))}: {error}")
        else:
            read.append(
                Live(
                    kind=ORGANIZATION,
                    name=known.organization_slug,
                    id=known.organization_id,
                    spec=KINDS[ORGANIZATION].normalize(row),
                )
            )
    if malformed:
        raise Unreadable(
            f"{len(malformed)} organizations could not be read: {'; '.join(map(str, malformed[:5]))}",
            hint="an incomplete list of organizations stops the run",
        )
    return tuple(sorted(read, key=lambda item: (item.name, item.id)))


def read_resources(client: Client, kinds: Sequence[str], target: Target) -> Mapping[str, tuple[Live, ...]]:
    """Return every live resource of these kinds; where nothing can be asked yet, there is only what is always there.

    Raises ``Unreadable`` if a kind cannot be read completely.
    """
    found = {}
    for name in kinds:
        kind = KINDS[name]
        if client.kept and kind.verbs.list and can_be_asked(kind, client, target):
            found[name] = tuple(client.kept.resources(name, target))
        elif kind.verbs.list and can_be_asked(kind, client, target):
            with unreadable(f"every {name}", kind.api):
                rows = tuple(kind.verbs.list(Access(client=client, target=target)))
            found[name] = tuple(
                structs.replace(row, spec=kind.normalize(completed(kind.spec, row.spec)))
                for row in sorted(rows, key=lambda row: (row.address, row.id))
            )
        else:
            found[name] = tuple(
                Live(kind=name, name=key, id=key, spec=kind.normalize(kind.defaults))
                for key in kind.identity.singletons
            )
    return found


def read_offered(
    client: Client, kinds: Sequence[str], target: Target
) -> tuple[Mapping[str, tuple[Live, ...]], Missing]:
    """Return as ``read_resources``, and of the kinds that Stytch does not offer this project, what it said."""
    found: dict[str, tuple[Live, ...]] = {}
    missing: dict[str, Problem] = {}
    for name in kinds:
        try:
            found |= read_resources(client, [name], target)
        except NotOffered as error:
            (missing[name],) = error.problems
    return found, missing


def can_be_asked(kind: Kind, client: Client, target: Target) -> bool:
    """Return whether what a kind lies in is there, and there is a way to it."""
    if kind.scope == "workspace":
        return True
    if kind.scope == "project":
        return target.project_is_there
    return target.is_there and (kind.api == "management" or client.has_data)


def with_names(kind: Kind, resource: Named, names: Mapping[str, Mapping[str, str]]) -> Named:
    """Return a resource with the names of others in the place of their ids; ``names`` gives them by kind and id."""
    spec = dict(resource.spec)
    for name, reference in kind.references.items():
        if reference.by_id and spec.get(name):
            known = names.get(reference.kind, {})
            value = spec[name]
            several = isinstance(value, list)
            spec[name] = sorted(known.get(each, each) for each in value) if several else known.get(value, value)
    return structs.replace(resource, spec=spec)


def policy_roles(client: Client) -> frozenset[str]:
    """Return the ids of the roles in the project's RBAC policy."""
    with unreadable("the RBAC policy"):
        roles = client.rbac_policy().get("roles")
    if not isinstance(roles, list) or not all(isinstance(role, dict) and "role_id" in role for role in roles):
        raise Unreadable("the RBAC policy has no list of roles")
    return frozenset(str(role["role_id"]) for role in roles)


def name_of(id: Json) -> str:
    """Return what a record of which little could be read is called: its id, if that is one."""
    return identifier(id, ()) or "without an id"


@contextmanager
def unreadable(what: str, managed_by: str = "data") -> Iterator[None]:
    """Raise a fault within as what a person is told: this was not read, so nothing was decided."""
    keys = WORKSPACE_KEY if managed_by == "management" else HINTS["unauthorized_credentials"]
    try:
        yield
    except Fault as fault:
        if fault.error_type in NOT_OFFERED:
            raise NotOffered(f"{what} could not be read: {fault}", hint=NOT_OFFERED_HINT) from fault
        otherwise = REFUSED if isinstance(fault, Rejected) else AGAIN
        hint = keys if fault.status == UNAUTHORIZED else HINTS.get(fault.error_type, otherwise)
        raise Unreadable(f"{what} could not be read: {fault}", hint=hint) from fault
    except (KeyError, TypeError, AttributeError) as error:
        raise Unreadable(
            f"{what} could not be read: Stytch's response does not match its API description", hint=AGAIN
        ) from error
