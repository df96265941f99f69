"""One job of a workflow, run by nektos/act in host mode: with the token and the secrets that the job would have.

What stands in for what: ``actions/`` for the actions of GitHub's that a job uses, since nothing is fetched; and, where
``is_installed`` says so, an environment that holds what the tests' own holds, for the one that a job would install.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
ACTIONS = Path(__file__).parent / "actions"
BIN = Path(sys.executable).parent
WHEELS = BIN.parent / "wheels"  # `make test` fetches them
OURS = "stytch-reconciler/stytch-reconciler"  # how workflows elsewhere call this repository's action
PATIENCE = 120.0
# A pip that installs nothing: where it is used, everything is there.
PIP = "import sys\nassert sys.argv[1] == 'install', sys.argv\n"
PYTHON = """\
#!/bin/sh
if [ "$1 $2" = "-m venv" ]; then [ -e "$3" ] || exec ln -s '{installed}' "$3"; exit 0; fi
exec '{python}' "$@"
"""


@dataclass(frozen=True)
class Job:
    """A job as its workflow declares it."""

    file: Path
    name: str
    declared: Mapping[str, Any]
    workflow: Mapping[Any, Any]

    @property
    def permissions(self) -> dict[str, str]:
        """What its token may do; a workflow that says nothing is a mistake here."""
        return dict(self.declared.get("permissions", self.workflow["permissions"]))

    @property
    def environment(self) -> str:
        """The environment of GitHub whose secrets it gets, "" for none."""
        named = self.declared.get("environment", "")
        return str(named["name"] if isinstance(named, dict) else named)


@dataclass(frozen=True)
class Ran:
    """A job that ran."""

    workflow: str
    job: str
    code: int
    log: str
    summary: str
    steps: Mapping[str, str] = field(default_factory=dict)
    run: int = 0  # as GitHub numbers it


def jobs_for(event: str, folder: Path, only: str = "") -> list[Job]:
    """Return the jobs that an event starts: of all workflows of a checkout, or of one."""
    found = []
    for file in sorted(folder.glob(".github/workflows/*.yml")):
        workflow = yaml.safe_load(file.read_text(encoding="utf-8"))
        started = workflow[True]  # YAML 1.1 reads `on` so
        if file.name == only or (not only and event in started):
            for name, declared in workflow["jobs"].items():
                assert "needs" not in declared, "each job is run by itself here"
                found.append(Job(file, name, declared, workflow))
    return found


def prepare(folder: Path, *, is_installed: bool) -> Path:
    """Make the folder whose `python` is the runner's; return it."""
    tools = folder / "bin"
    tools.mkdir(parents=True)
    machine = Path(sys.executable).resolve()
    if not is_installed:
        for name in ("python", "python3"):
            (tools / name).symlink_to(machine)
        return tools
    made = folder / "installed"
    subprocess.run([machine, "-m", "venv", "--without-pip", made], check=True)
    packages = made / Path(sysconfig.get_path("purelib")).relative_to(BIN.parent)
    (packages / "tests.pth").write_text(f"{sysconfig.get_path('purelib')}\n{ROOT}\n")
    (packages / "pip.py").write_text(PIP)
    program = made / "bin" / "reconciler"
    program.write_text(f"#!{made}/bin/python\nimport sys\nfrom reconciler.__main__ import main\nsys.exit(main())\n")
    program.chmod(0o755)
    for name in ("python", "python3"):
        (tools / name).write_text(PYTHON.format(installed=made, python=machine))
        (tools / name).chmod(0o755)
    return tools


def our_action(folder: Path) -> Path:
    """Copy what the action of this repository needs of it; return where."""
    folder.mkdir()
    for name in ("action.yml", "pyproject.toml", "README.md", "LICENSE", "reconciler.yaml"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("reconciler", "manifests", "rules", "requirements"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def run(
    job: Job,
    event: str,
    payload: Mapping[str, Any],
    *,
    checkout: Path,
    scratch: Path,
    tools: Path,
    action: Path,
    variables: Mapping[str, str],
    secrets: Mapping[str, str],
    settings: Mapping[str, str],
    started: Callable[[int], None] = lambda _: None,
) -> Ran:
    """Run a job in the checkout that its workflow is from; ``settings`` are GitHub's variables of the environment.

    ``started`` is told the process that runs it.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    (scratch / "event.json").write_text(json.dumps(payload), encoding="utf-8")
    # Kept out of the command line, as a runner keeps them.
    for name, values in (("secrets", secrets), ("vars", settings), ("env", variables)):
        lines = (f"{key}={json.dumps(value)}\n" for key, value in values.items())
        (scratch / f"{name}.env").write_text("".join(lines), encoding="utf-8")
    command: list[str | Path] = [
        *(BIN / "act", event, "--workflows", job.file, "--job", job.name, "--directory", checkout),
        *("--eventpath", scratch / "event.json", "--secret-file", scratch / "secrets.env"),
        *("--var-file", scratch / "vars.env", "--env-file", scratch / "env.env"),
        *("--platform", "ubuntu-latest=-self-hosted", "--no-skip-checkout", "--no-cache-server", "--json"),
        *("--action-cache-path", scratch / "cache"),
    ]
    for used in uses(checkout) | uses(ROOT):
        name = used.partition("@")[0]
        folder = action if name.startswith(OURS) else ACTIONS / name.removeprefix("actions/")
        if folder.is_dir():
            command += ["--local-repository", f"{used}={folder}"]
    for name in ("home", "tmp"):
        (scratch / name).mkdir(exist_ok=True)
    path = os.pathsep.join(each for each in os.environ["PATH"].split(os.pathsep) if each != str(BIN))
    environ = {
        "PATH": path,
        "HOME": str(scratch / "home"),
        "TMPDIR": str(scratch / "tmp"),
        "ACT_DISABLE_VERSION_CHECK": "1",
        "LANG": "C.UTF-8",
        "TERM": "dumb",  # act gives each step a terminal, a runner of GitHub gives none
        "GIT_CONFIG_NOSYSTEM": "1",
        "LOOP_PYTHON": str(tools),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(WHEELS),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    with subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as child:
        started(child.pid)
        try:
            out, _ = child.communicate(timeout=PATIENCE)
        finally:
            if child.poll() is None:
                kill_with_children(child.pid)
    return said(job, child.returncode, out)


def kill_with_children(pid: int) -> None:
    """Kill a process of ours and what it started, as a machine does that loses power; each step is its own session."""
    rows = subprocess.run(["ps", "-A", "-o", "ppid=,pid="], capture_output=True, text=True, check=True).stdout
    pairs = [tuple(map(int, row.split())) for row in rows.splitlines()]
    doomed = [pid]
    for one in doomed:
        doomed += [child for parent, child in pairs if parent == one]
    for one in doomed:
        with suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)


def said(job: Job, code: int, out: str) -> Ran:
    """Return what a job said: what a reader of its log sees, its summary, and how each step ended."""
    lines, summaries, steps = [], [], {}
    for line in out.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            lines.append(line)
            continue
        if row.get("command") == "summary":
            summaries.append(row["content"])
            continue
        if row.get("stepResult"):
            steps[str(row.get("step", ""))] = row["stepResult"]
        if row.get("raw_output") or row.get("level") in ("warning", "error") or "stepResult" in row:
            lines.append(str(row["msg"]).rstrip("\n"))
    return Ran(job.file.name, job.name, code, "\n".join(lines), "".join(dict.fromkeys(summaries)), steps)


def uses(folder: Path) -> set[str]:
    """Return the remote actions that the workflows and the action in a folder use."""
    found = set()
    for file in (*folder.glob(".github/workflows/*.yml"), *folder.glob("action.yml")):
        for line in file.read_text(encoding="utf-8").splitlines():
            word = line.strip().removeprefix("- ").removeprefix("uses: ").partition(" #")[0].strip()
            if line.strip().removeprefix("- ").startswith("uses: ") and "@" in word:
                found.add(word)
    return found
