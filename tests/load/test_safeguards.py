"""What judges changes stands in its own folder, and is about something."""

from pathlib import Path

import pytest

from reconciler.errors import InvalidInput
from reconciler.load.examine import judging_documents
from reconciler.load.repository import load
from reconciler.model import Problem
from tests.repositories import config_of

HEAD = "apiVersion: reconciler/v1\n"
ORGANIZATION = f"{HEAD}kind: Organization\nmetadata: {{name: acme}}\nspec: {{organization_name: Acme}}\n"
CONFIGURATION = f"{HEAD}kind: Configuration\nname: a\nenvironments: {{test: {{}}, live: {{}}}}\n"
APPROVAL = f"""{HEAD}kind: Approval
metadata: {{name: one}}
spec: {{guard: max_deletes, environment: test, up_to: 700, until: 2027-01-31, digest: any}}
"""


def accepted(address: str, environment: str = "test") -> str:
    return (
        f"---\n{HEAD}kind: AcceptedDrift\nmetadata: {{name: one}}\n"
        f"spec: {{address: {address}, fields: [name], environment: {environment}, reason: x, until: 2027-01-31}}\n"
    )


def written(root: Path, files: dict[str, str]) -> Path:
    for name, text in {"reconciler.yaml": CONFIGURATION, "manifests/acme.yaml": ORGANIZATION, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_a_link_from_elsewhere_into_the_folder_is_no_way_round_its_reviewers(tmp_path: Path) -> None:
    ignoring = CONFIGURATION + "ignore: [manifests/one.txt]\n"
    root = written(
        tmp_path, {"manifests/one.txt": APPROVAL, "rules/approvals/README.md": "x", "reconciler.yaml": ignoring}
    )
    (root / "rules" / "approvals" / "one.yaml").symlink_to("../../manifests/one.txt")
    config = config_of(root)
    with pytest.raises(InvalidInput) as caught:
        load(config)
    assert [(one.code, str(one.at[0])) for one in caught.value.problems] == [
        ("wrong-place", "rules/approvals/one.yaml:2:7")
    ]
    (root / "rules" / "approvals" / "one.yaml").unlink()
    (root / "rules" / "approvals" / "two.yaml").write_text(APPROVAL)
    (root / "rules" / "approvals" / "one.yaml").symlink_to("two.yaml")
    with pytest.raises(InvalidInput) as caught:
        load(config)
    assert [one.code for one in caught.value.problems] == ["duplicate"]


@pytest.mark.parametrize(
    ("address", "hint"),
    [("Organization/acmee", "did you mean Organization/acme?"), ("Member/acme/ann@acme.example", None)],
)
def test_drift_of_what_nobody_declares_is_probably_misspelt(tmp_path: Path, address: str, hint: str | None) -> None:
    text = accepted(address).replace("[name]", "[name]" if "Member" in address else "[mfa_policy]")
    root = written(tmp_path, {"rules/drift.yaml": text})
    found = [one for one in load(config_of(root))[0].problems if one.code == "matches-nobody"]
    assert [one.hint for one in found] == ([hint] if hint else [])


def test_each_environment_has_its_own(tmp_path: Path) -> None:
    root = written(
        tmp_path, {"rules/approvals/a.yaml": APPROVAL, "rules/drift.yaml": accepted("Member/acme/a@x.example", "live")}
    )
    here = load(config_of(root))[0].safeguards
    assert (len(here.approvals), len(here.accepted)) == (1, 0)


def test_files_that_judge_nothing_are_not_parsed_again(tmp_path: Path) -> None:
    broken = "apiVersion: reconciler/v1\nkind: [\n"
    root = written(tmp_path, {"rules/approvals/a.yaml": APPROVAL, "manifests/broken.yaml": broken})
    problems: list[Problem] = []
    assert [one.kind for one in judging_documents(config_of(root), problems)] == ["Approval"]
    assert problems == []
    (root / "manifests" / "broken.yaml").write_text(f"# AcceptedDrift\n{broken}")
    assert len(list(judging_documents(config_of(root), problems))) == 1
    assert len(problems) == 1
