"""An apply in a clone of a shared repository: it is alone, records what it did, and overwrites nobody."""

import json
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler import pipeline
from reconciler.apply.stop import LOCK_LOST
from reconciler.commands import cli
from reconciler.emulator.seed import bulk
from reconciler.emulator.seed.running import Running, running
from reconciler.history.git import Repository, find
from reconciler.history.lock import LIFETIME, Lock, take
from reconciler.history.refs import points_to, swap
from reconciler.history.state import State, read_state
from tests.history.http_remote import HttpRemote
from tests.history.test_lock import Time
from tests.history.worlds import begun, cloned, commit, git, manifest, push
from tests.repositories import OWNED

REF, LOCK = "refs/reconciler/test", "refs/reconciler-locks/test"
HOOK = "#!/bin/sh\nwhile read old new ref; do case $ref in {}*) echo 'not you' >&2; exit 1;; esac; done\n"
Run = Callable[..., int]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Any:
    with running() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("RECONCILER_STATE", "git")
        yield server


@pytest.fixture
def clone(tmp_path: Path, server: Running) -> Path:
    assert server.url
    return begun(tmp_path)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr("reconciler.commands.cli.signal.signal", lambda *_: None)
    monkeypatch.setattr("reconciler.commands.cli.gc.set_threshold", lambda *_: None)

    def run(root: Path, *arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["reconciler", "-C", str(root), *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0)

    return run


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Callable[[], Any]:
    return lambda: json.loads(capsys.readouterr().out)


def found(root: Path) -> Repository:
    repository = find(root, "reconciler.yaml")
    assert repository
    return repository


def state(root: Path) -> State:
    read = read_state(root, "test")
    assert read
    return read


def slugs(server: Running) -> set[str]:
    return {one["organization_slug"] for one in bulk.organizations(server.app)}


def refusing(remote: Path, ref: str) -> None:
    hook = remote / "hooks/pre-receive"
    hook.write_text(HOOK.format(ref))
    hook.chmod(0o755)


def during(monkeypatch: pytest.MonkeyPatch, does: Callable[[], object]) -> None:
    """Have something happen right before the first write."""
    real = pipeline.apply

    def apply(*arguments: Any) -> Any:
        does()
        return real(*arguments)

    monkeypatch.setattr(pipeline, "apply", apply)


def test_an_apply_records_what_it_applied(run: Run, clone: Path, printed: Callable[[], Any]) -> None:
    head = git(clone, "rev-parse", "HEAD")
    assert run(clone, "plan", "--format", "json") == 2
    plan = printed()
    assert (plan["revision"], "applied" in plan) == (head, False)
    assert [one["code"] for one in plan["problems"]] == ["no-state"]
    assert run(clone, "apply", "--format", "json") == 0
    assert printed()["digest"] == state(clone).digest
    assert state(clone).revision == head
    assert state(clone).pending == ()
    assert points_to(found(clone), LOCK) == ""
    assert run(clone, "plan", "--format", "json") == 0
    plan = printed()
    assert (plan["revision"], plan["applied"], plan["problems"]) == (head, head, [])


def test_two_merges_in_a_row_from_two_runners(run: Run, clone: Path, tmp_path: Path, server: Running) -> None:
    assert run(clone, "apply") == 0
    first = state(clone)
    commit(clone, {"manifests/globex.yaml": manifest("globex")})
    commit(clone, {"manifests/initech.yaml": manifest("initech")})
    push(clone)
    runner = cloned(tmp_path / "remote.git", tmp_path / "runner", "--depth=1")
    assert run(runner, "apply") == 0
    second = state(clone)
    assert (second.revision, second.is_evidence) == (git(clone, "rev-parse", "HEAD"), True)
    assert git(runner, "rev-parse", f"{second.commit}^") == first.commit
    assert slugs(server) == {"acme", "globex", "initech"}


def test_what_does_not_come_before_head_is_said(run: Run, clone: Path, printed: Callable[[], Any], capsys: Any) -> None:
    first = git(clone, "rev-parse", "HEAD")
    later = commit(clone, {"manifests/globex.yaml": manifest("globex")})
    assert run(clone, "apply") == 0
    git(clone, "checkout", "--quiet", first)
    capsys.readouterr()
    assert run(clone, "plan", "--format", "json") == 0
    (problem,) = printed()["problems"]
    assert problem["code"] == "state-elsewhere"
    assert problem["message"].startswith(f"{later[:12]}, which was applied last, does not come before HEAD")
    git(clone, "checkout", "--quiet", "main")
    git(clone, "revert", "--no-edit", "HEAD")
    assert run(clone, "plan", "--format", "json") == 0
    assert printed()["problems"] == []


def test_what_is_left_to_do_is_pending(run: Run, clone: Path, server: Running) -> None:
    theirs = {"organization_name": "Globex", "organization_slug": "globex"}
    here = server.environment
    made = httpx.post(
        f"{server.url}/v1/b2b/organizations", auth=(here["STYTCH_PROJECT_ID"], here["STYTCH_SECRET"]), json=theirs
    )
    assert made.is_success
    commit(clone, {"manifests/globex.yaml": manifest("globex")})
    assert run(clone, "apply") == 3
    assert state(clone).pending == ("Organization/globex",)


def test_with_only_nothing_is_recorded(run: Run, clone: Path) -> None:
    assert run(clone, "apply", "--only", "Organization/acme") == 0
    assert read_state(clone, "test") is None
    assert points_to(found(clone), LOCK) == ""


def test_what_nobody_committed_is_not_recorded(run: Run, clone: Path, capsys: Any) -> None:
    (clone / "manifests/globex.yaml").write_text(manifest("globex"))
    (clone / "plan.json").touch()
    assert run(clone, "plan", "--format", "json") == 2
    assert "revision" not in json.loads(capsys.readouterr().out)
    assert run(clone, "apply") == 0
    assert (
        "warning: this apply is not recorded, because it is of what nobody committed: manifests/globex.yaml; commit"
        in (capsys.readouterr().err)
    )
    assert read_state(clone, "test") is None
    (clone / "manifests/globex.yaml").unlink()
    assert run(clone, "apply") == 0
    assert state(clone).revision


def test_without_a_remote_it_is_recorded_here_and_work_trees_wait(
    run: Run, clone: Path, tmp_path: Path, capsys: Any
) -> None:
    git(clone, "remote", "remove", "origin")
    git(clone, "worktree", "add", "--quiet", "-b", "other", str(tmp_path / "tree"))
    assert run(clone, "apply") == 0
    assert git(tmp_path / "tree", "rev-parse", REF) == state(clone).commit
    with pytest.MonkeyPatch.context() as patched:
        during(patched, lambda: codes.append(run(tmp_path / "tree", "apply")))
        codes: list[int] = []
        assert run(clone, "apply") == 0
    assert codes == [1]
    assert "another apply of test runs in this folder" in capsys.readouterr().err
    assert run(tmp_path / "tree", "apply") == 0


def test_of_two_applies_one_wins_and_the_other_writes_nothing(
    run: Run, clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, server: Running
) -> None:
    other = cloned(tmp_path / "remote.git", tmp_path / "other")
    commit(other, {"manifests/globex.yaml": manifest("globex")})
    codes: list[int] = []
    with monkeypatch.context() as patched:
        during(patched, lambda: codes.append(run(other, "apply")))
        assert run(clone, "apply") == 0
    assert codes == [1]
    assert "another apply of test has the lock (process " in capsys.readouterr().err
    assert slugs(server) == {"acme"}
    assert run(other, "apply") == 0
    assert state(clone).revision == git(other, "rev-parse", "HEAD")


def test_a_ref_that_somebody_moved_meanwhile_is_not_overwritten(
    run: Run, clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    assert run(clone, "apply") == 0
    theirs = state(clone).commit
    commit(clone, {"manifests/globex.yaml": manifest("globex")})
    again = git(clone, "commit-tree", "HEAD^{tree}", "-p", theirs, "-m", f"x\n\nApplied: {'0' * 40}\n")
    with monkeypatch.context() as patched:
        during(patched, lambda: git(clone, "push", "--quiet", "origin", f"{again}:{REF}"))
        capsys.readouterr()
        assert run(clone, "apply", "--format", "json") == 1
    said = capsys.readouterr()
    message = f"somebody else moved {REF} meanwhile, to {again[:12]}, so this is not recorded"
    assert f"error: {message}; apply again" in said.err
    outcome = json.loads(said.out)
    assert message in [one["message"] for one in outcome["problems"]]
    assert outcome["summary"]["applied"] == 1
    assert points_to(found(clone), REF) == again
    assert run(clone, "apply") == 0
    assert state(clone).revision == git(clone, "rev-parse", "HEAD")


def test_an_apply_whose_lock_is_lost_stops_writing(
    run: Run, clone: Path, monkeypatch: pytest.MonkeyPatch, printed: Callable[[], Any], server: Running
) -> None:
    locks: list[Lock] = []

    def taken(*arguments: Any) -> Any:
        locks.append(take(*arguments))  # type: ignore[arg-type] # it is a lock, as the next line needs
        return locks[-1]

    def removed() -> None:
        repository = found(clone)
        assert swap(repository, LOCK, points_to(repository, LOCK), "").result == "done"
        assert locks[0].renew().result == "moved"

    monkeypatch.setattr("reconciler.history.turn.take", taken)
    during(monkeypatch, removed)
    assert run(clone, "apply", "--format", "json") == 1
    outcome = printed()
    assert [(one["result"], one["detail"]) for one in outcome["outcomes"]] == [("skipped", LOCK_LOST)]
    assert slugs(server) == set()
    assert read_state(clone, "test") is None


def test_an_apply_that_was_killed_and_is_run_again(
    run: Run, clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, server: Running
) -> None:
    """It dies while it has the lock; the next one waits until it saw the lock unchanged for its whole lifetime."""
    waits = "import time\nfrom reconciler import pipeline\nfrom reconciler.__main__ import main\n"
    waits += "def apply(*_):\n    print('held', flush=True)\n    time.sleep(600)\npipeline.apply = apply\nmain()\n"
    command = [sys.executable, "-c", waits, "-C", str(clone), "apply", "--format", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        holds = points_to(found(clone), LOCK)
        process.kill()
    assert points_to(found(clone), LOCK) == holds != ""
    other = cloned(tmp_path / "remote.git", tmp_path / "other")
    assert run(other, "apply") == 1
    assert f"has the lock (process {process.pid} on " in capsys.readouterr().err
    clock = Time()
    monkeypatch.setattr("reconciler.history.turn.take", partial(take, clock=clock.now, sleep=clock.sleep))
    assert run(other, "apply", "--wait", str(LIFETIME + 1)) == 0
    assert clock.passed == LIFETIME
    assert slugs(server) == {"acme"}
    assert state(clone).revision


def test_without_permission_an_apply_to_test_is_warned(
    run: Run, clone: Path, tmp_path: Path, capsys: Any, server: Running
) -> None:
    refusing(tmp_path / "remote.git", "refs/")
    assert run(clone, "apply", "--format", "json") == 0
    said = capsys.readouterr()
    assert "warning: the lock of test cannot be taken: " in said.err
    assert "not you" in said.err
    assert [one["code"] for one in json.loads(said.out)["problems"]] == ["no-state", "not-recorded"]
    assert slugs(server) == {"acme"}
    assert points_to(found(clone), REF) == ""


def test_who_may_take_the_lock_and_not_move_the_state_learns_of_it(
    run: Run, clone: Path, tmp_path: Path, capsys: Any
) -> None:
    refusing(tmp_path / "remote.git", "refs/reconciler/")
    assert run(clone, "apply") == 1
    assert f"error: {REF} cannot be moved, so this is not recorded: " in capsys.readouterr().err
    assert points_to(found(clone), LOCK) == ""


@pytest.fixture
def live(server: Running, clone: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    live = server.app.workspace.environment("B2B", "live")
    monkeypatch.setenv("STYTCH_PROJECT_ID", live.project_id)
    monkeypatch.setenv("STYTCH_SECRET", live.secret)
    target = f"environments: {{test: {{target: {{type: live, project_id: {live.project_id}}}}}}}"
    commit(clone, {"reconciler.yaml": OWNED.replace("environments: {test: {}}", target)})
    return live


@pytest.mark.parametrize("how", ["refused", "unreachable", "moved by hand"])
def test_without_permission_an_apply_to_live_is_refused_before_the_first_write(
    run: Run,
    clone: Path,
    tmp_path: Path,
    live: Any,
    server: Running,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
    how: str,
) -> None:
    if how == "refused":
        refusing(tmp_path / "remote.git", LOCK)
    elif how == "unreachable":
        (tmp_path / "remote.git").rename(tmp_path / "gone")
    else:
        git(clone, "push", "--quiet", "origin", f"HEAD:{REF}")
    assert run(clone, "apply", "--yes") == 1
    assert "nothing was written to the LIVE project" in capsys.readouterr().err
    assert bulk.organizations(server.app, live) == []
    monkeypatch.delenv("RECONCILER_STATE")
    commit(clone, {"reconciler.yaml": (clone / "reconciler.yaml").read_text() + "state: none\n"})
    assert run(clone, "apply", "--yes") == 0  # whoever does without says so
    assert len(bulk.organizations(server.app, live)) == 1


@pytest.mark.usefixtures("live")
def test_with_permission_an_apply_to_live_is_recorded(run: Run, clone: Path) -> None:
    assert run(clone, "apply", "--yes") == 0
    assert state(clone).project.startswith("project-live-")


def test_what_was_applied_to_another_project_says_nothing_here(
    run: Run, clone: Path, printed: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    assert run(clone, "apply") == 0
    project = state(clone).project
    capsys.readouterr()
    with running() as other:
        for name, value in other.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("RECONCILER_STATE", "git")
        assert run(clone, "plan", "--format", "json") == 2
        plan = printed()
        assert "applied" not in plan
        assert f"not say what was applied to this project, but to {project}" in plan["problems"][0]["message"]
        assert run(clone, "apply") == 0
    assert state(clone).project != project


def test_without_git_a_plan_says_so_and_an_apply_works(
    run: Run, clone: Path, printed: Callable[[], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    (clone / ".git").rename(clone / ".git-aside")
    assert run(clone, "plan", "--format", "json") == 2
    (problem,) = printed()["problems"]
    assert (problem["code"], problem["severity"]) == ("no-state", "warning")
    assert problem["message"].startswith("reconciler.yaml is in no git repository, or nobody committed it there, so")
    assert run(clone, "apply") == 0
    assert capsys.readouterr().err == ""


def test_a_plan_for_people_names_both_revisions(run: Run, clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(clone, "apply") == 0
    first = git(clone, "rev-parse", "--short=12", "HEAD")
    second = commit(clone, {"manifests/globex.yaml": manifest("globex")})
    capsys.readouterr()
    assert run(clone, "plan") == 2
    assert f"Planned of {second[:12]}; {first} was applied last." in capsys.readouterr().out


def test_where_the_state_cannot_be_read_a_plan_says_so(
    run: Run, clone: Path, tmp_path: Path, printed: Callable[[], Any]
) -> None:
    (tmp_path / "remote.git").rename(tmp_path / "gone")
    assert run(clone, "plan", "--format", "json") == 2
    plan = printed()
    assert [one["code"] for one in plan["problems"]] == ["no-state"]
    assert "git ls-remote failed" in plan["problems"][0]["message"]
    assert "applied" not in plan


@pytest.mark.parametrize("says", ["the configuration", "a variable"])
def test_a_repository_that_does_without_is_left_alone(
    run: Run, clone: Path, printed: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, says: str
) -> None:
    if says == "a variable":
        monkeypatch.setenv("RECONCILER_STATE", "none")  # as those of an emulator do
    else:
        monkeypatch.delenv("RECONCILER_STATE")
        commit(clone, {"reconciler.yaml": OWNED + "state: none\n"})
    (clone / ".git").rename(clone / ".git-aside")
    assert run(clone, "plan", "--format", "json") == 2
    without = printed()
    (clone / ".git-aside").rename(clone / ".git")
    assert run(clone, "plan", "--format", "json") == 2
    assert {**printed(), "cost": 0} == {**without, "cost": 0}
    assert run(clone, "apply") == 0
    assert read_state(clone, "test") is None


def test_the_variable_says_one_of_two_words(
    run: Run, clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RECONCILER_STATE", "off")
    assert run(clone, "plan") == 1
    assert "RECONCILER_STATE is 'off'" in capsys.readouterr().err


def test_with_a_token_it_is_recorded_over_http_and_nobody_else_learns_the_token(
    run: Run, clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    token = "ghs_c4naryC4NARYc4naryC4NARY0123456789"
    basic = b64encode(f"x-access-token:{token}".encode()).decode()
    git(tmp_path / "remote.git", "config", "http.receivepack", "true")
    with HttpRemote(tmp_path, lambda given, _: 200 if given == f"Basic {basic}" else 401) as remote:
        git(clone, "remote", "set-url", "origin", f"{remote.url}/remote.git")
        git(clone, "config", f"http.{remote.url}/.extraHeader", "Authorization: Basic persisted")
        assert run(clone, "apply") == 0
        assert remote.refused
        assert git(tmp_path / "remote.git", "for-each-ref", "refs/reconciler*") == ""
        monkeypatch.setenv("RECONCILER_GIT_TOKEN", token)
        remote.refused = 0
        assert run(clone, "apply") == 0
        assert run(clone, "plan") == 0
        assert remote.refused == 0
    head = git(clone, "rev-parse", "HEAD")
    assert f"Applied: {head}" in git(tmp_path / "remote.git", "cat-file", "commit", REF)
    printed = capfd.readouterr()
    kept = [path.read_text(errors="replace") for path in clone.rglob("*") if path.is_file() and path.name != "index"]
    for text in (printed.out, printed.err, *kept):
        assert token not in text
        assert basic not in text
