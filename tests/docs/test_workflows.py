"""The workflows of this repository, and those that `init --ci github` writes: linted; docs/workflows.md, followed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.clients.credentials import Credentials
from reconciler.export.ci_github import write_workflows

ROOT = Path(__file__).parent.parent.parent
WORKFLOWS = ROOT / ".github" / "workflows"
BIN = Path(sys.executable).parent
PATH = f"{BIN}{os.pathsep}{os.environ['PATH']}"
PINNED = re.compile(r"[A-Za-z0-9-]+/[a-z0-9-]+@[0-9a-f]{40}(?: # v\d+\.\d+\.\d+)?")
ACTION = f"stytch-reconciler/stytch-reconciler@{'0' * 40}"
ALL = """\
apiVersion: reconciler/v1
kind: Configuration
name: acme-identity
environments:
  test: {}
  live:
    target: {type: live, project_id: project-live-1}
    users: {consumer: {project_id: project-live-2}}
    credentials:
      command: [gh, secret, set, "{name}", --env, "stytch-{environment}"]
      environment: [GH_TOKEN, GH_REPO]
"""
STREAM = """\
apiVersion: reconciler/v1
kind: EventLogStreaming
metadata: {name: DATADOG}
spec: {destination_config: {datadog: {api_key: {secret: DATADOG_KEY}, site: US}}, streaming_status: ACTIVE}
"""
PLAIN = "apiVersion: reconciler/v1\nkind: Configuration\nname: acme-identity\nenvironments: {test: {}}\n"

MAY_WRITE = {
    "apply.yml": {"contents", "pull-requests"},
    "comment.yml": {"pull-requests"},
    "drift.yml": {"contents", "issues", "pull-requests"},
    "loop.yml": {"pull-requests"},
    "plan.yml": {"pull-requests"},
    "release.yml": {"contents", "id-token", "attestations"},
}


@pytest.fixture(params=["all", "plain", "local"])
def workflows(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A repository that holds this one's workflows, and those that are written for another one."""
    folder = tmp_path / ".github" / "workflows"
    shutil.copytree(WORKFLOWS, folder)
    shutil.copy(WORKFLOWS.parent / "zizmor.yml", folder.parent)
    (tmp_path / ".git").mkdir()  # actionlint looks for the repository's root
    is_all = request.param == "all"
    root = tmp_path / "identity" if is_all else tmp_path
    (root / "manifests").mkdir(parents=True)
    (root / "manifests" / "README.md").write_text("One file for each customer.\n")
    (root / "reconciler.yaml").write_text(ALL if is_all else PLAIN)
    action = "./.github/actions/reconciler" if request.param == "local" else ACTION
    write_workflows(root, action, "main", with_comment=True)
    if request.param == "local":
        made = tmp_path / ".github" / "actions" / "reconciler"
        made.mkdir(parents=True)
        shutil.copy(ROOT / "action.yml", made)
    return tmp_path


def ran(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env=env or os.environ | {"PATH": PATH}, text=True, capture_output=True, check=False
    )


def written(workflows: Path, name: str) -> dict[str, Any]:
    """Return the content of a workflow that was written."""
    content: dict[str, Any] = yaml.safe_load((workflows / ".github" / "workflows" / f"{name}.yml").read_text())
    return content


def test_the_workflows_of_a_repository(workflows: Path) -> None:
    names = {path.name for path in workflows.joinpath(".github", "workflows").iterdir()}
    assert names == {"check.yml", "loop.yml", "release.yml", "plan.yml", "apply.yml", "drift.yml", "comment.yml"}


def test_zizmor_finds_nothing(workflows: Path) -> None:
    done = ran(BIN / "zizmor", "--offline", "--pedantic", "--quiet", ".github", cwd=workflows)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.actionlint
def test_actionlint_finds_nothing(workflows: Path) -> None:
    done = ran("actionlint", "-no-color", cwd=workflows)
    assert done.returncode == 0, done.stdout + done.stderr


def test_actions_are_pinned_and_jobs_are_bounded(workflows: Path) -> None:
    for path in workflows.joinpath(".github", "workflows").iterdir():
        text = path.read_text()
        used = re.findall(r"uses: (.*)", text)
        assert used, path.name
        assert [one for one in used if not (PINNED.fullmatch(one) or one.startswith("./"))] == [], path.name
        workflow: dict[Any, Any] = yaml.safe_load(text)
        assert workflow["permissions"] == {}, path.name
        may_write = MAY_WRITE.get(path.name, set())
        for job in workflow["jobs"].values():
            assert (workflow.get("concurrency") or job["concurrency"])["group"], path.name
            assert job["timeout-minutes"] <= 120, path.name
            assert "write" not in {job["permissions"][name] for name in job["permissions"].keys() - may_write}, (
                path.name
            )


def test_only_jobs_of_the_default_branch_get_credentials_and_all_of_them(workflows: Path) -> None:
    given = {f"STYTCH_{name.upper()}" for name in Credentials.__struct_fields__ if not name.endswith(("url", "uri"))}
    asking = {"apply", "drift", "snapshot", "propose"}
    for name in ("plan", "apply", "drift", "comment"):
        for job in written(workflows, name)["jobs"].values():
            steps = [step for step in job["steps"] if "command" in step.get("with", {})]
            assert steps
            assert ("environment" in job) == (name in ("apply", "drift")), name
            for step in steps:
                env = step.get("env", {})
                assert {one for one in env if one.startswith("STYTCH_")} == (
                    given if step["with"]["command"] in asking else set()
                ), name
                assert all(
                    env[one] == f"${{{{ {'secrets' if 'SECRET' in one else 'vars'}.{one} }}}}"
                    for one in env
                    if one in given
                )
    assert "secrets." not in (workflows / ".github" / "workflows" / "plan.yml").read_text()


def test_what_the_files_name_is_given_to_the_steps(tmp_path: Path) -> None:
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / "stream.yaml").write_text(STREAM)
    (tmp_path / "reconciler.yaml").write_text(ALL)
    said = write_workflows(tmp_path, ACTION, "trunk", with_comment=False)
    jobs = {job: yaml.safe_load((tmp_path / name).read_text()) for job, name in (("a", ".github/workflows/apply.yml"),)}
    (live,) = [job for name, job in jobs["a"]["jobs"].items() if name == "apply-live"]
    env = live["steps"][1]["env"]
    assert env["DATADOG_KEY"] == "${{ secrets.DATADOG_KEY }}"
    assert (env["GH_TOKEN"], env["GH_REPO"]) == ("${{ secrets.STORE_TOKEN }}", "${{ github.repository }}")
    assert live["steps"][1]["with"]["origin"] == "${{ github.event_name == 'schedule' && 'users' || '' }}"
    assert live["if"] == "github.ref == 'refs/heads/trunk'"
    assert jobs["a"]["jobs"]["apply-test"]["if"] == f"{live['if']} && github.event_name != 'schedule'"
    assert "origin" not in jobs["a"]["jobs"]["apply-test"]["steps"][1]["with"]
    assert "STORE_TOKEN" not in str(jobs["a"]["jobs"]["apply-test"])
    assert jobs["a"][True]["push"]["branches"] == ["trunk"]
    steps = "\n".join(said.steps)
    for word in ("gh secret set DATADOG_KEY --env stytch-live", "gh secret set STORE_TOKEN --env stytch-live"):
        assert word in steps


def test_variables_that_github_does_not_know_are_empty_and_count_as_unset() -> None:
    assert Credentials.from_environment({f"STYTCH_{one.upper()}": "" for one in Credentials.__struct_fields__}) == (
        Credentials()
    )


@pytest.mark.parametrize("changed", [False, True])
@pytest.mark.parametrize("gh", ["exit 0", "exit 1"])
def test_the_apply_proposes_ids_that_changed_or_shows_them(tmp_path: Path, gh: str, *, changed: bool) -> None:
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / "stream.yaml").write_text(STREAM)
    (tmp_path / "reconciler.yaml").write_text(ALL)
    write_workflows(tmp_path, ACTION, "main", with_comment=False)
    (step,) = [
        one for one in written(tmp_path, "apply")["jobs"]["apply-live"]["steps"] if "Propose" in one.get("name", "")
    ]
    assert step["if"] == "always()"
    folder, origin, ids = tmp_path / "checkout", tmp_path / "origin", "live.credential-ids.json"
    ran("git", "init", "--quiet", "--bare", str(origin), cwd=tmp_path)
    ran("git", "clone", "--quiet", str(origin), str(folder), cwd=tmp_path)
    if changed:
        folder.joinpath(ids).write_text('{"API_SECRET": "secret-test-1"}\n')
    (tmp_path / "gh").write_text(f'#!/bin/sh\necho gh "$@"\n{gh}\n')
    (tmp_path / "gh").chmod(0o700)
    env = {"PATH": f"{tmp_path}{os.pathsep}{PATH}", "HOME": str(tmp_path), "IDS": ids}
    env |= {"GITHUB_RUN_ID": "7", "GITHUB_RUN_ATTEMPT": "1"}
    done = ran("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"], cwd=folder, env=env)

    assert done.returncode == (changed and gh == "exit 1"), done.stderr
    pushed = ran("git", "show", f"credential-ids-7-1:{ids}", cwd=origin).stdout
    assert pushed == (folder.joinpath(ids).read_text() if changed else "")
    assert ("gh pr create" in done.stdout) == changed
    assert ("+" + pushed in done.stdout) == bool(done.returncode)


def test_the_page_followed_to_the_letter(tmp_path: Path) -> None:
    """From nothing to the workflows: the commands of docs/workflows.md, in a new folder."""
    page = (ROOT / "docs" / "workflows.md").read_text()
    fences = re.findall(r"^ *```console\n(.*?)^ *```$", page, re.MULTILINE | re.DOTALL)
    lines = [line.strip().removeprefix("$ ") for fence in fences for line in fence.splitlines()]
    here = [line for line in lines if not line.startswith("gh ")]
    assert len(here) == 3
    env = os.environ | {"PATH": PATH, "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    done = ran("bash", "-eo", "pipefail", "-c", "\n".join(here), cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = tmp_path / "acme-identity"
    for name in ("plan.yml", "apply.yml", "drift.yml"):
        assert f"wrote .github/workflows/{name}" in done.stdout
        assert (folder / ".github" / "workflows" / name).exists()
    asked = [line.replace("stytch-live", "stytch-test") for line in lines if line.startswith("gh ")]
    assert asked
    assert [line for line in asked if line not in done.stdout] == []
    again = ran("reconciler", "init", "--ci", "github", "--action", ACTION, cwd=folder, env=env)
    assert again.returncode == 1
    assert "already, with other content" in again.stderr
