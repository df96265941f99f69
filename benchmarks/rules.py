"""How many users a second one core sends through rules: ``python rules.py [USERS]`` prints JSON.

In every hundred rules: 40 e-mail domains, 30 metadata values, 15 regular expressions, 15 conditions. Of the users 62 %
match something; none matches twice.
"""

import gc
import json
import sys
import time
from collections.abc import Sequence
from typing import Any

import msgspec
import yaml

from reconciler.documents.read import documents_in
from reconciler.model import Position, Problem, Resource
from reconciler.rules.compile import RuleSources, compile_rules
from reconciler.rules.evaluate import evaluate
from reconciler.rules.rule import Rules

USERS = 50_000
ROUNDS = 3
UNMATCHED = frozenset({*range(80, 85), *range(95, 100)})  # of each hundred, rules that no user matches
OTHERS = (
    'user.trusted_metadata.plan == "none-{0}" or user.trusted_metadata.employer == "Nowhere {0}"',
    "user.trusted_metadata.seats > 1{0:04}",
    'lower(user.trusted_metadata.employer) == "nowhere {0}"',
    'starts_with(user.trusted_metadata.employer, "Nowhere {0}")',
)
PAIRS = ("user.trusted_metadata.plan == user.trusted_metadata.team_{0}",)


def main() -> None:
    """Measure and print."""
    users = int(sys.argv[1]) if sys.argv[1:] else USERS
    worlds = {
        "100": (mixed(100), 100),
        "1,000": (mixed(1_000), 1_000),
        "1,000, a tenth by or, >, lower(), starts_with()": (mixed(1_000, OTHERS), 1_000),
        "1,000, a tenth compares two values of the user": (mixed(1_000, PAIRS), 1_000),
        "email_domain over 1,000 organizations": (lookup(), 1_000),
    }
    found = {
        name: measured(rules, [user(number, count) for number in range(users)])
        for name, (rules, count) in worlds.items()
    }
    print(json.dumps(found))


def measured(rules: Rules, users: list[dict[str, Any]]) -> dict[str, float]:
    """Return the CPU seconds for all users, the best of some rounds, and the share of users that match."""
    best, matched = float("inf"), 0
    for _ in range(ROUNDS):
        gc.collect()
        began = time.process_time()
        matched = sum(evaluate(rules, one).matched for one in users)
        best = min(best, time.process_time() - began)
    return {"cpu": best, "users": len(users), "matched": matched / len(users), "floor": floor(users)}


def floor(users: list[dict[str, Any]]) -> float:
    """Return the CPU seconds that it takes to decode one user, and to look one key up."""
    decode = msgspec.json.Decoder().decode
    lines = [msgspec.json.encode(one) for one in users]
    known = {one["emails"][0]["email"]: one for one in users}
    began = time.process_time()
    for line in lines:
        known[decode(line)["emails"][0]["email"]]
    return (time.process_time() - began) / len(lines)


def mixed(count: int, conditions: Sequence[str] = ()) -> Rules:
    """Compile ``count`` rules, each of which gives one organization; a tenth has one of the ``conditions``."""
    bodies = [rule(number) for number in range(count)]
    for nth, number in enumerate(number for number in range(count) if number % 100 in UNMATCHED and conditions):
        when = conditions[nth % len(conditions)].format(number)
        bodies[number] = {"name": f"rule-{number}", "assign": [{"organization": f"org-{number}"}], "when": when}
    return compiled(bodies, count)


def rule(number: int) -> dict[str, Any]:
    """Give one rule of the mixture."""
    kind = number % 100
    body: dict[str, Any] = {"name": f"rule-{number}", "assign": [{"organization": f"org-{number}"}]}
    if kind < 40:
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
