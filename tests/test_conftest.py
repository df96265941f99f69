"""conftest.py keeps its promises: shown by a run of pytest over a few tests that put them to the proof."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROOFS = """
import os, socket, threading
import pytest

def test_no_credentials():
    assert [name for name in os.environ if name.startswith("STYTCH_")] == []

def test_only_loopback():
    with socket.socket() as there, pytest.raises(RuntimeError, match="Network is disabled"):
        there.connect(("192.0.2.1", 80))

@pytest.mark.mapping
def test_over_the_reference_mapping():
    assert False, "this cannot run without the data"
"""
LEAKS = """
import subprocess, sys, threading
LEFT = []

def test_starts_a_process_and_forgets_it():
    LEFT.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))
"""


def pytest_over(tests: str, folder: Path, *options: str) -> tuple[int, str]:
    """The exit code and output of a run over one file of tests, with this folder's conftest.py."""
    shutil.copy(HERE / "conftest.py", folder)
    folder.joinpath("test_it.py").write_text(tests)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "STYTCH_"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", HERE.parent / "pyproject.toml", "--rootdir", folder, *options, folder],
        cwd=folder,
        env=env | {"STYTCH_SECRET": "made-up"},
        text=True,
        capture_output=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("options", [("-p", "no:xdist"), ("-n", "1")], ids=["alone", "with-workers"])
def test_no_credentials_no_network_and_nothing_silently_missing(tmp_path: Path, options: tuple[str, ...]) -> None:
    code, output = pytest_over(PROOFS, tmp_path, "-p", "no:cacheprovider", *options)
    assert code == 0, output
    assert "2 passed" in output
    assert "deselected: STYTCH_RECONCILER_DATA is not set" in output
    assert "test_it.py::test_over_the_reference_mapping" in output


def test_a_process_left_behind_fails_the_run(tmp_path: Path) -> None:
    code, output = pytest_over(LEAKS, tmp_path, "-p", "no:cacheprovider", "-p", "no:xdist")
    assert code == 1
    assert "a child process is still running after the last test" in output


def test_no_test_at_all_fails_the_run(tmp_path: Path) -> None:
    code, output = pytest_over("", tmp_path, "-p", "no:cacheprovider", "-n", "1")
    assert code == pytest.ExitCode.NO_TESTS_COLLECTED, output
