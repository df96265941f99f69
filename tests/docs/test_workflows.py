"""The workflows of this repository and of docs/workflows.md: linted; and the steps of loop.yml, run in their order."""

import json
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

ROOT = Path(__file__).parent.parent.parent
WORKFLOWS = ROOT / ".github" / "workflows"
BIN = Path(sys.executable).parent
PATH = f"{BIN}{os.pathsep}{os.environ['PATH']}"
FENCE = re.compile(r"^```yaml\n# \.github/workflows/(?P<name>\S+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
# github.com/rhysd/actionlint/issues/657: 1.7.12 does not know a key that GitHub has had since May 2026.
KNOWN_GAP = 'unexpected key "queue" for "concurrency" section'
PINNED = re.compile(r"[a-z0-9-]+/[a-z0-9-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")

MAY_WRITE = {
    "docs-apply.yml": {"contents"},
    "docs-drift.yml": {"issues"},
    "release.yml": {"contents", "id-token", "attestations"},
}


@pytest.fixture
def workflows(tmp_path: Path) -> Path:
    """A repository that holds this one's workflows and those of docs/workflows.md."""
    folder = tmp_path / ".github" / "workflows"
    shutil.copytree(WORKFLOWS, folder)
    for fence in FENCE.finditer((ROOT / "docs" / "workflows.md").read_text()):
        folder.joinpath("docs-" + fence["name"]).write_text(fence["text"])
    (tmp_path / ".git").mkdir()  # actionlint looks for the repository's root
    return tmp_path


def ran(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env=env or os.environ | {"PATH": PATH}, text=True, capture_output=True, check=False
    )


def docs_workflow(workflows: Path, name: str) -> dict[str, Any]:
    """The content of a workflow of docs/workflows.md."""
    content: dict[str, Any] = yaml.safe_load((workflows / ".github" / "workflows" / f"docs-{name}.yml").read_text())
    return content


def test_docs_hold_the_three_workflows(workflows: Path) -> None:
    names = {path.name for path in workflows.joinpath(".github", "workflows").iterdir()}
    assert names == {"check.yml", "loop.yml", "release.yml", "docs-plan.yml", "docs-apply.yml", "docs-drift.yml"}


def test_zizmor_finds_nothing(workflows: Path) -> None:
    done = ran(BIN / "zizmor", "--offline", "--pedantic", "--quiet", ".github", cwd=workflows)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.actionlint
def test_actionlint_finds_nothing(workflows: Path) -> None:
    done = ran("actionlint", "-no-color", "-ignore", KNOWN_GAP, cwd=workflows)
    assert done.returncode == 0, done.stdout + done.stderr


def test_actions_are_pinned_and_jobs_are_bounded(workflows: Path) -> None:
    for path in workflows.joinpath(".github", "workflows").iterdir():
        text = path.read_text()
        used = re.findall(r"uses: (.*)", text)
        assert used, path.name
        assert [action for action in used if not PINNED.fullmatch(action)] == [], path.name
        workflow: dict[Any, Any] = yaml.safe_load(text)
        assert workflow["permissions"] == {}, path.name
        assert workflow["concurrency"]["group"], path.name
        may_write = MAY_WRITE.get(path.name, set())
        for job in workflow["jobs"].values():
            assert job["timeout-minutes"] <= 120, path.name
            assert "write" not in {job["permissions"][name] for name in job["permissions"].keys() - may_write}, (
                path.name
            )


def test_every_step_that_asks_stytch_gets_all_credentials_and_only_the_apply_may_set_secrets(workflows: Path) -> None:
    given = {f"STYTCH_{name.upper()}" for name in Credentials.__struct_fields__ if not name.endswith(("url", "uri"))}
    for name in ("plan", "apply", "drift"):
        (job,) = docs_workflow(workflows, name)["jobs"].values()
        steps = [step for step in job["steps"] if "reconciler " in step.get("run", "")]
        (env,) = [step["env"] for step in steps]
        assert {one for one in env if one.startswith("STYTCH_")} == given, name
        assert all(env[one] == f"${{{{ {'secrets' if 'SECRET' in one else 'vars'}.{one} }}}}" for one in given), name
        assert ("STORE_TOKEN" in str(job)) == (name == "apply")


def test_variables_that_github_does_not_know_are_empty_and_count_as_unset() -> None:
    assert Credentials.from_environment({f"STYTCH_{one.upper()}": "" for one in Credentials.__struct_fields__}) == (
        Credentials()
    )


@pytest.mark.parametrize("changed", [False, True])
@pytest.mark.parametrize("gh", ["exit 0", "exit 1"])
def test_the_apply_proposes_ids_that_changed_or_shows_them(
    workflows: Path, tmp_path: Path, gh: str, *, changed: bool
) -> None:
    (job,) = docs_workflow(workflows, "apply")["jobs"].values()
    step = job["steps"][-1]
    assert step["if"] == "always()"
    folder, origin, ids = tmp_path / "checkout", tmp_path / "origin", "live.credential-ids.json"
    ran("git", "init", "--quiet", "--bare", str(origin), cwd=tmp_path)
    ran("git", "clone", "--quiet", str(origin), str(folder), cwd=tmp_path)
    if changed:
        folder.joinpath(ids).write_text('{"API_SECRET": "secret-test-1"}\n')
    (tmp_path / "gh").write_text(f'#!/bin/sh\necho gh "$@"\n{gh}\n')
    (tmp_path / "gh").chmod(0o700)
    env = {"PATH": f"{tmp_path}{os.pathsep}{PATH}", "HOME": str(tmp_path), "RECONCILER_ENVIRONMENT": "live"}
    env |= {"GITHUB_RUN_ID": "7", "GITHUB_RUN_ATTEMPT": "1"}
    done = ran("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"], cwd=folder, env=env)

    assert done.returncode == (changed and gh == "exit 1"), done.stderr
    pushed = ran("git", "show", f"credential-ids-7-1:{ids}", cwd=origin).stdout
    assert pushed == (folder.joinpath(ids).read_text() if changed else "")
    assert ("gh pr create" in done.stdout) == changed
    assert ("+" + pushed in done.stdout) == bool(done.returncode)


def test_the_steps_of_the_loop(tmp_path: Path) -> None:
    """The emulator's whole life is inside: one step starts it and the last one, which always runs, stops it."""
    checkout, runner, summary = tmp_path / "checkout", tmp_path / "runner", tmp_path / "summary.md"
    shutil.copytree(
        ROOT, checkout, ignore=shutil.ignore_patterns(".*", "node_modules", "reconciler", "tests", "benchmarks", "docs")
    )
    runner.mkdir()
    env = {"PATH": PATH, "HOME": str(tmp_path), "RUNNER_TEMP": str(runner), "GITHUB_STEP_SUMMARY": str(summary)}

    (job,) = yaml.safe_load((WORKFLOWS / "loop.yml").read_text())["jobs"].values()
    steps = [step for step in job["steps"] if "run" in step and step["name"] != "Install"]
    failure = ""
    for step in steps:
        if not failure or step.get("if") == "always()":
            done = ran("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"], cwd=checkout, env=env)
            if done.returncode and not failure:
                shown = summary.read_text() if summary.exists() else ""
                failure = f"{step['name']}: exit code {done.returncode}\n{done.stdout}{done.stderr}\n{shown}"
    assert not failure, failure

    shown = summary.read_text()
    plan = json.loads((runner / "plan.json").read_text())
    addresses = set(re.findall(r"[\w.+-]+@[\w.-]+", json.dumps(plan)))
    assert plan["summary"]["create"] > 0
    assert "Renamed by hand" in shown
    assert addresses
    assert [address for address in addresses if address in shown] == []
