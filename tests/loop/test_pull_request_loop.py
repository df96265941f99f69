"""The loop, by a real runner: from pull request to comment, merge, apply, drift, repair; each event is sent in turn."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.apply.test_apply import ADDRESSES
from tests.history.worlds import commit, git
from tests.loop.cases import ALL, WORKFLOWS, applied, begun, name_of, one, organization
from tests.loop.runner import ROOT, WHEELS
from tests.loop.world import World, world

pytestmark = [pytest.mark.act, pytest.mark.slow]


@pytest.fixture
def there(tmp_path: Path) -> Iterator[World]:
    with begun(tmp_path) as made:
        yield made


def test_from_pull_request_to_comment_merge_apply_drift_and_repair(there: World) -> None:
    pull = there.open("customers", ALL)
    one(there.pull_request(pull))
    (comment,) = there.there.comments
    assert "### Plan for test" in comment["body"]
    assert "4 people gain access" in comment["body"]

    there.merge(pull)
    assert "### Applied to test" in one(there.pushed()).summary
    assert name_of(there, "acme") == "Acme"
    assert applied(there) == there.main()
    assert git(there.bare, "for-each-ref", "refs/reconciler-locks") == ""
    one(there.scheduled("drift.yml"))
    assert there.there.issues == []

    there.by_hand("organizations/acme", organization_name="Renamed by hand")
    one(there.scheduled("drift.yml"))
    (issue,) = there.there.issues
    assert issue["state"] == "open"
    assert "Renamed by hand" in issue["body"]

    one(there.pushed())  # an apply without a change repairs
    assert name_of(there, "acme") == "Acme"
    one(there.dispatched("drift.yml"))
    assert [row["state"] for row in there.there.issues] == ["closed"]
    assert [address for address in ADDRESSES if address in there.told()] == []


def test_a_job_may_do_what_its_workflow_declares_and_nothing_else(there: World) -> None:
    """So that the other tests mean something: without the permission, GitHub and its git say no."""
    apply, plan = (WORKFLOWS / f"{name}.yml" for name in ("apply", "plan"))
    less = {
        ".github/workflows/apply.yml": apply.read_text().replace("contents: write", "contents: read"),
        ".github/workflows/plan.yml": plan.read_text().replace(", pull-requests: write", ""),
    }
    pull = there.open("less", {**less, **ALL})
    assert "403" in one(there.pull_request(pull)).log
    assert there.there.comments == []
    there.merge(pull)
    assert "403, so nothing keeps others from applying at the same time, and this apply is not recorded" in (
        one(there.pushed()).log
    )
    assert there.remote.refused
    assert git(there.bare, "for-each-ref", "refs/reconciler") == ""


def ours(there: World, *left_out: str) -> None:
    """Push this repository."""
    ignored = (".git", ".venv", "*cache*", "node_modules", "tests", "benchmarks", ".hypothesis", *left_out)
    people = there.people
    shutil.copytree(ROOT, people, ignore=shutil.ignore_patterns(*ignored), dirs_exist_ok=True)
    commit(people, {})
    git(people, "push", "--quiet", "origin", "main")


def test_a_pull_request_to_this_repository_gets_a_comment_on_what_it_alone_changes(tmp_path: Path) -> None:
    with world(tmp_path, is_private=False) as there:
        ours(there, "check.yml", "release.yml")
        ran = one(there.pull_request(there.open("vandelay", organization("vandelay"))))
        (comment,) = there.there.comments
        assert "Organization/vandelay" in comment["body"]
        assert "Organization/acme" not in comment["body"]
        assert "Renamed by hand" in ran.summary
        assert re.findall(r"[\w.+-]+@[\w-]+\.example", there.told()) == []


def test_this_repository_runs_its_own_loop_installed_from_its_lock(tmp_path: Path) -> None:
    """Nothing is installed beforehand: packages come out of the wheels of the lock, as they would from an index."""
    assert list(WHEELS.glob("*.whl"))
    with world(tmp_path, is_installed=False) as there:
        ours(there)
        ran = one(there.dispatched("loop.yml"))
        for said in (
            "### Plan for test",
            "### Applied to test",
            "Nothing to do",
            "### Drift in test",
            "Renamed by hand",
        ):
            assert said in ran.summary
        assert "people gain access" in ran.summary
        assert re.findall(r"[\w.+-]+@[\w-]+\.example", ran.summary) == []
