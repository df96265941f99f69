"""The files of ``init --from-consumer``: the sections of MIGRATION.md, and every file."""

import re
from collections.abc import Mapping
from pathlib import Path

SUBJECT = re.compile(r"^ *- (`+)(?P<at>.*?)\1(?: \((?P<where>[^)]*)\))?(?:: |$)", re.MULTILINE)


def section(root: Path, heading: str) -> str:
    notes = (root / "MIGRATION.md").read_text(encoding="utf-8")
    found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", notes, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def subjects(text: str) -> list[str]:
    """Return the subjects of a section's lines: ``address: field``, and the environments where these are not all."""
    return [f"{each['at']} ({each['where']})" if each["where"] else each["at"] for each in SUBJECT.finditer(text)]


def contents(root: Path) -> Mapping[str, bytes]:
    """Return every file, without the ids that an apply recorded."""
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in files if not path.match("*.credential-ids.json")}
