"""Documents → contradictions between them: duplicates, names that differ only by case, missing references."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct, field, structs

from reconciler.documents.positions import Document
from reconciler.kinds import KINDS
from reconciler.model import Json, Position, Problem, Resource, Severity, problem
from reconciler.schema.secret_names import credential_name
from reconciler.schema.traits import fields_of
from reconciler.suggest import did_you_mean, suggest_allowed

Environments = frozenset[str]
EXTERNAL_IDS: Final = {"Organization": "organization_external_id", "Member": "external_id"}


class Scoped(Struct, frozen=True):
    """A resource and the environments that it is declared for."""

    resource: Resource
    environments: Environments


class Found(Struct):
    """Everything that was read, for all environments.

    ``files`` are the names that documents give of files that texts stand in. ``spoilt`` holds kind and name of
    documents that were no use; ``incomplete`` says that some could not even be named, so that a reference to nothing
    may be a reference to one of them.
    """

    scoped: list[Scoped] = field(default_factory=list)
    rules: list[tuple[Document, Environments]] = field(default_factory=list)
    manual_steps: list[tuple[Document, Environments]] = field(default_factory=list)
    files: set[str] = field(default_factory=set)
    spoilt: set[tuple[str, str]] = field(default_factory=set)
    incomplete: bool = False


def contradictions(found: Found) -> Iterator[Problem]:
    """Yield every contradiction between documents."""
    yield from _duplicates(found.scoped)
    yield from _same_documents(found.rules)
    yield from _same_documents(found.manual_steps)
    yield from _steps(document for document, _environments in found.manual_steps)
    yield from _renames(found.scoped)
    yield from _same_external_ids(found.scoped)
    yield from _same_credentials(found.scoped)
    yield from _references(found)


def _steps(documents: Iterable[Document]) -> Iterator[Problem]:
    """Yield each part of a ManualStep that another one keeps from having any effect."""
    for document in documents:
        check = document.body["spec"].get("check", {})
        if check and "done" in document.body["spec"]:
            message, hint = "a check says whether the step is done, so done has no effect", "remove one of the two"
            yield _contradiction(message, hint, document.key_at("spec", "done"), document.key_at("spec", "check"))
        if "equals" in check and "path" not in check:
            message, hint = "equals compares the value at path, but there is no path", "add path, or remove equals"
            yield _contradiction(message, hint, document.key_at("spec", "check", "equals"))
        if check:
            yield from _uncheckable(document, check)


def _uncheckable(document: Document, check: Mapping[str, Json]) -> Iterator[Problem]:
    """Yield what keeps a check from ever saying that a step is done."""
    kind = KINDS[check["kind"]]
    if kind.verbs.list is None:
        message, hint = (
            f"a check cannot look at kind {kind.name}",
            "remove it, and say done: true when the step is done",
        )
        at = document.at("spec", "check", "kind")
        yield problem("no-effect", message, hint, at)
        return
    field = str(check.get("path", "")).partition(".")[0]
    if field and field not in fields_of(kind.spec):
        message = f"{kind.name} has no field {field}"
        hint = suggest_allowed(field, fields_of(kind.spec))
        at = document.at("spec", "check", "path")
        yield problem("unknown-path", message, hint, at)


def _contradiction(message: str, hint: str, *at: Position) -> Problem:
    return problem("contradiction", message, hint, *at)


def _duplicates(scoped: Sequence[Scoped]) -> Iterator[Problem]:
    """Yield each resource that is declared twice for one environment, or whose name differs from another's by case."""
    seen: dict[tuple[str, str | None, str], list[Scoped]] = {}
    for one in scoped:
        name = one.resource.name
        key = (
            one.resource.kind,
            one.resource.namespace,
            KINDS[one.resource.kind].identity.canonical_name(name),
        )
        for other in seen.setdefault(key, []):
            if not one.environments & other.environments:
                continue
            if one.resource.name == other.resource.name:
                what, hint = f"this {one.resource.kind} is declared twice", "remove one of the two"
            else:
                what = f"the name of this {one.resource.kind} differs from another one's only by case"
                hint = "give one of them another name"
            yield _problem("duplicate", what, hint, one.resource, other.resource, "metadata", "name")
        seen[key].append(one)


def _same_documents(rules: Sequence[tuple[Document, Environments]]) -> Iterator[Problem]:
    seen: dict[str, list[tuple[Document, Environments]]] = {}
    for document, environments in rules:
        for other, others in seen.setdefault(document.name, []):
            if environments & others:
                at = document.at("metadata", "name"), other.at("metadata", "name")
                message = f"two {document.kind} documents are named {document.name}"
                yield problem("duplicate", message, "rename one of the two", *at)
        seen[document.name].append((document, environments))


def _renames(scoped: Sequence[Scoped]) -> Iterator[Problem]:
    named: dict[tuple[str, str | None, str], list[Scoped]] = {}
    for one in scoped:
        named.setdefault((one.resource.kind, one.resource.namespace, one.resource.name), []).append(one)
    claimed: dict[tuple[str, str | None, str], Scoped] = {}
    for one in scoped:
        before = one.resource.renamed_from
        if before is None or before == one.resource.name:
            continue
        key = one.resource.kind, one.resource.namespace, before
        for other in named.get(key, ()):
            if not one.environments & other.environments or other.resource.ensure == "absent":
                continue
            message = f"renamed_from names {before}, which is also declared"
            yield _problem(
                "duplicate", message, "remove one of the two", one.resource, other.resource, "metadata", "renamed_from"
            )
        first = claimed.setdefault(key, one)
        if first is not one and one.environments & first.environments:
            message = f"two resources are renamed from {before}"
            yield _problem(
                "duplicate", message, "correct one of the two", one.resource, first.resource, "metadata", "renamed_from"
            )


def _same_external_ids(scoped: Sequence[Scoped]) -> Iterator[Problem]:
    seen: dict[tuple[str, str | None, str], list[Scoped]] = {}
    for one in scoped:
        name = EXTERNAL_IDS.get(one.resource.kind, "")
        value = one.resource.spec.get(name) or one.resource.initial.get(name)
        if not isinstance(value, str):
            continue
        for other in seen.setdefault((one.resource.kind, one.resource.namespace, value), []):
            if one.environments & other.environments and one.resource.name != other.resource.name:
                message = f"two resources have the same {name}: {value}"
                part = "spec" if name in one.resource.spec else "initial"
                yield _problem("duplicate", message, "correct one of the two", one.resource, other.resource, part, name)
        seen[one.resource.kind, one.resource.namespace, value].append(one)


def _same_credentials(scoped: Sequence[Scoped]) -> Iterator[Problem]:
    """Yield each thing whose credential would take the place of another one's in the credential store."""
    seen: dict[str, list[Scoped]] = {}
    for one in scoped:
        kind = KINDS[one.resource.kind]
        if not kind.credential or one.resource.ensure != "present" or not kind.credential.has_one(one.resource.spec):
            continue
        name = credential_name(kind, one.resource)
        for other in seen.setdefault(name, []):
            if one.environments & other.environments and one.resource.address != other.resource.address:
                message = f"two resources keep their credentials under the same name: {name}"
                hint = f"name another secret for one of the two: {kind.credential.field}: {{secret: NAME}}"
                yield _problem("duplicate", message, hint, one.resource, other.resource, "metadata", "name")
        seen[name].append(one)


def _references(found: Found) -> Iterator[Problem]:
    """Yield each Member of an organization that is declared nowhere, or that is to be removed."""
    organizations = {name: every for (kind, name), every in _by_name(found.scoped).items() if kind == "Organization"}
    spoilt = {name for kind, name in found.spoilt if kind == "Organization"}
    for one in found.scoped:
        namespace = one.resource.namespace
        if namespace is None or namespace in spoilt:
            continue
        at = ("metadata", "namespace")
        if namespace not in organizations and not found.incomplete:
            otherwise = "declare it; `ensure: external` if it is not managed here"
            hint = did_you_mean(namespace, organizations) or otherwise
            message = f"there is no organization {namespace}"
            yield one.resource.problem("unknown-organization", message, hint, at)
        for organization in organizations.get(namespace, ()):
            gone = organization.resource.ensure == "absent" and one.resource.ensure == "present"
            if gone and one.environments & organization.environments:
                message, hint = f"the organization {namespace} is declared absent", f"remove the {one.resource.kind}"
                places = one.resource.at(*at), organization.resource.at("ensure")
                yield structs.replace(one.resource.problem("contradiction", message, hint), at=places)


def _by_name(scoped: Iterable[Scoped]) -> Mapping[tuple[str, str], list[Scoped]]:
    """Return what lies in nothing else by kind and name; one name may be declared for several environments."""
    named: dict[tuple[str, str], list[Scoped]] = {}
    for one in scoped:
        if one.resource.namespace is None:
            named.setdefault((one.resource.kind, one.resource.name), []).append(one)
    return named


def create_warnings(resources: Iterable[Resource]) -> Iterator[Problem]:
    """Yield a warning for each thing that can be managed where it is live, but not made where it is not."""
    for resource in resources:
        missing = KINDS[resource.kind].required - resource.spec.keys() - resource.initial.keys()
        if resource.ensure == "present" and missing:
            yield uncreatable(resource, sorted(missing), "warning")


def uncreatable(resource: Resource, missing: Sequence[str], severity: Severity) -> Problem:
    """Return the problem that a thing cannot be made without fields that are not declared."""
    names = ", ".join(missing)
    return problem(
        "missing-key",
        f"{names} is required to create it",
        f"add {names} to spec, or to initial if it should not be managed afterwards",
        resource.at("spec"),
        severity=severity,
        addresses=(resource.address,),
    )


def _problem(code: str, message: str, hint: str, one: Resource, other: Resource, *path: str) -> Problem:
    at = one.at(*path), other.at(*path)
    addresses = tuple(dict.fromkeys((one.address, other.address)))
    return problem(code, message, hint, *at, addresses=addresses)
