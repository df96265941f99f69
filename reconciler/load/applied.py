"""What people had written at the revision that was applied last: what a change of today is compared with."""

from collections.abc import Iterator, Mapping
from functools import cached_property

from msgspec import Struct, structs

from reconciler.config.read import Config, RowsSource, load_config
from reconciler.errors import InvalidInput, Unreadable
from reconciler.expressions.redaction import Redaction
from reconciler.history.git import Repository
from reconciler.history.look import SHORT, UNKNOWN, History, warning
from reconciler.history.state import State, inputs_of, is_tracked, tree_of
from reconciler.kinds import KINDS
from reconciler.load.repository import Declared, load
from reconciler.load.templates import TEMPLATE
from reconciler.model import MEMBER, ORGANIZATION, Position, Problem, Resource
from reconciler.rules.rule import Rules


class AppliedFiles(Struct, frozen=True, kw_only=True, dict=True):
    """What was declared at the revision that was applied last, and its rules; ``is_same`` says that they are today's.

    ``config`` has today's users, and today's tables where git has none; ``tables`` are today's. ``repository`` and
    ``state`` are where all of it is known from.
    """

    config: Config
    tables: Mapping[str, RowsSource]
    declared: Declared
    rules: Rules
    is_same: bool
    repository: Repository
    state: State

    @cached_property
    def by_address(self) -> dict[str, Resource]:
        """Return every resource that was declared."""
        return {one.address: one for one in self.declared.resources}

    @cached_property
    def rows_moved(self) -> bool:
        """Return whether a table of organizations that git does not have is not as it was when it was applied."""
        files = {f"tables.{name}": self.tables[name].file for name in self.declared.of_sets & self.tables.keys()}
        digests = inputs_of(self.repository, files)
        return any(self.state.inputs.get(name) != digest for name, digest in digests.items())

    def before(self, resource: Resource) -> Resource | None:
        """Return what was declared of a resource, under its name or the one that it is renamed from."""
        names = (resource.name, resource.renamed_from)
        found = (self.by_address.get(structs.replace(resource, name=name).address) for name in names if name)
        return next((one for one in found if one is not None), None)


def resettled(now: Config, before: Config) -> frozenset[str]:
    """Return the kinds that the configuration of today has managed in another way than the one before."""
    found = {kind for kind in KINDS if now.authority_of(kind) != before.authority_of(kind)}
    found |= {kind for kind in KINDS if _is_listed(now, kind) != _is_listed(before, kind)}
    found |= {MEMBER} if now.members != before.members else set()
    return frozenset(found | ({ORGANIZATION} if now.organizations != before.organizations else set()))


def _is_listed(config: Config, kind: str) -> bool:
    return config.kinds is None or kind in config.kinds


def is_of_a_row(resource: Resource) -> bool:
    """Return whether an organization is one of an OrganizationSet."""
    return TEMPLATE in resource.positions


def with_omitted(declared: Declared, applied: AppliedFiles | None, config: Config) -> Declared:
    """Return what is declared, and with it, as absent, what was declared when it was applied last and is no longer.

    That holds for kinds that are ``authoritative``; members and organizations are known by their marks instead. What
    the last apply left undone is no evidence that a resource was ever ours.
    """
    found = tuple(_omitted(declared, applied, config)) if applied else ()
    return structs.replace(declared, resources=(*declared.resources, *found)) if found else declared


def _omitted(declared: Declared, applied: AppliedFiles, config: Config) -> Iterator[Resource]:
    named = {one.address for one in declared.resources} | declared.addresses_elsewhere
    named |= {structs.replace(one, name=one.renamed_from).address for one in declared.resources if one.renamed_from}
    slugs = {one.name for one in declared.organizations if one.ensure == "present"}
    before = (one for one in applied.by_address.values() if one.ensure == "present")
    left = (one for one in map(_left, applied.state.pending) if one and one.address not in applied.by_address)
    known = (one for one in before if not applied.state.is_pending(one.address)) if not applied.is_same else ()
    for one in (*known, *left):
        is_ours = one.kind not in (MEMBER, ORGANIZATION) and config.authority_of(one.kind) == "authoritative"
        if is_ours and one.address not in named and (one.namespace is None or one.namespace in slugs):
            yield structs.replace(one, ensure="absent", omitted=True, renamed_from=None, spec={}, initial={})


def _left(address: str) -> Resource | None:
    """Return a resource whose delete the last apply left undone, by its address; None for what is none."""
    name, _, key = address.partition("/")
    kind = KINDS.get(name)
    if kind is None or key == "*":
        return None
    namespace, _, rest = key.partition("/") if kind.namespace else (None, "", key)
    return Resource(kind=name, namespace=namespace, name=rest, position=Position("", 0)) if rest else None


def as_applied(
    config: Config, declared: Declared, rules: Rules, history: History, redaction: Redaction | None = None
) -> tuple[AppliedFiles | None, tuple[Problem, ...]]:
    """Return the files of the revision that was applied last, with today's users; None where nothing tells.

    A warning says why they cannot be read, where they cannot.
    """
    state, repository = history.state, history.repository
    if repository is None or state is None or not state.is_evidence:
        return None, ()
    if _is_same(repository, history, state):
        return AppliedFiles(
            config=config,
            tables=config.tables,
            declared=declared,
            rules=rules,
            is_same=True,
            repository=repository,
            state=state,
        ), ()
    try:
        with tree_of(config.root, state.commit, ("",)) as root:
            before = _with_files_of(load_config(root, config.environment), config, repository)
            found, rules_then = load(before, redaction)
    except (InvalidInput, Unreadable) as error:
        first = error.problems[0]
        where = f" ({first.at[0]})" if first.at else ""
        message = f"{state.revision[:SHORT]}, which was applied last, cannot be read: {first.message}{where}"
        return None, (warning("no-state", f"{message}, {UNKNOWN}", "the next apply records what this version reads"),)
    return AppliedFiles(
        config=before,
        tables=config.tables,
        declared=found,
        rules=rules_then,
        is_same=False,
        repository=repository,
        state=state,
    ), ()


def _is_same(repository: Repository, history: History, state: State) -> bool:
    """Return whether the files of ours are those that were applied, whatever else of the repository changed."""
    if history.uncommitted:
        return False
    if state.revision == history.revision:
        return True
    here = f":(top,literal){repository.prefix}"
    return (
        repository.git("diff", "--quiet", "--no-ext-diff", state.commit, "HEAD", "--", here, allowed=(0, 1)).code == 0
    )


def _with_files_of(before: Config, now: Config, repository: Repository) -> Config:
    """Return the former configuration with today's users, and with today's tables where git had none, or has none."""
    given = {name: rows for name, rows in now.tables.items() if not is_tracked(repository, rows.file)}
    tables = {name: rows if rows.file.exists() else now.tables.get(name, rows) for name, rows in before.tables.items()}
    return structs.replace(before, users=now.users, tables={**tables, **{n: given[n] for n in tables if n in given}})
