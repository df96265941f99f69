"""Whatever a plan over awkward users proposes, Stytch takes: nothing is refused, and nothing is planned again."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from reconciler import pipeline
from reconciler.emulator.core.behaviour import parse_switches
from reconciler.emulator.server.app import App
from reconciler.read.run import Run
from tests.connected import connected
from tests.memory_store import MemoryStore
from tests.repositories import config_of, write

SETTINGS: Final = """\
apiVersion: reconciler/v1
kind: Configuration
name: acme-identity
environments:
  test:
    users: {file: users.jsonl}
    authority: {Member: authoritative}
    members: {email_address: managed, external_id: user.trusted_metadata.external_id}
    guards: {max_problems: 1000, max_delete_percent: 100, max_update_percent: 100, max_new_admins: 100}
"""
ORGANIZATIONS: Final = """\
apiVersion: reconciler/v1
kind: Organization
metadata: {name: acme}
spec: {organization_name: Acme}
---
apiVersion: reconciler/v1
kind: Organization
metadata: {name: globex}
spec: {organization_name: Globex, claimed_email_domains: [claimed.example]}
"""
RULES: Final = """\
apiVersion: reconciler/v1
kind: MappingRules
metadata: {name: all}
spec:
  rules:
    - name: all
      match: {email_regex: ".*"}
      assign:
        - organization: acme
          name: "${{ user.name.first_name }}"
          trusted_metadata: "${{ user.trusted_metadata }}"
          initial:
            untrusted_metadata: {all: "${{ user.trusted_metadata }}"}
    - name: with-a-factor
      when: "user.trusted_metadata.method != null"
      match: {email_regex: ".*"}
      assign:
        - organization: acme
          mfa_phone_number: "${{ user.trusted_metadata.phone }}"
          default_mfa_method: "${{ user.trusted_metadata.method }}"
    - name: with-a-role
      when: "user.trusted_metadata.role != null"
      match: {email_regex: ".*"}
      assign:
        - organization: globex
          roles: ["${{ user.trusted_metadata.role }}"]
          initial: {roles: ["${{ user.trusted_metadata.role }}"]}
"""
LOCALS: Final = st.sampled_from(
    ("ann", "ANN", "o'brien+x", "jürgen", "a..b", ".a", "a" * 64, "a" * 65, "a|b&c", "ß", "a b")
)
DOMAINS: Final = st.sampled_from(
    (
        *("acme.example", "ACME.example", "host", "müller.example", "xn--mller-kva.example", "claimed.example"),
        *("例え.テスト", "acme.e", "1.2.3.4", "-a.example", "a_b.example", "acme.example.", f"{'a.' * 120}example"),
    )
)
TEXTS: Final = st.sampled_from(["", " ", "x", "ü" * 40, "x" * 3_000, "x" * 4_096, "\u0000", "\u202e", "0", "null", '"'])
VALUES: Final = st.one_of(TEXTS, st.none(), st.integers(-(2**63), 2**63), st.booleans(), st.lists(TEXTS, max_size=2))
METADATA: Final = st.fixed_dictionaries(
    {},
    optional={
        "external_id": st.sampled_from(["e1", "e1", "e2", "", "a b", "é", "x" * 128, "x" * 129, "taken", 5]),
        "phone": st.sampled_from(["+15005550006", "5005550006", "+0", "", "+1500555000612345", 15]),
        "method": st.sampled_from(["sms_otp", "totp", "none", ""]),
        "role": st.sampled_from(["stytch_admin", "stytch_member", "nobody", "", 5]),
        "more": VALUES,
        "other": VALUES,
    },
)


def user(user_id: str, address: str, metadata: dict[str, Any], *others: str, name: str = "Ann") -> dict[str, Any]:
    return {
        "user_id": user_id,
        "emails": [{"email": each, "verified": True} for each in (address, *others)],
        "name": {"first_name": name},
        "trusted_metadata": metadata,
        "status": "active",
    }


@st.composite
def users(draw: st.DrawFn) -> list[dict[str, Any]]:
    made = []
    for number in range(draw(st.integers(1, 5))):
        emails = draw(st.lists(st.tuples(LOCALS, DOMAINS), min_size=1, max_size=2))
        metadata = draw(METADATA) | {f"k{each}": each for each in range(draw(st.sampled_from([0, 0, 10, 17, 20])))}
        first, *others = [f"{local}@{domain}" for local, domain in emails]
        name = draw(st.sampled_from(["Ann", "", "x" * 300, "ü"]))
        made.append(user(f"u{number}", first, metadata, *others, name=name))
    return made


def applied(root: Path, app: App) -> tuple[set[str], set[str]]:
    """What became of everything, and what a plan after it would change still, but for what was held until then."""
    config = config_of(root)
    with connected(app) as client:
        run = Run(config, client, MemoryStore({}))
        planned = pipeline.plan(run)
        done = pipeline.apply(run, planned, lambda _: None)
        again = pipeline.plan(run).plan
    refused = {f"{each.address}: {each.reason}" for each in done.outcomes if each.result == "failed"}
    held = {item.address for item in planned.plan.held}  # such as who waits for an address that another one loses
    return refused, {change.address for change in again.changes if not change.withheld_by} - held


@settings(
    max_examples=20,
    suppress_health_check=[HealthCheck.too_slow],
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.target, Phase.shrink),
)
@example(
    first=[user("u0", "ann@host", {}), user("u1", "bob@acme.example", {})],
    then=[user("u0", "ann@acme.example", {"more": 2**64}), user("u1", "bob@acme.example", {})],
)
@given(first=users(), then=users())
def test_what_is_planned_is_accepted_and_planned_once(
    tmp_path_factory: pytest.TempPathFactory, first: list[dict[str, Any]], then: list[dict[str, Any]]
) -> None:
    """For new members, and for the members that they become when their users change."""
    app = App()
    app.behaviour = parse_switches(["claimed_domains=true"])
    root = tmp_path_factory.mktemp("root")
    try:
        for source in (first, then):
            lines = "".join(json.dumps(user) + "\n" for user in source)
            files = {"reconciler.yaml": SETTINGS, "manifests/o.yaml": ORGANIZATIONS, "rules/r.yaml": RULES}
            write(root, {**files, "users.jsonl": lines})
            refused, again = applied(root, app)
            assert refused == set()
            assert again == set()
    finally:
        app.close()
