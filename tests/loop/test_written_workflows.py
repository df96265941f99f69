"""The workflows that `init --ci github` writes, run by a real runner: what a team commits on its first day."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from reconciler.export.ci_github import write_workflows
from tests.apply.test_apply import ADDRESSES, CONFIGURATION
from tests.history.worlds import git
from tests.loop.cases import ALL, applied, name_of, organization, people
from tests.loop.runner import OURS, Ran
from tests.loop.world import World, world

pytestmark = [pytest.mark.act, pytest.mark.slow]
ACTION = f"{OURS}@{'0' * 40}"


@contextmanager
def adopted(
    folder: Path, *, is_private: bool = True, configuration: str = CONFIGURATION, below: str = ""
) -> Iterator[World]:
    """Make a repository whose first push has the workflows, as they are written for it, or for a folder in it."""
    with world(folder, is_private=is_private) as made:
        known = made.stytch.environment
        made.variables["STYTCH_PROJECT_ID"] = known["STYTCH_PROJECT_ID"]
        made.environments["stytch-test"] = {"STYTCH_SECRET": known["STYTCH_SECRET"]}
        root = made.people / below
        (root / "manifests").mkdir(parents=True)
        (root / "reconciler.yaml").write_text(configuration)
        (root / "manifests" / "README.md").write_text("One file for each customer.\n")
        write_workflows(root, ACTION, "main", with_comment=True)
        made.main({f"{below}users.jsonl": people()})
        ended(made.pushed())  # it has nothing to write, and publishes the first snapshot
        yield made


def ended(ran: list[Ran], code: int = 0) -> Ran:
    """Return the one job that did something, which ended as it should; the others' conditions were not met."""
    (only,) = [one for one in ran if any(name.startswith("Set up") for name in one.steps)]
    assert only.code == code, f"{only.workflow}\n{only.log}"
    return only


def test_from_the_first_pull_request_to_drift_and_its_end(tmp_path: Path) -> None:
    with adopted(tmp_path) as there:
        pull = there.open("customers", ALL)
        planned = ended(there.pull_request(pull))
        (comment,) = there.there.comments
        assert "### Plan for test" in comment["body"]
        assert "4 people gain access" in comment["body"]
        assert "snapshot" in comment["body"]
        assert there.environments["stytch-test"]["STYTCH_SECRET"] not in planned.log

        assert "hold" in ended(there.merge_group(pull)).summary
        there.merge(pull)
        assert "### Applied to test" in ended(there.pushed()).summary
        assert name_of(there, "acme") == "Acme"
        assert applied(there) == there.main()
        assert "### Applied to test" in there.there.comments[0]["body"]
        ended(there.scheduled("drift.yml"))
        assert there.there.issues == []

        there.by_hand("organizations/acme", organization_name="Renamed by hand")
        ended(there.scheduled("drift.yml"))
        (issue,) = there.there.issues
        assert issue["state"] == "open"
        assert "Renamed by hand" in issue["body"]
        ended(there.dispatched("apply.yml"))  # git wins
        assert name_of(there, "acme") == "Acme"
        ended(there.scheduled("drift.yml"))
        assert [row["state"] for row in there.there.issues] == ["closed"]
        assert [address for address in ADDRESSES if address in there.told()] == []


def test_a_push_that_nobody_reviewed_writes_nothing(tmp_path: Path) -> None:
    with adopted(tmp_path) as there:
        there.main(organization("acme"))
        ended(there.pushed(), 1)
        with pytest.raises(httpx.HTTPStatusError, match="404"):
            there.live("organizations/acme")
        assert git(there.bare, "for-each-ref", "refs/reconciler-locks") == ""


def test_a_folder_of_a_larger_repository(tmp_path: Path) -> None:
    with adopted(tmp_path, below="identity/prod/") as there:
        pull = there.open("customers", {f"identity/prod/{name}": text for name, text in ALL.items()})
        planned = ended(there.pull_request(pull))
        assert "file=identity/prod/manifests/all.yaml" in planned.log
        (comment,) = there.there.comments
        assert "4 people gain access" in comment["body"]
        assert "hold" in ended(there.merge_group(pull)).summary
        there.merge(pull)
        ended(there.pushed())
        assert name_of(there, "acme") == "Acme"
        more = {f"identity/prod/{name}": text for name, text in organization("initech").items()}
        ended(there.pull_request(there.open("more", more)))
        there.by_hand("organizations/acme", organization_name="Renamed by hand")
        assert "#2: its plan" in ended(there.scheduled("drift.yml")).log
        assert "updated" not in ended(there.dispatched("drift.yml", way="live-wins")).log
        assert git(there.bare, "diff", "--name-only", "main", "reconciler/live-wins-test") == (
            "identity/prod/manifests/all.yaml"
        )


def test_after_a_start_by_hand_a_pull_request_plans_from_what_that_wrote(tmp_path: Path) -> None:
    with adopted(tmp_path) as there:
        there.main(ALL)
        ended(there.pushed(), 1)
        ended(there.dispatched("apply.yml"))
        assert name_of(there, "acme") == "Acme"
        ended(there.pull_request(there.open("more", organization("initech"))))
        (comment,) = there.there.comments
        assert "Organization/initech" in comment["body"]
        assert "Organization/acme" not in comment["body"]


def test_a_pull_request_from_a_fork_gets_its_comment_without_any_credential(tmp_path: Path) -> None:
    with adopted(tmp_path) as there:
        pull = there.open("stranger", organization("globex"), is_fork=True)
        planned = ended(there.pull_request(pull))
        assert there.there.comments == []
        assert "nothing was said on GitHub" in planned.log
        ended(there.completed(planned, by="eve"))
        (comment,) = there.there.comments
        assert "Advisory" in comment["body"]
        assert "Organization/globex" in comment["body"]
        canaries = (there.environments["stytch-test"]["STYTCH_SECRET"], *ADDRESSES)
        assert [canary for canary in canaries if canary in planned.log + planned.summary + comment["body"]] == []


def test_what_is_live_is_proposed_once_and_merging_it_ends_the_drift(tmp_path: Path) -> None:
    with adopted(tmp_path) as there:
        pull = there.open("customers", ALL)
        ended(there.pull_request(pull))
        there.merge(pull)
        ended(there.pushed())
        there.by_hand("organizations/acme", organization_name="Renamed by hand")
        ended(there.scheduled("drift.yml"))
        (issue,) = there.there.issues
        assert "way: live-wins" in issue["body"]

        for _ in range(2):
            done = ended(there.dispatched("drift.yml", way="live-wins"))
        assert "test: updated #2" in done.log
        proposed = there.there.pulls[-1]
        assert (len(there.there.pulls), proposed["title"]) == (2, "Declare what is live in test")
        assert "Organization/acme" in proposed["body"]
        branch = git(there.bare, "show", "refs/heads/reconciler/live-wins-test:manifests/all.yaml")
        was = git(there.bare, "show", "main:manifests/all.yaml")
        assert branch == was.replace("Acme", "Renamed by hand", 1)

        git(there.bare, "update-ref", "refs/heads/main", "refs/heads/reconciler/live-wins-test")
        ended(there.pushed())
        ended(there.scheduled("drift.yml"))
        assert [row["state"] for row in there.there.issues] == ["closed"]
        assert name_of(there, "acme") == "Renamed by hand"
        assert [address for address in ADDRESSES if address in there.told()] == []


def test_what_somebody_changes_between_review_and_merge_is_not_overwritten_and_the_rest_goes(tmp_path: Path) -> None:
    with adopted(tmp_path) as there:
        pull = there.open("begin", ALL)
        ended(there.pull_request(pull))
        there.merge(pull)
        ended(there.pushed())
        names = {
            "manifests/all.yaml": git(there.bare, "show", "main:manifests/all.yaml").replace("Acme", "Acme Inc.", 1)
        }
        pull = there.open("rename", {**names, **organization("initech")})
        ended(there.pull_request(pull))
        there.by_hand("organizations/acme", organization_name="Renamed by hand")  # what the pull request changes, too
        there.by_hand("organizations/globex", mfa_policy="REQUIRED_FOR_ALL")  # what it has nothing to do with
        there.merge(pull)
        said = ended(there.pushed(), 1)
        assert "moved" in said.summary
        assert "moved" in there.there.comments[1]["body"]
        assert [name_of(there, slug) for slug in ("acme", "initech")] == ["Renamed by hand", "Initech"]
        assert there.live("organizations/globex")["organization"]["mfa_policy"] == "REQUIRED_FOR_ALL"


def test_a_revert_is_reviewed_and_applied_as_any_change(tmp_path: Path) -> None:
    with adopted(tmp_path) as there:
        for branch, name in (("begin", "Acme"), ("rename", "Acme Inc."), ("revert", "Acme")):
            pull = there.open(branch, organization("acme", name))
            ended(there.pull_request(pull))
            there.merge(pull)
            ended(there.pushed())
            assert (name_of(there, "acme"), applied(there)) == (name, there.main())
