"""`init --ci github`: what is written, what is refused, and what is left to do."""

import json
from pathlib import Path

import pytest
import yaml

from reconciler.commands.cli import cli
from reconciler.export import ci_github
from reconciler.export.ci_github import LOCAL, action_or_default

SHA = "0123456789abcdef0123456789abcdef01234567"


def ran(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main(["init", *words])
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def files_in(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*")) if path.is_file()}


def test_a_new_repository(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ran(capsys, str(tmp_path / "new"), "--ci", "github")
    assert code == 0
    names = {line.removeprefix("wrote ") for line in out.splitlines() if line.startswith("wrote ")}
    assert names == set(files_in(tmp_path / "new"))
    assert {"reconciler.yaml", ".github/workflows/plan.yml", ".vscode/settings.json", "CODEOWNERS"} <= names
    assert ".github/workflows/comment.yml" not in names
    settings = json.loads((tmp_path / "new" / ".vscode" / "settings.json").read_text())
    ((schema, globs),) = settings["yaml.schemas"].items()
    assert json.loads((tmp_path / "new" / schema).read_text())
    assert "/rules/**/*.yaml" in globs
    assert "gh secret set STYTCH_SECRET --env stytch-test" in out
    assert "1. Put a copy of stytch-reconciler at .github/actions/reconciler" in out


def test_a_second_run_changes_nothing_and_overwrites_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ran(capsys, str(tmp_path), "--ci", "github")
    before = files_in(tmp_path)
    code, out, _ = ran(capsys, str(tmp_path), "--ci", "github")
    assert (code, files_in(tmp_path)) == (0, before)
    assert "nothing: every file already exists" in out
    code, _, error = ran(capsys, str(tmp_path), "--ci", "github", "--branch", "trunk")
    assert (code, files_in(tmp_path)) == (1, before)
    assert "plan.yml, apply.yml, drift.yml already, with other content" in error


def test_a_folder_of_a_larger_repository(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".git").mkdir()
    ran(capsys, str(tmp_path / "infra" / "identity"), "--ci", "github", "--action", f"acme/fork@{SHA}")
    plan = (tmp_path / ".github" / "workflows" / "plan.yml").read_text()
    assert "working-directory: infra/identity" in plan
    assert f"uses: acme/fork@{SHA}" in plan
    assert "# /infra/identity/rules/policies/" in (tmp_path / "CODEOWNERS").read_text()
    (globs,) = json.loads((tmp_path / ".vscode" / "settings.json").read_text())["yaml.schemas"].values()
    assert "/infra/identity/reconciler.yaml" in globs


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--ci", "github", "--action", "acme/fork@v1"), "a whole commit"),
        (("--ci", "github", "--action", "acme/fork"), "a whole commit"),
        (("--action", f"acme/fork@{SHA}"), "need --ci"),
        (("--comment",), "need --ci"),
        (("--ci", "github", "--from-live"), "afterwards"),
    ],
)
def test_what_cannot_be_meant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    code, _, error = ran(capsys, str(tmp_path), *words)
    assert (code, files_in(tmp_path)) == (1, {})
    assert said in error


@pytest.mark.parametrize(
    ("url", "commit", "found"),
    [
        ("https://github.com/acme/fork.git", SHA, f"acme/fork@{SHA}"),
        ("https://github.com/acme/fork", SHA, f"acme/fork@{SHA}"),
        ("ssh://git@github.com/acme/fork.git", SHA, f"acme/fork@{SHA}"),
        ("https://git.example/acme/fork", SHA, LOCAL),
        ("https://github.com/acme/fork", "main", LOCAL),
        ("file:///home/ann/fork", "", LOCAL),
    ],
)
def test_the_action_is_what_is_installed(monkeypatch: pytest.MonkeyPatch, url: str, commit: str, found: str) -> None:
    class Installed:
        def read_text(self, name: str) -> str:
            assert name == "direct_url.json"
            return json.dumps({"url": url, "vcs_info": {"vcs": "git", "commit_id": commit}})

    monkeypatch.setattr(ci_github, "distribution", lambda _: Installed())
    assert action_or_default("") == found


ODD = """\
apiVersion: reconciler/v1
kind: Configuration
name: acme-identity
environments:
  "on": {}
  "eu: west #1":
    target: {type: live, project_id: project-live-1}
    credentials: {command: [gh, secret, set, "{name}"], environment: [GH_TOKEN]}
"""


def test_names_that_yaml_and_shells_read_as_something_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".git").mkdir()
    root = tmp_path / "a #folder"
    (root / "rules").mkdir(parents=True)
    (root / "reconciler.yaml").write_text(ODD)
    code, out, _ = ran(capsys, str(root), "--ci", "github", "--branch", "it's", "--action", f"acme/fork@{SHA}")
    assert code == 0
    apply = yaml.safe_load((tmp_path / ".github" / "workflows" / "apply.yml").read_text())
    (plain, odd) = apply["jobs"].values()
    assert plain["steps"][1]["with"]["environment"] == "on"
    assert odd["steps"][1]["with"]["environment"] == "eu: west #1"
    assert (odd["environment"], odd["name"]) == ("stytch-eu: west #1", "Apply eu: west #1")
    assert odd["if"] == "github.ref == 'refs/heads/it''s'"
    (ids,) = (step for step in odd["steps"] if "Propose" in step.get("name", ""))
    assert ids["working-directory"] == odd["steps"][1]["with"]["working-directory"] == "a #folder"
    assert "gh secret set STYTCH_SECRET --env 'stytch-eu: west #1'" in out
    assert "environments/stytch-eu%3A%20west%20%231/deployment-branch-policies' -f name='it'\"'\"'s'" in out


def test_environments_that_no_job_can_tell_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "reconciler.yaml").write_text(
        ODD.replace('"on": {}', '"eu: west.#1": {}').replace("west #1", "west-#1")
    )
    code, _, error = ran(capsys, str(tmp_path), "--ci", "github")
    assert (code, "no job's name has" in error) == (1, True)


def test_what_is_left_names_every_check_and_settings_that_were_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".vscode").mkdir()
    (tmp_path / ".vscode" / "settings.json").write_text("{}\n")
    _, out, _ = ran(capsys, str(tmp_path), "--ci", "github")
    assert '"Plan test", "Check test"' in out
    assert (tmp_path / ".vscode" / "settings.json").read_text() == "{}\n"
    assert '{"yaml.schemas": ' in out
