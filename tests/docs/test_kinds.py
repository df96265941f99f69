"""docs/kinds.md: its table is what the kinds say of themselves, and every field of every kind is in it.

Run with REWRITE_REPORTS=1 to write the table anew.
"""

import os
import re
from pathlib import Path

import pytest

from reconciler.kinds import KINDS
from reconciler.schema.kind import Kind
from reconciler.schema.traits import fields_of

PAGE = Path(__file__).parent.parent.parent / "docs" / "kinds.md"
BEGIN, END = "<!-- the table -->\n", "<!-- the end of the table -->\n"
HEAD = "| kind | lies in | `metadata.name` | `metadata.namespace` | API | `ensure: absent` |\n" + "|---" * 6 + "|\n"
SCOPES = {
    "workspace": "the workspace",
    "project": "the project",
    "environment": "the environment",
    "organization": "an organization",
}
HERE = {"Organization": "manifests.md#organization", "Member": "manifests.md#member"}


def row(kind: Kind) -> str:
    absent = "deletes it" if kind.verbs.delete else "not possible"
    if kind.identity.singletons:
        absent = "resets it to what it was before anybody set it"
    if kind.name == "Member":
        absent = "deletes it; Stytch keeps a record"
    namespace = "the organization's slug" if kind.namespace else ""
    name = f"[{kind.name}]({HERE.get(kind.name, '#' + kind.name.lower())})"
    return f"| {name} | {SCOPES[kind.scope]} | {kind.key.description} | {namespace} | {kind.api} | {absent} |\n"


def table() -> str:
    return HEAD + "".join(map(row, KINDS.values()))


def test_the_table_is_what_the_kinds_say() -> None:
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    there, _, after = rest.partition(END)
    if os.environ.get("REWRITE_REPORTS"):
        there = table()
        PAGE.write_text(f"{before}{BEGIN}{there}{END}{after}", encoding="utf-8")
    # A row may be written before its kind is, but not without the section that it leads to.
    ahead = [name for name in re.findall(r"^\| \[(\w+)\]", there, re.MULTILINE) if name not in KINDS]
    rows = [line for line in there.splitlines(keepends=True) if not any(f"[{name}]" in line for name in ahead)]
    assert "".join(rows) == table()
    assert [name for name in ahead if f"\n## {name}\n" not in after] == []


@pytest.mark.parametrize("name", [name for name in KINDS if name not in HERE])
def test_every_field_has_its_place(name: str) -> None:
    section = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert section, f"docs/kinds.md has no section {name}"
    assert [field for field in fields_of(KINDS[name].initial_spec) if f"`{field}`" not in section[1]] == []
