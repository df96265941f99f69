"""What waits for another environment's run says for which."""

from pathlib import Path

import pytest

from reconciler.apply.execute import Applied
from reconciler.model import Outcome
from reconciler.report.formats import render
from reconciler.report.outcomes import apply_report
from reconciler.report.plan import plan_report
from tests.stages import FOLDER, read, staged

CASE = next(FOLDER.glob("*/261-*"))
MAKES_IT = ": `reconciler -e live apply` creates it"


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_what_is_not_there_yet_is_named_with_who_makes_it(tmp_path: Path, form: str) -> None:
    with staged(CASE, tmp_path / "case", read(CASE / "expected.yaml")) as stage:
        plan = stage.plan().plan
    indent = "" if form == "markdown" else "  "
    assert f"\n{indent}the project acme-b2b does not exist yet{MAKES_IT}\n" in render(plan_report(plan), form)
    outcome = Outcome(kind="Organization", name="acme", action="create", result="withheld", blocked_by="dependency")
    assert f"project acme-b2b does not exist yet{MAKES_IT}\n" in render(
        apply_report(plan, Applied(outcomes=(outcome,), journal=None)), form
    )


def test_of_a_project_that_is_there_the_environment_is_named(tmp_path: Path) -> None:
    with staged(CASE, tmp_path / "case", read(CASE / "expected.yaml")) as stage:
        text = (stage.root / "reconciler.yaml").read_text()
        (stage.root / "reconciler.yaml").write_text(text.replace("project: acme-b2b", "project: b2b"))
        manifests = stage.root / "manifests/a.yaml"
        manifests.write_text(manifests.read_text().replace("acme-b2b", "b2b"))
        text = render(plan_report(stage.plan().plan))
    assert f"  the environment b2b/staging does not exist yet{MAKES_IT}\n" in text
