"""Artifacts of runs → the one file that is in them: hostile until somebody has read it as what it should be."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from reconciler.errors import InvalidInput, Unreadable
from reconciler.github.client import Repository

READ: Final = "actions: read"
PLAN: Final = "reconciler-plan-"
SNAPSHOT: Final = "reconciler-snapshot-"
TRUSTED: Final = frozenset({"push", "schedule", "workflow_dispatch"})  # events that run what is on the branch
PACKED: Final = 256 << 20  # bytes of an archive
UNPACKED: Final = 1 << 30  # bytes of the file in it
CANDIDATES: Final = 20  # runs that are asked for the newest snapshot
NEWEST: Final = 5  # pages of artifacts, which GitHub lists from the newest on
_BLOCK: Final = 1 << 20


class Named(Struct, frozen=True):
    """A repository, by its name."""

    full_name: str


class About(Struct, frozen=True, kw_only=True):
    """What GitHub says of the repository."""

    default_branch: str
    private: bool


class Run(Struct, frozen=True, kw_only=True):
    """A run of a workflow; ``head_repository`` is where its commit comes from, a fork or this repository."""

    id: int
    event: str
    head_sha: str
    head_branch: str | None = None
    head_repository: Named | None = None
    html_url: str = ""

    @property
    def source(self) -> str:
        """Return the name of the repository that its commit comes from, "" where that is gone."""
        return self.head_repository.full_name if self.head_repository else ""


class OfRun(Struct, frozen=True):
    """What an artifact says of its run."""

    id: int | None = None
    head_branch: str | None = None


class Artifact(Struct, frozen=True, kw_only=True):
    """What a run uploaded."""

    id: int
    name: str
    expired: bool = False
    size_in_bytes: int = 0
    workflow_run: OfRun | None = None


def about(repository: Repository) -> About:
    """Return what GitHub says of the repository."""
    return repository.get("", "contents: read", About)


def runs_of(repository: Repository, commit: str) -> list[Run]:
    """Return the runs of pull requests for a commit, the newest first."""
    path = f"/actions/runs?event=pull_request&head_sha={commit}"
    return sorted(repository.listed(path, READ, Run, "workflow_runs"), key=lambda run: -run.id)


def artifacts_of(repository: Repository, run: int, name: str = "") -> list[Artifact]:
    """Return what a run uploaded, the newest first."""
    path = f"/actions/runs/{run}/artifacts{f'?name={name}' if name else ''}"
    return sorted(repository.listed(path, READ, Artifact, "artifacts"), key=lambda artifact: -artifact.id)


def newest_snapshot(repository: Repository, environment: str) -> Artifact:
    """Return the newest snapshot that a run of the default branch published; raises ``Unreadable``."""
    branch = about(repository).default_branch
    tried = 0
    for artifact in _named(repository, f"{SNAPSHOT}{environment}"):
        of = artifact.workflow_run
        if artifact.expired or of is None or of.id is None or of.head_branch != branch:
            continue
        run = repository.get(f"/actions/runs/{of.id}", READ, Run)
        # A fork's branch may have the same name, and an event of a pull request runs what nobody has merged.
        if (run.source, run.head_branch) == (repository.name, branch) and run.event in TRUSTED:
            return artifact
        tried += 1
        if tried == CANDIDATES:
            break
    raise Unreadable(
        f"no run of {branch} has published a snapshot of {environment}, or it expired",
        hint=f"run the workflow that takes snapshots (apply or drift) on {branch}",
    )


def _named(repository: Repository, name: str) -> Iterator[Artifact]:
    rows = repository.listed(f"/actions/artifacts?name={name}", READ, Artifact, "artifacts", NEWEST)
    yield from sorted(rows, key=lambda artifact: -artifact.id)


def content_of(
    repository: Repository, artifact: Artifact, packed: int = PACKED, unpacked: int = UNPACKED
) -> Iterator[bytes]:
    """Return the blocks of the only file of an artifact; raises ``InvalidInput`` where it is not as it should be."""
    if artifact.expired:
        raise _odd(artifact, "it has expired")
    if artifact.size_in_bytes > packed:
        raise _odd(artifact, f"it is larger than {packed:,} bytes")
    archive = repository.download(f"/actions/artifacts/{artifact.id}/zip", READ, packed)
    return _only_file(artifact, archive, unpacked)


def _only_file(artifact: Artifact, archive: bytes, most: int) -> Iterator[bytes]:
    size = 0
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            names = opened.infolist()
            if len(names) != 1 or names[0].is_dir():
                raise _odd(artifact, f"it holds {len(names)} files, not one")
            with opened.open(names[0]) as file:
                while block := file.read(_BLOCK):
                    size += len(block)
                    if size > most:
                        raise _odd(artifact, f"its file is larger than {most:,} bytes")
                    yield block
    # The last ones: zipfile's own words for a password, and for how something is packed.
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as error:
        raise _odd(artifact, f"it is no archive that can be read ({type(error).__name__})") from error


def _odd(artifact: Artifact, why: str) -> InvalidInput:
    return InvalidInput(f"the artifact {artifact.name} is not used: {why}")
