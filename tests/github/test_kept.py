"""One comment and one issue, kept up to date: by whom, in which order, through faults and limits."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from reconciler.commands.cli import cli
from reconciler.errors import InvalidInput, Refused, Unreadable
from reconciler.github.client import TRIES, Repository, open_repository
from reconciler.github.kept import LABEL, keep_comment, keep_issue
from reconciler.report.comment import Stamp
from tests.github.stand_in import REPOSITORY, GitHub, github, issue_url


@pytest.fixture
def there() -> Iterator[GitHub]:
    with github() as found:
        yield found


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def repository(there: GitHub, slept: list[float]) -> Iterator[Repository]:
    environ = {"GITHUB_TOKEN": "made-up", "GITHUB_REPOSITORY": REPOSITORY, "GITHUB_API_URL": there.url}
    found = structs.replace(open_repository(environ), sleep=slept.append, now=lambda: 1_000.0)
    with found.http:
        yield found


def body(text: str, order: int = 1, environment: str = "live") -> str:
    return f"{Stamp(environment=environment, commit='1a2b3c4', order=order).marker}\n{text}\n"


def test_one_comment_for_each_environment_is_updated_in_place(there: GitHub, repository: Repository) -> None:
    assert keep_comment(repository, 7, body("one")) == "created"
    assert keep_comment(repository, 7, body("test", environment="test")) == "created"
    assert keep_comment(repository, 7, body("two", order=2)) == "updated"
    assert keep_comment(repository, 7, body("three", order=2)) == "updated"
    assert [one["body"] for one in there.comments] == [body("three", order=2), body("test", environment="test")]


def test_an_older_run_never_overwrites_a_newer_one_s(there: GitHub, repository: Repository) -> None:
    keep_comment(repository, 7, body("new", order=12))
    assert keep_comment(repository, 7, body("old", order=9)) == "left as it is: a later run wrote it"
    assert there.comments[0]["body"] == body("new", order=12)


@pytest.mark.parametrize("user", [{"login": "eve", "type": "User"}, {"login": "eve[bot]", "type": "Bot"}, None])
def test_what_others_wrote_is_never_touched(there: GitHub, repository: Repository, user: dict[str, str] | None) -> None:
    comment = there.row("comment", 1, user, body=body("mine?", order=99), issue_url=issue_url(7))
    issue = there.row("issue", 1, user, body=body("mine?", order=99), labels=[LABEL])
    there.comments.append(dict(comment))
    there.issues.append(dict(issue))
    assert keep_comment(repository, 7, body("ours")) == "created"
    assert keep_issue(repository, body("ours"), drifts=True) == "opened"
    assert (there.comments[0], there.issues[0]) == (comment, issue)


def test_ours_is_found_on_a_later_page(there: GitHub, repository: Repository) -> None:
    people = {"login": "ann", "type": "User"}
    there.comments.extend(
        there.row("comment", each + 1, people, body="x", issue_url=issue_url(7)) for each in range(250)
    )
    assert keep_comment(repository, 7, body("one")) == "created"
    assert keep_comment(repository, 7, body("two")) == "updated"
    assert len(there.comments) == 251


def test_an_issue_opens_lasts_and_closes(there: GitHub, repository: Repository) -> None:
    assert keep_issue(repository, body("none"), drifts=False) == "not needed: there is no drift"
    assert keep_issue(repository, body("one"), drifts=True) == "opened"
    assert keep_issue(repository, body("two", order=2), drifts=True) == "updated"
    assert keep_issue(repository, body("test", environment="test"), drifts=True) == "opened"
    assert [one["title"] for one in there.issues] == ["Drift in Stytch: live", "Drift in Stytch: test"]
    assert there.issues[0]["body"].startswith(body("two", order=2))
    assert "`reconciler -e live apply`" in there.issues[0]["body"]
    assert "`reconciler -e live export --only ADDRESS`" in there.issues[0]["body"]
    assert keep_issue(repository, body("old"), drifts=False) == "left as it is: a later run wrote it"
    assert keep_issue(repository, body("gone", order=3), drifts=False) == "closed"
    assert [one["state"] for one in there.issues] == ["closed", "open"]
    assert keep_issue(repository, body("again", order=4), drifts=True) == "opened"


def test_a_permission_that_is_missing_is_named(there: GitHub, repository: Repository, slept: list[float]) -> None:
    there.permissions.clear()
    with pytest.raises(Refused, match="403") as refused:
        keep_comment(repository, 7, body("x"))
    assert refused.value.problems[0].hint == "the job's token needs `permissions: {pull-requests: write}`"
    with pytest.raises(Refused) as refused:
        keep_issue(repository, body("x"), drifts=True)
    assert "issues: write" in refused.value.problems[0].hint
    assert slept == []


@pytest.mark.parametrize(
    ("fault", "wait"),
    [
        ((502, {}, False), 1.0),
        ((429, {"retry-after": "7"}, False), 7.0),
        ((403, {"retry-after": "9"}, False), 9.0),
        ((403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1030"}, False), 30.0),
        ((429, {}, False), 60.0),
    ],
)
def test_it_waits_as_it_is_asked_to(
    there: GitHub, repository: Repository, slept: list[float], fault: tuple[int, dict[str, str], bool], wait: float
) -> None:
    there.faults.append(fault)
    assert keep_comment(repository, 7, body("x")) == "created"
    assert slept == [wait]


def test_it_waits_neither_for_long_nor_for_ever(there: GitHub, repository: Repository, slept: list[float]) -> None:
    there.faults.append((429, {"retry-after": "3600"}, False))
    with pytest.raises(Unreadable, match="asks to wait 3600 s"):
        keep_comment(repository, 7, body("x"))
    assert slept == []
    there.faults.extend([(503, {}, False)] * TRIES)
    with pytest.raises(Unreadable, match="5 times"):
        keep_comment(repository, 7, body("x"))
    assert slept == [1.0, 2.0, 4.0, 8.0]


@pytest.mark.parametrize("done", [True, False])
def test_what_may_have_been_written_is_looked_for(there: GitHub, repository: Repository, *, done: bool) -> None:
    keep_comment(repository, 7, body("test", environment="test"))
    there.faults.extend([(200, {}, True), (502, {}, done)])
    assert keep_comment(repository, 7, body("x")) == ("updated" if done else "created")
    assert len(there.comments) == 2


def test_a_text_without_a_marker_is_refused(repository: Repository) -> None:
    with pytest.raises(InvalidInput, match="marker"):
        keep_comment(repository, 7, "hello")


def test_the_command(there: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "comment.md"
    file.write_text(body("x"))

    def run(*words: str) -> int:
        with pytest.raises(SystemExit) as ended:
            cli.main(["github", *words])
        return int(ended.value.code or 0)

    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    assert run("comment", str(file), "--pull", "7") == 1
    values = {"GITHUB_TOKEN": "made-up", "GITHUB_REPOSITORY": REPOSITORY, "GITHUB_API_URL": there.url}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    assert run("comment", str(file)) == 1
    assert there.asked == []
    assert run("comment", str(file), "--pull", "7") == 0
    assert run("issue", str(file)) == 0
    assert run("issue", str(file), "--no-drift") == 0
    assert (len(there.comments), there.issues[0]["state"]) == (1, "closed")
