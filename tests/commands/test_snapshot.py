"""``snapshot`` and ``plan --snapshot``: where one may be taken, and that a plan from it needs nothing else."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from msgspec import structs

from reconciler.commands.cli import cli
from reconciler.commands.snapshot import check_place
from reconciler.config.schema import SnapshotPolicy
from reconciler.emulator.seed import bulk
from reconciler.emulator.seed.running import Options, make, running
from reconciler.errors import Refused
from reconciler.plan.plan_file import read_plan
from reconciler.snapshot.file import compressed
from reconciler.snapshot.lines import Line
from tests.snapshot import snapshots

TRUSTED = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/main"}
PRIVATE = {"repository": {"private": True, "default_branch": "main"}}
PUBLIC = {"repository": {"private": False, "default_branch": "main"}}


def place(
    root: Path, event: Any, environ: dict[str, str], visibility: str | None = None, *, public: bool = False
) -> str:
    """Why a snapshot may not be taken, "" where it may."""
    config = structs.replace(snapshots.repository(root / "repository"), snapshot=SnapshotPolicy(public=public))
    path = root / "event.json"
    path.write_text(event if isinstance(event, str) else json.dumps(event))
    try:
        check_place(config, {**environ, "GITHUB_EVENT_PATH": str(path)}, visibility)
    except Refused as error:
        return str(error)
    return ""


@pytest.mark.parametrize("environ", [TRUSTED, TRUSTED | {"GITHUB_EVENT_NAME": "schedule"}], ids=["push", "schedule"])
def test_a_trusted_run_of_a_private_repository_takes_one(tmp_path: Path, environ: dict[str, str]) -> None:
    assert place(tmp_path, PRIVATE, environ) == ""


@pytest.mark.parametrize(
    "environ",
    [
        *(TRUSTED | {"GITHUB_EVENT_NAME": name} for name in ("pull_request", "pull_request_target", "merge_group", "")),
        TRUSTED | {"GITHUB_REF": "refs/heads/feature"},
    ],
    ids=lambda environ: f"{environ['GITHUB_EVENT_NAME']} {environ['GITHUB_REF']}",
)
def test_no_other_run_takes_one(tmp_path: Path, environ: dict[str, str]) -> None:
    assert "takes no snapshot" in place(tmp_path, PRIVATE, environ, "private", public=True)


def test_a_public_repository_has_none_unless_it_is_asked_for(tmp_path: Path) -> None:
    assert "is public" in place(tmp_path, PUBLIC, TRUSTED)
    assert "is public" in place(tmp_path, PRIVATE, TRUSTED, "public")
    assert "is public" in place(tmp_path, PUBLIC, TRUSTED, "private"), "GitHub knows better"
    assert place(tmp_path, PUBLIC, TRUSTED, public=True) == ""


@pytest.mark.parametrize("event", [{}, "", "[]", "[" * 100_000, {"repository": 1}, {"repository": {"private": "no"}}])
def test_where_nobody_says_who_can_read_it_there_is_none(tmp_path: Path, event: Any) -> None:
    assert "unknown who can read" in place(tmp_path, event, TRUSTED)
    assert place(tmp_path, event, TRUSTED, "private") == ""


def aged(file: Path, folder: Path) -> Path:
    """A snapshot that is as old as it can be."""
    head, *rest = snapshots.lines(file)[:-1]
    lines = [msgspec.convert(one, Line) for one in ({**head, "taken_at": "2020-01-01T00:00:00+00:00"}, *rest)]
    (folder / "old.gz").write_bytes(b"".join(compressed(lines)))
    return folder / "old.gz"


def test_a_plan_from_a_snapshot_needs_no_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = make(Options())
    try:
        config = snapshots.repository(tmp_path / "repository")
        file = snapshots.taken(config, app, tmp_path / "snapshot.gz")
    finally:
        app.close()
    for name in ("STYTCH_PROJECT_ID", "STYTCH_SECRET", "STYTCH_WORKSPACE_KEY_ID", "STYTCH_WORKSPACE_KEY_SECRET"):
        monkeypatch.delenv(name, raising=False)
    (config.root / "users.jsonl").unlink()
    arguments = ["-C", str(config.root), "plan", "--snapshot", str(file), "-o", str(tmp_path / "plan.json")]
    result = CliRunner().invoke(cli, arguments, standalone_mode=False)
    assert result.return_value == 2 or "Plan for" in result.output, result.output
    assert "From a snapshot of" in result.output
    assert snapshots.canaries_in(result.output + (tmp_path / "plan.json").read_text()) == []
    read = read_plan(tmp_path / "plan.json")
    assert read.snapshot is not None
    assert (read.snapshot.salt, len(read.changes)) == (snapshots.SALT, 4)
    check = ["-C", str(config.root), "check", str(tmp_path / "plan.json"), "--snapshot", str(file)]
    held = CliRunner().invoke(cli, check, standalone_mode=False)
    assert "still hold: 4 changes as reviewed" in held.output
    (config.root / "rules" / "all.yaml").write_text(snapshots.RULES.replace("acme.example", "globex.example"))
    moved = CliRunner().invoke(cli, [*check, "--format", "json"])
    assert (moved.exit_code, json.loads(moved.output)["holds"]) == (3, False)
    old = CliRunner().invoke(cli, [*check[:-1], str(aged(file, tmp_path)), "--max-age", "5h"])
    assert (old.exit_code, "more than --max-age" in old.output) == (4, True)
    refused = CliRunner().invoke(cli, [*arguments, "--users", "users.jsonl"], standalone_mode=False)
    assert "a snapshot has its own users" in refused.output


def test_the_loop_from_a_snapshot_to_what_is_applied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ran(*arguments: str, root: Path) -> tuple[int, str]:
        result = CliRunner().invoke(cli, ["-C", str(root), *arguments])
        return result.exit_code, result.output

    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    trunk, branch = (snapshots.repository(tmp_path / name).root for name in ("trunk", "branch"))
    (branch / "users.jsonl").unlink()
    file, plan = str(tmp_path / "snapshot.gz"), str(tmp_path / "plan.json")
    with running(Options()) as emulator:
        for name, value in emulator.environment.items():
            monkeypatch.setenv(name, value)
        code, said = ran("snapshot", "-o", file, root=trunk)
        assert (code, "unknown who can read" in said, Path(file).exists()) == (1, True, False)
        assert ran("snapshot", "-o", file, "--visibility", "private", root=trunk)[0] == 0
        with monkeypatch.context() as fork:
            for name in emulator.environment:
                fork.delenv(name)
            assert ran("plan", "--snapshot", file, "-o", plan, root=branch)[0] == 2
        assert ran("check", plan, root=trunk)[0] == 0
        code, said = ran("apply", plan, root=trunk)
        assert (code, "4 created" in said) == (0, True), said
        members = {member["email_address"] for member in bulk.members(emulator.app)}
        assert "second.canary@acme.example" in members
        code, said = ran("check", plan, root=trunk)
        assert (code, "Applied already" in said) == (3, True)
