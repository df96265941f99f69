"""What happens at the wrong time, by a real runner: each with its right outcome, and a message that names it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reconciler.emulator.core.exchange import Request, Response
from tests.apply.test_apply import ADDRESSES
from tests.history.worlds import commit, git
from tests.loop.cases import ALL, applied, begun, name_of, one, organization
from tests.loop.runner import kill_with_children
from tests.loop.world import World

pytestmark = [pytest.mark.act, pytest.mark.slow]
LOCK = "refs/reconciler-locks/test"


@pytest.fixture
def there(tmp_path: Path) -> Iterator[World]:
    with begun(tmp_path) as made:
        yield made


def kill_at(there: World, monkeypatch: pytest.MonkeyPatch, write: int) -> None:
    """Let the machine that applies lose power when Stytch has done the nth write, whose answer is lost with it."""
    pids: list[int] = []
    writes: list[str] = []
    respond = there.stytch.app.respond

    def counted(request: Request) -> Response:
        answer = respond(request)
        if request.method != "GET" and not request.path.endswith("/search") and not request.path.endswith("/query"):
            writes.append(request.path)
            if len(writes) == write:
                kill_with_children(pids[-1])
        return answer

    monkeypatch.setattr(there, "started", pids.append)
    monkeypatch.setattr(there.stytch.app, "respond", counted)


def test_of_two_merges_in_a_row_the_later_run_applies_both(there: World) -> None:
    """GitHub keeps one waiting run of a group: the one for the first merge never ran."""
    first, second = there.open("first", organization("acme")), there.open("second", organization("globex"))
    for pull in (first, second):
        one(there.pull_request(pull))
        there.merge(pull)
    one(there.pushed())
    assert (name_of(there, "acme"), name_of(there, "globex")) == ("Acme", "Globex")
    assert applied(there) == there.main()


def test_an_apply_that_is_killed_is_finished_by_the_next(there: World, monkeypatch: pytest.MonkeyPatch) -> None:
    there.main(ALL)
    with monkeypatch.context() as patched:
        kill_at(there, patched, 3)
        (killed,) = there.pushed()
    assert killed.code != 0
    assert git(there.bare, "for-each-ref", "refs/reconciler") == ""
    # The lock of the dead is taken over after its lifetime: here that is a second, not five minutes.
    dead = git(there.bare, "log", "-1", "--format=%B", LOCK)
    assert "Lifetime: 300" in dead
    brief = git(
        there.people, "commit-tree", "-m", dead.replace("Lifetime: 300", "Lifetime: 1"), f"{there.main()}^{{tree}}"
    )
    git(there.people, "push", "--quiet", "--force", "origin", f"{brief}:{LOCK}")
    one(there.pushed())
    assert name_of(there, "globex") == "Globex"
    assert applied(there) == there.main()
    assert git(there.bare, "for-each-ref", LOCK) == ""
    assert "### Nothing to do" in one(there.pull_request(there.open("other", {"README.md": "x"}))).summary


def test_of_two_applies_at_once_one_waits_and_finds_nothing_left(there: World) -> None:
    there.main(ALL)
    queued = [there.pushing(), there.pushing()]
    with ThreadPoolExecutor() as runners:
        ran = [one(each) for each in runners.map(there.work, queued)]
    assert sorted("6 created" in each.summary for each in ran) == [False, True]
    assert applied(there) == there.main()


def test_the_plan_of_an_older_commit_never_overwrites_the_newer_one_s(there: World) -> None:
    pull = there.open("customers", organization("acme"))
    older = there.queued(pull)
    there.update(pull, organization("acme", "Acme Inc."))
    one(there.pull_request(pull))
    assert "left as it is: it is about the last commit, and this is not" in one(there.work(older)).log
    (comment,) = there.there.comments
    assert "Acme Inc." in comment["body"]


def test_after_a_force_push_nothing_is_deleted_by_omission(there: World) -> None:
    there.main(ALL)
    one(there.pushed())
    was = there.main()
    people = there.people
    git(people, "reset", "--quiet", "--hard", "HEAD~1")
    commit(people, organization("initech"))
    git(people, "push", "--quiet", "--force", "origin", "HEAD:main")
    said = one(there.pushed())
    assert f"{was[:12]}, which was applied last, does not come before HEAD" in said.log
    assert [name_of(there, slug) for slug in ("acme", "globex", "initech")] == ["Acme", "Globex", "Initech"]
    assert ADDRESSES[0] not in there.told()
