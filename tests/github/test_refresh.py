"""The comments of open pull requests say whether their plans hold still."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.commands.cli import cli
from reconciler.emulator.server.app import App
from reconciler.errors import InvalidInput, Unreadable
from reconciler.github.client import Repository
from reconciler.github.pulls import Pull
from reconciler.github.refresh import MOST, refresh, with_notice
from reconciler.plan.reviewed import Checked
from reconciler.report.comment import LIMIT, Stamp
from tests.github.stand_in import REPOSITORY, GitHub, Row, github, issue_url
from tests.github.worlds import ACME, plan_file, planned, repository_of
from tests.history.worlds import cloned, commit, git, push, remote_in
from tests.snapshot import snapshots

HEAD: Row = {"ref": "branch", "sha": "a" * 40}
MOVED = Checked(moved=("Member/acme/ann@acme.example", *["Organization/" + "`" * 500] * 8), gone=("Organization/b",))
NOTICE = "**This plan does not hold any more**: 9 changes moved, 1 change applied already"


@pytest.fixture
def there() -> Iterator[GitHub]:
    with github() as found:
        yield found


@pytest.fixture
def repository(there: GitHub) -> Iterator[Repository]:
    found = repository_of(there)
    with found.http:
        yield found


def said(there: GitHub, text: str = "rest\n", commit: str = HEAD["sha"], environment: str = "live") -> Row:
    body = f"{Stamp(environment=environment, commit=commit, order=7).marker}\n### Plan\n{text}"
    row = there.row("comment", len(there.comments) + 1, there.user, body=body, issue_url=issue_url(1))
    there.comments.append(row)
    return row


def looked(repository: Repository, found: Checked | Exception) -> str:
    def check(_pull: Pull, _plan: Path) -> Checked:
        if isinstance(found, Exception):
            raise found
        return found

    (line,) = refresh(repository, "live", check)
    return line


def test_a_notice_comes_and_goes(there: GitHub, repository: Repository) -> None:
    there.pull(HEAD)
    planned(there, HEAD, plan_file(ACME))
    row = said(there)
    before = row["body"]
    assert looked(repository, Checked(same=1)) == "#1: its plan holds"
    assert row["body"] == before
    assert looked(repository, MOVED) == "#1: its plan does not hold any more"
    first, second, _, notice, *_ = row["body"].split("\n")
    assert [first, second] == before.split("\n")[:2]
    assert NOTICE in notice
    assert "ann@" not in notice
    assert len(notice) < 500
    assert looked(repository, Checked(same=1)) == "#1: its plan holds again, and its comment says so"
    assert row["body"] == before
    assert [line for line in there.asked if line.startswith("PATCH")] == ["PATCH /issues/comments/1"] * 2


def test_a_long_comment_stays_within_what_github_takes() -> None:
    marker = Stamp(environment="live", commit="a" * 40).marker
    body = f"{marker}\n### Plan\n" + "x" * (LIMIT - len(marker) - 10)
    assert len(with_notice(body, MOVED)) < 65_536
    assert with_notice(with_notice(body, MOVED), MOVED).count("hold any more") == 1


@pytest.mark.parametrize(
    ("commit", "environment", "plan", "found", "line"),
    [
        ("b" * 40, "live", True, MOVED, "no comment about its last commit"),
        (HEAD["sha"], "test", True, MOVED, "no comment about its last commit"),
        (HEAD["sha"], "live", False, MOVED, "no run has a plan of its last commit for live"),
        (HEAD["sha"], "live", True, InvalidInput("::error::odd"), "cannot be planned (invalid)"),
        (HEAD["sha"], "live", True, Unreadable("no merge"), "cannot be planned (unreadable)"),
    ],
)
def test_what_is_not_known_is_not_said(
    there: GitHub,
    repository: Repository,
    commit: str,
    environment: str,
    plan: bool,  # noqa: FBT001 # a parameter of the test
    found: Checked | Exception,
    line: str,
) -> None:
    there.pull(HEAD)
    if plan:
        planned(there, HEAD, plan_file(ACME))
    before = dict(said(there, commit=commit, environment=environment))
    assert line in looked(repository, found)
    assert there.comments == [before]


def test_it_does_not_look_at_all_of_very_many(there: GitHub, repository: Repository) -> None:
    for _ in range(MOST + 2):
        there.pull(HEAD)
    *_, last = refresh(repository, "live", lambda *_: MOVED)
    assert last == "2 more open pull requests are not looked at."


def test_the_command_plans_a_pull_request_as_it_would_be_merged(
    there: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = snapshots.repository(tmp_path / "made")
    app = App()
    snapshots.settle(config, app)
    snapshot = snapshots.taken(config, app, tmp_path / "snapshot.gz")
    clone = cloned(remote_in(tmp_path), tmp_path / "clone")
    git(clone, "checkout", "--quiet", "-b", "main")
    files = {str(one.relative_to(config.root)): one.read_text() for one in config.root.rglob("*") if one.is_file()}
    commit(clone, {name: text for name, text in files.items() if not name.startswith(".")})
    push(clone)
    git(clone, "checkout", "--quiet", "-b", "branch")
    head = {"ref": "branch", "sha": commit(clone, {"manifests/new.yaml": manifest("new-one")})}
    plan = tmp_path / "plan.json"

    def run(*words: str) -> int:
        with pytest.raises(SystemExit) as ended:
            cli.main(["-C", str(clone), *words])
        return int(ended.value.code or 0)

    assert run("plan", "--snapshot", str(snapshot), "-o", str(plan)) in (2, 3)
    git(clone, "push", "--quiet", "origin", "HEAD:refs/pull/1/merge")
    git(clone, "checkout", "--quiet", "main")
    there.pull(head)
    planned(there, head, plan.read_bytes(), "test")
    row = said(there, commit=head["sha"], environment="test")
    values = {"GITHUB_TOKEN": "made-up", "GITHUB_REPOSITORY": REPOSITORY, "GITHUB_API_URL": there.url}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    assert run("github", "refresh", "--snapshot", str(snapshot)) == 0
    assert "hold any more" not in row["body"]
    git(clone, "checkout", "--quiet", "branch")
    commit(clone, {"manifests/new.yaml": manifest("other-one")})
    git(clone, "push", "--quiet", "--force", "origin", "HEAD:refs/pull/1/merge")
    git(clone, "checkout", "--quiet", "main")
    assert run("github", "refresh", "--snapshot", str(snapshot)) == 0
    assert "hold any more" in row["body"]
    assert git(clone, "worktree", "list").count("\n") == 0


def manifest(name: str) -> str:
    return json.dumps(
        {
            "apiVersion": "reconciler/v1",
            "kind": "Organization",
            "metadata": {"name": name},
            "spec": {"organization_name": name},
        }
    )
