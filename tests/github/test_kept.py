"""One comment and one issue, kept up to date: by whom, in which order, through faults and limits."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import msgspec
import pytest
from msgspec import structs

from reconciler.commands.cli import cli
from reconciler.errors import InvalidInput, Refused, Unreadable
from reconciler.github.client import TRIES, Repository, open_repository
from reconciler.github.kept import LABEL, keep_comment, keep_issue
from reconciler.model import FieldChange, Plan, Update
from reconciler.model.public import published
from reconciler.plan.planned import digest
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
    assert keep_issue(repository, body("ours"), drifts=True).done == "opened"
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
    def keep(text: str, *, drifts: bool | None, order: int = 1, environment: str = "live") -> str:
        return keep_issue(repository, body(text, order, environment), drifts=drifts).done

    assert keep("none", drifts=False) == "not needed: there is no drift"
    assert keep("held", drifts=None) == "not opened: something is held"
    assert keep("one", drifts=True) == "opened"
    assert keep("two", drifts=True, order=2) == "updated"
    assert keep("test", drifts=True, environment="test") == "opened"
    assert [one["title"] for one in there.issues] == ["Drift in Stytch: live", "Drift in Stytch: test"]
    assert there.issues[0]["body"].startswith(body("two", order=2))
    assert "`reconciler -e live apply`" in there.issues[0]["body"]
    assert "`reconciler -e live export --only ADDRESS`" in there.issues[0]["body"]
    assert "start the drift workflow with `way: live-wins`" in there.issues[0]["body"]
    assert keep("old", drifts=False) == "left as it is: a later run wrote it"
    assert keep("held", drifts=None, order=3) == "updated", "nobody knows whether the drift is gone"
    assert [one["state"] for one in there.issues] == ["open", "open"]
    assert keep("gone", drifts=False, order=4) == "closed"
    assert [one["state"] for one in there.issues] == ["closed", "open"]
    assert keep("again", drifts=True, order=5) == "opened"


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
    assert run("issue", str(file)) == 1
    assert there.asked == []
    assert run("comment", str(file), "--pull", "7") == 0
    assert run("issue", str(file), "--of", str(result(tmp_path, drifts=True))) == 0
    assert run("issue", str(file), "--of", str(result(tmp_path, drifts=False))) == 0
    assert (len(there.comments), there.issues[0]["state"]) == (1, "closed")


def result(folder: Path, *, drifts: bool) -> Path:
    """Write what `drift --format json` prints."""
    change = FieldChange(path=("organization_name",), before="Eve <!channel> eve@acme.example", after="Acme")
    update = Update(kind="Organization", name="acme", id="organization-1", fields=(change,))
    changes = (update,) if drifts else ()
    plan = Plan(environment="li::ve", project_id="project-test-1", changes=changes)
    plan = structs.replace(plan, digest=digest(plan.project_id, changes).whole)
    path = folder / "drift.json"
    path.write_bytes(msgspec.json.encode(published(plan)))
    return path


class Hook:
    """A chat's web hook on 127.0.0.1, which notes what it is told and answers ``status``."""

    def __init__(self, status: int = 200) -> None:
        self.told: list[Any] = []
        hook = self

        class Answering(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.told.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(status)
                self.send_header("location", f"{hook.url}/elsewhere")
                self.end_headers()
                self.wfile.write(b"s3cret")

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self.url = f"http://127.0.0.1:{self._http.server_port}/T0/s3cret"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


@pytest.fixture
def in_a_job(there: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """A job that keeps the issue, of which a chat may be told."""
    values = {
        "GITHUB_TOKEN": "made-up",
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_API_URL": there.url,
        "GITHUB_ACTIONS": "true",
        "GITHUB_SERVER_URL": "https://github.example",
        "GITHUB_WORKFLOW_REF": f"{REPOSITORY}/.github/workflows/drift.yml@refs/heads/main",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)

    def run(url: str, order: int, *, drifts: bool) -> int:
        monkeypatch.setenv("RECONCILER_WEB_HOOK", url)
        file = tmp_path / "drift.md"
        file.write_text(body("x", order))
        with pytest.raises(SystemExit) as ended:
            cli.main(["github", "issue", str(file), "--of", str(result(tmp_path, drifts=drifts))])
        return int(ended.value.code or 0)

    return run


def test_a_chat_is_told_when_drift_comes_and_when_it_is_gone(there: GitHub, in_a_job: Callable[..., int]) -> None:
    with Hook() as hook:
        assert [in_a_job(hook.url, order, drifts=order < 3) for order in (1, 2, 3, 4)] == [0, 0, 0, 0]
    url = there.issues[0]["html_url"]
    assert hook.told == [
        {"text": f"Drift in Stytch, li??ve: 1 difference, issue opened: {url}"},
        {"text": f"Drift in Stytch, li??ve: 0 differences, issue closed: {url}"},
    ]
    way = "[`drift.yml`](https://github.example/acme/identity/actions/workflows/drift.yml)"
    assert "way: live-wins" not in there.issues[0]["body"], "it is closed"
    in_a_job("", 5, drifts=True)
    assert f"start {way} with `way: live-wins`" in there.issues[1]["body"]


def test_a_chat_is_told_where_no_issue_may_be_written(there: GitHub, in_a_job: Callable[..., int]) -> None:
    there.permissions.clear()
    with Hook() as hook:
        assert in_a_job(hook.url, 1, drifts=True) == 1
        assert in_a_job(hook.url, 2, drifts=False) == 1
    assert hook.told == [{"text": "Drift in Stytch, li??ve: 1 difference"}]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://127.0.0.1:1/T0/s3cret", "it did not answer: ConnectError"),
        ("http://chat.example/T0/s3cret", "RECONCILER_WEB_HOOK is not an https:// URL"),
        ("https://chat.example:s3cret/", "it did not answer: InvalidURL"),
        ("s3cret", "RECONCILER_WEB_HOOK is not an https:// URL"),
        ("https://[s3cret", "RECONCILER_WEB_HOOK is not an https:// URL"),
    ],
)
def test_a_chat_that_cannot_be_told_is_a_warning_without_its_url(
    in_a_job: Callable[..., int], capfd: pytest.CaptureFixture[str], url: str, why: str
) -> None:
    assert in_a_job(url, 1, drifts=True) == 0
    said = "".join(capfd.readouterr())
    assert f"::warning::the web hook was not told of the drift: {why}" in said
    assert "s3cret" not in said


@pytest.mark.parametrize("status", [302, 404, 500])
def test_what_a_chat_answers_is_no_concern(
    in_a_job: Callable[..., int], capfd: pytest.CaptureFixture[str], status: int
) -> None:
    with Hook(status) as hook:
        assert in_a_job(hook.url, 1, drifts=True) == 0
    said = "".join(capfd.readouterr())
    assert (len(hook.told), f"it answered {status}" in said, "s3cret" in said) == (1, True, False)


def about(commit: str, order: int, *, applied: bool = False) -> str:
    return f"{Stamp(environment='live', commit=commit, order=order, is_applied=applied).marker}\n{order}\n"


OLD, LAST = "a" * 40, "b" * 40


@pytest.mark.parametrize(
    ("first", "second", "stays"),
    [
        (about(LAST, 1), about(OLD, 2), True),  # an older commit was planned again, later
        (about(OLD, 2), about(LAST, 1), False),
        (about(LAST, 2), about(LAST, 1), True),
        (about("c" * 40, 2), about(OLD, 1), True),  # neither is the last: the later run counts
        (about("c" * 40, 1), about(OLD, 2), False),
        (about(LAST, 1), about("d" * 40, 2, applied=True), False),
        (about("d" * 40, 1, applied=True), about(LAST, 2), True),
        (about("d" * 40, 2, applied=True), about("e" * 40, 1, applied=True), True),
        (about("d" * 40, 1, applied=True), about("e" * 40, 2, applied=True), False),
    ],
)
def test_the_last_commit_counts_and_then_what_was_applied(
    there: GitHub, repository: Repository, first: str, second: str, *, stays: bool
) -> None:
    there.pull({"ref": "branch", "sha": LAST})
    assert keep_comment(repository, 1, first) == "created"
    assert keep_comment(repository, 1, second).startswith("left as it is") is stays
    assert [one["body"] for one in there.comments] == [first if stays else second]
