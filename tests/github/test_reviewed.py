"""What was reviewed of all that is to be applied: the plans of every pull request since the last apply."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from reconciler.commands.cli import cli
from reconciler.errors import Refused, Unreadable
from reconciler.github.client import Repository
from reconciler.github.reviewed import MOST, review_of_commits, review_of_pulls
from reconciler.history.between import STATES_BACK, to_apply
from reconciler.history.look import History, look
from reconciler.history.state import State, move
from tests.github.stand_in import REPOSITORY, GitHub, Row, github
from tests.github.worlds import ACME, GLOBEX, addresses, plan_file, planned, repository_of
from tests.history.worlds import begun, cloned, commit, git, push

MERGED = "2026-12-01T12:00:00Z"


@pytest.fixture
def there() -> Iterator[GitHub]:
    with github() as found:
        yield found


@pytest.fixture
def repository(there: GitHub) -> Iterator[Repository]:
    found = repository_of(there)
    with found.http:
        yield found


def merged(there: GitHub, head: Row, into: str) -> Row:
    return there.pull(head, state="closed", merged_at=MERGED, merge_commit_sha=into)


def head(number: int, repo: str = "") -> Row:
    return {"ref": f"branch-{number}", "sha": f"{number}" * 40, "repo": repo or REPOSITORY}


def test_the_plans_of_every_pull_request_are_taken_together(
    there: GitHub, repository: Repository, tmp_path: Path
) -> None:
    for number, change in ((1, ACME), (2, GLOBEX)):
        merged(there, head(number), f"c{number}")
        planned(there, head(number), plan_file(change))
    found = review_of_commits(repository, ["c1", "c2"], "live", tmp_path)
    assert addresses(tmp_path) == {"pull-1.json": ["Organization/acme"], "pull-2.json": ["Organization/globex"]}
    assert (found.is_whole, [one.why for one in found.pulls]) == (True, ["", ""])


def test_the_newest_plan_of_the_last_commit_is_the_one_that_was_reviewed(
    there: GitHub, repository: Repository, tmp_path: Path
) -> None:
    merged(there, head(1), "c1")
    planned(there, {**head(1), "sha": "f" * 40}, plan_file(GLOBEX))  # of an earlier commit
    planned(there, head(1), plan_file(GLOBEX))
    planned(there, head(1), plan_file(ACME))
    planned(there, head(1, "eve/identity"), plan_file(GLOBEX))  # the same commit, in somebody's fork
    there.run("pull_request", head(1), workflow="tests.yml")  # which has no plan
    assert review_of_commits(repository, ["c1"], "live", tmp_path).is_whole
    assert addresses(tmp_path) == {"pull-1.json": ["Organization/acme"]}


def test_a_commit_that_came_without_a_pull_request_was_not_reviewed(
    there: GitHub, repository: Repository, tmp_path: Path
) -> None:
    there.pull(head(1), merge_commit_sha="c1")  # still open
    found = review_of_commits(repository, ["c1"], "live", tmp_path)
    assert (found.is_whole, found.alone, found.pulls) == (False, ("c1",), ())
    assert list(found.lines()) == ["c1 came without a pull request, so nothing of it was reviewed"]


@pytest.mark.parametrize(
    ("content", "fields", "why"),
    [
        (None, {}, "no run has a plan of its last commit for live"),
        (plan_file(ACME), {"expired": True}, "its plan, of run 1, has expired"),
        (plan_file(ACME), {"size_in_bytes": 1 << 40}, "its plan cannot be used: .* larger than"),
        (b"{}", {}, "its plan cannot be used: .* is not a plan"),
        (plan_file(ACME).replace(b"acme", b"evil"), {}, "its plan cannot be used: .* was changed"),
        (plan_file(ACME, environment="test"), {}, "its plan cannot be used: it is about the environment 'test'"),
    ],
)
def test_a_plan_that_is_missing_is_named(
    there: GitHub, repository: Repository, tmp_path: Path, content: bytes | None, fields: Row, why: str
) -> None:
    merged(there, head(1), "c1")
    merged(there, head(2), "c2")
    if content is not None:
        planned(there, head(1), content, **fields)
    planned(there, head(2), plan_file(GLOBEX))
    found = review_of_commits(repository, ["c1", "c2"], "live", tmp_path)
    assert not found.is_whole
    assert addresses(tmp_path) == {"pull-2.json": ["Organization/globex"]}
    (line, _) = found.lines()
    assert line.startswith("#1 at 111111111111: ")
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(line)


def test_an_artifact_that_is_gone_at_once_is_missing(there: GitHub, repository: Repository, tmp_path: Path) -> None:
    merged(there, head(1), "c1")
    del there.archives[planned(there, head(1), plan_file(ACME))["id"]]
    (one,) = review_of_commits(repository, ["c1"], "live", tmp_path).pulls
    assert "with 410" in one.why


def test_a_pull_request_of_a_merge_queue_is_known_by_its_number(
    there: GitHub, repository: Repository, tmp_path: Path
) -> None:
    there.pull(head(1))
    planned(there, head(1), plan_file(ACME))
    assert review_of_pulls(repository, [1], "live", tmp_path).is_whole
    assert list(addresses(tmp_path)) == ["pull-1.json"]


def test_what_it_may_not_read_and_too_much_is_said(there: GitHub, repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=f"more than the {MOST}"):
        review_of_commits(repository, ["c"] * (MOST + 1), "live", tmp_path)
    merged(there, head(1), "c1")
    del there.permissions["actions"]
    with pytest.raises(Refused) as refused:
        review_of_commits(repository, ["c1"], "live", tmp_path)
    assert "actions: read" in refused.value.problems[0].hint
    there.faults.extend([(503, {}, False)] * 5)
    with pytest.raises(Unreadable, match="5 times: 503"):
        review_of_commits(repository, ["c1"], "live", tmp_path)


def applied(folder: Path, revision: str, *pending: str) -> None:
    found = look(folder, "live")
    assert found.repository
    state = State(commit="", revision=revision, digest="d", pending=pending)
    assert move(found.repository, "live", found.state, state)[0].result == "done"


def test_every_commit_of_the_branch_since_the_last_apply_counts(tmp_path: Path) -> None:
    clone = begun(tmp_path)
    first = git(clone, "rev-parse", "HEAD")
    assert to_apply(look(clone, "live"), "live") == [first]  # nothing tells what was applied: HEAD alone
    applied(clone, first)
    assert to_apply(look(clone, "live"), "live") == []
    squashed = commit(clone, {"a": "1"})
    git(clone, "checkout", "--quiet", "-b", "branch")
    commit(clone, {"b": "1"})
    commit(clone, {"b": "2"})
    git(clone, "checkout", "--quiet", "main")
    git(clone, "merge", "--quiet", "--no-ff", "-m", "merge", "branch")
    merge = git(clone, "rev-parse", "HEAD")
    rebased = [commit(clone, {"c": str(number)}) for number in range(2)]
    push(clone)
    shallow = cloned(tmp_path / "remote.git", tmp_path / "shallow", "--depth=1")
    for folder in (clone, shallow):
        assert to_apply(look(folder, "live"), "live") == [squashed, merge, *rebased]


def test_what_an_apply_left_open_was_reviewed_before_it(tmp_path: Path) -> None:
    clone = begun(tmp_path)
    applied(clone, git(clone, "rev-parse", "HEAD"))
    brought = [commit(clone, {"a": str(number)}) for number in range(2)]
    push(clone)
    for revision in brought:
        applied(clone, revision, "Organization/acme")
    shallow = cloned(tmp_path / "remote.git", tmp_path / "shallow", "--depth=1")
    for folder in (clone, shallow):
        assert to_apply(look(folder, "live"), "live") == brought
    applied(clone, brought[-1])
    assert to_apply(look(clone, "live"), "live") == []


def test_it_does_not_look_back_for_ever(tmp_path: Path) -> None:
    clone = begun(tmp_path)
    revisions = [commit(clone, {"a": str(number)}) for number in range(STATES_BACK + 3)]
    push(clone)
    for revision in revisions:
        applied(clone, revision, "Organization/acme")
    assert to_apply(look(clone, "live"), "live") == revisions[4:]


def test_what_does_not_come_before_head_proves_nothing(tmp_path: Path) -> None:
    clone = begun(tmp_path)
    first = git(clone, "rev-parse", "HEAD")
    applied(clone, commit(clone, {"a": "1"}))
    push(clone)
    git(clone, "reset", "--quiet", "--hard", first)
    rewritten = commit(clone, {"a": "2"})
    assert to_apply(look(clone, "live"), "live") == [rewritten]
    with pytest.raises(Unreadable, match="no git repository"):
        to_apply(History(is_outside=True), "live")
    with pytest.raises(Unreadable, match="odd"):
        to_apply(structs.replace(look(clone, "live"), repository=None, unread="odd"), "live")


def test_the_command_writes_plans_and_the_numbers_of_pull_requests(
    there: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environments = "environments: {live: {users: {file: users.jsonl}}}\n"
    configuration = f"apiVersion: reconciler/v1\nkind: Configuration\nname: acme\n{environments}"
    clone = begun(tmp_path, configuration=configuration)
    merged(there, head(1), git(clone, "rev-parse", "HEAD"))
    planned(there, head(1), plan_file(ACME))
    values = {"GITHUB_TOKEN": "made-up", "GITHUB_REPOSITORY": REPOSITORY, "GITHUB_API_URL": there.url}
    for name, value in values.items():
        monkeypatch.setenv(name, value)

    def run(*words: str) -> int:
        with pytest.raises(SystemExit) as ended:
            cli.main(["-C", str(clone), "github", *words])
        return int(ended.value.code or 0)

    assert run("reviewed", "-o", str(tmp_path / "plans")) == 0
    assert (tmp_path / "plans" / "pulls").read_text() == "1\n"
    there.artifacts[0]["expired"] = True
    assert run("reviewed", "-o", str(tmp_path / "others"), "--pull", "1") == 3
    assert (tmp_path / "others" / "pulls").read_text() == "1\n"
    assert run("visibility") == 0
