"""docs/gitlab.md: the jobs that it shows, run one after the other as GitLab would, against the emulator."""

import json
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
from tests.history.worlds import cloned, commit, git

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "gitlab.md").read_text(encoding="utf-8")
BIN = Path(sys.executable).parent
# What stands in for GitLab: artifacts and notes are files below $GITLAB.
CURL = """\
#!{python}
import json, os, pathlib, sys
words, root = sys.argv[1:], pathlib.Path(os.environ["GITLAB"])
url = next(word for word in words if word.startswith("http"))
given = lambda name: words[words.index(name) + 1] if name in words else ""
if "/notes" in url:
    assert given("--header") == "PRIVATE-TOKEN:a-token", words
    file = root / "notes.json"
    notes = json.loads(file.read_text())
    number = url.rpartition("/notes")[2].strip("/")
    if given("--request"):
        body = pathlib.Path(given("--data-urlencode").removeprefix("body@")).read_text()
        if given("--request") == "PUT":
            next(note for note in notes if str(note["id"]) == number)["body"] = body
        else:
            notes.append(dict(id=len(notes) + 1, body=body))
        file.write_text(json.dumps(notes))
    else:
        print(json.dumps(notes))
else:
    assert given("--header") == "JOB-TOKEN:a-job", words
    path, _, job = url.partition("/jobs/artifacts/")[2].partition("?job=")
    ref, _, name = path.partition("/raw/")
    pathlib.Path(given("--output")).write_bytes((root / job / ref.replace("/", "-") / name).read_bytes())
"""


def jobs() -> dict[str, Any]:
    found = re.search(r"^```yaml\n# \.gitlab-ci\.yml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    content: dict[str, Any] = yaml.safe_load(found[1])
    return content


def test_what_is_not_a_word_of_gitlab_is_a_job_of_a_stage() -> None:
    content = jobs()
    named = content.keys() - {"stages", "default", "variables"}
    assert named == {"plan", "apply", "snapshot", "drift"}
    for name in named:
        job = content[name]
        assert job["stage"] in content["stages"]
        assert job.keys() <= {"stage", "rules", "environment", "resource_group", "variables", "script", "artifacts"}
        assert all(isinstance(line, str) for line in job["script"])
        assert ("environment" in job) == (name != "plan"), "a merge request gets no secret of an environment"


class GitLab:
    """A project on GitLab, as far as its jobs see it: a remote, a checkout, artifacts, notes and variables."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment
        (folder / "bin").mkdir()
        programs = {
            "curl": CURL.format(python=BIN / "python"),
            "reconciler": f'#!/bin/sh\nexec "{BIN / "python"}" -m reconciler "$@"\n',
            "python": f'#!/bin/sh\nexec "{BIN / "python"}" "$@"\n',
        }
        for name, text in programs.items():
            (folder / "bin" / name).write_text(text)
            (folder / "bin" / name).chmod(0o700)
        (folder / "notes.json").write_text('[{"id": 1, "body": "of somebody"}]')
        git(folder, "init", "--quiet", "--bare", "--initial-branch=main", "remote")
        self.checkout = cloned(folder / "remote", folder / "checkout")
        git(self.checkout, "checkout", "--quiet", "-B", "main")

    def push(self, files: dict[str, str], message: str) -> None:
        commit(self.checkout, files, message)
        git(self.checkout, "push", "--quiet", "origin", "HEAD:main")

    def run(self, name: str, ref: str, code: int = 0, *, is_given: bool = True) -> str:
        """Run a job; return its log, in which no address stands."""
        job = jobs()[name]
        known = {
            "CI": "true",
            "CI_API_V4_URL": "http://gitlab.example/api/v4",
            "CI_PROJECT_ID": "7",
            "CI_DEFAULT_BRANCH": "main",
            "CI_COMMIT_SHA": git(self.checkout, "rev-parse", "HEAD"),
            "CI_JOB_TOKEN": "a-job",
            "CI_JOB_URL": "https://gitlab.example/acme/identity/-/jobs/5",
            "CI_PIPELINE_ID": "5",
            "CI_PROJECT_VISIBILITY": "private",
            "CI_MERGE_REQUEST_IID": "12",
            "NOTE_TOKEN": "a-token",
            "GITLAB": str(self.folder),
            "PYTHONPATH": str(ROOT),
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder),
            "RECONCILER_ENVIRONMENT": "test",
        }
        known["ARTIFACTS"] = os.path.expandvars(
            jobs()["variables"]["ARTIFACTS"]
            .replace("$CI_API_V4_URL", known["CI_API_V4_URL"])
            .replace("$CI_PROJECT_ID", "7")
        )
        secrets = {**self.environment, "RECONCILER_STATE": "git"} if is_given else {}
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", "\n".join(job["script"])],
            cwd=self.checkout, env={**known, **secrets}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        kept = self.folder / name / ref.replace("/", "-")
        kept.mkdir(parents=True, exist_ok=True)
        for path in job.get("artifacts", {}).get("paths", []):
            (kept / path).write_bytes((self.checkout / path).read_bytes())
        for path in job.get("artifacts", {}).get("reports", {}).values():
            assert (self.checkout / path).read_text().startswith("<?xml")
        assert not [address for address in ADDRESSES if address in done.stdout + done.stderr]
        return done.stdout + done.stderr


@pytest.mark.slow
def test_the_jobs_from_merge_request_to_drift(tmp_path: Path) -> None:
    with running() as server:
        there = GitLab(tmp_path, server.environment)
        ignored = "snapshot.gz\nplan.*\ncomment.md\njunit.xml\n*.json\n/.reconciler/"
        start = {"reconciler.yaml": CONFIGURATION, "rules/a.yaml": RULES, "users.jsonl": users(*ADDRESSES)}
        there.push({**start, ".gitignore": ignored}, "start")
        there.run("snapshot", "main")
        merged = "Merge branch 'customers' into 'main'\n\nCustomers\n\nSee merge request acme/identity!12"
        there.push({"manifests/a.yaml": MANIFESTS}, merged)
        for _again in range(2):
            there.run("plan", "refs/merge-requests/12/head", is_given=False)
        somebody, note = json.loads((tmp_path / "notes.json").read_text())
        assert somebody["body"] == "of somebody"
        assert "people gain access" in note["body"]
        assert not [address for address in ADDRESSES if address in note["body"]]
        assert json.loads((there.checkout / "plan.sarif").read_text())["version"] == "2.1.0"
        assert "Applied to test" in there.run("apply", "main")
        there.run("drift", "main")
        there.run("snapshot", "main")
        there.push({"manifests/b.yaml": MANIFESTS.replace("acme", "globex")}, "without a merge request")
        assert "no plan was reviewed" in there.run("apply", "main", code=1)
