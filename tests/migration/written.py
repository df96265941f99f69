"""What ``init --from-consumer`` has written: the sections of MIGRATION.md, and every file."""

import re
from collections.abc import Mapping
from pathlib import Path

SUBJECT = re.compile(r"^ *- (`+)(?P<at>.*?)\1(?: \((?P<where>[^)]*)\))?(?:: |$)", re.MULTILINE)


def section(root: Path, heading: str) -> str:
    notes = (root / "MIGRATION.md").read_text(encoding="utf-8")
    found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", notes, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def subjects(text: str) -> list[str]:
    """What the lines of a section are about: ``thing: field``, and the environments where they are not all."""
    return [f"{each['at']} ({each['where']})" if each["where"] else each["at"] for each in SUBJECT.finditer(text)]


def contents(root: Path) -> Mapping[str, bytes]:
    """Every file but the ids of what an apply has made."""
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in files if not path.match("*.credential-ids.json")}
