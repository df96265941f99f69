"""The rule by-email-domain over the reference mapping: real companies, real domains, people with many addresses."""

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest

from reconciler.model import fold_problems
from reconciler.rules.evaluate import Decision, evaluate
from reconciler.rules.rule import Rules
from tests.rules_world import organization, rules

pytestmark = pytest.mark.mapping

BY_EMAIL_DOMAIN = """
    rules:
      - name: by-email-domain
        match: {{{verified}email_domain: {{organization: trusted_metadata.email_domains, subdomains: true{shared}}}}}
        assign: [{{organization: "${{{{ organization.name }}}}"}}]
        fallback: organization{public}
"""


def read(name: str) -> list[dict[str, Any]]:
    with (Path(os.environ["STYTCH_RECONCILER_DATA"]) / name).open() as file:
        return [json.loads(line) for line in file]


def expected(name: str) -> set[tuple[str, str, str]]:
    with (Path(os.environ["STYTCH_RECONCILER_DATA"]) / name).open() as file:
        return {(row["user_id"], row["organization_slug"], row["email"]) for row in csv.DictReader(file)}


def compiled(verified: str = "", shared: str = "", public: str = "\n        public_domains: allow") -> Rules:
    companies = [
        organization(
            company["slug"],
            line,
            organization_name=company["name"],
            trusted_metadata={"email_domains": company["domains"]},
        )
        for line, company in enumerate(read("companies.jsonl"), 1)
    ]
    return rules(BY_EMAIL_DOMAIN.format(verified=verified, shared=shared, public=public), organizations=companies)


def memberships(compiled_rules: Rules) -> tuple[set[tuple[str, str, str]], list[Decision]]:
    given = [evaluate(compiled_rules, user) for user in read("consumer-users.jsonl")]
    return {
        (str(one.user), one.organization, one.addresses[0]) for assigned in given for one in assigned.memberships
    }, given


def test_verified_addresses_give_exactly_the_expected_memberships() -> None:
    compiled_rules = compiled()
    found, given = memberships(compiled_rules)
    assert found == expected("expected-memberships.csv")
    assert sum(not assigned.matched for assigned in given) == 728
    problems = fold_problems([*compiled_rules.problems, *(one for assigned in given for one in assigned.problems)])
    assert [(problem.code, problem.message.split()[0], len(problem.at)) for problem in problems] == [
        ("unreadable-address", "an", 0),  # one user has an address at (none)
        ("shared-domain", "taobao.com", 2),
        ("shared-domain", "oath.com", 2),
    ]


def test_any_address_and_shared_domains_give_exactly_the_expected_memberships() -> None:
    found, given = memberships(compiled("verified: any, ", ", shared: all"))
    assert found == expected("expected-memberships-any-address.csv")
    assert sum(not assigned.matched for assigned in given) == 656
    assert {one.code for assigned in given for one in assigned.problems} == {"unreadable-address"}


def test_domains_of_nobody_in_particular_give_nothing_unless_the_rule_says_so() -> None:
    compiled_rules = compiled(public="")
    found, given = memberships(compiled_rules)
    problems = fold_problems([*compiled_rules.problems, *(one for assigned in given for one in assigned.problems)])
    counts = {one.message.split()[0]: len(one.users) for one in problems if one.code == "common-domain"}
    assert counts == {"aliyun.com": 4, "att.com": 50, "earthlink.net": 1, "orange.com": 7, "sina.com": 8, "ac.th": 0}
    held = {one for one in expected("expected-memberships.csv") if one[2].rpartition("@")[2] in counts}
    assert found == expected("expected-memberships.csv") - held
