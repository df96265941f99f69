"""docs/architecture.md and the code name the same modules, and every word of the glossary is used once as an entry."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
TABLE = PAGE[PAGE.index("| module | what it does |") : PAGE.index("## Decisions")]
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
NEVER = ("manager", "handler", "helper", "util", "engine", "processor")


def test_every_module_stands_in_the_table() -> None:
    found = {path.name for path in (ROOT / "reconciler").glob("*.py")} - {"__init__.py", "__main__.py"}
    folders = {f"{path.name}/" for path in (ROOT / "reconciler").iterdir() if path.is_dir() and path.name[0] != "_"}
    assert sorted((found | folders) - set(re.findall(r"`([\w.]+/?)`", TABLE))) == []


def test_every_module_in_the_table_exists() -> None:
    named = re.findall(r"`(\w+(?:\.py|/))`", TABLE)
    assert named
    assert [name for name in named if not (ROOT / "reconciler" / name).exists()] == []


def test_every_file_of_the_page_exists() -> None:
    files = re.findall(r"`(?!reconciler/)([a-z_]+/[a-z_0-9]+\.py)`", PAGE)
    assert files
    assert [file for file in files if not (ROOT / "reconciler" / file).exists()] == []


def test_the_glossary_is_in_order_and_says_each_word_once() -> None:
    entries = re.findall(r"^- \*\*(.+?)\*\*", GLOSSARY, re.MULTILINE)
    assert entries == sorted(entries, key=str.lower)
    assert len(entries) == len(set(entries))
    assert not set(entries) & set(NEVER)
