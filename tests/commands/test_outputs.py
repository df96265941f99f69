"""A file that is to be written is none that is read."""

from pathlib import Path

import pytest

from reconciler.commands.outputs import check_apart, check_output
from reconciler.config.read import load_config
from reconciler.errors import InvalidInput

FILES = {
    "reconciler.yaml": """\
apiVersion: reconciler/v1
kind: Configuration
name: acme-identity
environments:
  test:
    users: {file: data/users.jsonl}
    tables: {tenants: data/tenants.csv}
    credentials: {dotenv: secrets.env}
  live:
    users: {file: data/live.jsonl}
    tables: {tenants: {file: data/live.csv, rows: 1}}
""",
    "manifests/a.yaml": """\
apiVersion: reconciler/v1
kind: JWTTemplate
metadata: {name: SESSION}
spec: {custom_audience: a, template_content: {file: texts/claims.json}}
""",
    "rules/a.yaml": "",
    "texts/claims.json": "{}",
    "secrets.env": "",
    "data/users.jsonl": "{}",
    "data/tenants.csv": "slug",
    "data/live.jsonl": "{}",
    "data/live.csv": "slug",
    "elsewhere.jsonl": "{}",
    "elsewhere.csv": "slug",
    ".reconciler/journal-test-1.jsonl": "",
    ".reconciler/credentials-test.env": "",
    "plan.json": "{}",
}
OUTPUTS = ("plan.json", "new.json", ".reconciler/plan.json", "texts/plan.json", "manifests.json")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check(root: Path, output: str) -> None:
    config = load_config(root, "test", tables=["tenants=elsewhere.csv"], users="elsewhere.jsonl")
    check_output(config, Path(output))


@pytest.mark.parametrize("output", [name for name in FILES if name != "plan.json"])
def test_no_input_is_written_to(root: Path, output: str) -> None:
    for name in (output, str(root / output), f"texts/../{output}"):
        with pytest.raises(InvalidInput, match="nothing was written there"):
            check(root, name)


def test_nor_by_a_link(root: Path) -> None:
    (root / "soft.json").symlink_to("data/users.jsonl")
    (root / "hard.json").hardlink_to(root / "data/users.jsonl")
    (root / "folder").symlink_to("manifests")
    for output in ("soft.json", "hard.json", "folder/new.json"):
        with pytest.raises(InvalidInput):
            check(root, output)


@pytest.mark.parametrize("output", ["manifests/plan.json", "rules/deep/plan.json"])
def test_nothing_is_written_among_the_documents(root: Path, output: str) -> None:
    with pytest.raises(InvalidInput, match="where every file is an input"):
        check(root, output)


@pytest.mark.parametrize("output", [".reconciler/journal-test-2.jsonl", ".reconciler/emergency-test-1.json"])
def test_nothing_is_written_that_looks_like_our_own(root: Path, output: str) -> None:
    with pytest.raises(InvalidInput, match=r"file of the reconciler itself|file that the reconciler keeps"):
        check(root, output)


def test_two_outputs_are_two_files_before_either_is_there(root: Path) -> None:
    with pytest.raises(InvalidInput, match="is the database"):
        check_apart(root / "new.db", [("the database", root / "texts/../new.db")])


@pytest.mark.parametrize("output", OUTPUTS)
def test_everything_else_may_be_written(root: Path, output: str) -> None:
    check(root, output)


def test_what_a_command_writes_is_told_from_what_it_reads(root: Path) -> None:
    with pytest.raises(InvalidInput, match="is the users"):
        check_apart(Path("data/users.jsonl"), [("the users", root / "data" / "users.jsonl")])
    check_apart(Path("new.env"), [("the users", root / "data" / "users.jsonl")])
