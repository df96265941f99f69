"""Read a Consumer project and write the repository of the B2B project that replaces it.

::

    Stytch ── read_consumer ─→ Consumer ── repository ─→ files ── write_files ─→ a folder
                                              │
                 translate, without_defaults, with_names, in_files, unite: values to values
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from reconciler.clients.connect import DEFAULT_TRANSPORTS, Transports
from reconciler.clients.credentials import Credentials
from reconciler.errors import InvalidInput
from reconciler.export.files import write_files
from reconciler.migration.read import read_consumer
from reconciler.migration.repository import repository
from reconciler.schema.types import WorkspaceSlug


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
