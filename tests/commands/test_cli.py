"""The command line as people and CI type it: options, files, exit codes."""

import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.apply.alone import alone
from reconciler.commands import cli
from reconciler.emulator.core.workspace import Environment
from reconciler.emulator.seed import bulk
from reconciler.emulator.seed.running import Running, running
from reconciler.emulator.server.app import App
from tests.apply.test_apply import ADDRESSES, CONFIGURATION, MANIFESTS, RULES, users
from tests.repositories import write

Run = Callable[..., int]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "reconciler.yaml": CONFIGURATION,
        "manifests/a.yaml": MANIFESTS,
        "rules/a.yaml": RULES,
        "users.jsonl": users(*ADDRESSES),
    }
    return write(tmp_path, files)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    with running() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def run(root: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    # What the program sets for its whole process is not for this one.
    monkeypatch.setattr("reconciler.commands.cli.signal.signal", lambda *_: None)
    monkeypatch.setattr("reconciler.commands.cli.gc.set_threshold", lambda *_: None)

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["reconciler", "-C", str(root), *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0)

    return run


def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def addresses(app: App) -> set[str]:
    return {one["email_address"] for one in bulk.members(app) if one["status"] != "deleted"}


@pytest.mark.usefixtures("server")
def test_plan_apply_plan(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("plan") == 2
    assert run("apply") == 0
    capsys.readouterr()
    assert run("plan", "--format", "json") == 0
    assert printed(capsys)["changes"] == []
    assert run("drift") == 0


def test_one_apply_runs_at_a_time_in_a_folder(
    run: Run, root: Path, server: Running, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with alone(root, "test", ("apply", "plan.json")):
        assert run("apply", "--format", "json") == 1
        (problem,) = printed(capsys)["problems"]
        assert f"(process {os.getpid()} on " in problem["message"]
        assert "--wait SECONDS" in problem["hint"]
        assert addresses(server.app) == set()
        assert run("plan") == 2  # who only reads need not wait
        assert capsys.readouterr().err == ""  # it is this process that applies
        with monkeypatch.context() as patched:
            patched.setattr(os, "getpid", lambda: -1)
            assert run("plan") == 2
        assert capsys.readouterr().err.startswith("note: an apply runs in this folder (process ")
    assert run("apply", "--wait", "60") == 0
    assert addresses(server.app) != set()


@pytest.mark.parametrize(
    "arguments",
    [("plan", "--dry-run"), ("plam",), ("plan", "--format", "yaml"), ("apply", "no-such-file.json"), ("--nothing",)],
    ids=" ".join,
)
def test_a_usage_error_is_1_because_2_means_changes(run: Run, arguments: tuple[str, ...]) -> None:
    assert run(*arguments) == 1


def test_a_usage_error_is_json_where_json_was_asked_for(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("plan", "--format", "json", "--bogus") == 1
    assert "--bogus" in printed(capsys)["problems"][0]["message"]


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    "only",
    [
        "Membr",
        "organization=acm",
        "Organization/nope",
        "Member/nope/ann@acme.example",
        "Member/acme/*",
        "Member/acme/ann",
        "Member/acme",
        "",
    ],
    ids=repr,
)
def test_only_names_something_or_is_refused(run: Run, only: str) -> None:
    assert run("plan", "--only", only) == 1
    assert run("apply", "--only", only) == 1


def test_missing_credentials_are_an_error_that_names_them(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STYTCH_PROJECT_ID", raising=False)
    assert run("plan") == 1
    assert "STYTCH_PROJECT_ID" in capsys.readouterr().err


@pytest.mark.usefixtures("server")
def test_wrong_credentials_mean_that_nothing_was_read(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STYTCH_SECRET", "secret-test-canary-1111111111")
    assert run("plan", "--format", "json") == 4
    output = capsys.readouterr()
    assert "canary" not in output.out + output.err
    assert json.loads(output.out)["problems"][0]["code"] == "unreadable"


@pytest.mark.usefixtures("server")
def test_invalid_input_is_1_and_json_when_asked(run: Run, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "manifests" / "b.yaml").write_text("kind: Organisation\n", encoding="utf-8")
    for command in ("validate", "plan", "apply", "drift"):
        assert run(command, "--format", "json") == 1
        body = printed(capsys)
        assert set(body) == {"format_version", "problems"}
        assert body["problems"][0]["at"][0]["file"] == "manifests/b.yaml"


@pytest.mark.usefixtures("server")
def test_what_is_declared_and_held_is_3_in_every_command(
    run: Run, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    partner = "apiVersion: reconciler/v1\nkind: Organization\nmetadata: {name: partner}\nensure: external\n"
    (root / "manifests" / "partner.yaml").write_text(partner, encoding="utf-8")
    assert run("plan") == 3
    assert run("apply") == 3, "everything else is applied"
    assert "Held although declared: 1 resource" in capsys.readouterr().out
    assert run("plan") == run("drift") == run("apply") == 3
    capsys.readouterr()
    assert run("apply", "--format", "json") == 3
    assert [each["address"] for each in printed(capsys)["held"]] == ["Organization/partner"]


def test_an_output_that_is_an_input_is_refused(run: Run, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (root / "reconciler.yaml").read_bytes()
    assert run("plan", "-o", str(root / "reconciler.yaml")) == 1
    assert "nothing was written" in capsys.readouterr().err
    assert (root / "reconciler.yaml").read_bytes() == before
    assert run("emulator", "--env-file", str(root / "users.jsonl"), "--users", str(root / "users.jsonl")) == 1
    assert "is the users" in capsys.readouterr().err
    for name in ("users.jsonl", "reconciler.yaml"):
        there = (root / name).read_bytes()
        assert run("emulator", "--env-file", str(root / name)) == 1
        assert "holds more than the emulator's variables" in capsys.readouterr().err
        assert (root / name).read_bytes() == there


@pytest.mark.usefixtures("server")
def test_a_plan_file_is_private_and_applied_as_far_as_it_goes(run: Run, root: Path, server: Running) -> None:
    file = root / "plan.json"
    assert run("plan", "-o", str(file)) == 2
    assert file.stat().st_mode & 0o777 == 0o600
    (root / "users.jsonl").write_text(users(*ADDRESSES, "new@acme.example"), encoding="utf-8")
    assert run("apply", str(file)) == 0
    assert "new@acme.example" not in addresses(server.app)
    assert run("apply", str(file)) == 0
    assert run("apply") == 0
    assert "new@acme.example" in addresses(server.app)


@pytest.mark.usefixtures("server")
def test_without_a_reviewed_plan_nothing_is_written_where_one_is_due(run: Run, root: Path, server: Running) -> None:
    assert run("apply", "--reviewed", "some") == 3
    assert run("apply", "--reviewed", "all") == 0
    assert addresses(server.app) == set()
    assert run("plan", "--only", "organization=globex", "-o", str(root / "plan.json")) == 2
    assert run("apply", str(root / "plan.json"), "--reviewed", "some") == 3
    assert addresses(server.app) == {"eve@globex.example", "boss@globex.example"}
    assert run("apply") == 0
    assert run("apply", "--reviewed", "some") == 0


@pytest.mark.usefixtures("server")
def test_only_narrows_what_is_written(run: Run, server: Running) -> None:
    assert run("apply", "--only", "organization=globex") == 0
    assert addresses(server.app) == {"eve@globex.example", "boss@globex.example"}
    assert run("plan", "--only", "organization=globex") == 0
    assert run("plan", "--only", "Member") == 3  # their organization is not made by this run
    assert run("plan") == 2


@pytest.mark.usefixtures("server")
def test_a_project_that_the_file_does_not_name_is_refused(run: Run, root: Path, server: Running) -> None:
    pinned = CONFIGURATION + "    target: {project_id: project-test-00000000-0000-4000-8000-000000000000}\n"
    (root / "reconciler.yaml").write_text(pinned, encoding="utf-8")
    assert run("plan") == 1
    assert run("apply") == 1
    assert bulk.organizations(server.app) == []


@pytest.fixture
def live(server: Running, root: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """The live environment of the emulator, which the credentials and the file are of."""
    live = server.app.workspace.environment("B2B", "live")
    monkeypatch.setenv("STYTCH_PROJECT_ID", live.project_id)
    monkeypatch.setenv("STYTCH_SECRET", live.secret)
    target = f"    target: {{type: live, project_id: {live.project_id}}}\n"
    (root / "reconciler.yaml").write_text(CONFIGURATION + target, encoding="utf-8")
    return live


LIVE_BY_NAME = "    target: {type: live, project: b2b, environment: production}\n"
OTHER_LIVE = "    target: {type: live, project_id: project-live-00000000-0000-4000-8000-000000000000}\n"


@pytest.mark.parametrize(
    ("text", "without", "code"),
    [("", "", 1), (LIVE_BY_NAME, "", 0), (LIVE_BY_NAME, "STYTCH_WORKSPACE_KEY_ID", 1), (OTHER_LIVE, "", 1)],
    ids=["not called live", "by its names", "by names that nothing tells", "another one"],
)
def test_a_live_project_is_written_to_only_where_it_is_the_one_that_the_file_calls_live(
    run: Run,
    root: Path,
    live: Environment,
    server: Running,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    without: str,
    code: int,
) -> None:
    monkeypatch.delenv(without, raising=False)
    (root / "reconciler.yaml").write_text(CONFIGURATION + text, encoding="utf-8")
    assert run("apply", "--yes") == code
    assert len(bulk.organizations(server.app, live)) == (2 if code == 0 else 0)


def test_without_a_terminal_a_live_apply_needs_yes_or_a_reviewed_plan(
    run: Run, root: Path, live: Environment, server: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("apply") == 1
    assert "no terminal to confirm" in capsys.readouterr().err
    assert run("apply", "--format", "json") == 1
    assert bulk.organizations(server.app, live) == []
    assert run("plan", "-o", str(root / "plan.json")) == 2
    assert run("apply", str(root / "plan.json")) == 0
    assert run("apply") == 0  # there is nothing left to ask about
    (root / "users.jsonl").write_text(users(*ADDRESSES, "new@acme.example"), encoding="utf-8")
    assert run("apply") == 1
    assert run("apply", "--yes") == 0


@pytest.mark.parametrize(
    ("stdin", "stderr", "answer", "code"),
    [(True, True, True, 0), (True, True, False, 1), (True, False, True, 1), (None, True, True, 1)],
    ids=["yes", "no", "the question goes nowhere", "no standard input at all"],
)
def test_on_a_terminal_a_live_apply_asks(
    run: Run,
    live: Environment,
    server: Running,
    monkeypatch: pytest.MonkeyPatch,
    *,
    stdin: bool | None,
    stderr: bool,
    answer: bool,
    code: int,
) -> None:
    typed = io.StringIO()
    typed.isatty = lambda: bool(stdin)  # type: ignore[method-assign] # a terminal as far as anybody asks
    monkeypatch.setattr(sys, "stdin", None if stdin is None else typed)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: stderr)
    monkeypatch.setattr("click.confirm", lambda *_, **__: answer)
    assert run("apply") == code
    assert len(bulk.organizations(server.app, live)) == (2 if code == 0 else 0)


@pytest.mark.usefixtures("server")
def test_no_run_ends_well_while_a_required_step_is_open(
    run: Run, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    step = "apiVersion: reconciler/v1\nkind: ManualStep\nmetadata: {name: webhooks}\n"
    said = "spec: {what: Make the webhooks, where: Dashboard, required: true}\n"
    (root / "manifests" / "step.yaml").write_text(step + said, encoding="utf-8")
    for command in ("apply", "apply", "plan", "drift"):
        assert run(command) == 3
        assert "By hand: 1 step" in capsys.readouterr().out
    assert run("apply", "--format", "json") == 3
    assert [each["name"] for each in printed(capsys)["manual_steps"]] == ["webhooks"]
    (root / "manifests" / "step.yaml").write_text(step + said.replace("}", ", done: true}"), encoding="utf-8")
    assert run("apply") == 0


@pytest.mark.usefixtures("server")
def test_an_environment_is_chosen_before_or_after_the_command_or_in_the_environment(
    run: Run, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "reconciler.yaml").write_text(
        CONFIGURATION + "  live: {target: {type: live, project_id: project-live-1}}\n", encoding="utf-8"
    )
    assert run("validate") == 1
    assert run("-e", "test", "validate") == 0
    assert run("validate", "-e", "test") == 0
    monkeypatch.setenv("RECONCILER_ENVIRONMENT", "test")
    assert run("validate") == 0


@pytest.mark.usefixtures("server")
def test_why_takes_an_id_or_an_address_and_knows_members_written_by_hand(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("user-test-ann@acme.example", " ANN@ＡCME.example"):  # noqa: RUF001 - the full-width letter is the case
        assert run("why", name) == 0
        assert "rules/a.yaml" in capsys.readouterr().out
    assert run("why", "boss@globex.example") == 0
    assert "manifests/a.yaml" in capsys.readouterr().out
    assert run("why", "nobody@acme.example") == 1


@pytest.mark.usefixtures("server")
def test_doctor_says_what_is_reached(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("doctor") == 0
    assert "a test project" in capsys.readouterr().out
    monkeypatch.setenv("STYTCH_SECRET", "secret-test-wrong")
    assert run("doctor") == 1


@pytest.mark.usefixtures("server")
def test_markdown_masks_addresses(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("plan", "--format", "markdown") == 2
    output = capsys.readouterr().out
    assert "Member/acme/a***@acme.example#" in output
    assert "ann@acme.example" not in output


def test_init_makes_a_repository_that_validates_and_never_overwrites(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fresh = tmp_path / "fresh"
    assert run("init", str(fresh)) == 0
    assert run("-C", str(fresh), "validate") == 0
    before = (fresh / "reconciler.yaml").read_text(encoding="utf-8")
    (fresh / "reconciler.yaml").write_text(before + "# mine\n", encoding="utf-8")
    run("init", str(fresh))
    assert (fresh / "reconciler.yaml").read_text(encoding="utf-8").endswith("# mine\n")
    capsys.readouterr()
    assert run("schema") == 0
    assert "Organization" in capsys.readouterr().out


@pytest.mark.usefixtures("server")
def test_only_takes_a_members_address_in_any_spelling(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("plan", "--only", "member/acme/ ANN@ＡCME.example ") == 3  # noqa: RUF001 - full-width: the case
    assert "Member/acme/ann@acme.example" in capsys.readouterr().out


def test_options_before_and_after_the_command_add_up(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--table", "a=a.csv", "validate", "--table", "b=b.csv") == 1
    assert [line for line in capsys.readouterr().err.splitlines() if "--table names" in line] == [
        "error: --table names a, which is not a table of environment test",
        "error: --table names b, which is not a table of environment test",
    ]


@pytest.mark.parametrize("option", ["--users", "--table", "--only", "-e"])
def test_an_option_without_a_value_is_an_error(option: str, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("validate", option, "") == 1
    assert "is given without a value" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["validate", "plan", "drift"])
def test_a_mistake_in_the_configuration_hides_none_in_documents(
    run: Run, root: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ignored = "ignore: [manifests/drafts]\n"
    files = {
        "manifests/b.yaml": MANIFESTS.replace("spec:", "spce:"),
        "manifests/drafts/c.yaml": "x",
        "rules/b.yaml": "a: b: c",
    }
    write(root, {"reconciler.yaml": f"{CONFIGURATION}{ignored}guard: 1\n", **files})
    assert run("--format", "json", command) == 1
    told = {problem["at"][0]["file"]: problem["code"] for problem in printed(capsys)["problems"]}
    assert told == {"reconciler.yaml": "unknown-key", "manifests/b.yaml": "unknown-key", "rules/b.yaml": "yaml"}
    write(root, {"reconciler.yaml": f"{CONFIGURATION}ignore: {{}}\n"})  # which files are documents is not known
    assert run("--format", "json", command) == 1
    assert {problem["at"][0]["file"] for problem in printed(capsys)["problems"]} == {"reconciler.yaml"}
