"""One apply at a time in a folder: whoever comes second learns who is there, and nothing is left to be cleared."""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.apply.alone import EVERY, alone, apply_beside
from reconciler.errors import Refused

HOLDS = """
import sys
from pathlib import Path
from reconciler.apply.alone import alone
with alone(Path(sys.argv[1]), "test", ("apply", "plan.json")):
    print("held", flush=True)
    sys.stdin.read()
"""


class Time:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def now(self) -> float:
        return sum(self.slept)


@pytest.fixture
def other(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process that holds the lock."""
    command = [sys.executable, "-c", HOLDS, str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:  # our own program
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def taken(root: Path, environment: str = "test") -> bool:
    with alone(root, environment, ("apply",)):
        return True


def test_who_comes_second_learns_who_is_there(tmp_path: Path, other: "subprocess.Popen[str]") -> None:
    said = rf"another apply of test runs in this folder \(process {other.pid} on .*, since .* UTC: apply plan.json\)"
    with pytest.raises(Refused, match=said) as refused:
        taken(tmp_path)
    assert refused.value.exit_code == 1


def test_who_only_reads_sees_who_applies(tmp_path: Path, other: "subprocess.Popen[str]") -> None:
    assert str(apply_beside(tmp_path, "test")).startswith(f"process {other.pid} on ")
    assert apply_beside(tmp_path, "live") is None
    other.kill()
    other.wait()
    assert apply_beside(tmp_path, "test") is None
    with alone(tmp_path, "test", ("apply",)):
        assert apply_beside(tmp_path, "test") is None  # that is this process
    assert (tmp_path / ".reconciler/lock-test").read_bytes() == b""


def test_the_lock_ends_with_its_process_however_that_ends(tmp_path: Path, other: "subprocess.Popen[str]") -> None:
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert taken(tmp_path)
    assert taken(tmp_path)


def test_it_waits_as_long_as_it_may(tmp_path: Path) -> None:
    time = Time()
    waits = alone(tmp_path, "test", ("apply",), 3 * EVERY + 0.1, time.sleep, time.now)
    with alone(tmp_path, "test", ("apply",)), pytest.raises(Refused), waits:
        pass
    assert time.slept == [EVERY, EVERY, EVERY, pytest.approx(0.1)]


def test_it_goes_on_as_soon_as_it_is_alone(tmp_path: Path, other: "subprocess.Popen[str]") -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            other.kill()
            other.wait()

    with alone(tmp_path, "test", ("apply",), 60, sleep, lambda: 0.0):
        pass
    assert slept == [EVERY] * 3


def test_each_environment_has_its_own(tmp_path: Path) -> None:
    with alone(tmp_path, "test", ("apply",)):
        assert taken(tmp_path, "live")
        assert taken(tmp_path, "te/st")


def test_a_lock_that_says_nothing_is_a_lock(tmp_path: Path) -> None:
    with alone(tmp_path, "test", ("apply",)):
        for content in (b"", b'{"process": 1', b"[]"):
            (tmp_path / ".reconciler/lock-test").write_bytes(content)
            with pytest.raises(Refused, match="another apply of test runs in this folder: nothing was written"):
                taken(tmp_path)


def test_a_file_that_was_left_locks_nothing(tmp_path: Path) -> None:
    assert taken(tmp_path)
    assert (tmp_path / ".reconciler/lock-test").stat().st_mode & 0o777 == 0o600
    assert taken(tmp_path)


def test_without_locks_nobody_is_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(_descriptor: int, _operation: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(Refused, match=r"cannot be taken, so nothing tells .* in this folder: No locks available"):
        taken(tmp_path)


def test_where_nothing_can_be_written_nobody_is_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def mkdir(_path: Path, **_options: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", mkdir)
    with pytest.raises(Refused, match="in this folder: Read-only file system"):
        taken(tmp_path)


def test_a_full_disk_keeps_nobody_from_being_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int, _data: bytes, _offset: int) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with alone(tmp_path, "test", ("apply",)), pytest.raises(Refused):
        taken(tmp_path)
