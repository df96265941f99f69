"""``why`` says of a user what the plan says: also where a record cannot be read, or is there more than once."""

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.commands.explain import explain_user
from reconciler.config.read import load_config
from reconciler.report.formats import render
from reconciler.report.why import why_report
from reconciler.rules.explain import Explanation

CONFIGURATION = """
apiVersion: reconciler/v1
kind: Configuration
name: acme-identity
environments: {test: {users: {file: users.jsonl}}}
"""
MANIFEST = """
apiVersion: reconciler/v1
kind: Organization
metadata: {name: acme}
spec: {organization_name: Acme}
"""
RULES = """
apiVersion: reconciler/v1
kind: MappingRules
metadata: {name: employees}
spec:
  rules:
    - {name: domain, match: {email_domain: [acme.example]}, assign: [{organization: acme}]}
"""


def user(user_id: str, *emails: object) -> dict[str, Any]:
    return {"user_id": user_id, "emails": [{"email": email, "verified": True} for email in emails]}


def why(root: Path, wanted: str, *users: dict[str, Any]) -> tuple[Explanation, ...]:
    files = {"reconciler.yaml": CONFIGURATION, "manifests/acme.yaml": MANIFEST, "rules/employees.yaml": RULES}
    files["users.jsonl"] = "".join(f"{json.dumps(one)}\n" for one in users)
    for name, text in files.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    return explain_user(load_config(root), wanted, lambda _config: pytest.fail("the users are in a file"))


def test_a_record_that_nobody_can_read_is_held(tmp_path: Path) -> None:
    found = why(tmp_path, " u1 ", user("u1", 7), user("u2", "bob@acme.example"))
    assert [(one.user, one.undecided[0].organization, one.problems[0].code) for one in found] == [
        ("u1", None, "unreadable-user")
    ]
    text = render(why_report(found, "u1"), "text")
    assert "u1: every membership is held" in text.splitlines()[0]
    assert "users.jsonl:1:1" in text


@pytest.mark.parametrize("wanted", ["u1", "Ann <ann@acme.example>", " ANN <ann@acme.example>"])
def test_an_address_that_cannot_be_read_is_said(tmp_path: Path, wanted: str) -> None:
    found = why(tmp_path, wanted, user("u1", "Ann <ann@acme.example>"))
    text = render(why_report(found, wanted), "text")
    assert "u1: every membership is held" in text.splitlines()[0]
    assert "without any address that can be read" in text


def test_what_another_address_gives_is_said_beside_it(tmp_path: Path) -> None:
    found = why(tmp_path, "ann@acme.example", user("u1", "mailto:x@acme.example", "ann@acme.example"))
    assert "u1: 1 membership; others are held" in render(why_report(found, "u1"), "text").splitlines()[0]


def test_records_of_one_user_that_differ_are_held_and_the_same_twice_is_one(tmp_path: Path) -> None:
    ann = user("u1", "ann@acme.example")
    assert [one.undecided for one in why(tmp_path, "u1", ann, ann)] == [()]
    found = why(tmp_path, "u1", ann, user("u1", "ann@globex.example"))
    assert [[problem.code for problem in one.problems] for one in found] == [["repeated-user"]] * 2
    assert all("held" in render(why_report([one], "u1"), "text").splitlines()[0] for one in found)
