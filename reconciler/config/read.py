"""``reconciler.yaml`` and the environment → one frozen value."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import UNSET, Struct

from reconciler.clients.credentials import Rates
from reconciler.config.checks import contradictions, misnamed, without_vars
from reconciler.config.schema import (
    Authority,
    Configuration,
    ConsumerProject,
    Environment,
    JournalPolicy,
    Limits,
    MembersPolicy,
    OrganizationsPolicy,
    Rows,
    SnapshotPolicy,
    Target,
    Users,
)
from reconciler.credentials.settings import CredentialSettings
from reconciler.diff.ownership import Owner
from reconciler.documents.document import Document
from reconciler.documents.read import documents_in, read_text
from reconciler.errors import InvalidInput
from reconciler.kinds import KINDS
from reconciler.model import Json, Position, problem
from reconciler.schema.validate import nowhere, strings_in, validation_errors
from reconciler.suggest import suggest_allowed

FILE: Final = "reconciler.yaml"
_ALIKE: Final = re.compile(r"(?i)reconciler\.ya?ml")


class RowsSource(Struct, frozen=True):
    """A file of rows, and how many it must hold at least; ``shown`` is its name as people wrote it."""

    file: Path
    shown: str
    rows: int | None = None


class UsersSource(Struct, frozen=True):
    """Where users come from: a Consumer export, or (``file`` None) a Consumer project.

    ``project_id`` says which one that must be, ``any_type`` that it need not be test or live as the target is.
    """

    file: Path | None
    shown: str = ""
    rows: int | None = None
    project_id: str | None = None
    any_type: bool = False


class Config(Struct, frozen=True, kw_only=True):
    """What ``reconciler.yaml`` and the command line say about one environment; every default is the careful one."""

    root: Path
    owner: Owner = Owner("")
    environment: str
    environments: tuple[str, ...]
    target: Target = Target()
    users: UsersSource | None = None
    unmatched: Literal["report", "error", "ignore"] = "report"
    held: Literal["report", "error"] = "report"
    tables: Mapping[str, RowsSource] = {}
    kinds: frozenset[str] | None = None
    authority: Mapping[str, Authority] = {}
    owns_project: bool = True
    owner_of_project: str = ""  # the environment that says so of this one's project, if one does
    organizations: OrganizationsPolicy = OrganizationsPolicy()
    members: MembersPolicy = MembersPolicy()
    guards: Limits = Limits()
    rates: Rates = Rates()
    journal: JournalPolicy = JournalPolicy()
    credentials: CredentialSettings | None = None
    vars: Mapping[str, Json] = {}
    ignore: tuple[str, ...] = ()
    snapshot: SnapshotPolicy = SnapshotPolicy()
    state: Literal["git", "none"] = "git"
    addresses: Literal["masked", "whole"] = "masked"
    document: Document | None = None

    @property
    def constants(self) -> Mapping[str, Json]:
        """Return what expressions of manifests can name everywhere."""
        return {"vars": dict(self.vars), "environment": self.environment}

    def authority_of(self, kind: str) -> Authority:
        """Return what may be done to resources of a kind: observe, additive (the default) or authoritative.

        What belongs to the whole project is written by the one environment that owns it, and observed by the others.
        """
        if KINDS[kind].is_shared and not self.owns_project:
            return "observe"
        return self.authority.get(kind, "additive")

    def files_named(self) -> Iterator[str | Path]:
        """Yield what may be the name of a file: texts of every environment, and the files of this run."""
        environments = self.document.body["environments"] if self.document else {}
        for environment in environments.values():
            settings = {key: value for key, value in (environment or {}).items() if key != "vars"}
            yield from (text for _path, text in strings_in(settings))
        yield from (source.file for source in self.tables.values())
        if self.users and self.users.file:
            yield self.users.file

    def at(self, *path: str) -> Position:
        """Return the place in ``reconciler.yaml`` of a setting: of this environment, or of all."""
        if self.document is None:
            return Position(FILE, 1)
        if path and path[0] in self.document.body:
            return self.document.at(*path)
        return self.document.at("environments", self.environment, *path)


def load_config(
    root: Path, environment: str | None = None, *, tables: Sequence[str] = (), users: str | None = None
) -> Config:
    """Return what ``reconciler.yaml`` below ``root`` says about an environment.

    ``tables`` are NAME=FILE and ``users`` a FILE of the command line, which win over the file's; every path is
    relative to ``root``. Raises ``InvalidInput`` with every problem.
    """
    root = Path(os.path.abspath(root))  # noqa: PTH100 # a symbolic link to a repository is that repository, as named
    document = _read(root)
    body = msgspec.convert(document.body, Configuration)
    name = _choose(environment, tuple(body.environments), document)
    chosen = body.environments[name] or Environment()
    sources = {table: _rows(root, rows) for table, rows in chosen.tables.items()}
    problems = [*contradictions(root, body, name, document), *misnamed(tables, sources, name)]
    for table, _equals, file in (given.partition("=") for given in tables):
        sources[table] = RowsSource(_given(root, file), file, sources[table].rows if table in sources else None)
    if problems:
        raise InvalidInput(problems)
    return Config(
        root=root,
        owner=Owner(body.name or "", body.formerly or ""),
        environment=name,
        environments=tuple(body.environments),
        target=chosen.target,
        users=UsersSource(_given(root, users), users) if users else _users(root, chosen.users),
        unmatched=chosen.unmatched,
        held=chosen.held,
        tables=sources,
        kinds=None if chosen.kinds is None else frozenset(chosen.kinds),
        authority=msgspec.structs.asdict(chosen.authority),
        credentials=chosen.credentials,
        owns_project=_owns(body, chosen),
        owner_of_project=next(_owning(body, chosen.target.project), ""),
        organizations=chosen.organizations,
        members=chosen.members,
        guards=chosen.guards,
        rates=chosen.rates,
        journal=chosen.journal,
        vars=chosen.vars,
        ignore=tuple(body.ignore),
        snapshot=body.snapshot,
        state=body.state,
        addresses=body.addresses,
        document=document,
    )


def _given(root: Path, file: str) -> Path:
    """Return the path that a command line names: relative to the root, or to the current folder if only that exists."""
    return Path.cwd() / file if not (root / file).exists() and (Path.cwd() / file).exists() else root / file


def environments_of(root: Path) -> tuple[str, ...]:
    """Return the names of all environments of ``reconciler.yaml`` below ``root``; raises as ``load_config`` does."""
    return tuple(_read(root).body["environments"])


def _read(root: Path) -> Document:
    path = root / FILE
    alike = sorted(each.name for each in root.iterdir() if _ALIKE.fullmatch(each.name)) if root.is_dir() else []
    if alike and FILE not in alike:
        raise InvalidInput(f"there is no {FILE} here, but {alike[0]}", hint="rename it")
    if not path.exists():
        hint = "use -C DIR to name the repository's root; `reconciler init` makes a repository to start from"
        raise InvalidInput(f"there is no {FILE} here", hint=hint)
    if not path.resolve().is_relative_to(root.resolve()):
        raise InvalidInput(
            f"{FILE} is a symbolic link that leads out of the repository", hint="put the file itself here"
        )
    others = (each for each in alike if each != FILE)
    problems = [problem("unread-file", f"{each} is not read", "remove it", Position(each, 1)) for each in others]
    text = read_text(path, FILE, problems)
    documents = list(documents_in(text, FILE, problems)) if text is not None else []
    if len(documents) != 1 and not any(problem.at[0].file == FILE for problem in problems):
        message = f"{FILE} holds {len(documents)} documents; expected one, of kind Configuration"
        problems.append(problem("one-configuration", message, "", Position(FILE, 1)))
    for document in documents[:1]:
        said = without_vars(document.body)
        problems += validation_errors(said, Configuration, document.at, document.key_at, computed=nowhere)
    if problems:
        raise InvalidInput(sorted(problems, key=lambda problem: problem.at))
    return documents[0]


def _choose(asked: str | None, names: tuple[str, ...], document: Document) -> str:
    if asked is None and len(names) == 1:
        return names[0]
    if asked in names:
        return asked
    at = document.at("environments")
    if asked is None:
        message = f"{FILE} has several environments: {', '.join(names)}"
        raise InvalidInput([problem("environment", message, "choose one: --environment NAME", at)])
    message = f"{FILE} has no environment {asked}"
    raise InvalidInput([problem("environment", message, suggest_allowed(asked, names), at)])


def _owns(body: Configuration, environment: Environment) -> bool:
    """Return whether an environment writes what belongs to the whole project: the only one does, and a live one."""
    if environment.owns_project is None:
        return len(body.environments) == 1 or environment.target.type == "live"
    return environment.owns_project


def _owning(body: Configuration, project: str | None) -> Iterator[str]:
    """Yield the environments that own a project; one that does not say of which owns whichever there is."""
    for name, environment in body.environments.items():
        if environment and _owns(body, environment) and environment.target.project in (None, project):
            yield name


def _users(root: Path, users: Users | None) -> UsersSource | None:
    if users is None:
        return None
    if users.file is UNSET and isinstance(users.consumer, ConsumerProject):
        allowed = users.consumer.other_type == "allow"
        return UsersSource(None, project_id=users.consumer.project_id, any_type=allowed)
    if users.file is UNSET:
        return UsersSource(None)
    return UsersSource(root / users.file, users.file, users.rows or None)


def _rows(root: Path, rows: str | Rows) -> RowsSource:
    if isinstance(rows, str):
        return RowsSource(root / rows, rows)
    return RowsSource(root / rows.file, rows.file, rows.rows or None)
