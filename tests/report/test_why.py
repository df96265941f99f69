"""``why`` over the worked example: who is what, which rules nearly matched and what they lacked."""

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.config.read import load_config
from reconciler.load.repository import load
from reconciler.report.formats import render
from reconciler.report.why import why_report
from reconciler.rules.explain import explain, is_user
from reconciler.rules.rule import Rules

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def rules() -> Rules:
    return load(load_config(ROOT))[1]


def why(rules: Rules, wanted: str, form: str = "text") -> str:
    lines = (ROOT / "rules" / "users.jsonl").read_text(encoding="utf-8").splitlines()
    users: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return render(why_report([explain(rules, user) for user in users if is_user(user, wanted)], wanted), form)


def test_a_member_has_its_rule_with_file_and_line(rules: Rules) -> None:
    text = why(rules, "jo@willow.example")
    assert "0010: 3 memberships" in text.splitlines()[0]
    assert "Member of hooli\n  as jo@willow.example: it is the user's first verified address\n" in text
    assert "  by rules/members.yaml:25 consultants\n" in text
    assert '  → gives hooli ("hooli")\n' in text
    assert "Not matched: 2 rules" in text


def test_a_member_written_by_hand_names_the_manifest(rules: Rules) -> None:
    text = why(rules, "ANN@acme.example")
    assert "  with the roles stytch_admin\n  by manifests/members.yaml:2\n" in text


def test_a_row_of_a_table_is_named(rules: Rules) -> None:
    assert "→ gives birch (rules/memberships.csv:2:1)" in why(rules, "max@mailbox.example")


def test_a_rule_that_nearly_matched_says_what_it_lacked(rules: Rules) -> None:
    text = why(rules, "dan@acme.example")
    assert "no rule matches: belongs to no organization" in text.splitlines()[0]
    assert "dan@acme.example (not verified)" in text
    assert "by-email-domain: nearly matched" in text
    assert "but it is not verified" in text


def test_a_user_that_is_excepted_is_told_so(rules: Rules) -> None:
    text = why(rules, "build@bots.acme.example")
    assert "0011: belongs to no organization" in text.splitlines()[0]
    assert "matched, but `except` excludes this user" in text


def test_an_unmatched_user_has_every_rule_with_what_it_lacked(rules: Rules) -> None:
    text = why(rules, "oleg@elsewhere.example")
    assert "no rule matches: belongs to no organization" in text
    assert "Not matched: 4 rules" in text
    assert text.count("✗ ") == 4


def test_nobody_is_said_to_be_nobody(rules: Rules) -> None:
    assert why(rules, "nobody@acme.example").startswith("There is no user nobody@acme.example in the source")
    assert json.loads(why(rules, "nobody@acme.example", "json")) == {"format_version": "1.0", "users": []}


def test_markdown_masks_every_address(rules: Rules) -> None:
    text = why(rules, "dan@acme.example", "markdown")
    assert "dan@" not in text
    assert "d***@acme.example" in text


def test_json_holds_the_whole_explanation(rules: Rules) -> None:
    (user,) = json.loads(why(rules, "jo@willow.example", "json"))["users"]
    assert [membership["organization"] for membership in user["memberships"]] == ["acme", "hooli", "willow"]
    assert {rule["verdict"] for rule in user["rules"]} == {"matched", "no"}
