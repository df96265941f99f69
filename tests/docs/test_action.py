"""action.yml: linted, and what it runs, run against the emulator and a stand-in of GitHub."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.emulator.seed.running import running
from tests.apply.test_apply import ADDRESSES, CONFIGURATION, MANIFESTS, RULES, users
from tests.github.stand_in import REPOSITORY, GitHub, github
from tests.repositories import write

ROOT = Path(__file__).parent.parent.parent
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
SCRIPT = next(step["run"] for step in ACTION["runs"]["steps"] if step.get("id") == "run")


def ran(root: Path, there: GitHub, environ: dict[str, str], command: str, pull: str = "") -> tuple[int, str, str, str]:
    """Return the exit code, the log, the summary and the outputs of the action's step."""
    scratch = root.parent / "runner"
    (scratch / "reconciler").mkdir(parents=True, exist_ok=True)
    (scratch / "reconciler" / "bin").unlink(missing_ok=True)
    (scratch / "reconciler" / "bin").symlink_to(Path(sys.executable).parent)
    (scratch / "summary").write_text("")
    (scratch / "output").write_text("")
    values = {
        "COMMAND": command,
        "DIRECTORY": "infra",
        **dict.fromkeys(("PLAN", "ORIGIN", "SNAPSHOT", "MAX_AGE", "GROUP", "RUN", "REVIEWED"), ""),
        "UPLOAD": "true",
        "COMMENT": "true",
        "PULL": pull,
        "HEAD": "1a2b3c4d",
        "TOKEN": "made-up",
        "HOOK": "",
        "PRIVATE": "",
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_API_URL": there.url,
        "GITHUB_RUN_ID": "5",
        "RUNNER_TEMP": str(scratch),
        "GITHUB_STEP_SUMMARY": str(scratch / "summary"),
        **environ,
        "GITHUB_OUTPUT": str(scratch / "output"),
        "PYTHONPATH": str(ROOT),
        "RECONCILER_ENVIRONMENT": "",
    }
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", SCRIPT],
        cwd=root, env={**os.environ, **values}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    log = done.stdout + done.stderr
    return done.returncode, log, (scratch / "summary").read_text(), (scratch / "output").read_text()


def output_of(output: str, name: str) -> str:
    found = re.search(rf"^{name}<<(\S+)\n(.*)\n\1$", output, re.MULTILINE)
    assert found, output
    return found[2]


@pytest.mark.slow
def test_plan_apply_drift_and_a_mistake(tmp_path: Path) -> None:
    files = {
        "reconciler.yaml": CONFIGURATION,
        "manifests/a.yaml": MANIFESTS,
        "rules/a.yaml": RULES,
        "users.jsonl": users(*ADDRESSES),
        "reconciler/__init__.py": "raise SystemExit('a checkout is not run')",
    }
    root = write(tmp_path / "infra", files)
    with running() as server, github() as there:
        there.is_private = False
        for _ in range(7):
            there.pull({"ref": "customers", "sha": "1a2b3c4d"})
        code, log, summary, output = ran(root, there, server.environment, "plan", "7")
        assert code == 0, log
        assert "### Plan for test" in summary
        assert re.search(r"^::notice file=infra/manifests/a\.yaml,line=\d+", log, re.MULTILINE)
        assert re.search(r"^changes<<(\S+)\n[1-9]\d*\n\1$", output, re.MULTILINE)
        (comment,) = there.comments
        assert "### Plan for test" in comment["body"]
        page = Path(output_of(output, "html")).read_text(encoding="utf-8")
        assert "people gain access" in page
        assert not [name for name in ADDRESSES if name in page], "masked where nothing says that it is private"
        ran(root, there, {**server.environment, "PRIVATE": "true"}, "plan")
        assert ADDRESSES[0] in Path(output_of(output, "html")).read_text(encoding="utf-8")
        code, log, *_ = ran(root, there, server.environment, "drift")
        assert (code, [one["state"] for one in there.issues]) == (0, ["open"]), log
        code, log, summary, _ = ran(root, there, server.environment, "apply")
        assert code == 0, log
        assert "### Applied to test" in summary
        assert ran(root, there, server.environment, "plan", "7")[0] == 0
        (comment,) = there.comments
        assert "### Nothing to do: test" in comment["body"]
        assert ran(root, there, server.environment, "drift")[0] == 0
        assert [one["state"] for one in there.issues] == ["closed"]
        there.permissions.clear()
        code, log, *_ = ran(root, there, server.environment, "plan", "7")
        assert (code, "::warning::nothing was said on GitHub" in log) == (0, True)
        (root / "manifests" / "b.yaml").write_text("apiVersion: reconciler/v1\nkind: Organisation\n")
        code, log, _, output = ran(root, there, server.environment, "validate")
        assert (code, "html<<" in output) == (1, False)
        assert "::error file=infra/manifests/b.yaml,line=2," in log
    for text in (log, summary, comment["body"]):
        assert not [name for name in ADDRESSES if name in text]


def test_zizmor_finds_nothing() -> None:
    command = [str(Path(sys.executable).parent / "zizmor"), "--offline", "--pedantic", "--quiet", "action.yml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_input_and_output_is_documented() -> None:
    page = (ROOT / "docs" / "workflows.md").read_text(encoding="utf-8")
    assert [name for name in (*ACTION["inputs"], *ACTION["outputs"]) if f"`{name}`" not in page] == []
