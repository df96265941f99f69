"""The worked example of CONTRIBUTING.md is a kind that exists, to the letter."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_the_worked_example_is_the_file_itself() -> None:
    (block,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert block == (ROOT / "reconciler" / "kinds" / "verdict_reason_override.py").read_text(encoding="utf-8")
