"""Who reads a snapshot, or a plan from it, sees no address, no name and no secret."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.emulator.seed import bulk
from reconciler.emulator.seed.running import Options, make
from reconciler.emulator.server.app import App
from reconciler.report.formats import FORMATS, render
from reconciler.report.json import plan_json
from reconciler.report.plan import plan_report
from tests.snapshot import snapshots
from tests.snapshot.snapshots import BY_NAME, JOINED, RULES, canaries_in


@pytest.fixture
def app() -> Iterator[App]:
    made = make(Options())
    yield made
    made.close()


@pytest.mark.parametrize("rules", [RULES, BY_NAME, JOINED], ids=["domain", "address", "table"])
def test_nobody_is_in_a_snapshot_or_in_the_plan_from_it(tmp_path: Path, app: App, rules: str) -> None:
    config = snapshots.repository(tmp_path / "repository", rules)
    assert canaries_in((config.root / "users.jsonl").read_text()), "the canaries sing"
    snapshots.settle(config, app)
    file = snapshots.taken(config, app, tmp_path / "snapshot.gz")
    text = gzip.decompress(file.read_bytes()).decode()
    assert canaries_in(text) == []
    metadata = [one["trusted_metadata"] for one in (*bulk.members(app), *bulk.organizations(app))]
    remembered = [one["reconciler"]["written"] for one in metadata if "reconciler" in one]
    assert [written for written in remembered if not written or written in text] == []
    secrets = [app.workspace.environment("B2B", "test").secret, app.workspace.key_secret]
    assert [one for one in secrets if one in text or one[-4:] in text.replace("user-test", "")] == []
    assert "acme.example" in text
    more = rules.replace("assign: [{organization: acme}]", "assign: [{organization: acme, roles: [stytch_admin]}]")
    plan = snapshots.planned(snapshots.repository(tmp_path / "branch", more), file)
    assert plan.changes
    said = b"".join(plan_json(plan)).decode() + "".join(render(plan_report(plan), form) for form in FORMATS)
    assert canaries_in(said) == []


def test_what_a_rule_reads_is_there_and_nothing_beside_it(tmp_path: Path, app: App) -> None:
    rules = RULES.replace(
        "email_domain: acme.example", "metadata: {trusted_metadata.manager: second.canary@acme.example}"
    )
    config = snapshots.repository(tmp_path / "repository", rules)
    file = snapshots.taken(config, app, tmp_path / "snapshot.gz")
    (users,) = [line["users"] for line in snapshots.lines(file) if line["is"] == "users"]
    assert users[0].keys() == {"user_id", "emails", "trusted_metadata"}
    assert users[0]["trusted_metadata"].keys() == {"manager"}
    assert canaries_in(str(users)) == []
    matched = snapshots.planned(config, file)
    assert {change.mark.user for change in matched.changes if change.mark} == {None, "user-test-1"}
