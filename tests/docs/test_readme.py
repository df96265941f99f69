"""The README shows the worked example and what the program prints; the demo does what it says."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from reconciler.emulator.seed.running import Options, running

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "README.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def reconciler(*words: str, environment: Mapping[str, str], cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, **environment, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-m", "reconciler", *words]
    return subprocess.run(command, cwd=cwd, env=variables, text=True, capture_output=True, check=False)


def test_the_manifest_is_the_worked_example_s() -> None:
    manifest = block("yaml")
    assert len(manifest.splitlines()) == 12
    assert manifest in (ROOT / "manifests" / "organizations.yaml").read_text(encoding="utf-8")


def test_the_plan_is_what_the_program_prints() -> None:
    prompt, *shown = block("console").splitlines()
    with running(Options()) as server:
        project = server.environment["STYTCH_PROJECT_ID"]
        done = reconciler(*prompt.removeprefix("$ reconciler ").split(), environment=server.environment)
    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout.replace(project, "project-test-…").splitlines() == shown


def test_the_manifest_and_the_plan_fit_on_the_first_screen() -> None:
    assert PAGE.index("make demo") < PAGE.index("## ")
    assert len(PAGE[: PAGE.index("make test")].splitlines()) <= 75


@pytest.mark.slow
def test_the_demo_shows_the_whole_loop_leaves_only_a_page_and_ends_with_commands_that_work(tmp_path: Path) -> None:
    done = reconciler("demo", environment={"TMPDIR": str(tmp_path)}, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    for said in ("Plan for test", "Applied to test", "Nothing to do: test", "Drift in test", "Renamed by hand"):
        assert said in done.stdout
    assert "manifests/organizations.yaml:" in done.stdout[done.stdout.index("Drift in test") :]
    assert "by-email-domain moves 1 person: 1 loses globex, 1 loses initech" in done.stdout
    assert "@initech.example#" in done.stdout
    (page,) = tmp_path.iterdir()
    assert f"for a browser: {page}\n" in done.stdout
    assert "1 person loses access" in page.read_text(encoding="utf-8")
    ending = done.stdout[done.stdout.index("That was the loop") :]
    init, emulator, source, plan, apply = re.findall(r"^    (\S.*)$", ending, re.MULTILINE)
    typed = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(["sh", "-c", init], cwd=tmp_path, env=typed, check=True, capture_output=True)
    serving = subprocess.Popen(["sh", "-c", f"exec {emulator}"], cwd=tmp_path, env=typed, stdout=subprocess.PIPE)
    try:
        assert serving.stdout
        assert serving.stdout.readline().startswith(b"The emulator listens on")
        codes = f"{source}\n{plan}\n[ $? -eq 2 ] && {apply} && {plan}"
        again = subprocess.run(["sh", "-c", codes], cwd=tmp_path, env=typed, check=True, capture_output=True, text=True)
        assert "Nothing to do" in again.stdout
    finally:
        serving.terminate()
        serving.communicate()
