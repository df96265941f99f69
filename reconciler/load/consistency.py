"""Documents → contradictions between them: duplicates, names that differ only by case, two where there can be one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from msgspec import Struct, field

from reconciler.documents.document import Document
from reconciler.kinds import KINDS
from reconciler.model import MEMBER, ORGANIZATION, Json, Path, Problem, Resource, Severity, Table, problem
from reconciler.schema.secret_names import credential_name
from reconciler.schema.traits import fields_of
from reconciler.suggest import suggest_allowed

EXTERNAL_IDS: Final = {ORGANIZATION: "organization_external_id", MEMBER: "external_id"}
NAME: Final = ("metadata", "name")
RENAMED_FROM: Final = ("metadata", "renamed_from")


class Claim(NamedTuple):
    """What a resource says of itself that no other may say in a common environment, and where it says so."""

    key: tuple[str | None, ...]
    resource: Resource
    path: Path


class DeclaredDocuments(Struct):
    """Everything that was read, for all environments, and everything that is wrong with it.

    ``files`` are the names that documents give of files that texts stand in. ``invalid`` holds kind and name of
    documents that are no use; ``incomplete`` says that some could not even be named, so that a reference to nothing
    may be a reference to one of them. ``tables`` are those that sets were made of.
    """

    resources: list[Resource] = field(default_factory=list)
    rules: list[Document] = field(default_factory=list)
    rule_tests: list[Document] = field(default_factory=list)
    manual_steps: list[Document] = field(default_factory=list)
    safeguards: list[Document] = field(default_factory=list)
    tables: dict[str, Table] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    invalid: set[tuple[str, str]] = field(default_factory=set)
    incomplete: bool = False
    problems: list[Problem] = field(default_factory=list)

    @property
    def errors(self) -> Sequence[Problem]:
        """Return what must be mended."""
        return [found for found in self.problems if found.severity == "error"]

    @property
    def warnings(self) -> Sequence[Problem]:
        """Return what should be known, each once."""
        return [*dict.fromkeys(found for found in self.problems if found.severity == "warning")]


def contradictions(found: DeclaredDocuments) -> Iterator[Problem]:
    """Yield every contradiction between documents."""
    yield from _duplicates(found.resources)
    yield from _same_documents(found.rules)
    yield from _same_documents(found.rule_tests)
    yield from _same_documents(found.manual_steps)
    yield from _same_documents(found.safeguards)
    yield from _steps(found.manual_steps)
    yield from _renames(found.resources)
    yield from _same_external_ids(found.resources)
    yield from _same_credentials(found.resources)


def only_one(found: DeclaredDocuments) -> Iterator[Problem]:
    """Yield every two resources that are declared for one environment, of which Stytch lets one be there."""
    present = [resource for resource in found.resources if resource.ensure == "present"]
    alone = [Claim((one.kind, one.namespace), one, NAME) for one in present if KINDS[one.kind].identity.one_per_parent]
    for one, other in _clashes(alone):
        if one.resource.name != other.resource.name:
            message, hint = f"there can be only one {one.resource.kind}", "set `ensure: absent` on the other"
            yield _between("only-one", message, hint, one, other)
    claims = [
        Claim((one.kind, one.namespace, claim), one, path)
        for one in present
        for claim, path in KINDS[one.kind].identity.claims(one)
    ]
    for one, other in _clashes(claims):
        if one.resource.name != other.resource.name:
            message = f"two are {one.key[-1]}, but only one can be"
            yield _between("only-one", message, "correct one of the two", one, other)


def other_projects(resources: Iterable[Resource], project: str | None) -> Iterator[Problem]:
    """Yield each project that is not the one that the run is about: of no other anything is read, or written."""
    for resource in resources if project else ():
        if resource.kind == "Project" and resource.name != project and resource.ensure != "external":
            message = f"this run is about the project {project}, and no other project"
            hint = (
                f"name it {project}, fix target.project, or set metadata.environments to the environments it belongs to"
            )
            yield resource.problem("another-project", message, hint, ("metadata", "name"))


def _steps(documents: Iterable[Document]) -> Iterator[Problem]:
    """Yield each part of a ManualStep that another one keeps from having any effect."""
    for document in documents:
        check = document.body["spec"].get("check", {})
        if check and "done" in document.body["spec"]:
            message, hint = "a check says whether the step is done, so done has no effect", "remove one of the two"
            places = document.key_at("spec", "done"), document.key_at("spec", "check")
            yield problem("contradiction", message, hint, *places)
        if "equals" in check and "path" not in check:
            message, hint = "equals compares the value at path, but there is no path", "add path, or remove equals"
            yield problem("contradiction", message, hint, document.key_at("spec", "check", "equals"))
        if check:
            yield from _uncheckable(document, check)


def _uncheckable(document: Document, check: Mapping[str, Json]) -> Iterator[Problem]:
    """Yield what keeps a check from ever saying that a step is done."""
    kind = KINDS[check["kind"]]
    if kind.is_searched:
        message, hint = (
            f"a check cannot look at kind {kind.name}",
            "remove it, and say done: true when the step is done",
        )
        yield problem("no-effect", message, hint, document.at("spec", "check", "kind"))
        return
    field = str(check.get("path", "")).partition(".")[0]
    if field and field not in fields_of(kind.spec):
        message = f"{kind.name} has no field {field}"
        hint = suggest_allowed(field, fields_of(kind.spec))
        yield problem("unknown-path", message, hint, document.at("spec", "check", "path"))


def _duplicates(resources: Iterable[Resource]) -> Iterator[Problem]:
    """Yield each resource that is declared twice for one environment, or whose name differs from another's by case."""
    named = [
        Claim((one.kind, one.namespace, KINDS[one.kind].identity.canonical_name(one.name)), one, NAME)
        for one in resources
    ]
    for one, other in _clashes(named):
        if one.resource.name == other.resource.name:
            message, hint = f"this {one.resource.kind} is declared twice", "remove one of the two"
        else:
            message = f"the name of this {one.resource.kind} differs from another one's only by case"
            hint = "give one of them another name"
        yield _between("duplicate", message, hint, one, other)


def _same_documents(documents: Sequence[Document]) -> Iterator[Problem]:
    for number, one in enumerate(documents):
        for other in documents[:number]:
            if (one.kind, one.name) == (other.kind, other.name) and one.environments & other.environments:
                message = f"two {one.kind} documents are named {one.name}"
                yield problem("duplicate", message, "rename one of the two", one.at(*NAME), other.at(*NAME))


def _renames(resources: Sequence[Resource]) -> Iterator[Problem]:
    """Yield each former name that is also declared, or that two resources had."""
    named: dict[tuple[str | None, ...], list[Resource]] = {}
    for resource in resources:
        named.setdefault((resource.kind, resource.namespace, resource.name), []).append(resource)
    renamed = [
        Claim((one.kind, one.namespace, one.renamed_from), one, RENAMED_FROM)
        for one in resources
        if one.renamed_from not in (None, one.name)
    ]
    for one in renamed:
        for other in named.get(one.key, ()):
            if one.resource.environments & other.environments and other.ensure != "absent":
                message, hint = f"renamed_from names {one.key[-1]}, which is also declared", "remove one of the two"
                yield _between("duplicate", message, hint, one, Claim(one.key, other, RENAMED_FROM))
    for one, second in _clashes(renamed):
        message = f"two resources are renamed from {one.key[-1]}"
        yield _between("duplicate", message, "correct one of the two", one, second)


def _same_external_ids(resources: Iterable[Resource]) -> Iterator[Problem]:
    claims = []
    for resource in resources:
        field = EXTERNAL_IDS.get(resource.kind, "")
        value = resource.spec.get(field) or resource.initial.get(field)
        if isinstance(value, str):
            path = ("spec" if field in resource.spec else "initial", field)
            claims.append(Claim((resource.kind, resource.namespace, value), resource, path))
    for one, other in _clashes(claims):
        if one.resource.name != other.resource.name:
            message = f"two resources have the same {one.path[-1]}: {one.key[-1]}"
            yield _between("duplicate", message, "correct one of the two", one, other)


def _same_credentials(resources: Iterable[Resource]) -> Iterator[Problem]:
    """Yield each resource whose credential would take the place of another one's in the credential store."""
    claims = []
    for resource in resources:
        kind = KINDS[resource.kind]
        if kind.credential and resource.ensure == "present" and kind.credential.has_one(resource.spec):
            claims.append(Claim((credential_name(kind, resource),), resource, NAME))
    for one, other in _clashes(claims):
        credential = KINDS[one.resource.kind].credential
        if credential and one.resource.address != other.resource.address:
            message = f"two resources keep their credentials under the same name: {one.key[-1]}"
            hint = f"name another secret for one of the two: {credential.field}: {{secret: NAME}}"
            yield _between("duplicate", message, hint, one, other)


def _clashes(claims: Iterable[Claim]) -> Iterator[tuple[Claim, Claim]]:
    """Yield each two claims with one key that are made for a common environment, the later one first."""
    seen: dict[tuple[str | None, ...], list[Claim]] = {}
    for claim in claims:
        for earlier in seen.setdefault(claim.key, []):
            if claim.resource.environments & earlier.resource.environments:
                yield claim, earlier
        seen[claim.key].append(claim)


def _between(code: str, message: str, hint: str, *claims: Claim) -> Problem:
    at = [claim.resource.at(*claim.path) for claim in claims]
    return problem(code, message, hint, *at, addresses=dict.fromkeys(claim.resource.address for claim in claims))


def creatable_warnings(resources: Iterable[Resource]) -> Iterator[Problem]:
    """Yield a warning for each resource that can be managed where it is live, but not created where it is not."""
    for resource in resources:
        missing = KINDS[resource.kind].required - resource.spec.keys() - resource.initial.keys()
        if resource.ensure == "present" and missing:
            yield uncreatable(resource, sorted(missing), "warning")


def uncreatable(resource: Resource, missing: Sequence[str], severity: Severity) -> Problem:
    """Return the problem that a resource cannot be created without fields that are not declared."""
    names = ", ".join(missing)
    hint = f"add {names} to spec, or to initial if it should not be managed afterwards"
    return resource.problem("missing-key", f"{names} is required to create it", hint, ("spec",), severity=severity)
