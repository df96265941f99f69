"""What waits for another environment's run says for which."""

from pathlib import Path

import pytest

from reconciler.model import Outcome
from reconciler.report.show import apply_report, plan_report
from tests.stages import FOLDER, read, staged

CASE = next(FOLDER.glob("*/261-*"))
MAKES_IT = ": `reconciler -e live apply` creates it"


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_what_is_not_there_yet_is_named_with_who_makes_it(tmp_path: Path, form: str) -> None:
    with staged(CASE, tmp_path / "case", read(CASE / "expected.yaml")) as stage:
        plan = stage.plan().plan
    assert f"\n{'' if form == 'markdown' else '  '}the project acme-b2b does not exist yet{MAKES_IT}\n" in plan_report(
        plan, form
    )
    outcome = Outcome(kind="Organization", name="acme", action="create", result="withheld", blocked_by="dependency")
    assert f"project acme-b2b does not exist yet{MAKES_IT}\n" in apply_report(plan, [outcome], form=form)


def test_of_a_project_that_is_there_the_environment_is_named(tmp_path: Path) -> None:
    with staged(CASE, tmp_path / "case", read(CASE / "expected.yaml")) as stage:
        text = (stage.root / "reconciler.yaml").read_text()
        (stage.root / "reconciler.yaml").write_text(text.replace("project: acme-b2b", "project: b2b"))
        manifests = stage.root / "manifests/a.yaml"
        manifests.write_text(manifests.read_text().replace("acme-b2b", "b2b"))
        text = plan_report(stage.plan().plan)
    assert f"  the environment b2b/staging does not exist yet{MAKES_IT}\n" in text
