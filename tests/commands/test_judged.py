"""In a repository of git: what was applied last still binds, and an approval is used once."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.commands import cli
from reconciler.emulator.seed.running import Running, running
from reconciler.history.state import read_state
from tests.history.worlds import begun, cloned, commit, git, manifest, push
from tests.repositories import OWNED

Run = Callable[..., tuple[int, Any]]
POLICY = """\
apiVersion: reconciler/v1
kind: Policy
metadata: {name: slugs}
spec: {deny: "change.kind == 'Organization' and change.action == 'create' and change.name == 'globex'", message: No}
"""
GUARDED = OWNED.replace("{test: {}}", "{{test: {{guards: {{{}}}}}}}")
ADMIN = """\
apiVersion: reconciler/v1
kind: Member
metadata: {namespace: acme, name: NAME@acme.example}
spec: {roles: [stytch_admin]}
"""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command, and return its exit code and its JSON."""
    monkeypatch.setattr("reconciler.commands.cli.signal.signal", lambda *_: None)
    monkeypatch.setattr("reconciler.commands.cli.gc.set_threshold", lambda *_: None)

    def run(root: Path, *arguments: str) -> tuple[int, Any]:
        monkeypatch.setattr(sys, "argv", ["reconciler", "-C", str(root), *arguments, "--format", "json"])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0), json.loads(capsys.readouterr().out)

    with running() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("RECONCILER_STATE", "git")
        assert isinstance(server, Running)
        yield run


def withheld(plan: Any) -> dict[str, str]:
    return {one["address"]: one["withheld_by"] for one in plan["changes"] if one["withheld_by"]}


def test_a_commit_cannot_lift_the_policy_that_stops_it(tmp_path: Path, run: Run) -> None:
    clone = begun(tmp_path)
    commit(clone, {"rules/policies/slugs.yaml": POLICY})
    push(clone)
    assert run(clone, "apply")[0] == 0

    git(clone, "rm", "--quiet", "rules/policies/slugs.yaml")
    commit(clone, {"manifests/globex.yaml": manifest("globex"), "reconciler.yaml": GUARDED.format("max_deletes: 501")})
    code, plan = run(clone, "plan")
    assert (code, withheld(plan)) == (3, {"Organization/globex": "policy:slugs"})
    guard = next(one for one in plan["guards"] if one["name"] == "policy:slugs")
    assert "as it was applied last" in guard["detail"]
    loosened = [(one["what"], one["first"][0]["address"]) for one in plan["access"]["loosened"]]
    assert loosened == [("guard", "reconciler.yaml"), ("policy", "Policy/slugs")]

    push(clone)
    for _ in range(2):  # also the second time, although the revision without the policy was recorded
        assert run(clone, "apply")[0] == 3
        state = read_state(clone, "test")
        assert state
        assert state.revision == git(clone, "rev-parse", "HEAD")
        code, plan = run(clone, "plan")
        assert (code, withheld(plan)) == (3, {"Organization/globex": "policy:slugs"})

    another = POLICY.replace("slugs", "names").replace("globex", "initech")
    commit(clone, {"rules/policies/names.yaml": another})
    push(clone)
    assert run(clone, "apply")[0] == 3
    git(clone, "rm", "--quiet", "rules/policies/names.yaml")
    commit(clone, {"manifests/initech.yaml": manifest("initech")})
    push(clone)
    shallow = cloned(tmp_path / "remote.git", tmp_path / "runner", "--depth=1")
    both = {"Organization/globex": "policy:slugs", "Organization/initech": "policy:names"}
    for root in (clone, shallow):
        assert run(root, "apply")[0] == 3
        assert withheld(run(root, "plan")[1]) == both


def test_a_policy_that_denies_nothing_any_more_is_lifted(tmp_path: Path, run: Run) -> None:
    clone = begun(tmp_path)
    commit(clone, {"rules/policies/slugs.yaml": POLICY})
    assert run(clone, "apply")[0] == 0
    git(clone, "rm", "--quiet", "rules/policies/slugs.yaml")
    commit(clone, {"manifests/globex.yaml": manifest("globex")})
    assert run(clone, "apply")[0] == 3
    git(clone, "rm", "--quiet", "manifests/globex.yaml")
    commit(clone, {})
    assert run(clone, "apply")[0] == 0
    state = read_state(clone, "test")
    assert state
    assert state.judged_by == ()
    commit(clone, {"manifests/globex.yaml": manifest("globex")})
    assert run(clone, "apply")[0] == 0


def test_a_commit_cannot_do_away_with_the_state_that_judges_it(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RECONCILER_STATE")
    clone = begun(tmp_path)
    commit(clone, {"rules/policies/slugs.yaml": POLICY})
    assert run(clone, "apply")[0] == 0
    git(clone, "rm", "--quiet", "rules/policies/slugs.yaml")
    commit(clone, {"manifests/globex.yaml": manifest("globex"), "reconciler.yaml": OWNED + "state: none\n"})
    code, plan = run(clone, "plan")
    assert (code, withheld(plan)) == (3, {"Organization/globex": "policy:slugs"})
    first = {one["what"]: one["first"][0] for one in plan["access"]["loosened"]}
    assert (first["authority"]["path"], first["authority"]["at"]["line"]) == (["state"], 5)
    git(clone, "rm", "--quiet", "manifests/globex.yaml")
    commit(clone, {})
    assert run(clone, "apply")[0] == 0  # from now on it does without
    commit(clone, {"manifests/globex.yaml": manifest("globex")})
    assert run(clone, "apply")[0] == 0
    state = read_state(clone, "test")
    assert state
    assert state.revision == git(clone, "rev-parse", "HEAD^")


def test_an_approval_of_what_is_not_written_is_not_used_up(tmp_path: Path, run: Run) -> None:
    clone = begun(tmp_path, configuration=GUARDED.format("max_new_admins: 0"))
    assert run(clone, "apply")[0] == 0
    text = (
        "apiVersion: reconciler/v1\nkind: Approval\nmetadata: {name: one}\n"
        'spec: {guard: max_new_admins, environment: test, up_to: 1, until: "2999-12-31", digest: any}\n'
    )
    ann, globex = {"manifests/ann.yaml": ADMIN.replace("NAME", "ann")}, {"manifests/globex.yaml": manifest("globex")}
    commit(clone, {**globex, "rules/approvals/one.yaml": text})
    plan = tmp_path / "plan.json"
    assert run(clone, "plan", "-o", str(plan))[0] == 2
    commit(clone, ann)
    for narrow in (("--only", "Organization/globex"), (str(plan),)):
        code, outcome = run(clone, "apply", *narrow)
        assert (code, [one["result"] for one in outcome["outcomes"]]) == (0, ["applied"])
        state = read_state(clone, "test")
        assert state
        assert not state.used_approvals
        commit(clone, {"manifests/globex.yaml": manifest("globex", f"after {narrow[0]}")})
        assert run(clone, "plan", "-o", str(plan), "--only", "Organization")[0] == 2
    code, told = run(clone, "plan", "--only", "Organization/globex")
    assert [one["why"] for one in told["approvals"]] == ["nothing that it lets through would be written"]
    assert "loosened" not in told["access"]
    assert run(clone, "apply")[0] == 0
    state = read_state(clone, "test")
    assert state
    assert len(state.used_approvals) == 1


def test_a_policy_that_this_version_cannot_read_stops_everything(tmp_path: Path, run: Run) -> None:
    clone = begun(tmp_path)
    commit(clone, {"rules/policies/slugs.yaml": POLICY})
    push(clone)
    assert run(clone, "apply")[0] == 0
    state = read_state(clone, "test")
    assert state
    broken = commit(clone, {"rules/policies/slugs.yaml": POLICY.replace("change.name", "change.nmae")})
    message = git(clone, "log", "-1", "--format=%B", state.commit)
    forged = git(clone, "commit-tree", f"{broken}^{{tree}}", "-p", state.commit, "-m", message)
    git(clone, "push", "--quiet", "origin", f"+{forged}:refs/reconciler/test")
    git(clone, "rm", "--quiet", "rules/policies/slugs.yaml")
    commit(clone, {})
    code, told = run(clone, "plan")
    assert code == 4
    assert "`change` has no `nmae` (rules/policies/slugs.yaml:4:79)" in told["problems"][0]["message"]


def test_an_approval_is_printed_pasted_used_and_spent(tmp_path: Path, run: Run) -> None:
    clone = begun(tmp_path, configuration=GUARDED.format("max_new_admins: 0"))
    push(clone)
    assert run(clone, "apply")[0] == 0
    commit(clone, {"manifests/ann.yaml": ADMIN.replace("NAME", "ann")})
    code, plan = run(clone, "plan")
    (missing,) = plan["approvals"]
    assert (code, missing["state"], missing["digest"]) == (3, "missing", plan["operations_digest"])

    spec = {"environment": "test", **{key: missing[key] for key in ("guard", "up_to", "until", "digest")}}
    document: dict[str, Any] = {
        "apiVersion": "reconciler/v1",
        "kind": "Approval",
        "metadata": {"name": missing["name"]},
        "spec": spec,
    }
    file = "rules/approvals/admins.yaml"
    (clone / "rules" / "approvals").mkdir(parents=True)
    (clone / file).write_text(json.dumps(document))
    code, plan = run(clone, "plan")
    assert (code, plan["approvals"][0]["why"]) == (3, "nobody committed it")

    commit(clone, {})
    push(clone)
    code, plan = run(clone, "plan")
    assert (code, plan["approvals"][0]["state"]) == (2, "used")
    assert run(clone, "apply")[0] == 0
    state = read_state(clone, "test")
    assert state
    assert state.used_approvals == {plan["approvals"][0]["id"]}

    anew = {**document, "spec": {**spec, "digest": "any"}}
    commit(clone, {"manifests/bob.yaml": ADMIN.replace("NAME", "bob"), file: json.dumps(anew)})
    push(clone)
    assert run(clone, "apply")[0] == 0, "another text is another approval"
    commit(clone, {"manifests/cid.yaml": ADMIN.replace("NAME", "cid")})
    code, plan = run(clone, "plan")
    assert (code, plan["approvals"][0]["why"]) == (3, "it was used before")


def test_an_approval_whose_use_cannot_be_recorded_lets_nothing_be_written(tmp_path: Path, run: Run) -> None:
    clone = begun(tmp_path, configuration=GUARDED.format("max_new_admins: 0"))
    text = (
        "apiVersion: reconciler/v1\nkind: Approval\nmetadata: {name: one}\n"
        'spec: {guard: max_new_admins, environment: test, up_to: 1, until: "2999-12-31", digest: any}\n'
    )
    commit(clone, {"manifests/ann.yaml": ADMIN.replace("NAME", "ann"), "rules/approvals/one.yaml": text})
    push(clone)
    hook = tmp_path / "remote.git" / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    code, told = run(clone, "apply")
    assert code == 1
    assert "nothing was written" in told["problems"][0]["message"]
    assert run(clone, "plan")[1]["summary"]["create"] == 2
