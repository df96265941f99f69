"""Read a Consumer project and write the repository of the B2B project that replaces it.

::

    Stytch ── read_consumer ─→ Consumer ── repository ─→ files ── write_files ─→ a folder
                                              │
                 translate, without_defaults, with_secret_names, declarable, in_files, unite: values to values
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import structs

from reconciler.clients.connect import DEFAULT_TRANSPORTS, Transports
from reconciler.clients.credentials import Credentials
from reconciler.config.read import FILE
from reconciler.documents.yaml_writer import block, documents_text, scalar
from reconciler.errors import InvalidInput
from reconciler.export.files import write_files
from reconciler.export.from_live import COMMON_FILES
from reconciler.export.manifests import Manifest, body, literal
from reconciler.kinds import KINDS
from reconciler.migration.declare import declarable, secrets, with_secret_names, without_defaults
from reconciler.migration.names import with_own_names
from reconciler.migration.notes import notes
from reconciler.migration.read import read_consumer
from reconciler.migration.steps import Settings, Step, manual_steps
from reconciler.migration.translate import translate, translate_resources
from reconciler.migration.unite import Vars, in_files, unite
from reconciler.migration.values import Consumer, Translated, everywhere, together
from reconciler.model import Json, Spec
from reconciler.report.markdown import fill
from reconciler.schema.secret_names import words_of
from reconciler.schema.types import WorkspaceSlug

REDIRECT_URL: Final = "http://localhost:3000/authenticate"  # of test environments (docs/stytch.md, "Redirect URLs")
SECRET: Final = "STYTCH_SECRET"  # noqa: S105 # the name of a variable
MANIFESTS: Final = "manifests"


def init_from_consumer(
    root: Path,
    environ: Mapping[str, str],
    project: str = "",
    environments: Sequence[str] = (),
    transports: Transports = DEFAULT_TRANSPORTS,
) -> tuple[str, ...]:
    """Write the repository of a B2B project that replaces a Consumer project. Return the names of the written files.

    ``project`` is the slug of the new B2B project. ``environments`` are the slugs of the environments to read; without
    any, all are read.
    """
    _check_slug(project)
    consumer = read_consumer(Credentials.from_environment(environ), environ, environments, transports)
    if project == consumer.slug:
        hint = "a Consumer project cannot become a B2B project: give the slug of a new B2B project"
        raise InvalidInput(f"{project} is the Consumer project itself", hint=hint)
    return write_files(root, repository(consumer, project or f"{consumer.slug}-b2b"))


def _check_slug(project: str) -> None:
    try:
        msgspec.convert(project or "b2b", WorkspaceSlug)
    except msgspec.ValidationError as error:
        hint = "use lower-case letters, digits and -"
        raise InvalidInput(f"{project} is not a valid project slug", hint=hint) from error


def repository(consumer: Consumer, project: str) -> Mapping[str, str]:
    """Return the text of every file, by its name. Pure: nothing is read or written here."""
    consumer, renamed = with_own_names(consumer)
    of_project = translate_resources(consumer.resources)
    parts = {
        source.name: together([of_project, translate(source), Translated(changes=tuple(renamed[source.name]))])
        for source in consumer.environments
    }
    names = list(parts)
    settings = _settings(consumer, project, parts)
    resources, left_out = declarable(with_secret_names(without_defaults(everywhere(settings))), names)
    steps = manual_steps(Settings(resources, names), project)
    written, texts = in_files(resources)
    united = unite(written, names)
    return {
        **_manifests([*united.resources, *_absences(consumer)]),
        f"{MANIFESTS}/manual-steps.yaml": documents_text(_step(step) for step in steps),
        **texts,
        "MIGRATION.md": notes(consumer, project, parts, left_out, steps, list(secrets(resources))),
        **COMMON_FILES,
        FILE: _configuration(consumer, project, united.vars),  # last: everything that it refers to is written
    }


def _configuration(consumer: Consumer, project: str, variables: Mapping[str, Vars]) -> str:
    """Return the text of ``reconciler.yaml``. The first environment owns what belongs to the whole project."""
    first = consumer.environments[0]
    return fill(
        "configuration.yaml.j2",
        owner=project[:64],
        environments=[
            {
                "name": scalar(source.name),
                "target": block(
                    {"target": {"type": source.type.lower(), "project": project, "environment": source.slug}}, 2
                ),
                "users": block({"users": {"consumer": {"project_id": source.project_id}}}, 2),
                "owns_project": source is first,
                "vars": block({"vars": variables[source.name]}, 2) if variables[source.name] else "",
            }
            for source in consumer.environments
        ],
    )


def _settings(consumer: Consumer, project: str, parts: Mapping[str, Translated]) -> Mapping[str, Sequence[Manifest]]:
    """Return the settings that each environment declares: its own, and those of the whole project."""
    environments = [each for part in parts.values() for each in part.settings if each.kind == "Environment"]
    of_all = [
        Manifest(kind="Project", name=project, spec={"name": f"{consumer.name} (B2B)", "vertical": "B2B"}),
        *consumer.needed,
        *environments,
        Manifest(kind="Secret", name=SECRET, spec={}),
    ]
    own = {name: [each for each in part.settings if each.kind != "Environment"] for name, part in parts.items()}
    return {name: [*of_all, *every] for name, every in own.items()}


def _absences(consumer: Consumer) -> Iterator[Manifest]:
    """Yield a manifest that removes the redirect URL of new test environments, where the Consumer project lacks it."""
    where = tuple(
        source.name
        for source in consumer.environments
        if source.type == "TEST" and all(live.name != REDIRECT_URL for live in source.resources["RedirectURL"])
    )
    if where:
        environments = where if len(where) < len(consumer.environments) else ()
        yield Manifest(kind="RedirectURL", name=REDIRECT_URL, spec={}, environments=environments, ensure="absent")


def _manifests(resources: Sequence[Manifest]) -> Mapping[str, str]:
    files: dict[str, list[Mapping[str, Json]]] = {}
    for resource in sorted(resources, key=lambda resource: list(KINDS).index(resource.kind)):
        # In a spec, expressions read the variables that differ; in a name, Stytch's text means itself.
        files.setdefault(_file(resource.kind), []).append(body(structs.replace(resource, name=literal(resource.name))))
    return {name: documents_text(documents) for name, documents in files.items()}


def _step(step: Step) -> Mapping[str, Json]:
    check = {"check": step.check} if step.check else {}
    spec: Spec = literal({"what": step.what, "where": step.where, **check})
    return body(Manifest(kind="ManualStep", name=step.name, environments=step.environments, spec=spec))


def _file(kind: str) -> str:
    """Return the file of a kind. The kinds that a project is made of share one file."""
    name = "project" if KINDS[kind].order.opens_environment else "-".join(words_of(kind)).lower()
    return f"{MANIFESTS}/{name}.yaml"
