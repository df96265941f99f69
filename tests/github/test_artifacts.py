"""What runs uploaded: which snapshot is trusted, and what is not read of an archive that anybody made."""

import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.commands.cli import cli
from reconciler.emulator.server.app import App
from reconciler.errors import InvalidInput, Unreadable
from reconciler.github.artifacts import Artifact, content_of, newest_snapshot
from reconciler.github.client import Repository
from tests.github.stand_in import REPOSITORY, GitHub, Row, github
from tests.github.worlds import repository_of
from tests.snapshot import snapshots

MAIN: Row = {"ref": "main", "sha": "a" * 40}


@pytest.fixture
def there() -> Iterator[GitHub]:
    with github() as found:
        yield found


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def repository(there: GitHub, slept: list[float]) -> Iterator[Repository]:
    found = repository_of(there, slept)
    with found.http:
        yield found


def published(there: GitHub, event: str, head: Row, content: bytes = b"x", **fields: object) -> int:
    run = there.run(event, head)
    return int(there.artifact("reconciler-snapshot-test", run, {"snapshot.gz": content}, **fields)["id"])


@pytest.mark.parametrize("event", ["push", "schedule", "workflow_dispatch"])
def test_the_newest_snapshot_of_the_default_branch_is_taken(there: GitHub, repository: Repository, event: str) -> None:
    published(there, "push", MAIN)
    newest = published(there, event, MAIN)
    published(there, "pull_request", MAIN)
    published(there, "workflow_run", MAIN)
    published(there, "push", {**MAIN, "ref": "other"})
    published(there, "push", {**MAIN, "repo": "eve/identity"})
    published(there, "push", MAIN, expired=True)
    assert newest_snapshot(repository, "test").id == newest


@pytest.mark.parametrize("event", ["pull_request", "workflow_run", "issue_comment"])
def test_nobody_else_s_snapshot_is_taken(there: GitHub, repository: Repository, event: str) -> None:
    published(there, event, MAIN)
    with pytest.raises(Unreadable, match="no run of main has published a snapshot of test"):
        newest_snapshot(repository, "test")


def test_many_of_others_do_not_make_it_ask_for_ever(there: GitHub, repository: Repository) -> None:
    for _ in range(60):
        published(there, "pull_request", MAIN)
    with pytest.raises(Unreadable):
        newest_snapshot(repository, "test")
    assert len([one for one in there.asked if "/actions/runs/" in one]) == 20


def archive(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (archive(), "it holds 0 files, not one"),
        (archive(a=b"", b=b""), "it holds 2 files, not one"),
        (archive(**{"folder/": b""}), "it holds 1 files, not one"),
        (archive(a=b"0" * 5_000_000), "its file is larger than 4,000,000 bytes"),
        (b"no archive", r"it is no archive that can be read \(BadZipFile\)"),
        (archive(a=b"abc")[:-30], r"it is no archive that can be read \(BadZipFile\)"),
        (archive(a=b"abcabcabc").replace(archive(a=b"abcabcabc")[31:36], b"\xff" * 5), "it is no archive"),
        (b"x" * 100_001, "larger than 100,000 bytes"),
    ],
    ids=["empty", "two", "folder", "bomb", "text", "cut", "corrupt", "large"],
)
def test_a_hostile_archive_is_refused(there: GitHub, repository: Repository, content: bytes, why: str) -> None:
    number = published(there, "push", MAIN)
    there.archives[number] = content
    with pytest.raises((InvalidInput, Unreadable), match=why):
        b"".join(content_of(repository, Artifact(id=number, name="x"), 100_000, 4_000_000))


def test_what_is_downloaded_is_asked_for_again_in_an_outage(
    there: GitHub, repository: Repository, slept: list[float]
) -> None:
    number = published(there, "push", MAIN, b"hello")
    there.faults.append((502, {}, False))
    assert b"".join(content_of(repository, Artifact(id=number, name="x"))) == b"hello"
    assert slept == [1.0]
    there.faults.append((302, {}, False))
    with pytest.raises(Unreadable, match="does not say where it is"):
        b"".join(content_of(repository, Artifact(id=number, name="x")))


def test_the_command_says_how_old_the_snapshot_is(
    there: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = snapshots.repository(tmp_path / "repository")
    app = App()
    snapshots.settle(config, app)
    published(there, "push", MAIN, snapshots.taken(config, app, tmp_path / "taken.gz").read_bytes())
    values = {"GITHUB_TOKEN": "made-up", "GITHUB_REPOSITORY": REPOSITORY, "GITHUB_API_URL": there.url}
    for name, value in values.items():
        monkeypatch.setenv(name, value)

    def run(*words: str) -> int:
        with pytest.raises(SystemExit) as ended:
            cli.main(["-C", str(config.root), "github", "snapshot", *words])
        return int(ended.value.code or 0)

    file = tmp_path / "snapshot.gz"
    assert run("-o", str(file)) == 0
    assert file.read_bytes() == (tmp_path / "taken.gz").read_bytes()
    taken = datetime.fromisoformat(str(snapshots.lines(file)[0]["taken_at"]))
    old = f"{int((datetime.now(UTC) - taken).total_seconds()) + 3600}s"
    assert run("-o", str(file), "--max-age", old) == 0
    assert run("-o", str(tmp_path / "missing" / "file")) == 1
    there.artifacts.clear()
    published(there, "push", MAIN, b"no snapshot")
    assert run("-o", str(file)) == 1
