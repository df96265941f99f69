"""Everything on the page about policies is so: its documents load, and each name that it lists is one."""

import re
from pathlib import Path

from reconciler.config.read import load_config
from reconciler.load.policies import OF_ACCESS, OF_CHANGE
from reconciler.load.repository import load

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "policies.md").read_text(encoding="utf-8")


def test_the_documents_on_the_page_load(tmp_path: Path) -> None:
    (tmp_path / "reconciler.yaml").write_text(
        "apiVersion: reconciler/v1\nkind: Configuration\nenvironments: {live: {}}\n"
    )
    (tmp_path / "manifests").mkdir()
    for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)):
        kind = re.findall(r"^kind: (\w+)$", block, re.MULTILINE)[0]
        folder = {"Policy": "policies", "Approval": "approvals", "AcceptedDrift": ""}[kind]
        (tmp_path / "rules" / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / "rules" / folder / f"{number}.yaml").write_text(block)
    safeguards = load(load_config(tmp_path))[0].safeguards
    assert [policy.name for policy in safeguards.policies] == ["second-factor", "slugs", "staff-admins", "weaker"]
    assert [one.name for one in safeguards.approvals] == ["close-globex"]
    assert [one.address for one in safeguards.accepted] == ["Organization/acme"]


def test_every_name_is_documented() -> None:
    names = {f"change.{name}" for name in OF_CHANGE} | {f"access.{name}" for name in OF_ACCESS}
    assert names - set(re.findall(r"`((?:change|access)\.\w+)`", PAGE)) == set()
