"""What ``reconciler.yaml`` and the command line say that would have no effect, or would lead out of the repository."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

from reconciler.config.schema import Environment
from reconciler.credentials.backend import DEFAULT, IDS
from reconciler.credentials.settings import CredentialSettings
from reconciler.documents.document import Document
from reconciler.documents.read import resolved
from reconciler.files import FOLDER
from reconciler.model import Json, Position, Problem, problem
from reconciler.suggest import suggest_allowed

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


def left_empty(document: Document) -> Iterator[Problem]:
    """Yield each key that nothing stands behind, where null does not mean anything of its own."""
    waiting: list[tuple[tuple[str, ...], Json]] = [((), document.body)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict) and path[2:] != ("vars",):
            waiting.extend(((*path, key), inner) for key, inner in value.items())
        elif value is None and len(path) != ENVIRONMENT_DEPTH and path[2:] != ("members", "external_id"):
            message = f"{path[-1]} is empty and has no effect"
            yield problem("left-empty", message, "write its value, or remove the key", document.at(*path))


def linked(root: Path) -> Iterator[Problem]:
    """Yield a problem for each symbolic link where our own files lie: whoever commits it would choose what we read."""
    own = root / FOLDER
    for path in [own] if own.is_symlink() else sorted(own.iterdir()) if own.is_dir() else ():
        if path.is_symlink():
            file = path.relative_to(root).as_posix()
            yield problem(
                "not-followed", f"{file} is a symbolic link, which is not followed", "remove it", Position(file, 1)
            )


def outside(root: Path, chosen: Environment, name: str, document: Document) -> Iterator[Problem]:
    """Yield a problem for each file of the repository that is a symbolic link out of it, or lies behind one."""
    for keys, file in _read(chosen).items():
        path = Path(os.path.normpath(root / file))
        if path.is_relative_to(root) and not (resolved(path) or path).is_relative_to(root.resolve()):
            message = f"{file} leads out of the repository by a symbolic link"
            yield problem("outside", message, "name the file itself", document.at("environments", name, *keys))


def written_over(chosen: Environment, name: str, document: Document) -> Iterator[Problem]:
    """Yield a problem for each file that credentials would be written to and that the environment reads."""
    read = {os.path.normpath(file): ".".join(keys) for keys, file in _read(chosen).items()}
    kept = chosen.credentials
    for file in (kept.path, kept.ids) if kept else ():
        if isinstance(file, str) and file and (what := read.get(os.path.normpath(file))):
            message = f"credentials would be written to {file}, which {what} reads"
            at = document.at("environments", name, "credentials")
            yield problem("credentials", message, "name a file of their own", at)


def kept_together(environments: Mapping[str, Environment | None], document: Document) -> Iterator[Problem]:
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
    """Give the files that an environment's credentials and their ids are written to."""
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
