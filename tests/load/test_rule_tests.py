"""Rule tests: who runs them, with which tables, for which environments; what they say is in ``tests/invalid``."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from reconciler.commands.cli import cli
from reconciler.commands.explain import explain_user
from reconciler.errors import InvalidInput
from reconciler.load.repository import load
from reconciler.pipeline import plan
from reconciler.read.run import Run
from tests.repositories import config_of, write

HEAD = "apiVersion: reconciler/v1\n"
CONFIGURATION = f"""{HEAD}kind: Configuration
name: acme-identity
environments:
  test: {{users: {{file: users.jsonl}}, tables: {{seats: seats.csv}}, vars: {{role: editor}}}}
  live: {{tables: {{seats: seats.csv}}, vars: {{role: viewer}}}}
"""
ORGANIZATIONS = "---\n".join(
    f"{HEAD}kind: Organization\nmetadata: {{name: {name}}}\nspec: {{organization_name: {name}}}\n"
    for name in ("acme", "globex")
)
RULES = f"""{HEAD}kind: MappingRules
metadata: {{name: all}}
spec:
  rules:
    - name: seats
      table: {{name: seats, join: {{user: user.user_id}}}}
      assign: [{{organization: "${{{{ row.slug }}}}", roles: ["${{{{ vars.role }}}}"]}}]
    - name: staff
      match: {{email_domain: staff.example}}
      assign: [{{organization: globex}}]
"""
USERS = '{"user_id": "real", "emails": [{"email": "rob@staff.example", "verified": true}]}\n'
ANN = "{user_id: ann, emails: [{email: ann@staff.example, verified: true}]}"


def repository(root: Path, spec: str, metadata: str = "{name: one}") -> Path:
    test = f"{HEAD}kind: RuleTest\nmetadata: {metadata}\nspec:\n{spec}"
    files = {"manifests/a.yaml": ORGANIZATIONS, "rules/a.yaml": RULES, "rules/tests/below/a.yaml": test}
    files |= {"reconciler.yaml": CONFIGURATION, "users.jsonl": USERS, "seats.csv": "user,slug\nann,acme\n"}
    return write(root, files)


def told(root: Path, environment: str = "test") -> list[str]:
    """What is wrong with the rules, by their tests."""
    try:
        load(config_of(root, environment), tested=True)
    except InvalidInput as error:
        return [f"{one.at[0]} {one.message}" for one in error.problems]
    return []


def test_a_test_is_read_with_the_real_tables_where_it_has_none(tmp_path: Path) -> None:
    root = repository(
        tmp_path,
        f"  users: [{ANN}]\n  expect:\n"
        "    - user: ann\n"
        "      memberships: [{organization: acme, roles: [editor]}, {organization: globex, roles: []}]\n"
        "      rules: [staff, seats]\n",
    )
    assert told(root) == []
    (root / "seats.csv").write_text("user,slug\nann,globex\n")
    assert told(root) == [
        "rules/tests/below/a.yaml:8:21 one: ann: expected a membership in acme, but the rules give none",
        "rules/tests/below/a.yaml:8:90 one: ann: expected no role in globex, but the rules give the role editor",
    ]


def test_the_tables_of_a_test_take_the_place_of_the_real_ones(tmp_path: Path) -> None:
    spec = (
        f"  users: [{ANN}, {{user_id: bob}}]\n"
        "  tables: {seats: [{user: bob, slug: acme}]}\n"
        "  expect:\n    - {user: ann, memberships: [{organization: globex}]}\n"
        "    - {user: bob, memberships: [], held: [acme]}\n"
    )
    assert told(repository(tmp_path, spec)) == []
    held = "rule seats: a member needs an address, and this user has none that is verified"
    assert told(repository(tmp_path, spec.replace(", held: [acme]", ""))) == [
        f"rules/tests/below/a.yaml:9:32 one: bob: expected nothing of acme, but a membership is held: {held}"
    ]


@pytest.mark.parametrize(("environment", "role"), [("test", "editor"), ("live", "viewer")])
def test_each_environment_is_tested_with_its_variables(tmp_path: Path, environment: str, role: str) -> None:
    user = "{user_id: ann, emails: [{email: ann@home.example, verified: true}]}"
    expected = f"  expect: [{{user: ann, memberships: [{{organization: acme, roles: [{role}]}}]}}]\n"
    root = repository(tmp_path, f"  users: [{user}]\n{expected}")
    other = "live" if environment == "test" else "test"
    assert told(root, environment) == []
    assert len(told(root, other)) == 1
    repository(tmp_path, f"  users: [{user}]\n{expected}", f"{{name: one, environments: [{environment}]}}")
    assert told(root, other) == []


def test_whom_tests_match_is_no_user_of_the_source(tmp_path: Path) -> None:
    """Rules remember whom they matched: a test must not hide that a rule matches nobody."""
    root = repository(
        tmp_path,
        f"  users: [{ANN}]\n  expect:\n"
        "    - {user: ann, memberships: [{organization: acme}, {organization: globex}]}\n",
    )
    _declared, rules = load(config_of(root), tested=True)
    assert rules.context.tally.matched == set()
    assert not any(any(seen.joined) for seen in rules.context.tally.tables.values())


def test_rules_that_fail_their_tests_are_neither_valid_nor_planned_but_explained(tmp_path: Path) -> None:
    root = repository(tmp_path, f"  users: [{ANN}]\n  expect: [{{user: ann, memberships: []}}]\n")
    config = config_of(root)
    nothing: Any = None  # what a plan reads from, which this one never comes to
    assert CliRunner().invoke(cli, ["-C", str(root), "-e", "test", "validate"]).exit_code == 1
    with pytest.raises(InvalidInput) as raised:
        plan(Run(config, nothing, nothing))
    assert {one.code for one in raised.value.problems} == {"rule-test"}
    assert "ann@staff.example" not in str(raised.value.problems)
    assert explain_user(config, "real", lambda _config: pytest.fail("the users are in a file"))
