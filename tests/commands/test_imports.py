"""What a command does not import, because it does not use it: how fast it starts hangs on that."""

import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.kinds import FILES
from tests.apply.test_apply import CONFIGURATION, MANIFESTS, RULES
from tests.repositories import write

TESTS = """
apiVersion: reconciler/v1
kind: RuleTest
metadata: {name: nobody}
spec: {users: [{user_id: u1}], expect: [{user: u1, memberships: []}]}
"""
RUN = """
import sys
from reconciler.commands.cli import main
try:
    main()
except SystemExit as ended:
    print(*sorted(sys.modules), file=sys.stderr)
    raise
"""
LIBRARIES = {
    "cryptography",
    "h11",
    "httpcore",
    "httpx",
    "jinja2",
    "jsonschema",
    "jwt",
    "re2",
    "requests",
    "rich",
    "stytch",
}
STANDARD = {
    "asyncio",
    "difflib",
    "hashlib",
    "hmac",
    "http",
    "logging",
    "secrets",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
}
STAGES = {"apply", "diff.compare", "emulator", "export", "migration", "pipeline", "plan", "read"}
STAGES |= {"clients.sdk", "clients.transport", "credentials.store"}
USED = {"Organization", "Member"}


def imported(root: Path, argument: str) -> set[str]:
    run = subprocess.run([sys.executable, "-c", RUN, argument], cwd=root, capture_output=True, text=True, check=True)
    return set(run.stderr.splitlines()[-1].split())


@pytest.mark.parametrize(
    "files",
    [{}, {"manifests/a.yaml": MANIFESTS, "rules/a.yaml": RULES, "rules/tests/a.yaml": TESTS}],
    ids=["empty", "some"],
)
def test_validate_imports_what_it_uses(tmp_path: Path, files: dict[str, str]) -> None:
    (tmp_path / "manifests").mkdir()
    found = imported(write(tmp_path, {"reconciler.yaml": CONFIGURATION, **files}), "validate")
    assert not found & (LIBRARIES | STANDARD)
    assert not found & {f"reconciler.{stage}" for stage in STAGES}
    assert not found & {f"reconciler.kinds.{file}" for kind, file in FILES.items() if kind not in USED}


def test_help_imports_no_stage_and_no_kind(tmp_path: Path) -> None:
    found = imported(tmp_path, "--help")
    assert not found & (LIBRARIES | STANDARD | {"json", "yaml"})
    assert {name.split(".")[1] for name in found if name.startswith("reconciler.")} <= {
        "commands",
        "errors",
        "model",
        "report",
    }
