"""`reconciler github step`: what the action's inputs ask for, and which program gets which token and which signal."""

import os
import signal
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from reconciler.commands.cli import cli
from reconciler.commands.step import Job, _ran
from reconciler.errors import InvalidInput
from reconciler.github.step import Step, keeps_plan, said_of, step_of, words_of

HTML, PAGE, RESULT = Path("page.html"), Path("comment.md"), Path("result.json")


def step(command: str, **variables: str) -> Step:
    return step_of(command, {"PRIVATE": "true", **{name.upper(): value for name, value in variables.items()}})


def words(asked: Step, *, is_whole: bool | None = None) -> str:
    return " ".join(words_of(asked, HTML, (Path("pull-7.json"),), is_whole=is_whole))


def test_what_is_run() -> None:
    assert words(step("plan")) == "plan --html page.html --format json"
    assert words(step("plan", private="")) == "plan --html page.html --mask --format json"
    assert words(step("plan", snapshot="s.gz")) == "plan --snapshot s.gz --html page.html --format json"
    assert words(step("validate")) == "validate --format json"
    assert words(step("drift")) == "drift --html page.html --format json"
    assert words(step("apply", plan="p.json", origin="users")) == (
        "apply --yes --wait 600 --origin users p.json --html page.html --format json"
    )
    whole, some = (words(step("apply", reviewed="true"), is_whole=is_whole) for is_whole in (True, False))
    assert whole == "apply --yes --wait 600 --reviewed all pull-7.json --html page.html --format json"
    assert some == whole.replace("all", "some")


@pytest.mark.parametrize("name", ["reviewed", "comment", "upload"])
def test_what_is_neither_true_nor_false_is_not_taken_for_either(name: str) -> None:
    with pytest.raises(InvalidInput, match=f"the input {name} is 'True'"):
        step("apply", **{name: "True"})


@pytest.mark.parametrize(
    ("private", "snapshot", "code", "is_kept"),
    [("true", "", 2, True), ("false", "", 2, False), ("false", "s.gz", 2, True), ("true", "", 4, False)],
)
def test_a_plan_that_names_people_is_kept_where_few_can_read_it(
    private: str, snapshot: str, code: int, *, is_kept: bool
) -> None:
    assert keeps_plan(step("plan", private=private, snapshot=snapshot), code) is is_kept
    assert not keeps_plan(step("plan", private=private, snapshot=snapshot, upload="false"), code)


def said(asked: Step, code: int, *pulls: str) -> str:
    return " ".join(said_of(asked, code, PAGE, RESULT, pulls))


def test_what_is_said_on_github() -> None:
    assert said(step("plan", comment="true", pull="7"), 2) == "comment comment.md --pull 7"
    assert said(step("plan", comment="true", pull="7"), 4) == ""
    assert said(step("plan", comment="true"), 2) == "", "no pull request"
    assert said(step("plan", pull="7"), 2) == "", "nobody asked for it"
    assert said(step("apply", comment="true"), 1, "7", "8") == "comment comment.md --pull 7 --pull 8"
    assert said(step("apply", comment="true"), 0) == ""
    assert said(step("drift", comment="true"), 0) == "issue comment.md --of result.json"
    assert said(step("drift", comment="true"), 1) == ""


def test_the_pull_request_of_a_merge_queue() -> None:
    group = "refs/heads/gh-readonly-queue/main/pr-12-" + "a" * 40
    assert step("check", group=group).queued == "12"
    assert step("check", group="refs/heads/main").queued == ""
    assert step("check", group="refs/heads/pr-x-0").queued == ""


def job(folder: Path, program: str) -> Job:
    command = (sys.executable, "-c", program)
    return Job(step=step("apply"), folder=folder, program=command, environ=dict(os.environ), token="t", hook="h")


def test_only_who_is_given_a_token_has_it(tmp_path: Path) -> None:
    one, said = job(tmp_path, "import os; print({'TOKEN', 'GIT'} & os.environ.keys())"), tmp_path / "said"
    assert _ran(one, "report", into=said) == _ran(one, "apply", into=said, GIT="t") == 0
    assert said.read_text() == "set()\n{'GIT'}\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_what_runs(tmp_path: Path, number: signal.Signals) -> None:
    """An apply that was stopped still says what it wrote; after anything else nothing begins any more."""
    ends = f"signal.signal({number:d}, lambda *_: sys.exit(7)); os.kill(os.getppid(), {number:d}); time.sleep(20)"
    stopped = job(tmp_path, f"import os, signal, sys, time; {ends}")
    before = signal.getsignal(number)
    assert _ran(stopped, "apply") == 7
    with pytest.raises(KeyboardInterrupt):
        _ran(stopped, "plan")
    assert signal.getsignal(number) is before


def test_outside_of_a_job_it_says_where_it_belongs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNNER_TEMP", raising=False)
    done = CliRunner().invoke(cli, ["github", "step", "plan"])
    assert (done.exit_code, "RUNNER_TEMP is not set" in done.output) == (1, True)
