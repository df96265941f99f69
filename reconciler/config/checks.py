"""What ``reconciler.yaml`` and the command line say that cannot be meant, or leads out of the repository."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

from msgspec import UNSET

from reconciler.config.schema import Configuration, ConsumerProject, Environment
from reconciler.credentials.backend import DEFAULT, IDS
from reconciler.credentials.settings import CredentialSettings, contradiction
from reconciler.documents.document import Document
from reconciler.documents.read import resolved
from reconciler.files import FOLDER
from reconciler.model import Json, Position, Problem, problem, type_of
from reconciler.suggest import suggest_allowed

OTHER_TYPE: Final = (
    "name a project of the same type; or set `other_type: allow` next to project_id, if test users should become live "
    "members, or live users test members"
)
ENVIRONMENT_DEPTH: Final = 2  # environments, and its name: nothing below it means that every default is right


def without_vars(body: Json) -> Json:
    """Return a configuration without what is in ``vars``: a text there that looks like an expression is a text."""
    environments = body.get("environments") if isinstance(body, dict) else None
    if not isinstance(environments, dict):
        return body
    return {**body, "environments": {name: _without_vars(one) for name, one in environments.items()}}


def _without_vars(environment: Json) -> Json:
    if isinstance(environment, dict) and isinstance(environment.get("vars"), dict):
        return {**environment, "vars": {}}
    return environment


def contradictions(root: Path, body: Configuration, name: str, document: Document) -> Iterator[Problem]:
    """Yield what is of the right type and still cannot be meant, for the environment ``name`` and for all."""
    chosen = body.environments[name] or Environment()
    yield from _in_environment(chosen, name, document)
    yield from _owners(body, document)
    yield from _formerly(body, document)
    yield from _kept_together(body.environments, document)
    yield from _nameless(body, document)
    yield from _left_empty(document)
    yield from _linked(root)
    yield from _outside(root, chosen, name, document)


def _in_environment(chosen: Environment, name: str, document: Document) -> Iterator[Problem]:
    """Yield what the settings of one environment say against each other."""
    here = ("environments", name)
    users = chosen.users
    if users and (users.file is UNSET) == (users.consumer is UNSET):
        message = "users come either from a file or from a Consumer project"
        hint = "write {file: users.jsonl} or {consumer: {project_id: project-test-…}}"
        yield problem("users", message, hint, document.at(*here, "users"))
    elif users and users.file is UNSET and users.rows is not UNSET:
        message = "rows is the number of users in a file, but there is no file"
        yield problem("users", message, "remove rows", document.key_at(*here, "users", "rows"))
    if chosen.credentials and (message := contradiction(chosen.credentials)):
        hint = "write {file: FILE}, or {command: [...], read: [...], ids: FILE}"
        yield problem("credentials", message, hint, document.at(*here, "credentials"))
    yield from _written_over(chosen, name, document)
    target = chosen.target
    if target.environment and not target.project:
        message = "target names an environment but no project"
        yield problem("target", message, "add project: SLUG", document.at(*here, "target", "environment"))
    consumer = users.consumer if users and isinstance(users.consumer, ConsumerProject) else None
    if consumer and consumer.other_type is UNSET and (sort := type_of(consumer.project_id)) != target.type:
        message = f"{consumer.project_id} is a {sort} project, and the target is of type {target.type}"
        at = document.at(*here, "users", "consumer", "project_id")
        yield problem("users", message, OTHER_TYPE, at)
    if target.type == "live" and target.project_id and type_of(target.project_id) == "test":
        message = f"type is live, but {target.project_id} is a test project"
        yield problem("target", message, "correct one of the two", document.at(*here, "target", "type"))
    elif target.type == "live" and not target.project_id and not (target.project and target.environment):
        message = "type is live, but no project is named"
        hint = "add project_id: project-live-…, or project and environment by their slugs"
        yield problem("target", message, hint, document.at(*here, "target", "type"))


def _owners(body: Configuration, document: Document) -> Iterator[Problem]:
    """Yield a problem where two environments would write what belongs to one project, or may."""
    owners = [name for name, environment in body.environments.items() if environment and environment.owns_project]
    projects = {name: environment.target.project for name, environment in body.environments.items() if environment}
    for number, name in enumerate(owners):
        for first in owners[:number]:
            places = tuple(document.at("environments", each, "owns_project") for each in (name, first))
            if None in (projects[name], projects[first]):
                message = f"{first} and {name} both set owns_project, but do not name their project"
                hint = "set target.project for both"
            elif projects[name] == projects[first]:
                message = f"{first} and {name} both set owns_project for the same project"
                hint = "keep one of the two"
            else:
                continue
            yield problem("owner", message, hint, *places)


def _formerly(body: Configuration, document: Document) -> Iterator[Problem]:
    """Yield a problem where nothing would be taken over, or by nobody."""
    if body.formerly and body.formerly == body.name:
        message = "formerly equals name, so it has no effect"
        yield problem("owner", message, "remove formerly", document.at("formerly"))
    elif body.formerly and body.name is None:
        message = "formerly is set, but there is no name for the new marks"
        yield problem("owner", message, f"write name: {body.formerly}, or another name", document.at("formerly"))


def _nameless(body: Configuration, document: Document) -> Iterator[Problem]:
    """Yield a problem for each environment that ``--environment`` could not name."""
    for name in body.environments:
        if not name.strip():
            yield problem(
                "environment", "this environment has no name", "name it", document.key_at("environments", name)
            )


def _left_empty(document: Document) -> Iterator[Problem]:
    """Yield each key that nothing stands behind, where null does not mean anything of its own."""
    waiting: list[tuple[tuple[str, ...], Json]] = [((), document.body)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict) and path[2:] != ("vars",):
            waiting.extend(((*path, key), inner) for key, inner in value.items())
        elif value is None and len(path) != ENVIRONMENT_DEPTH and path[2:] != ("members", "external_id"):
            message = f"{path[-1]} is empty and has no effect"
            yield problem("left-empty", message, "write its value, or remove the key", document.at(*path))


def _linked(root: Path) -> Iterator[Problem]:
    """Yield a problem for each symbolic link where our own files lie: whoever commits it would choose what we read."""
    own = root / FOLDER
    for path in [own] if own.is_symlink() else sorted(own.iterdir()) if own.is_dir() else ():
        if path.is_symlink():
            file = path.relative_to(root).as_posix()
            yield problem(
                "not-followed", f"{file} is a symbolic link, which is not followed", "remove it", Position(file, 1)
            )


def _outside(root: Path, chosen: Environment, name: str, document: Document) -> Iterator[Problem]:
    """Yield a problem for each file of the repository that is a symbolic link out of it, or lies behind one."""
    for keys, file in _read(chosen).items():
        path = Path(os.path.normpath(root / file))
        if path.is_relative_to(root) and not (resolved(path) or path).is_relative_to(root.resolve()):
            message = f"{file} leads out of the repository by a symbolic link"
            yield problem("outside", message, "name the file itself", document.at("environments", name, *keys))


def _written_over(chosen: Environment, name: str, document: Document) -> Iterator[Problem]:
    """Yield a problem for each file that credentials would be written to and that the environment reads."""
    read = {os.path.normpath(file): ".".join(keys) for keys, file in _read(chosen).items()}
    kept = chosen.credentials
    for file in (kept.path, kept.ids) if kept else ():
        if isinstance(file, str) and file and (what := read.get(os.path.normpath(file))):
            message = f"credentials would be written to {file}, which {what} reads"
            at = document.at("environments", name, "credentials")
            yield problem("credentials", message, "name a file of their own", at)


def _kept_together(environments: Mapping[str, Environment | None], document: Document) -> Iterator[Problem]:
    """Yield a problem for each file that would hold the credentials or ids of two environments, or both of one.

    The same name means another credential in each environment: one would take the place of the other.
    """
    holders: dict[str, str] = {}
    for name, environment in environments.items():
        for what, file in _kept(environment.credentials if environment else None, name).items():
            holder = f"the {what} of {name}"
            if (first := holders.setdefault(os.path.normpath(file), holder)) != holder:
                message = f"{first} and {holder} would be kept in one file, {file}"
                at = document.at("environments", name, "credentials")
                yield problem("credentials", message, "name a file for each", at)


def _kept(settings: CredentialSettings | None, environment: str) -> Mapping[str, str]:
    """Return the files that an environment's credentials and their ids are written to."""
    quoted = quote(environment, safe="")
    file = settings.path if settings else DEFAULT.format(quoted)
    ids = (settings.ids if settings else "") or IDS.format(quoted)
    return {"credentials": file, "ids": ids} if file else {"ids": ids}


def _read(chosen: Environment) -> Mapping[tuple[str, ...], str]:
    """Return the files that an environment reads, by the keys that name them."""
    read: dict[tuple[str, ...], str] = {
        ("tables", table): rows if isinstance(rows, str) else rows.file for table, rows in chosen.tables.items()
    }
    if chosen.users and isinstance(chosen.users.file, str):
        read["users", "file"] = chosen.users.file
    return read


def misnamed(tables: Sequence[str], configured: Collection[str], environment: str) -> Iterator[Problem]:
    """Yield each ``--table`` that would have no effect: of no name, of one that nothing is called, or given twice."""
    names: set[str] = set()
    for given in tables:
        name, equals, file = given.partition("=")
        if not (name and equals and file):
            message, hint = f"--table {given} is not NAME=FILE", "e.g. --table tenants=t.csv"
        elif name not in configured:
            message = f"--table names {name}, which is not a table of environment {environment}"
            hint = suggest_allowed(name, configured) or "name it in reconciler.yaml, under tables"
        elif name in names:
            message, hint = f"--table gives {name} twice", "remove one of the two"
        else:
            names.add(name)
            continue
        yield problem("usage", message, hint)
