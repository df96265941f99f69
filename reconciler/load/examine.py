"""All documents of a repository, checked one by one and against each other."""

import re
from collections.abc import Iterator, Sequence
from functools import reduce
from pathlib import Path as Folder
from typing import Final

from msgspec import structs

from reconciler.config.read import FILE as CONFIGURATION
from reconciler.config.read import Config
from reconciler.documents.document import Document
from reconciler.documents.read import documents_in, read_documents, read_text
from reconciler.errors import Unreadable
from reconciler.expressions.template import OPEN
from reconciler.kinds import KINDS
from reconciler.load.consistency import DeclaredDocuments, contradictions, only_one, other_projects
from reconciler.load.files import Ignored, Texts, files_named, ignored_by, unread_files
from reconciler.load.manifests import resource_of
from reconciler.load.references import dangling
from reconciler.load.rule_tests import masked, mistakes_in
from reconciler.load.safeguards import FOLDERS, misplaced
from reconciler.load.schemas import DOCUMENTS, JUDGING, TEMPLATED, computed_in, document_type
from reconciler.load.templates import TEMPLATE, merged, render_set, rendered
from reconciler.model import ORGANIZATION, Json, Path, Position, Problem, Resource, Table, problem
from reconciler.schema.kind import Kind
from reconciler.schema.validate import has_template, strings_in, validation_errors
from reconciler.sources.rows import read_table
from reconciler.suggest import suggest_allowed

ALMOST: Final = re.compile(
    r"(?<![${])(?:\$\{|\{\{)\s*((?:row|user|item|organization|vars|environment)\b[^{}]*?)\s*\}{1,2}"
)


def examine(config: Config) -> DeclaredDocuments:
    """Read and check every document, and return what is right together with everything that is wrong."""
    found = DeclaredDocuments()
    unread: list[Problem] = []
    others: list[str] = []
    ignored, texts = ignored_by(config.ignore), Texts.of(config)
    for written in read_documents(config.root, unread, others, ignored):
        found.files.update(files_named(written.kind, written.body))
        document = _as_declared(written, config, found.problems)
        if document is None:
            found.invalid.add((written.kind, written.name))
        elif document.kind == "MappingRules":
            found.rules.append(document)
        elif document.kind == "RuleTest":
            found.rule_tests.append(document)
            found.problems.extend(masked(mistakes_in(document)))
        elif document.kind == "ManualStep":
            found.manual_steps.append(document)
        elif document.kind in JUDGING:
            found.safeguards.append(document)
            found.problems.extend(misplaced(document, config.root))
        elif document.kind == "OrganizationSet":
            _add_set(document, config, texts, found)
        else:
            kind = KINDS[document.kind]
            found.resources.append(resource_of(kind, document, document.environments, texts, found.problems))
            found.problems.extend(_said_twice(document, kind, ()))
    unread.extend(unread_files(others, config.root, {*found.files, *config.files_named()}))
    found.problems.extend(_without_effect(ignored, config))
    found.incomplete |= bool(unread) or any(map(_unnamed, found.invalid))
    found.problems += [*unread, *contradictions(found), *only_one(found), *dangling(found)]
    here = (resource for resource in found.resources if config.environment in resource.environments)
    found.problems.extend(other_projects(here, config.target.project))
    documents = (found.resources, found.rules, found.rule_tests, found.manual_steps, found.safeguards, found.invalid)
    if not (any(documents) or found.errors):
        message, hint = "no document is read, so nothing is declared", "write manifests/ and rules/, or correct ignore"
        found.problems.append(problem("no-manifests", message, hint, severity="warning"))
    return found


def mistakes_in_documents(root: Folder) -> tuple[Problem, ...]:
    """Return what is wrong with the documents by themselves, where the configuration is wrong and cannot be used.

    There is nothing to say where it does not even tell which files are ignored.
    """
    text = read_text(root / CONFIGURATION, CONFIGURATION, [])
    configurations = list(documents_in(text or "", CONFIGURATION, []))
    ignored = configurations[0].body.get("ignore", []) if len(configurations) == 1 else None
    problems: list[Problem] = []
    if isinstance(ignored, list) and all(isinstance(glob, str) for glob in ignored):
        for document in read_documents(root, problems, [], ignored_by(ignored)):
            problems.extend(_type_errors(document, written=True))
    return tuple(problems)


def judging_documents(config: Config, problems: list[Problem]) -> Iterator[Document]:
    """Yield the documents by which changes are judged, and no others; add what is wrong to ``problems``."""
    for document in read_documents(config.root, problems, [], ignored_by(config.ignore), _may_judge):
        if document.kind in JUDGING:
            errors = _type_errors(document, written=True)
            problems.extend(errors)
            if not errors:
                yield structs.replace(document, environments=_environments(document, config, problems))


def _may_judge(file: str, text: str) -> bool:
    """Return whether a file may hold a document by which changes are judged: most hold none, and are not parsed."""
    return file.startswith(tuple(f"{folder}/" for folder in FOLDERS.values())) or any(kind in text for kind in JUDGING)


def _unnamed(invalid: tuple[str, str]) -> bool:
    """Return whether nobody knows what an invalid document declares: its kind or its name is unknown."""
    kind, name = invalid
    return kind not in KINDS or not name or OPEN in name


def _as_declared(written: Document, config: Config, problems: list[Problem]) -> Document | None:
    """Return a document with what is computed in it and its environments; None if it is wrong, or not for this one.

    What is written is checked before anything is computed: no key is dropped with a value that comes to nothing.
    """
    if errors := _type_errors(written, written=True):
        problems.extend(masked(errors) if written.kind == "RuleTest" else errors)
        return None
    document = structs.replace(written, environments=_environments(written, config, problems))
    problems.extend(_almost_expressions(document))
    if document.kind in TEMPLATED or not has_template(document.body):
        return document
    if config.environment not in document.environments:  # its expressions may say something only there
        return None
    computed = rendered(document, config.constants, problems)
    errors = _type_errors(computed, written=False) if computed else ()
    problems.extend(errors)
    return None if errors else computed


def _type_errors(document: Document, *, written: bool) -> Sequence[Problem]:
    """Return in what a document is not of the type of its kind.

    As ``written``, it may hold expressions where a value may be computed; otherwise all of it is final.
    """
    if document.kind not in DOCUMENTS:
        message, hint = f"there is no kind {document.kind}", suggest_allowed(document.kind, DOCUMENTS)
        if document.kind == "Configuration":
            message, hint = "a Configuration belongs in reconciler.yaml, at the root", "move it there"
        return [problem("unknown-kind", message, hint, document.at("kind"))]
    shape, notes = document_type(document.kind), KINDS[document.kind].notes if document.kind in KINDS else {}
    computed = computed_in(document.kind) if written else None
    return validation_errors(document.body, shape, document.at, document.key_at, notes=notes, computed=computed)


def _environments(document: Document, config: Config, problems: list[Problem]) -> frozenset[str]:
    """Return the environments that a document is for: those it names, or else all."""
    named = document.body["metadata"].get("environments")
    for index, name in enumerate(named or ()):
        if name not in config.environments:
            problems.append(_unknown_environment(name, config, document.at("metadata", "environments", str(index))))
    return frozenset(named or config.environments)


def _unknown_environment(name: str, config: Config, *at: Position) -> Problem:
    message = f"reconciler.yaml has no environment {name}"
    return problem("unknown-environment", message, suggest_allowed(name, config.environments), *at)


def _almost_expressions(document: Document) -> Iterator[Problem]:
    """Yield a warning for each ``{{ row.name }}`` or ``${ row.name }`` that is sent as it stands.

    Templates of mails and tokens are full of Stytch's own ``{{ }}``; what rules and sets say is not.
    """
    computed = computed_in(document.kind)
    for path, text in strings_in(document.body) if document.kind in TEMPLATED else ():
        if computed(path) and (almost := ALMOST.search(text)):
            message = f"{almost[0]} is no expression, and is sent as it stands"
            hint = f"write ${{{{ {almost[1]} }}}}"
            yield problem("expression-not-computed", message, hint, document.at(*path), severity="warning")


def _said_twice(document: Document, kind: Kind, *parts: Path) -> Iterator[Problem]:
    """Yield each field, or key managed by itself, that ``spec`` sets and ``initial`` sets too.

    ``parts`` are where the manifest stands in the document, each over the one before. A value that is still to be
    computed may come to nothing, and then ``initial`` says something.
    """
    bodies = [_at(document.body, part) for part in parts]
    body = reduce(merged, bodies)
    spec, initial = body.get("spec") or {}, body.get("initial") or {}
    for name in initial.keys() & spec.keys():
        keyed = name in kind.merged and isinstance(initial[name], dict) and isinstance(spec[name], dict)
        for path in [(name, key) for key in initial[name].keys() & spec[name].keys()] if keyed else [(name,)]:
            if has_template(_at(spec, path)):
                continue
            message = f"spec sets {'.'.join(path)}, so initial has no effect"
            places = [_last(document, parts, (part, *path)) for part in ("initial", "spec")]
            yield problem("contradiction", message, "remove one of the two", *places)


def _at(value: Json, path: Path) -> Json:
    return reduce(lambda inside, key: inside[key], path, value)


def _last(document: Document, parts: Sequence[Path], path: Path) -> Position:
    """Return the place of a key in the last of the parts that has it."""
    return next(document.key_at(*part, *path) for part in reversed(parts) if (*part, *path) in document.positions)


def _without_effect(ignored: Ignored, config: Config) -> Iterator[Problem]:
    """Yield a warning for each glob of ``ignore`` that matches nothing."""
    for glob in ignored.unused:
        at = [config.document.at("ignore", str(config.ignore.index(glob)))] if config.document else []
        message, hint = f"ignore: {glob} matches no file of manifests/ and rules/", "correct it, or remove it"
        yield problem("matches-nothing", message, hint, *at, severity="warning")


def _add_set(document: Document, config: Config, texts: Texts, found: DeclaredDocuments) -> None:
    """Add the organizations of a set; while one of them is wrong, nobody knows all that are declared."""
    problems: list[Problem] = []
    if table := _table_of(document, config, found, problems):
        found.resources.extend(_in_set(document, table, config, texts, found.files, problems))
    found.incomplete |= any(each.severity == "error" for each in problems)
    found.problems += problems


def _table_of(document: Document, config: Config, found: DeclaredDocuments, problems: list[Problem]) -> Table | None:
    """Return the table of a set, read once for all sets and rules."""
    name = document.body["spec"]["table"]
    if name not in config.tables:
        message = f"environment {config.environment} has no table {name}"
        hint = suggest_allowed(name, config.tables) or "add it to reconciler.yaml, under tables"
        problems.append(problem("unknown-table", message, hint, document.at("spec", "table")))
        return None
    try:
        found.tables[name] = found.tables.get(name) or read_table(name, config.tables[name])
    except Unreadable as error:
        problems.extend(error.problems)
    return found.tables.get(name)


def _in_set(
    document: Document, table: Table, config: Config, texts: Texts, files: set[str], problems: list[Problem]
) -> Iterator[Resource]:
    """Yield the organizations of a set; ``files`` gets the names of the texts that stand in files."""
    kind, shape = KINDS[ORGANIZATION], document_type(ORGANIZATION)
    overrides = document.body["spec"].get("overrides") or {}
    for override in ((), *((("spec", "overrides", slug),) for slug in overrides)):
        problems.extend(_said_twice(document, kind, TEMPLATE, *override))
    for manifest in render_set(document, table, config.constants, problems):
        files.update(files_named(ORGANIZATION, manifest.body))
        if errors := validation_errors(manifest.body, shape, manifest.at, notes=kind.notes):
            problems.extend(errors)
            continue
        named = manifest.body["metadata"].get("environments") or ()
        written = document.at(*TEMPLATE, "metadata", "environments")
        environments = document.environments & set(named) if named else document.environments
        yield resource_of(kind, manifest, environments, texts, problems)
        unknown = [name for name in named if name not in config.environments]
        problems.extend(_unknown_environment(name, config, manifest.position, written) for name in unknown)
