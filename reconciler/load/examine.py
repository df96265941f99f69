"""All files of a repository → ``Declared``: checked one by one and against each other, for one environment."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from pathlib import Path as Folder
from typing import Final

from msgspec import Struct, structs

from reconciler.config.read import FILE as CONFIGURATION
from reconciler.config.read import Config
from reconciler.config.unread import Ignored, files_named, ignored_by, resolved, unread_files
from reconciler.documents.positions import Document
from reconciler.documents.read import documents_in, read_documents, read_text
from reconciler.errors import InvalidInput, Unreadable
from reconciler.expressions.template import OPEN
from reconciler.kinds import KINDS
from reconciler.kinds._organization_settings import way_in_warnings
from reconciler.load.consistency import Environments, Found, Scoped, contradictions, create_warnings
from reconciler.load.manifests import resource_of
from reconciler.load.references import dangling
from reconciler.load.rendering import rendered
from reconciler.load.schemas import TEMPLATED, computed_in, shapes
from reconciler.load.templates import TEMPLATE, merged, render_set, strings_in
from reconciler.load.text_files import Texts
from reconciler.load.uniqueness import other_projects, rivals
from reconciler.model import Json, Path, Position, Problem, Resource, problem
from reconciler.schema.kind import Kind
from reconciler.schema.validate import conforms, nonconformities, templates_in
from reconciler.sources.tables import read_table
from reconciler.suggest import suggest_allowed

ALMOST: Final = re.compile(
    r"(?<![${])(?:\$\{|\{\{)\s*((?:row|user|item|organization|vars|environment)\b[^{}]*?)\s*\}{1,2}"
)


class Declared(Struct, frozen=True, kw_only=True):
    """What the documents declare for one environment.

    ``organizations`` include those of sets and those that are ``absent`` or ``external``; ``members`` are written by
    hand; ``things`` are all others, by kind; ``elsewhere`` holds the slugs of organizations that are declared for other
    environments only, and ``organizations_elsewhere`` those of them that are right. ``problems`` are warnings: an error
    ends in ``InvalidInput``; ``doubts`` are warnings that what is live settles.
    """

    organizations: tuple[Resource, ...] = ()
    members: tuple[Resource, ...] = ()
    things: Mapping[str, tuple[Resource, ...]] = {}
    rules: tuple[Document, ...] = ()
    manual_steps: tuple[Document, ...] = ()
    elsewhere: frozenset[str] = frozenset()
    organizations_elsewhere: tuple[Resource, ...] = ()
    resources: tuple[Resource, ...] = ()
    problems: tuple[Problem, ...] = ()
    doubts: tuple[Problem, ...] = ()

    def kinds(self, config: Config) -> frozenset[str]:
        """Return the kinds that are managed: those the file lists, or else those that some document declares."""
        if config.kinds is not None:
            return config.kinds
        declared = {resource.kind for resource in self.resources}
        return frozenset(declared | {"Member"} if self.rules else declared)

    def writes(self, kind: str, config: Config) -> bool:
        """Return whether a run may write resources of a kind."""
        return kind in self.kinds(config) and config.authority_of(kind) != "observe"

    def external(self) -> frozenset[str]:
        """Return the slugs of the organizations that must exist and are somebody else's."""
        return frozenset(one.name for one in self.organizations if one.ensure == "external")


class Examined(Struct, frozen=True, kw_only=True):
    """What the documents that are right declare, and the errors of all.

    ``uncertain`` holds the codes of errors about ``declared`` that may come from those alone: a name that is not there
    may be that of a document that is not right. ``files`` are those that documents name as their texts.
    """

    declared: Declared
    errors: tuple[Problem, ...]
    uncertain: frozenset[str]
    files: frozenset[str] = frozenset()


def load(config: Config) -> Declared:
    """Read and check every document below ``config.root``.

    Raises ``InvalidInput`` with every error of every file, ``Unreadable`` if a set's table cannot be read completely.
    """
    examined = examine(config)
    if examined.errors:
        raise refusal(examined.errors)
    return examined.declared


def texts_of(config: Config) -> Texts:
    """Return where texts are read from: not from what the configuration names, such as users and credentials."""
    named = (resolved(config.root / name) for name in config.files_named())
    return Texts(config.root, frozenset(path for path in named if path is not None))


def refusal(errors: Iterable[Problem]) -> InvalidInput | Unreadable:
    """Make one exception of many errors, each once and in the order of their places: ``Unreadable`` if any is that."""
    ordered = sorted(set(errors), key=lambda problem: (problem.at, problem.message))
    return (Unreadable if any(problem.code == Unreadable.code for problem in ordered) else InvalidInput)(ordered)


def examine(config: Config) -> Examined:
    """Read and check every document, and give what is right together with everything that is wrong."""
    unread: list[Problem] = []
    problems: list[Problem] = []
    found = Found()
    constants = {"vars": dict(config.vars), "environment": config.environment}
    others: list[str] = []
    ignored, texts = ignored_by(config.ignore), texts_of(config)
    for written in read_documents(config.root, unread, others, ignored):
        found.files.update(files_named(written.kind, written.body))
        document, environments = _as_declared(written, constants, config, problems)
        if document is None:
            found.spoilt.add((written.kind, written.name))
            continue
        if document.kind == "MappingRules":
            found.rules.append((document, environments))
        elif document.kind == "ManualStep":
            found.manual_steps.append((document, environments))
        elif document.kind == "OrganizationSet":
            in_set: list[Problem] = []
            found.scoped.extend(_of_set(document, environments, config, found.files, in_set))
            found.incomplete |= any(problem.severity == "error" for problem in in_set)
            problems.extend(in_set)
        else:
            kind, positions = KINDS[document.kind], document.positions
            resource = resource_of(kind, document.body, document.position, positions, texts, problems)
            problems.extend(_said_twice(document, kind, ()))
            found.scoped.append(Scoped(resource, environments))
    unread.extend(unread_files(others, config.root, {*found.files, *config.files_named()}))
    problems.extend(_without_effect(ignored, config))
    unnamed = (kind not in KINDS or not name or OPEN in name for kind, name in found.spoilt)
    found.incomplete |= bool(unread) or any(unnamed)
    warnings = dict.fromkeys(problem for problem in problems if problem.severity == "warning")
    problems = [problem for problem in problems if problem.severity == "error"]
    if not (found.scoped or found.rules or found.manual_steps or found.spoilt or problems or unread):
        message, hint = "no document is read, so nothing is declared", "write manifests/ and rules/, or correct ignore"
        warnings |= {problem("no-manifests", message, hint, severity="warning"): None}
    declared = _in(config.environment, found, warnings)
    declared = structs.replace(declared, problems=(*declared.problems, *_left_out(declared, config)))
    problems.extend([*unread, *contradictions(found), *rivals(found), *dangling(found)])
    problems.extend(other_projects(declared.resources, config.target.project))
    return Examined(
        declared=declared,
        errors=tuple(problems),
        uncertain=frozenset(
            [*(["unknown-path"] if problems else ()), *(["unknown-organization"] if found.incomplete else ())]
        ),
        files=frozenset(found.files),
    )


def mistakes_in_documents(root: Folder) -> tuple[Problem, ...]:
    """Return what is wrong with the documents by themselves, where the configuration is wrong and cannot be used.

    There is nothing to say where it does not even tell which files are ignored.
    """
    text = read_text(root / CONFIGURATION, CONFIGURATION, [])
    found = list(documents_in(text or "", CONFIGURATION, []))
    ignored = found[0].body.get("ignore", []) if len(found) == 1 else None
    problems: list[Problem] = []
    if isinstance(ignored, list) and all(isinstance(glob, str) for glob in ignored):
        for document in read_documents(root, problems, [], ignored_by(ignored)):
            _is_right(document, problems, written=True)
    return tuple(problems)


def _as_declared(
    written: Document, constants: Mapping[str, Json], config: Config, problems: list[Problem]
) -> tuple[Document | None, Environments]:
    """Return a document with what is computed in it, unless it is wrong or for other environments, and where it counts.

    What is written is checked before anything is computed: no key is dropped with a value that comes to nothing.
    """
    if not _is_right(written, problems, written=True):
        return None, frozenset()
    environments = _environments(written, config, problems)
    problems.extend(_almost_expressions(written))
    if written.kind in TEMPLATED or not any(templates_in(written.body)):
        return written, environments
    if config.environment not in environments:  # its expressions may say something only there
        return None, environments
    document = rendered(written, constants, problems)
    if document is None or not _is_right(document, problems, written=False):
        return None, environments
    return document, environments


def _almost_expressions(document: Document) -> Iterator[Problem]:
    """Yield a warning for each ``{{ row.name }}`` or ``${ row.name }`` that is sent as it stands.

    Templates of mails and tokens are full of Stytch's own ``{{ }}``; what rules and sets say is not.
    """
    computed = computed_in(document.kind)
    for path, text in strings_in(document.body) if document.kind in TEMPLATED else ():
        if computed(path) and (found := ALMOST.search(text)):
            message = f"{found[0]} is no expression, and is sent as it stands"
            hint = f"write ${{{{ {found[1]} }}}}"
            at = (document.at(*path),)
            yield problem("expression-not-computed", message, hint, *at, severity="warning")


def _is_right(document: Document, problems: list[Problem], *, written: bool) -> bool:
    """Return whether a document is of the shape of its kind; add to ``problems`` in what it is not.

    As ``written``, it may hold expressions where a value may be computed; otherwise all of it is final.
    """
    shape = shapes().get(document.kind)
    if shape is None:
        message = f"there is no kind {document.kind}"
        hint = suggest_allowed(document.kind, shapes())
        if document.kind == "Configuration":
            message, hint = "a Configuration belongs in reconciler.yaml, at the root", "move it there"
        problems.append(problem("unknown-kind", message, hint, document.at("kind")))
        return False
    computed = computed_in(document.kind) if written else None
    if conforms(document.body, shape, computed=computed):
        return True
    kind = KINDS.get(document.kind)
    before = len(problems)
    problems.extend(
        nonconformities(
            document.body,
            shape,
            place=lambda path: document.at(*path),
            key_place=lambda path: document.key_at(*path),
            notes=kind.notes if kind else {},
            computed=computed,
        )
    )
    return len(problems) == before


def _said_twice(document: Document, kind: Kind, *parts: Path) -> Iterator[Problem]:
    """Yield each field, or key managed by itself, that ``spec`` sets and ``initial`` sets too.

    ``parts`` are where the manifest stands in the document, each over the one before. A value that is still to be
    computed may come to nothing, and then ``initial`` says something.
    """
    bodies = [reduce(lambda value, key: value[key], part, document.body) for part in parts]
    body = reduce(merged, bodies)
    spec, initial = body.get("spec") or {}, body.get("initial") or {}
    for name in initial.keys() & spec.keys():
        keyed = name in kind.merged and isinstance(initial[name], dict) and isinstance(spec[name], dict)
        for path in [(name, key) for key in initial[name].keys() & spec[name].keys()] if keyed else [(name,)]:
            if any(templates_in(reduce(lambda value, key: value[key], path, spec))):
                continue
            message = f"spec sets {'.'.join(path)}, so initial has no effect"
            at = [_last(document, parts, (where, *path)) for where in ("initial", "spec")]
            yield problem("contradiction", message, "remove one of the two", *at)


def _last(document: Document, parts: Sequence[Path], path: Path) -> Position:
    """Return the place of a key in the last of the parts that has it."""
    return next(document.key_at(*part, *path) for part in reversed(parts) if (*part, *path) in document.positions)


def _without_effect(ignored: Ignored, config: Config) -> Iterator[Problem]:
    """Yield a warning for each glob of ``ignore`` that matches nothing."""
    for glob in ignored.unused:
        at = (config.document.at("ignore", str(config.ignore.index(glob))),) if config.document else ()
        message, hint = f"ignore: {glob} matches no file of manifests/ and rules/", "correct it, or remove it"
        yield problem("matches-nothing", message, hint, *at, severity="warning")


def _left_out(declared: Declared, config: Config) -> Iterator[Problem]:
    """Yield a warning where ``kinds`` leaves out what documents declare, or what ``authority`` names.

    Organizations are also declared for their members alone.
    """
    if config.kinds is None or config.document is None:
        return
    unmanaged = {one.kind for one in declared.resources} - config.kinds
    unmanaged -= {"Organization"} if "Member" in config.kinds else set()
    unmanaged |= {"MappingRules"} if declared.rules and "Member" not in config.kinds else set()
    if unmanaged:
        message = f"kinds leaves out what documents declare: {', '.join(sorted(unmanaged))}"
        hint = "none of it is compared or written; add what is to be managed"
        yield problem("no-effect", message, hint, config.at("kinds"), severity="warning")
    environment = config.document.body["environments"][config.environment] or {}
    for kind in environment.get("authority", {}).keys() - config.kinds:
        message, hint = f"authority names {kind}, which kinds leaves out", "remove it, or add the kind"
        at = config.at("authority", kind)
        yield problem("no-effect", message, hint, at, severity="warning")


def _environments(document: Document, config: Config, problems: list[Problem]) -> Environments:
    """Return the environments that a document is for: those it names, or else all."""
    named = document.body["metadata"].get("environments")
    for index, name in enumerate(named or ()):
        if name not in config.environments:
            at = document.at("metadata", "environments", str(index))
            problems.append(_unknown_environment(name, config, at))
    return frozenset(named or config.environments)


def _unknown_environment(name: str, config: Config, *at: Position) -> Problem:
    message = f"reconciler.yaml has no environment {name}"
    return problem("unknown-environment", message, suggest_allowed(name, config.environments), *at)


def _of_set(
    document: Document, environments: Environments, config: Config, files: set[str], problems: list[Problem]
) -> Iterator[Scoped]:
    """Yield the organizations of a set; ``files`` gets the names of the texts that stand in files."""
    name = document.body["spec"]["table"]
    source = config.tables.get(name)
    if source is None:
        message = f"environment {config.environment} has no table {name}"
        hint = suggest_allowed(name, config.tables) or "add it to reconciler.yaml, under tables"
        problems.append(problem("unknown-table", message, hint, document.at("spec", "table")))
        return
    try:
        table = read_table(name, source)
    except Unreadable as error:
        problems.extend(error.problems)
        return
    for slug in ("", *(document.body["spec"].get("overrides") or {})):
        override: list[Path] = [("spec", "overrides", slug)] if slug else []
        problems.extend(_said_twice(document, KINDS["Organization"], TEMPLATE, *override))
    constants = {"vars": dict(config.vars), "environment": config.environment}
    kind, shape, texts = KINDS["Organization"], shapes()["Organization"], texts_of(config)
    for made in render_set(document, table, constants, problems):
        files.update(files_named("Organization", made.body))
        if conforms(made.body, shape):
            resource = resource_of(kind, made.body, made.position, made.positions, texts, problems)
            where = made.body["metadata"].get("environments")
            written = document.at("spec", "template", "metadata", "environments")
            unknown = [name for name in where or () if name not in config.environments]
            problems.extend(_unknown_environment(name, config, made.position, written) for name in unknown)
            yield Scoped(resource, environments & set(where) if where else environments)
            continue

        def place(
            path: Path, positions: Mapping[Path, Position] = made.positions, row: Position = made.position
        ) -> Position:
            return positions.get(path, row)

        problems.extend(nonconformities(made.body, shape, place=place, key_place=place, notes=kind.notes))


def _in(environment: str, found: Found, warnings: Iterable[Problem]) -> Declared:
    """Keep what is declared for one environment, and the warnings about all of it."""
    here = [one.resource for one in found.scoped if environment in one.environments]
    organizations = [resource for resource in here if resource.kind == "Organization"]
    slugs = {organization.name for organization in organizations}
    members = [one for one in here if one.kind == "Member" and one.namespace in slugs]
    things: dict[str, list[Resource]] = {}
    for one in here:
        if KINDS[one.kind].verbs.list and (one.namespace is None or one.namespace in slugs):
            things.setdefault(one.kind, []).append(one)
    others = [one.resource for one in found.scoped if one.resource.kind == "Organization"]
    others = [resource for resource in others if resource.name not in slugs]
    elsewhere = {resource.name for resource in others} | {name for kind, name in found.spoilt if kind == "Organization"}
    rules = tuple(document for document, environments in found.rules if environment in environments)
    steps = tuple(document for document, environments in found.manual_steps if environment in environments)
    return Declared(
        organizations=tuple(organizations),
        members=tuple(members),
        things={kind: tuple(every) for kind, every in things.items()},
        rules=rules,
        manual_steps=steps,
        elsewhere=frozenset(elsewhere - slugs),
        organizations_elsewhere=tuple(others),
        resources=tuple(one for one in here if one.namespace is None or one.namespace in slugs),
        problems=(*warnings, *way_in_warnings(organizations)),
        doubts=tuple(create_warnings(here)),
    )
