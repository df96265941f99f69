"""`--version` says of which commit the program is, however it came here."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from reconciler import __version__

ROOT = Path(__file__).parent.parent.parent
PARTS = ("reconciler", "manifests", "rules")
FILES = ("pyproject.toml", "hatch_build.py", "reconciler.yaml", "README.md", "LICENSE", ".gitattributes")
GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false")


def ran(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of a repository with what is built into a package, and one commit."""
    folder = tmp_path_factory.mktemp("checkout")
    for part in PARTS:
        ignored = shutil.ignore_patterns("__pycache__", "emulator", "example")
        shutil.copytree(ROOT / part, folder / part, ignore=ignored)
    for file in FILES:
        shutil.copy(ROOT / file, folder / file)
    folder.joinpath("reconciler", "commit.txt").write_text("$Format:%H$\n")
    folder.joinpath(".gitignore").write_text("__pycache__/\ndist/\n")
    ran("git", "init", "--quiet", cwd=folder)
    ran("git", "add", "--all", cwd=folder)
    ran(*GIT, "commit", "--quiet", "--message", "all", cwd=folder)
    return folder


def commit_of(checkout: Path) -> str:
    return ran("git", "rev-parse", "HEAD", cwd=checkout)


def said_in(folder: Path) -> str:
    return ran(sys.executable, "-m", "reconciler", "--version", cwd=folder)


def build(checkout: Path, target: str) -> Path:
    ran(sys.executable, "-m", "hatchling", "build", "--target", target, cwd=checkout)
    (built,) = checkout.joinpath("dist").glob("*.whl" if target == "wheel" else "*.tar.gz")
    assert [path.name for path in checkout.joinpath("dist").iterdir() if path.name == "commit.txt"] == []
    return built


def test_of_a_checkout_it_is_its_head_and_whether_somebody_changed_files(checkout: Path, tmp_path: Path) -> None:
    commit = commit_of(checkout)
    assert said_in(checkout) == f"reconciler {__version__} ({commit[:12]})"
    copy = shutil.copytree(checkout, tmp_path / "copy")
    copy.joinpath("reconciler", "errors.py").write_text(
        "# something else\n" + ROOT.joinpath("reconciler", "errors.py").read_text()
    )
    assert said_in(copy) == f"reconciler {__version__} ({commit[:12]}, modified)"


def test_of_an_archive_it_is_the_commit_that_git_wrote_into_it(checkout: Path, tmp_path: Path) -> None:
    ran("git", "archive", "--output", tmp_path / "archive.tar", "HEAD", cwd=checkout)
    with tarfile.open(tmp_path / "archive.tar") as archive:
        archive.extractall(tmp_path / "action", filter="data")
    assert said_in(tmp_path / "action") == f"reconciler {__version__} ({commit_of(checkout)[:12]})"


def test_of_a_package_it_is_the_commit_that_it_was_built_of(checkout: Path, tmp_path: Path) -> None:
    wheel = build(checkout, "wheel")
    with zipfile.ZipFile(wheel) as opened:
        assert [name for name in opened.namelist() if name.endswith("commit.txt")] == ["reconciler/commit.txt"]
    shutil.unpack_archive(wheel, tmp_path / "installed", "zip")
    assert said_in(tmp_path / "installed") == f"reconciler {__version__} ({commit_of(checkout)[:12]})"

    with tarfile.open(build(checkout, "sdist")) as sdist:
        sdist.extractall(tmp_path, filter="data")
    (source,) = tmp_path.glob("stytch_reconciler-*")
    with zipfile.ZipFile(build(source, "wheel")) as opened:
        assert opened.read("reconciler/commit.txt").decode().strip() == commit_of(checkout)


def test_where_nobody_knows_it_is_the_version_alone(checkout: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(checkout, tmp_path / "copy", ignore=shutil.ignore_patterns(".git"))
    assert said_in(copy) == f"reconciler {__version__}"
    ran("git", "init", "--quiet", cwd=tmp_path)  # a repository of somebody else around it
    assert said_in(copy) == f"reconciler {__version__}"
    with zipfile.ZipFile(build(copy, "wheel")) as opened:
        assert opened.read("reconciler/commit.txt").decode().startswith("$Format")
