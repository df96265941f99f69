"""A plan from a snapshot is reviewed; what is applied is planned live, and no more than was reviewed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.emulator.seed import bulk
from reconciler.emulator.seed.running import Options, make
from reconciler.emulator.server.app import App
from reconciler.model import Plan
from reconciler.plan.narrow import hold_to
from reconciler.plan.planned import Planned
from tests.snapshot import snapshots
from tests.snapshot.snapshots import JOINED, MANIFESTS, RULES

REGEX = RULES.replace("{email_domain: acme.example}", "{email_domain: acme.example, email_regex: 'f.*'}")
RENAMED = MANIFESTS.replace("Acme,", "Acme Two,")
BY_FIRST_NAME = "when: user.name.first_name == 'Canaria'\n      untrusted: true"
BY_NOTE = "{metadata: {trusted_metadata.note: likes millet}}"
BY_OWNER = "table: {name: seats, join: {owner: user.user_id}}\n      match:"
CLIENT = """\
---
apiVersion: reconciler/v1
kind: M2MClient
metadata: {name: billing}
spec: {status: active}
"""
EVERYBODY = RULES.replace("acme.example", "globex.example")


@pytest.fixture
def app() -> Iterator[App]:
    made = make(Options())
    yield made
    made.close()


def written(reviewed: Plan, fresh: Plan) -> tuple[list[str], list[str], list[str]]:
    """The addresses of what is written, of what has moved, and of what is new."""
    held, new = hold_to([reviewed], Planned(plan=fresh, organization_ids={}))
    going = [change.address for change in held.plan.changes if not change.withheld_by]
    moved = [change.address for change in held.plan.changes if change.withheld_by == "moved"]
    return going, moved, [change.address for change in new]


@pytest.mark.parametrize("rules", [RULES, JOINED], ids=["domain", "table"])
def test_what_was_reviewed_is_written(tmp_path: Path, app: App, rules: str) -> None:
    config = snapshots.repository(tmp_path / "repository", rules)
    file = snapshots.taken(config, app, tmp_path / "snapshot.gz")
    fresh = snapshots.live_plan(config, app)
    going, moved, new = written(snapshots.planned(config, file), fresh)
    assert (going, moved, new) == ([change.address for change in fresh.changes], [], [])
    assert "Member/acme/first.canary@acme.example" in going


def test_what_moved_since_is_withheld(tmp_path: Path, app: App) -> None:
    config = snapshots.repository(tmp_path / "repository")
    snapshots.settle(config, app)
    more = snapshots.repository(tmp_path / "branch", EVERYBODY, RENAMED)
    reviewed = snapshots.planned(more, snapshots.taken(config, app, tmp_path / "snapshot.gz"))
    acme = next(one for one in bulk.organizations(app) if one["organization_slug"] == "acme")
    bulk.place_organization(app, {**acme, "organization_name": "Somebody's"})
    fresh = snapshots.live_plan(snapshots.repository(tmp_path / "branch", EVERYBODY, RENAMED), app)
    going, moved, new = written(reviewed, fresh)
    assert moved == ["Organization/acme"]
    assert "Member/acme/third.canary@globex.example" in going
    assert new == []


def test_what_the_snapshot_could_not_decide_was_not_reviewed(tmp_path: Path, app: App) -> None:
    config = snapshots.repository(tmp_path / "repository", REGEX)
    file = snapshots.taken(config, app, tmp_path / "snapshot.gz")
    fresh = snapshots.live_plan(config, app)
    reviewed = snapshots.planned(config, file)
    (open_,) = [one for one in reviewed.problems if one.code == "redacted"]
    assert open_.users == ("user-test-1", "user-test-2")
    going, moved, new = written(reviewed, fresh)
    assert (moved, new) == ([], ["Member/acme/first.canary@acme.example"])
    assert going == ["Organization/acme", "Member/acme/hand.written@acme.example"]


def test_a_pattern_of_a_domain_alone_is_decided(tmp_path: Path, app: App) -> None:
    rules = RULES.replace("{email_domain: acme.example}", r"{email_regex: '.*@(acme|globex)\.example'}")
    config = snapshots.repository(tmp_path / "repository", rules)
    file = snapshots.taken(config, app, tmp_path / "snapshot.gz")
    fresh = snapshots.live_plan(config, app)
    going, moved, new = written(snapshots.planned(config, file), fresh)
    assert (len(going), moved, new) == (len(fresh.changes), [], [])


@pytest.mark.parametrize(
    "rules",
    [
        RULES.replace("match: {email_domain: acme.example}", BY_FIRST_NAME),
        RULES.replace("{email_domain: acme.example}", BY_NOTE),
        RULES.replace("match:", BY_OWNER),
    ],
    ids=["name", "metadata", "column"],
)
def test_what_a_branch_reads_anew_is_held_and_not_guessed(tmp_path: Path, app: App, rules: str) -> None:
    trunk = snapshots.repository(tmp_path / "repository")
    file = snapshots.taken(trunk, app, tmp_path / "snapshot.gz")
    branch = snapshots.repository(tmp_path / "branch", rules)
    if "owner" in rules:  # a table that is not in the repository
        (branch.root / "seats.csv").unlink()
    plan = snapshots.planned(branch, file)
    assert "user-test-1" in {user for one in plan.problems if one.code == "redacted" for user in one.users}
    assert [change for change in plan.changes if change.mark and change.mark.user == "user-test-1"] == []


def test_a_field_that_nobody_declared_before_is_held(tmp_path: Path, app: App) -> None:
    config = snapshots.repository(tmp_path / "repository")
    snapshots.settle(config, app)
    bulk_member = next(one for one in bulk.members(app) if one["email_address"] == "hand.written@acme.example")
    bulk.place_member(app, {**bulk_member, "name": "Gonzo"})
    file = snapshots.taken(config, app, tmp_path / "snapshot.gz")
    branch = snapshots.repository(
        tmp_path / "branch",
        manifests=MANIFESTS.replace("{roles: [stytch_admin]}", "{roles: [stytch_admin], name: Other}"),
    )
    plan = snapshots.planned(branch, file)
    (held,) = [one for one in plan.held if one.kind == "Member"]
    assert held.reason == "the snapshot leaves out name, so what it is now is unknown"
    assert [one.code for one in plan.problems if one.severity == "problem"] == ["redacted"]
    assert not [change for change in plan.changes if change.kind == "Member"]


def test_a_kind_that_was_not_read_is_held(tmp_path: Path, app: App) -> None:
    config = snapshots.repository(tmp_path / "repository")
    file = snapshots.taken(config, app, tmp_path / "snapshot.gz")
    plan = snapshots.planned(snapshots.repository(tmp_path / "branch", manifests=MANIFESTS + CLIENT), file)
    (held,) = [one for one in plan.held if one.kind == "M2MClient"]
    assert "the snapshot does not have every M2MClient" in held.reason
