"""``init`` writes a repository that validates as it stands; and so does the worked example at the root."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.config.read import load_config
from reconciler.errors import InvalidInput
from reconciler.export.starter import FILES, scaffold
from reconciler.load.repository import load_documents
from reconciler.load.safeguards import FOLDERS
from reconciler.sources.rows import read_tables
from reconciler.sources.users import MalformedUser, read_users

ROOT = Path(__file__).parent.parent.parent


def test_what_init_writes_is_right(tmp_path: Path) -> None:
    assert scaffold(tmp_path / "new") == tuple(FILES)
    config = load_config(tmp_path / "new")
    found = load_documents(config)
    assert [one.address for one in found.resources] == ["Organization/acme", "Member/acme/ann@acme.example"]
    assert found.problems == ()
    assert config.users is not None
    assert not any(isinstance(one, MalformedUser) for one in read_users(config.users, frozenset()))


def test_owners_are_proposed_for_what_judges_changes_and_none_is_set() -> None:
    lines = FILES["CODEOWNERS"].splitlines()
    assert {line[0] for line in lines} == {"#"}
    assert {f"/{folder}/" for folder in FOLDERS.values()} | {"/reconciler.yaml"} <= set(FILES["CODEOWNERS"].split())


@pytest.mark.parametrize("folder", [".", "my identity"])
def test_init_ends_with_a_next_step_that_works(tmp_path: Path, folder: str) -> None:
    typed = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "reconciler", "init", folder]
    done = subprocess.run(command, cwd=tmp_path, env=typed, check=True, capture_output=True, text=True)
    following = done.stdout.splitlines()[-1].removeprefix("Next: ")
    subprocess.run(["sh", "-c", following], cwd=tmp_path, env=typed, check=True, capture_output=True)


def test_what_names_people_stays_out_of_git(tmp_path: Path) -> None:
    scaffold(tmp_path)
    docs = "\n".join(path.read_text() for path in (ROOT / "docs").glob("*.md"))
    plans = set(re.findall(r"[\w/.-]*plan\.json", docs))
    assert plans
    people = ["users.jsonl", "data/users.csv", "users-test.json", "memberships.csv", "memberships.jsonl"]
    people += ["consumer-users.jsonl", "plan-test.json", "live-plan.json"]
    private = [".env", ".keys.env.new", ".env.test", "keys.env", "keys.env.lock", ".reconciler/credentials-test.env"]
    left = ["journal-test-20260101T000000.000000Z-1.jsonl", ".reconciler/journal.jsonl", "emergency-test-1.json"]
    ours = ["manifests/users.yaml", "rules/members.yaml", "tenants.csv", "test.credential-ids.json", "reconciler.yaml"]
    ours += ["users-eu.credential-ids.json", "manifests/plans.yaml"]
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    names = [*plans, "test.plan.json", *people, *private, *left, *ours]
    asked = subprocess.run(
        ["git", "check-ignore", "--no-index", "--stdin"],
        cwd=tmp_path, input="\n".join(names), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert asked.stdout.splitlines() == [name for name in names if name not in ours]


def test_init_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "users.jsonl").write_text("mine\n")
    assert "users.jsonl" not in scaffold(tmp_path)
    assert (tmp_path / "users.jsonl").read_text() == "mine\n"
    with pytest.raises(InvalidInput, match=r"has a reconciler\.yaml already"):
        scaffold(tmp_path)


def test_init_says_so_where_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="cannot write"):
        scaffold(tmp_path / "file")


def test_the_worked_example_is_right() -> None:
    config = load_config(ROOT, "test")
    found = load_documents(config)
    assert [one.name for one in found.organizations] == [
        "acme",
        "globex",
        "initech",
        "hooli",
        "birch",
        "cedar-sons",
        "willow",
    ]
    assert [one.address for one in found.members] == ["Member/acme/ann@acme.example"]
    assert [rules.name for rules in found.rules] == ["admins", "employees", "partners"]
    assert found.problems == ()
    tables, _problems = read_tables(config.tables)
    assert {name: len(table.rows) for name, table in tables.items() if table} == {"tenants": 3, "memberships": 3}
    assert config.users is not None
    users = list(read_users(config.users, frozenset({"trusted_metadata"})))
    assert len(users) == config.users.rows == 18
    addresses = [email["email"] for one in users if isinstance(one, dict) for email in one["emails"]]
    assert all(address.lower().endswith(".example") for address in addresses)
