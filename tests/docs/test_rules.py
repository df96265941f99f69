"""docs/rules.md: its rules compile, and give its people what it says."""

import csv
import io
import json
import re
import textwrap
from pathlib import Path

import pytest

from reconciler.documents.read import documents_in
from reconciler.errors import InvalidInput
from reconciler.load.repository import load
from reconciler.model import Problem
from reconciler.report.formats import render
from reconciler.report.problems import problems_report
from reconciler.rules.evaluate import Decision, evaluate
from tests.repositories import ORGANIZATION, OWNED, config_of, write
from tests.rules_world import organization, rules, table

PAGE = (Path(__file__).parent.parent.parent / "docs" / "rules.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def first(language: str) -> str:
    return next(str(body) for name, body in BLOCKS if name == language)


PEOPLE = json.loads(first("json"))
ORGANIZATIONS = [
    organization(
        slug,
        organization_name=name,
        organization_external_id=external_id,
        trusted_metadata={"email_domains": [] if domains == "none" else domains.split()},
    )
    for slug, name, external_id, domains in (
        re.fullmatch(r"(\S+) +name: (.*?) +external id: (\S+) +trusted_metadata.email_domains: (.*)", line).groups()  # type: ignore[union-attr] # it fails where a line does not match
        for line in first("organizations").splitlines()
    )
]
ROWS = [{key: cell or None for key, cell in row.items()} for row in csv.DictReader(io.StringIO(first("csv")))]
EXAMPLES = [
    (BLOCKS[at - 1][1], *line.split(" → "))
    for at, (language, body) in enumerate(BLOCKS)
    if language == "gives"
    for line in body.splitlines()
]


def told(assigned: Decision) -> str:
    """What a user gets, as the page writes it."""
    parts = []
    if assigned.problems:
        open_ = ", ".join(sorted(slug or "any" for slug in assigned.undecided))
        parts.append(f"problem {', '.join(one.code for one in assigned.problems)}, open: {open_}")
    given = [
        one.organization
        + (f" [{', '.join(one.roles)}]" if one.roles else "")
        + (" (unverified)" if one.unverified else "")
        + (" (untrusted)" if one.untrusted else "")
        for one in assigned.memberships
    ]
    if given:
        parts.append(", ".join(given))
    return "; ".join(parts) or "nothing"


@pytest.mark.parametrize(("text", "person", "expected"), EXAMPLES)
def test_an_example_gives_what_it_says(text: str, person: str, expected: str) -> None:
    compiled = rules(
        "rules:\n" + textwrap.indent(text, "  "),
        organizations=ORGANIZATIONS,
        tables=[table("memberships", *ROWS)],
        variables={"partners": ["Globex, Inc."], "roles": {"owner": "stytch_admin", "staff": "editor"}},
    )
    assert told(evaluate(compiled, PEOPLE[person])) == expected


def test_every_block_of_rules_has_people_who_get_something() -> None:
    languages = [language for language, _body in BLOCKS]
    assert languages.count("rules") == languages.count("gives") > 6
    assert {person for _text, person, _expected in EXAMPLES} == set(PEOPLE)


def test_the_whole_document_is_one() -> None:
    problems: list[Problem] = []
    (document,) = documents_in(first("yaml"), "rules/employees.yaml", problems)
    assert (document.kind, document.name, problems) == ("MappingRules", "employees", [])


def test_its_rule_test_says_what_it_says(tmp_path: Path) -> None:
    employees, tested = (body for language, body in BLOCKS if language == "yaml")
    listing = ORGANIZATION.replace("Acme}", "Acme, trusted_metadata: {email_domains: [acme.example]}}")
    files = {"rules/employees.yaml": employees, "rules/tests/acme.yaml": tested, "manifests/acme.yaml": listing}
    with pytest.raises(InvalidInput) as raised:
        load(config_of(write(tmp_path, {"reconciler.yaml": OWNED, **files})), tested=True)
    assert first("text") in render(problems_report(raised.value.problems), "text")
