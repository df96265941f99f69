"""All that people wrote → what is declared for one environment, and the compiled rules; offline, with every error."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from msgspec import Struct, structs

from reconciler.config.read import FILE, Config
from reconciler.documents.document import Document
from reconciler.errors import InvalidInput, Unreadable
from reconciler.expressions.redaction import Redaction
from reconciler.kinds._joining import way_in_warnings
from reconciler.load.consistency import DeclaredDocuments, creatable_warnings
from reconciler.load.examine import examine
from reconciler.load.redacted import redacted_document, redacted_resource, redacted_tables
from reconciler.load.rule_tests import failures, masked, names_of_nothing
from reconciler.load.safeguards import Safeguards, about_nothing, safeguards_of
from reconciler.model import MEMBER, ORGANIZATION, Position, Problem, Resource, Table, problem
from reconciler.rules.compile import RuleSources, compile_rules
from reconciler.rules.rule import Rules
from reconciler.sources.rows import read_tables


class Declared(Struct, frozen=True, kw_only=True, dict=True):
    """What the documents declare for one environment.

    ``resources`` include the organizations of sets and what is ``absent`` or ``external``; members among them are
    written by hand. ``elsewhere`` holds the slugs of organizations that are declared for other environments only, and
    ``organizations_elsewhere`` those of them that are right; ``addresses_elsewhere`` are of everything that is declared
    for others only. ``problems`` are warnings: an error ends in
    ``InvalidInput``; ``doubts`` are warnings that what is live settles. ``of_sets`` names the tables that sets are made
    of.
    """

    resources: tuple[Resource, ...] = ()
    rules: tuple[Document, ...] = ()
    rule_tests: tuple[Document, ...] = ()
    manual_steps: tuple[Document, ...] = ()
    elsewhere: frozenset[str] = frozenset()
    organizations_elsewhere: tuple[Resource, ...] = ()
    addresses_elsewhere: frozenset[str] = frozenset()
    problems: tuple[Problem, ...] = ()
    doubts: tuple[Problem, ...] = ()
    of_sets: frozenset[str] = frozenset()
    safeguards: Safeguards = Safeguards()

    @cached_property
    def by_kind(self) -> Mapping[str, Sequence[Resource]]:
        """Return the resources of each kind of which some are declared."""
        found: dict[str, list[Resource]] = {}
        for resource in self.resources:
            found.setdefault(resource.kind, []).append(resource)
        return found

    @property
    def organizations(self) -> Sequence[Resource]:
        """Return the organizations, those of sets among them."""
        return self.by_kind.get(ORGANIZATION, ())

    @property
    def members(self) -> Sequence[Resource]:
        """Return the members that are written by hand."""
        return self.by_kind.get(MEMBER, ())

    def kinds(self, config: Config) -> frozenset[str]:
        """Return the kinds that are managed: those the file lists, or else those that some document declares."""
        if config.kinds is not None:
            return config.kinds
        return frozenset({*self.by_kind, MEMBER} if self.rules else self.by_kind)

    def writes(self, kind: str, config: Config) -> bool:
        """Return whether a run may write resources of a kind."""
        return kind in self.kinds(config) and config.authority_of(kind) != "observe"

    def external(self) -> frozenset[str]:
        """Return the slugs of the organizations that must exist and are somebody else's."""
        return frozenset(one.name for one in self.organizations if one.ensure == "external")


def load(config: Config, redaction: Redaction | None = None, *, tested: bool = False) -> tuple[Declared, Rules]:
    """Return what the documents declare for an environment, and the rules for its users.

    With a ``redaction`` both are about redacted users; what is wrong is said of the documents as they stand. Raises
    ``InvalidInput`` with every error of every file, ``Unreadable`` if a table cannot be read completely; where nothing
    else is wrong and the rules are to be ``tested``, ``InvalidInput`` with everything that RuleTests expect otherwise.
    """
    found = examine(config)
    declared = _declared_in(found, config)
    read, unreadable = read_tables({name: at for name, at in config.tables.items() if name not in found.tables})
    tables = {**read, **found.tables}
    errors = [*found.errors, *unreadable]
    safeguards = safeguards_of(found.safeguards, config, errors)
    sources = _sources_of_rules(config, declared, tables)
    wrong = [*masked(names_of_nothing(declared.rule_tests, sources))]
    try:
        rules = compile_rules(sources)
    except InvalidInput as error:
        wrong += error.problems
    errors += (each for each in wrong if not _may_follow_from_others(each, found))
    if errors:
        raise refusal(errors)
    _check_named(config, declared)  # what is marked is known once all of it could be read
    doubts = about_nothing(safeguards.accepted, declared.resources)
    declared = structs.replace(declared, safeguards=safeguards, problems=(*declared.problems, *doubts))
    if tested and (failed := [*masked(failures(declared.rule_tests, sources))]):
        raise refusal(failed)
    if redaction:
        declared = _without_people(declared, redaction)
        sources = _sources_of_rules(config, declared, redacted_tables(tables, redaction))
        rules = compile_rules(structs.replace(sources, redaction=redaction))
    return declared, rules


def _without_people(declared: Declared, redaction: Redaction) -> Declared:
    return structs.replace(
        declared,
        resources=tuple(redacted_resource(one, redaction) for one in declared.resources),
        organizations_elsewhere=tuple(redacted_resource(one, redaction) for one in declared.organizations_elsewhere),
        rules=tuple(redacted_document(one, redaction) for one in declared.rules),
        safeguards=declared.safeguards.without_people(redaction),
    )


def load_documents(config: Config) -> Declared:
    """Return what the documents declare for an environment, whatever its rules say; raises as ``load`` does."""
    found = examine(config)
    if found.errors:
        raise refusal(found.errors)
    return _declared_in(found, config)


def refusal(errors: Iterable[Problem]) -> InvalidInput | Unreadable:
    """Return one exception of many errors, each once and by their places: ``Unreadable`` if any is that."""
    ordered = sorted(set(errors), key=lambda error: (error.at, error.message))
    return (Unreadable if any(error.code == Unreadable.code for error in ordered) else InvalidInput)(ordered)


def _may_follow_from_others(error: Problem, found: DeclaredDocuments) -> bool:
    """Return whether an error of the rules may come from another one: a name may be that of an invalid document."""
    return (error.code == "unknown-path" and bool(found.errors)) or (
        error.code == "unknown-organization" and found.incomplete
    )


def _sources_of_rules(config: Config, declared: Declared, tables: Mapping[str, Table | None]) -> RuleSources:
    return RuleSources(
        documents=declared.rules,
        organizations=declared.organizations,
        members=declared.members,
        elsewhere=declared.elsewhere,
        organizations_elsewhere=declared.organizations_elsewhere,
        tables=tables,
        environment=config.environment,
        variables=config.vars,
        external_id=config.members.external_id,
        external_id_at=config.at("members", "external_id"),
    )


def _check_named(config: Config, declared: Declared) -> None:
    """Refuse a configuration without a name where organizations or members are to be marked with it."""
    kinds = declared.kinds(config)
    organizations = ORGANIZATION in kinds and any(one.ensure != "external" for one in declared.organizations)
    members = MEMBER in kinds and (declared.members or declared.rules)
    if config.owner.name or not (organizations or members):
        return
    message = f"{FILE} has no name, but the mark of organizations and members contains this name"
    hint = "write `name: acme-identity` at the top, a different name in each repository; if an earlier version created "
    hint += "marks without a name, also write `formerly: reconciler` to take those resources over"
    raise InvalidInput([problem("owner", message, hint, Position(FILE, 1))])


def _declared_in(found: DeclaredDocuments, config: Config) -> Declared:
    """Return what is declared for the environment of a configuration, and the warnings about all of it."""
    here = [resource for resource in found.resources if config.environment in resource.environments]
    organizations = [resource for resource in here if resource.kind == ORGANIZATION]
    slugs = {organization.name for organization in organizations}
    resources = [one for one in here if one.namespace is None or one.namespace in slugs]
    others = [one for one in found.resources if one.kind == ORGANIZATION and one.name not in slugs]
    elsewhere = {organization.name for organization in others}
    elsewhere |= {name for kind, name in found.invalid if kind == ORGANIZATION}
    declared = Declared(
        resources=tuple(resources),
        rules=tuple(one for one in found.rules if config.environment in one.environments),
        rule_tests=tuple(one for one in found.rule_tests if config.environment in one.environments),
        manual_steps=tuple(one for one in found.manual_steps if config.environment in one.environments),
        elsewhere=frozenset(elsewhere - slugs),
        organizations_elsewhere=tuple(others),
        addresses_elsewhere=frozenset(
            one.address for one in found.resources if config.environment not in one.environments
        ),
        problems=(*found.warnings, *way_in_warnings(organizations)),
        doubts=tuple(creatable_warnings(here)),
        of_sets=frozenset(found.tables),
    )
    return structs.replace(declared, problems=(*declared.problems, *_left_out(declared, config)))


def _left_out(declared: Declared, config: Config) -> Iterator[Problem]:
    """Yield a warning where ``kinds`` leaves out what documents declare, or what ``authority`` names.

    Organizations are also declared for their members alone.
    """
    if config.kinds is None or config.document is None:
        return
    unmanaged = declared.by_kind.keys() - config.kinds
    unmanaged -= {ORGANIZATION} if MEMBER in config.kinds else set()
    unmanaged |= {"MappingRules"} if declared.rules and MEMBER not in config.kinds else set()
    if unmanaged:
        message = f"kinds leaves out what documents declare: {', '.join(sorted(unmanaged))}"
        hint = "none of it is compared or written; add what is to be managed"
        yield problem("no-effect", message, hint, config.at("kinds"), severity="warning")
    environment = config.document.body["environments"][config.environment] or {}
    for kind in environment.get("authority", {}).keys() - config.kinds:
        message, hint = f"authority names {kind}, which kinds leaves out", "remove it, or add the kind"
        yield problem("no-effect", message, hint, config.at("authority", kind), severity="warning")
