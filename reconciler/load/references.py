"""References between resources: check that each name is declared, as far as the files show.

What is named must be declared, as something that others manage at least; where Stytch wants an id, an id will do. Of
roles a declared policy knows them all; where there is none, only a plan can tell.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from reconciler.documents.document import Document
from reconciler.expressions.template import OPEN
from reconciler.kinds import KINDS
from reconciler.load.consistency import DeclaredDocuments
from reconciler.model import (
    ADMIN_ROLE,
    IMPLICIT_ROLE,
    ORGANIZATION,
    Json,
    Path,
    Position,
    Problem,
    Resource,
    Spec,
    problem,
)
from reconciler.schema.traits import RefersTo
from reconciler.schema.types import is_id
from reconciler.suggest import did_you_mean, suggest_allowed

POLICY: Final = "RBACPolicy"  # whose parts, the roles, are named
OWN_ROLES: Final = frozenset({ADMIN_ROLE, IMPLICIT_ROLE})


class Named(Struct, frozen=True):
    """A name of another resource: where it stands, what it names, and in which organization that lies, if any."""

    path: Path
    reference: RefersTo
    inside: str | None
    name: str


def dangling(found: DeclaredDocuments) -> Iterator[Problem]:
    """Yield every name of a resource that is not declared wherever it is named, or that is to be removed there."""
    declared: dict[tuple[str, str | None, str], list[Resource]] = {}
    for resource in found.resources:
        declared.setdefault((resource.kind, resource.namespace, resource.name), []).append(resource)
    yield from _organizations(found, declared)
    for resource in found.resources:
        for named in _names_in(resource) if resource.ensure == "present" else ():
            kind = named.reference.kind
            unknowable = kind == POLICY or (kind, named.name) in found.invalid
            if unknowable or (named.reference.by_id and is_id(named.name)):
                continue
            others = declared.get((kind, named.inside, named.name), ())
            here = [other for other in others if other.environments & resource.environments]
            missing = resource.environments.difference(*(other.environments for other in here))
            if missing and not found.incomplete:
                names = [name for sort, namespace, name in declared if (sort, namespace) == (kind, named.inside)]
                yield _unknown(resource, named, names, missing if here else ())
            for other in here:
                if other.ensure == "absent":
                    message = f"{other.address} is declared absent, but it is named here"
                    yield resource.problem(
                        "contradiction", message, "refer to another one, or keep this one", named.path
                    )
    yield from _unknown_roles(found)


def _organizations(
    found: DeclaredDocuments, declared: Mapping[tuple[str, str | None, str], Sequence[Resource]]
) -> Iterator[Problem]:
    """Yield each resource in an organization that is declared nowhere, or that is to be removed."""
    at = ("metadata", "namespace")
    slugs = [name for kind, _namespace, name in declared if kind == ORGANIZATION]
    for resource in found.resources:
        slug = resource.namespace
        if slug is None or (ORGANIZATION, slug) in found.invalid:
            continue
        organizations = declared.get((ORGANIZATION, None, slug), ())
        if not organizations and not found.incomplete:
            hint = did_you_mean(slug, slugs) or "declare it; `ensure: external` if it is not managed here"
            yield resource.problem("unknown-organization", f"there is no organization {slug}", hint, at)
        for organization in organizations:
            gone = organization.ensure == "absent" and resource.ensure == "present"
            if gone and resource.environments & organization.environments:
                message, hint = f"the organization {slug} is declared absent", f"remove the {resource.kind}"
                places = resource.at(*at), organization.at("ensure")
                yield problem("contradiction", message, hint, *places, addresses=(resource.address,))


def declared_roles(policy: Resource) -> frozenset[str] | None:
    """Return the roles that there are where this policy is applied, or None where it leaves them to others."""
    if policy.ensure == "external" or (policy.ensure == "present" and "custom_roles" not in policy.spec):
        return None
    return frozenset(role["role_id"] for role in policy.spec.get("custom_roles") or ()) | OWN_ROLES


def roles_named(resources: Iterable[Resource], rules: Iterable[Document]) -> Mapping[str, tuple[Position, ...]]:
    """Return every role that a manifest or a rule names literally, with the places where."""
    named: dict[str, list[Position]] = {}
    for resource in resources:
        for each in _names_in(resource):
            if each.reference.kind == POLICY:
                named.setdefault(each.name, []).append(resource.at(*each.path))
    for document in rules:
        for path, role in _given_roles(document.body):
            named.setdefault(role, []).append(document.at(*path))
    return {role: tuple(positions) for role, positions in named.items()}


def names_in(kind: str, spec: Spec) -> Iterator[tuple[Path, RefersTo, str]]:
    """Yield every name of another resource in the spec of a resource of a kind, and where in it that stands."""
    for field, reference in KINDS[kind].references.items():
        value: Json = spec.get(field)
        if isinstance(value, str):
            yield (field,), reference, value
        for index, item in enumerate(value if isinstance(value, list) else ()):
            path = (field, str(index), *([reference.key] if reference.key else []))
            yield path, reference, item[reference.key] if reference.key else item


def _names_in(resource: Resource) -> Iterator[Named]:
    """Yield every name of another resource in a resource."""
    for part, spec in (("spec", resource.spec), ("initial", resource.initial)):
        for path, reference, name in names_in(resource.kind, spec):
            yield Named((part, *path), reference, resource.name if reference.late else None, name)


def _unknown_roles(found: DeclaredDocuments) -> Iterator[Problem]:
    """Yield each role that is named and that a declared policy does not have."""
    for policy in found.resources:
        roles = declared_roles(policy) if policy.kind == POLICY else None
        if roles is None:
            continue
        here = [one for one in found.resources if one.environments & policy.environments and one.ensure == "present"]
        rules = [one for one in found.rules if one.environments & policy.environments]
        for role, positions in roles_named(here, rules).items():
            if role not in roles:
                message = f"there is no role {role!r} in the declared RBAC policy"
                places = *positions, policy.at("spec", "custom_roles")
                hint = suggest_allowed(role, roles)
                yield problem("unknown-role", message, hint, *places, addresses=(policy.address,))


def _given_roles(body: Mapping[str, Json]) -> Iterator[tuple[Path, str]]:
    for number, rule in enumerate(body["spec"]["rules"]):
        for which, assignment in enumerate(rule["assign"]):
            path = ("spec", "rules", str(number), "assign", str(which))
            for part, given in ((path, assignment), ((*path, "initial"), assignment.get("initial") or {})):
                roles = given.get("roles")
                for index, role in enumerate(roles if isinstance(roles, list) else ()):
                    if OPEN not in role:
                        yield (*part, "roles", str(index)), role


def _unknown(resource: Resource, named: Named, names: Iterable[str], missing: Collection[str]) -> Problem:
    """Return the problem of a missing resource; ``missing`` are the environments that lack it, empty if all do."""
    what = f"{named.reference.kind} {named.name}"
    if missing:
        message = f"{what} is not declared for {', '.join(sorted(missing))}, where it is named"
        return resource.problem("unknown-reference", message, "declare it there as well", named.path)
    raw = ", or name its id" if named.reference.by_id else ""
    hint = suggest_allowed(named.name, names) or f"declare it; `ensure: external` if it is not managed here{raw}"
    return resource.problem("unknown-reference", f"there is no {what}", hint, named.path)
