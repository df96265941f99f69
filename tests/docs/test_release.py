"""The steps of release.yml that are more than a line, run as they stand."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler import __version__

ROOT = Path(__file__).parent.parent.parent
GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false")
CHANGELOG = """# Changelog

## [Unreleased]

- Later.

## [1.2.3] - 2027-01-02

### Added

- This.

## [1.2.2] - 2027-01-01

- That.
"""


def step(job: str, name: str) -> str:
    workflow: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())
    (script,) = [one["run"] for one in workflow["jobs"][job]["steps"] if one.get("name") == name]
    return str(script)


def ran(script: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    shell = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script)
    env = {"PATH": f"{cwd}:{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin", "HOME": str(cwd), **variables}
    return subprocess.run(shell, cwd=cwd, env=env, text=True, capture_output=True, check=False)


@pytest.fixture
def tagged(tmp_path: Path) -> Path:
    """A clone whose HEAD is version 1.2.3, on main."""
    folder = tmp_path / "clone"
    folder.mkdir()
    folder.joinpath("pyproject.toml").write_text('[project]\nname = "a"\nversion = "1.2.3"\n')
    folder.joinpath("CHANGELOG.md").write_text(CHANGELOG)
    for command in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--message", "1.2.3")):
        subprocess.run((*GIT, *command), cwd=folder, check=True)
    subprocess.run(("git", "update-ref", "refs/remotes/origin/main", "HEAD"), cwd=folder, check=True)
    return folder


def checked(folder: Path, tag: str) -> tuple[int, str, str]:
    script = step("build", "The tag is the version, on main, with notes")
    done = ran(script, folder, GITHUB_REF_NAME=tag, RUNNER_TEMP=str(folder.parent))
    notes = folder.parent / "notes.md"
    return done.returncode, done.stdout, notes.read_text() if notes.exists() else ""


def test_the_notes_are_what_the_changelog_says_of_the_version(tagged: Path) -> None:
    assert checked(tagged, "v1.2.3") == (0, "", "\n### Added\n\n- This.\n\n")


def test_another_version_another_branch_and_no_notes_are_refused(tagged: Path) -> None:
    assert checked(tagged, "v1.2.4")[:2] == (1, "::error::the tag is v1.2.4, the version 1.2.3\n")
    tagged.joinpath("CHANGELOG.md").write_text(CHANGELOG.replace("[1.2.3]", "[1.2.30]"))
    assert checked(tagged, "v1.2.3")[:2] == (1, "::error::CHANGELOG.md has no notes of 1.2.3\n")
    subprocess.run((*GIT, "commit", "--quiet", "--all", "--message", "not on main"), cwd=tagged, check=True)
    assert checked(tagged, "v1.2.3")[:2] == (1, "::error::v1.2.3 is not on main\n")


@pytest.mark.parametrize("there", [True, False])
def test_the_action_s_tag_moves_or_is_made(tmp_path: Path, *, there: bool) -> None:
    tmp_path.joinpath("gh").write_text(
        f'#!/bin/sh\necho "$@" >> calls\ncase "$*" in *PATCH*) exit {0 if there else 1};; esac\n'
    )
    tmp_path.joinpath("gh").chmod(0o700)
    variables = {"GITHUB_REF_NAME": "v1.2.3", "GITHUB_SHA": "a" * 40, "GH_REPO": "acme/reconciler"}
    done = ran(step("release", "Move the action's tag"), tmp_path, **variables)
    assert done.returncode == 0, done.stderr
    moved, *made = tmp_path.joinpath("calls").read_text().splitlines()
    assert moved == f"api --silent -X PATCH repos/acme/reconciler/git/refs/tags/v1 -f sha={'a' * 40} -F force=true"
    expected = [f"api --silent -X POST repos/acme/reconciler/git/refs -f ref=refs/tags/v1 -f sha={'a' * 40}"]
    assert made == ([] if there else expected)


def test_the_package_and_the_program_have_one_version() -> None:
    assert f'\nversion = "{__version__}"\n' in (ROOT / "pyproject.toml").read_text()
