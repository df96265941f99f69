"""Applying, interrupted anywhere: run again, and it is as if nothing had happened."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler import pipeline
from reconciler.apply.write import Circuit
from reconciler.clients.sdk import Answered, Writer
from reconciler.config.read import Config
from reconciler.emulator.core.behaviour import parse_switches
from reconciler.emulator.seed import bulk
from reconciler.emulator.seed.running import Options, make
from reconciler.emulator.server import faults
from reconciler.emulator.server.app import App
from reconciler.errors import Ambiguous, Rejected
from reconciler.model import Outcome
from reconciler.read.run import open_run
from reconciler.report.formats import render
from reconciler.report.outcomes import apply_report
from tests.connected import connected
from tests.repositories import config_of, write

CONFIGURATION = """\
apiVersion: reconciler/v1
kind: Configuration
name: acme-identity
environments:
  test:
    users: {file: users.jsonl}
    authority: {Member: authoritative}
"""
MANIFESTS = """\
apiVersion: reconciler/v1
kind: Organization
metadata: {name: acme}
spec: {organization_name: Acme, trusted_metadata: {email_domains: [acme.example]}}
---
apiVersion: reconciler/v1
kind: Organization
metadata: {name: globex}
spec: {organization_name: Globex, trusted_metadata: {email_domains: [globex.example]}}
---
apiVersion: reconciler/v1
kind: Member
metadata: {namespace: globex, name: boss@globex.example}
spec: {name: Boss, roles: [stytch_admin]}
"""
RULES = """\
apiVersion: reconciler/v1
kind: MappingRules
metadata: {name: employees}
spec:
  rules:
    - name: by-email-domain
      match: {email_domain: {organization: trusted_metadata.email_domains}}
      assign: [{organization: "${{ organization.name }}"}]
"""
ADDRESSES = ("ann@acme.example", "bob@acme.example", "eve@globex.example")
Killed = type("Killed", (BaseException,), {})


def users(*addresses: str) -> str:
    return "".join(
        json.dumps({"user_id": f"user-test-{address}", "emails": [{"email": address, "verified": True}]}) + "\n"
        for address in addresses
    )


@pytest.fixture
def config(tmp_path: Path) -> Config:
    files = {
        "reconciler.yaml": CONFIGURATION,
        "manifests/all.yaml": MANIFESTS,
        "rules/all.yaml": RULES,
        "users.jsonl": users(*ADDRESSES),
    }
    return config_of(write(tmp_path, files))


@pytest.fixture
def app() -> Iterator[App]:
    made = make(Options())
    yield made
    made.close()


def run(config: Config, app: App) -> list[Outcome]:
    with connected(app, sort=config.target.type) as client:
        return list(
            pipeline.apply(open_run(config, client), pipeline.plan(open_run(config, client)), lambda _: None).outcomes
        )


def left_to_do(config: Config, app: App) -> list[str]:
    with connected(app) as client:
        return [change.address for change in pipeline.plan(open_run(config, client)).plan.changes]


def state(app: App) -> list[tuple[Any, ...]]:
    """Everything that does not depend on ids and times."""
    slugs = {one["organization_id"]: one["organization_slug"] for one in bulk.organizations(app)}
    whole: list[tuple[Any, ...]] = [(slug,) for slug in slugs.values()]
    for member in bulk.members(app):
        mark = member["trusted_metadata"]["reconciler"]
        ours = mark["organization"] == member["organization_id"]
        roles = tuple(sorted(role["role_id"] for role in member["roles"]))
        whole.append(
            (slugs[member["organization_id"]], member["email_address"], member["status"], mark.get("user"), ours, roles)
        )
    return sorted(whole, key=str)


def expected(config: Config) -> list[tuple[Any, ...]]:
    fresh = make(Options())
    try:
        run(config, fresh)
        return state(fresh)
    finally:
        fresh.close()


def writes_of(config: Config) -> int:
    fresh = make(Options())
    try:
        with connected(fresh) as client:
            return pipeline.plan(open_run(config, client)).plan.cost.writes
    finally:
        fresh.close()


def failing_at(number: int, error: BaseException, *, after: bool) -> Any:
    """Make a ``Writer.write`` that raises ``error`` at the ``number``-th write, before or after it took effect."""
    real = Writer.write
    count = iter(range(1, 1_000))

    def write(self: Writer, name: str, arguments: Mapping[str, Any]) -> Answered:
        here = next(count) == number
        if here and not after:
            raise error
        answered = real(self, name, arguments)
        if here:
            raise error
        return answered

    return write


def test_the_cost_of_a_plan_is_the_writes_that_applying_it_makes(config: Config, app: App) -> None:
    with connected(app) as client:
        planned = pipeline.plan(open_run(config, client))
        reads = client.statistics.requests
        pipeline.apply(open_run(config, client), planned, lambda _: None)
        assert client.statistics.requests - reads == planned.plan.cost.writes == 12


@pytest.mark.parametrize("after", [False, True], ids=["before it took effect", "after it took effect"])
def test_a_kill_at_any_write_is_finished_by_the_next_run(
    config: Config, monkeypatch: pytest.MonkeyPatch, *, after: bool
) -> None:
    wanted = expected(config)
    for number in range(1, writes_of(config) + 1):
        killed = make(Options())
        with monkeypatch.context() as patched:
            patched.setattr(Writer, "write", failing_at(number, Killed(), after=after))
            with pytest.raises(Killed):
                run(config, killed)
        run(config, killed)
        assert (state(killed), left_to_do(config, killed)) == (wanted, [])
        killed.close()


@pytest.mark.parametrize("after", [False, True], ids=["request lost", "answer lost"])
def test_a_lost_answer_never_makes_a_second_thing(
    config: Config, monkeypatch: pytest.MonkeyPatch, *, after: bool
) -> None:
    wanted = expected(config)
    for number in range(1, writes_of(config) + 1):
        troubled = make(Options())
        with monkeypatch.context() as patched:
            patched.setattr(Writer, "write", failing_at(number, Ambiguous("lost"), after=after))
            outcomes = run(config, troubled)
        assert {outcome.result for outcome in outcomes} == {"applied"}
        assert (state(troubled), left_to_do(config, troubled)) == (wanted, [])
        troubled.close()


def test_as_many_journals_stay_as_the_configuration_says(tmp_path: Path, app: App) -> None:
    keep = "    authority: {Member: authoritative}\n    journal: {keep: 2}\n"
    text = CONFIGURATION.replace("    authority: {Member: authoritative}\n", keep)
    files = {"reconciler.yaml": text, "manifests/all.yaml": MANIFESTS, "rules/all.yaml": RULES}
    names: list[list[str]] = []
    for number in range(1, 5):
        config = config_of(
            write(tmp_path, {**files, "users.jsonl": users(*ADDRESSES[:number], f"{number}@acme.example")})
        )
        assert {outcome.result for outcome in run(config, app)} == {"applied"}
        names.append(sorted(path.name for path in tmp_path.glob(".reconciler/journal-*")))
    assert [len(each) for each in names] == [1, 2, 2, 2]
    assert names[3][0] == names[2][1]


def test_one_failure_stops_only_what_depends_on_it(config: Config, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Writer.write

    def write(self: Writer, name: str, arguments: Mapping[str, Any]) -> Answered:
        if arguments.get("organization_slug") == "acme":
            raise Rejected("no", status=400, error_type="organization_name_includes_banned_words")
        return real(self, name, arguments)

    monkeypatch.setattr(Writer, "write", write)
    results = {outcome.address: outcome.result for outcome in run(config, app)}
    assert results == {
        "Organization/acme": "failed",
        "Organization/globex": "applied",
        "Member/acme/ann@acme.example": "skipped",
        "Member/acme/bob@acme.example": "skipped",
        "Member/globex/boss@globex.example": "applied",
        "Member/globex/eve@globex.example": "applied",
    }


def test_the_journal_holds_every_intent_and_outcome_and_losing_it_is_harmless(config: Config, app: App) -> None:
    run(config, app)
    (journal,) = (config.root / ".reconciler").glob("journal-*.jsonl")
    assert journal.stat().st_mode & 0o777 == 0o600
    lines = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
    intents = [line for line in lines if line["event"] == "intent"]
    outcomes = {line["address"]: line for line in lines if line["event"] == "outcome"}
    assert len(intents) == len(outcomes) == 6
    for intent in intents:
        outcome = outcomes[intent["address"]]
        assert intent["causes"]
        assert lines.index(intent) < lines.index(outcome)
        assert outcome["id"]
        assert outcome["request_id"].startswith("request-id-test-")
    journal.unlink()
    assert left_to_do(config, app) == []


def test_nothing_is_written_where_the_journal_cannot_be(config: Config, app: App) -> None:
    (config.root / ".reconciler").write_text("a file where the folder should be", encoding="utf-8")
    assert {outcome.result for outcome in run(config, app)} == {"skipped"}
    assert bulk.organizations(app) == []


def test_what_moved_since_the_plan_is_withheld(config: Config, app: App) -> None:
    run(config, app)
    (config.root / "users.jsonl").write_text(users(*ADDRESSES[1:]), encoding="utf-8")
    with connected(app) as client:
        planned = pipeline.plan(open_run(config, client))
        (member,) = [one for one in bulk.members(app) if one["email_address"] == ADDRESSES[0]]
        bulk.place_member(app, {**member, "name": "Renamed in the meantime"})
        (outcome,) = pipeline.apply(open_run(config, client), planned, lambda _: None).outcomes
    assert (outcome.result, outcome.action) == ("withheld", "delete")
    assert outcome.detail.startswith("moved")


def test_a_delete_marks_the_record_as_ours(config: Config, app: App) -> None:
    run(config, app)
    (config.root / "users.jsonl").write_text(users(*ADDRESSES[1:]), encoding="utf-8")
    run(config, app)
    (gone,) = [one for one in bulk.members(app) if one["status"] == "deleted"]
    assert gone["trusted_metadata"]["reconciler"]["deleted"] is True
    (config.root / "users.jsonl").write_text(users(*ADDRESSES), encoding="utf-8")
    assert left_to_do(config, app) == ["Member/acme/ann@acme.example"]


def test_who_is_brought_back_after_we_removed_him_is_not_fought(config: Config, app: App) -> None:
    run(config, app)
    (config.root / "users.jsonl").write_text(users(*ADDRESSES[1:]), encoding="utf-8")
    run(config, app)
    (gone,) = [one for one in bulk.members(app) if one["status"] == "deleted"]
    bulk.place_member(app, {**gone, "status": "active"})
    with connected(app) as client:
        plan = pipeline.plan(open_run(config, client)).plan
    assert (plan.changes, [one.id for one in plan.kept]) == ((), [gone["member_id"]])


def test_the_circuit_opens_when_too_much_fails() -> None:
    assert opened([True] * 9) is False
    assert opened([True] * 10) is True
    assert opened([number % 25 == 0 for number in range(400)]) is False


def test_what_stytch_refuses_of_one_kind_stops_no_other(tmp_path: Path, app: App) -> None:
    templates = "".join(
        f"---\napiVersion: reconciler/v1\nkind: EmailTemplate\nmetadata: {{name: login-{number:03}}}\nspec:\n"
        "  name: Login\n  sender_information: {from_local_part: hello, from_domain: acme.example}\n"
        "  custom_html_customization: {template_type: LOGIN, html_content: '{{magic_link_url}}', subject: Sign in}\n"
        for number in range(200)
    )
    target = "{type: live, project: b2b, environment: production}"
    head = "apiVersion: reconciler/v1\nkind: Configuration\nname: acme-identity\n"
    settings = f"{head}environments: {{test: {{target: {target}}}}}\n"
    config = config_of(write(tmp_path, {"reconciler.yaml": settings, "manifests/a.yaml": f"{MANIFESTS}{templates}"}))
    app.behaviour = parse_switches(["email_domain_verified=false"])
    outcomes = {outcome.address: outcome.result for outcome in run(config, app)}
    refused = [result for address, result in outcomes.items() if address.startswith("EmailTemplate/")]
    assert 10 <= refused.count("failed") < 10 + config.rates.in_flight, "those under way are not called back"
    assert refused.count("failed") + refused.count("skipped") == 200
    assert outcomes["Member/globex/boss@globex.example"] == "applied"


@pytest.mark.parametrize("fault", ["status_500:1", "html_200:1"])
def test_what_cannot_be_looked_at_again_is_not_deleted(tmp_path: Path, app: App, fault: str) -> None:
    settings = "apiVersion: reconciler/v1\nkind: Configuration\nenvironments: {test: }\n"
    url = "apiVersion: reconciler/v1\nkind: RedirectURL\nmetadata: {name: 'http://localhost:3000/authenticate'}\n"
    files = {"reconciler.yaml": settings, "manifests/a.yaml": f"{url}ensure: absent\n"}
    config = config_of(write(tmp_path, files))
    with connected(app) as client:
        planned = pipeline.plan(open_run(config, client))
        app.faults = faults.Faults(faults.parse([fault])[0])
        (outcome,) = pipeline.apply(open_run(config, client), planned, lambda _: None).outcomes
    app.faults = faults.Faults()
    assert (outcome.action, outcome.result) == ("delete", "withheld")
    assert outcome.detail.startswith("moved: it could not be read again: ")
    assert left_to_do(config, app) == ["RedirectURL/http://localhost:3000/authenticate"]


def opened(failures: list[bool]) -> bool:
    circuit = Circuit()
    for failed in failures:
        circuit.note(failed=failed)
    return circuit.open


def test_two_applies_at_once_do_not_both_say_that_they_made_everything(config: Config, app: App) -> None:
    with connected(app) as client:
        first, second = pipeline.plan(open_run(config, client)), pipeline.plan(open_run(config, client))
        made = pipeline.apply(open_run(config, client), first, lambda _: None).outcomes
        later = pipeline.apply(open_run(config, client), second, lambda _: None)
    late = later.outcomes
    assert {outcome.result for outcome in (*made, *late)} == {"applied"}
    assert [outcome.found for outcome in made] == [False] * len(made)
    assert [outcome.found for outcome in late] == [outcome.action == "create" for outcome in late]
    said = render(apply_report(second.plan, later))
    assert "already existing" in said
    assert "created" not in said


@pytest.mark.parametrize("before", ["", "organizations.members.update", "organizations.members.delete"])
def test_a_delete_of_what_another_run_has_just_deleted_is_done_and_said_to_be_gone_already(
    config: Config, app: App, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    run(config, app)
    (config.root / "users.jsonl").write_text(users(*ADDRESSES[1:]), encoding="utf-8")
    real = Writer.write
    with connected(app) as client, connected(app) as other:
        mine, theirs = pipeline.plan(open_run(config, client)), pipeline.plan(open_run(config, other))

        def write(self: Writer, name: str, arguments: Mapping[str, Any]) -> Answered:
            if name == before and pending:
                pipeline.apply(open_run(config, other), pending.pop(), lambda _: None)
            return real(self, name, arguments)

        pending = [theirs]
        if not before:
            pipeline.apply(open_run(config, other), pending.pop(), lambda _: None)
        monkeypatch.setattr(Writer, "write", write)
        applied = pipeline.apply(open_run(config, client), mine, lambda _: None)
    (outcome,) = applied.outcomes
    assert (outcome.action, outcome.result, outcome.found, applied.exit_code) == ("delete", "applied", True, 0)
    assert "1 gone already (deleted since the plan)." in render(apply_report(mine.plan, applied))
    assert [one["status"] for one in bulk.members(app)].count("deleted") == 1


def test_an_organization_that_another_run_has_just_deleted_is_gone_already(config: Config, app: App) -> None:
    run(config, app)
    acme, globex, _ = MANIFESTS.split("---\n")
    text = f"{acme}---\n{globex.partition('spec:')[0]}ensure: absent\n"
    (config.root / "manifests/all.yaml").write_text(text, encoding="utf-8")
    allowed = CONFIGURATION + "    guards: {max_organization_deletes: 1}\n"
    (config.root / "reconciler.yaml").write_text(allowed, encoding="utf-8")
    config = config_of(config.root)
    with connected(app) as client:
        first, second = pipeline.plan(open_run(config, client)), pipeline.plan(open_run(config, client))
        pipeline.apply(open_run(config, client), first, lambda _: None)
        late = pipeline.apply(open_run(config, client), second, lambda _: None)
    found = [outcome for outcome in late.outcomes if outcome.address == "Organization/globex"]
    assert [(one.action, one.result, one.found) for one in found] == [("delete", "applied", True)]
