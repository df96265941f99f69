"""Files that are ours alone: written whole or not at all, never where a symbolic link leads."""

import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.files import existing_folder, locked, own_folder, read_whole, write_whole
from tests.killing import start

WRITING = """
from pathlib import Path
from reconciler.files import write_whole

count_from_here()
write_whole(Path(sys.argv[1]), b"new")
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    write_whole(tmp_path / "file", b"text")
    assert read_whole(tmp_path / "file") == b"text"
    assert mode(tmp_path / "file") == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_folder_is_for_its_owner_alone_and_outside_git(tmp_path: Path) -> None:
    folder = own_folder(tmp_path)
    assert (folder, mode(folder)) == (tmp_path / ".reconciler", 0o700)
    (folder / ".gitignore").write_bytes(b"")  # as a kill may leave it
    assert (own_folder(tmp_path) / ".gitignore").read_text() == "*\n"


def test_a_folder_that_others_could_look_into_is_taken_from_them(tmp_path: Path) -> None:
    (tmp_path / ".reconciler").mkdir(mode=0o755)
    for taken in (own_folder, existing_folder):
        (tmp_path / ".reconciler").chmod(0o777)
        assert mode(taken(tmp_path)) == 0o700


def test_to_be_read_it_need_not_be_there_and_no_link_is_followed(tmp_path: Path) -> None:
    assert not existing_folder(tmp_path).exists()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere").chmod(0o755)
    (tmp_path / ".reconciler").symlink_to("elsewhere")
    existing_folder(tmp_path)
    assert mode(tmp_path / "elsewhere") == 0o755


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    assert read_whole(tmp_path / "file") is None


def test_what_others_may_read_is_taken_from_them(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"text")
    (tmp_path / "file").chmod(0o644)
    assert read_whole(tmp_path / "file") == b"text"
    assert mode(tmp_path / "file") == 0o600


def test_what_cannot_be_taken_from_others_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def not_permitted(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    (tmp_path / "file").write_bytes(b"text")
    (tmp_path / "file").chmod(0o644)
    monkeypatch.setattr(os, "fchmod", not_permitted)
    with pytest.raises(PermissionError):
        read_whole(tmp_path / "file")


def test_what_is_public_stays_public(tmp_path: Path) -> None:
    write_whole(tmp_path / "file", b"text", 0o644)
    (tmp_path / "file").chmod(0o644)
    assert read_whole(tmp_path / "file", private=False) == b"text"
    assert mode(tmp_path / "file") == 0o644


def test_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"text")
    (tmp_path / "file").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="is a symbolic link"):
        read_whole(tmp_path / "file")


def test_a_folder_that_is_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".reconciler").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="is a symbolic link"):
        own_folder(tmp_path)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_what_is_no_file_is_neither_read_nor_waited_for(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "file")
    with pytest.raises(OSError, match="is not a file"):
        read_whole(tmp_path / "file")


@pytest.mark.parametrize("step", ["open", "fsync", "replace"])
def test_an_error_at_any_step_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    write_whole(tmp_path / "file", b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, step, full)
        with pytest.raises(OSError, match="No space left"):
            write_whole(tmp_path / "file", b"new")
    assert read_whole(tmp_path / "file") == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_kill_at_any_step_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    found = []
    for step in range(1, 20):
        write_whole(tmp_path / "file", b"old")
        code = start(WRITING, tmp_path / "file", kill_at=step).wait()
        found.append(read_whole(tmp_path / "file"))
        if code == 0:
            break
    assert code == 0
    assert sorted(found, key=b"new".__eq__) == found  # the old one up to some step, from there on the new one
    assert set(found) == {b"old", b"new"}
    assert len(found) > 4
    write_whole(tmp_path / "file", b"newer")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]  # what the killed left is gone as well


def test_one_holds_a_lock_at_a_time(tmp_path: Path) -> None:
    inside, most = 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(10):
            with locked(tmp_path / "lock"):
                inside += 1
                most = max(most, inside)
                time.sleep(0.001)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (inside, most) == (0, 1)
