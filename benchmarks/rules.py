"""How many users a second one core sends through 100 and through 1,000 rules, and through a lookup of 1,000 domains.

In every hundred rules: 40 e-mail domains, 30 metadata values, 15 regular expressions, 15 conditions. Of the users 62 %
match something; none matches twice.
"""

import gc
import time
from typing import Any

import yaml

from reconciler.documents.read import documents_in
from reconciler.model import Position, Problem, Resource
from reconciler.rules.compile import RuleSources, compile_rules
from reconciler.rules.evaluate import evaluate
from reconciler.rules.rule import Rules

USERS = 100_000
OTHERS = (
    'user.trusted_metadata.plan == "none-{0}" or user.trusted_metadata.employer == "Nowhere {0}"',
    "user.trusted_metadata.seats > 1{0:04}",
    'lower(user.trusted_metadata.employer) == "nowhere {0}"',
    'starts_with(user.trusted_metadata.employer, "Nowhere {0}")',
)
PAIRS = ("user.trusted_metadata.plan == user.trusted_metadata.team_{0}",)
ROUNDS = 5


def main() -> None:
    """Measure and print a table."""
    print("| rules | users/s on one core | users that match |")
    print("|---|---|---|")
    for name, rules, count in (
        ("100 rules", mixed(100), 100),
        ("1,000 rules", mixed(1_000), 1_000),
        ("1,000 rules, 100 of them by `or`, `>`, `lower()`, `starts_with()`", mixed(1_000, OTHERS), 1_000),
        ("1,000 rules, 100 of them compare two values of the user", mixed(1_000, PAIRS), 1_000),
        ("email_domain over 1,000 organizations", lookup(), 1_000),
    ):
        rate, matched = measured(rules, [user(number, count) for number in range(USERS)])
        print(f"| {name} | {rate:,.0f} | {matched:.0%} |")


def measured(rules: Rules, users: list[dict[str, Any]]) -> tuple[float, float]:
    """Give users a second of CPU, the best of some rounds, and the share of users that match."""
    matched = sum(evaluate(rules, one).matched for one in users)
    best = float("inf")
    for _ in range(ROUNDS):
        gc.collect()
        began = time.process_time()
        for one in users:
            evaluate(rules, one)
        best = min(best, time.process_time() - began)
    return len(users) / best, matched / len(users)


def mixed(count: int, others: tuple[str, ...] = ()) -> Rules:
    """Compile ``count`` rules, each of which gives one organization; of ten, one asks by one of ``others``."""
    return compiled([rule(number, others) for number in range(count)], count)


def rule(number: int, others: tuple[str, ...]) -> dict[str, Any]:
    """Give one rule of the mixture."""
    kind = number % 100
    body: dict[str, Any] = {"name": f"rule-{number}", "assign": [{"organization": f"org-{number}"}]}
    if others and kind % 10 == 9:
        body["when"] = others[number // 10 % len(others)].format(number)
    elif kind < 40:
        body["match"] = {"email_domain": [f"domain-{number}.example"]}
    elif kind < 70:
        body["match"] = {"metadata": {"trusted_metadata.employer": f"Employer {number}"}}
    elif kind < 85:
        body["match"] = {"email_regex": rf".+\.team-{number}@staff\.example"}
    else:
        body["when"] = f'user.trusted_metadata.plan == "plan-{number}" and user.trusted_metadata.seats >= 3'
    return body


def lookup() -> Rules:
    """Compile the one rule that looks addresses up in what organizations declare."""
    match = {"email_domain": {"organization": "trusted_metadata.email_domains", "subdomains": True}}
    body = {"name": "by-email-domain", "match": match, "assign": [{"organization": "${{ organization.name }}"}]}
    return compiled([body], 1_000)


def compiled(bodies: list[dict[str, Any]], count: int) -> Rules:
    """Compile rules over ``count`` organizations."""
    head = {"apiVersion": "reconciler/v1", "kind": "MappingRules", "metadata": {"name": "benchmark"}}
    problems: list[Problem] = []
    text = yaml.safe_dump({**head, "spec": {"rules": bodies}})
    organizations = tuple(
        Resource(
            kind="Organization",
            name=f"org-{number}",
            spec={"trusted_metadata": {"email_domains": [f"domain-{number}.example"]}},
            position=Position("manifests/organizations.yaml", number + 1),
        )
        for number in range(count)
    )
    sources = RuleSources(
        documents=tuple(documents_in(text, "rules/benchmark.yaml", problems)),
        organizations=organizations,
        environment="test",
        external_id_at=Position("reconciler.yaml", 1),
    )
    return compile_rules(sources)


def user(number: int, rules: int) -> dict[str, Any]:
    """Give a user: of a hundred 25 match by domain, 19 by metadata, 9 by pattern, 9 by condition, 38 not at all."""
    share, block = number % 100, (number // 100) % (rules // 100) * 100
    domain, employer, plan, local = f"nowhere-{number % 5_000}.example", "Nobody", "free", f"user.{number}"
    if share < 25:
        domain = f"domain-{block + share}.example"
    elif share < 44:
        employer = f"Employer {block + 40 + share - 25}"
    elif share < 53:
        domain, local = "staff.example", f"user.{number}.team-{block + 70 + share - 44}"
    elif share < 62:
        plan = f"plan-{block + 85 + share - 53}"
    return {
        "user_id": f"user-test-{number:032x}",
        "emails": [{"email_id": f"email-test-{number:032x}", "email": f"{local}@{domain}", "verified": True}],
        "trusted_metadata": {"employer": employer, "plan": plan, "seats": 5},
    }


if __name__ == "__main__":
    main()
