"""Each folder of ``invalid/`` is a repository with mistakes, and ``expected.txt`` says what a person is told.

A folder without a ``reconciler.yaml`` gets the one below, with a table if it holds ``tenants.csv``. To write an
``expected.txt`` anew, delete it and run this test with ``RECORD=1``; then read it.
"""

import os
import shutil
from pathlib import Path

import pytest

from reconciler.clients.redact import mask
from reconciler.config.read import load_config
from reconciler.errors import ReconcilerError
from reconciler.load.repository import load
from reconciler.model import Problem

CASES = sorted((Path(__file__).parent.parent / "invalid").iterdir())
CONFIGURATION = """\
apiVersion: reconciler/v1
kind: Configuration
environments:
  test: {vars: {partners: [Globex]}, TABLES}
  live: {TABLES}
"""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_mistake_is_told_with_its_place(case: Path, tmp_path: Path) -> None:
    root = tmp_path / "repository"
    shutil.copytree(case, root)
    only_one = (root / "reconciler.yaml").exists()
    if not only_one:
        tables = "tables: {tenants: tenants.csv}" if (root / "tenants.csv").exists() else "tables: {}"
        (root / "reconciler.yaml").write_text(CONFIGURATION.replace("TABLES", tables))
    with pytest.raises(ReconcilerError) as raised:
        load(load_config(root, None if only_one else "test"), tested=True)
    told = "".join(map(line, raised.value.problems)) + f"exit {raised.value.exit_code}\n"
    expected = case / "expected.txt"
    if os.environ.get("RECORD") and not expected.exists():
        expected.write_text(told)
    assert told == expected.read_text()
    assert mask(str(raised.value)) == str(raised.value)  # an exception's text holds nobody's address


def line(problem: Problem) -> str:
    places = ", ".join(map(str, problem.at)) or "-"
    concerns = f"\n    concerns {', '.join(problem.addresses)}" if problem.addresses else ""
    hint = f"\n    {problem.hint}" if problem.hint else ""
    return f"{places}: {problem.message} [{problem.code}]{concerns}{hint}\n"
