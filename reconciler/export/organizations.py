"""Organizations: whose they are; and many of them as one OrganizationSet and its table."""

import json
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import structs

from reconciler.export.manifests import Manifest
from reconciler.expressions.values import LIMIT
from reconciler.kinds import KINDS
from reconciler.marks import Owner, Whose, mark_of
from reconciler.model import Json, Live
from reconciler.traits import API_VERSION, fields_of
from reconciler.yaml_text import block

KIND: Final = KINDS["Organization"]
NAME: Final = "organizations"  # of the set and of its table
TABLE: Final = f"tables/{NAME}.jsonl"
SET: Final = f"manifests/{KIND.name}Set.yaml"
NOT_OURS: Final = "not managed yet: `adopt: true` instead of `ensure: external` takes it over"
ANOTHERS: Final = "carries the mark of another repository, which manages it"


def with_owner(manifest: Manifest, live: Live, owner: Owner, *, adopt: bool) -> Manifest:
    """Say of an organization that is not ours that it is not written, or that it is to become ours."""
    whose, _ = mark_of(live, owner)
    if whose in (Whose.OURS, Whose.BEGUN):
        return manifest
    if whose is Whose.NOBODY and adopt:
        return structs.replace(manifest, adopt=True)
    comment = ANOTHERS if whose is Whose.ANOTHER else NOT_OURS
    return structs.replace(manifest, ensure="external", comment=comment)


def as_set(manifests: Sequence[Manifest]) -> tuple[list[Manifest], Mapping[str, str]]:
    """Put organizations into a set, but for those that hold more than a row can; give the rest, and the two files."""
    rows = {each.name: _row(each) for each in manifests if each.kind == KIND.name}
    fitting = {name: row for name, row in rows.items() if all(map(_fits, row.values()))}
    if not fitting:
        return list(manifests), {}
    rest = [each for each in manifests if each.kind != KIND.name or each.name not in fitting]
    table = "".join(f"{json.dumps(fitting[name], ensure_ascii=False)}\n" for name in sorted(fitting))
    comment = f"# {NOT_OURS}\n" if any("ensure" in row for row in fitting.values()) else ""
    return rest, {TABLE: table, SET: comment + block(_set(list(fitting.values())))}


def _row(manifest: Manifest) -> dict[str, Json]:
    ensure = {} if manifest.ensure == "present" else {"ensure": manifest.ensure}
    adopt = {"adopt": True} if manifest.adopt else {}
    return {"slug": manifest.name, **manifest.spec, **ensure, **adopt}


def _fits(value: Json) -> bool:
    return len(json.dumps(value, ensure_ascii=False).encode()) < LIMIT


def _set(rows: Sequence[Mapping[str, Json]]) -> dict[str, Json]:
    """Give the document; what no row has is in no column, so the template does not ask for it."""
    columns = {column for row in rows for column in row}
    template: dict[str, Json] = {
        "metadata": {"name": _column("slug")},
        "spec": {name: _column(name) for name in fields_of(KIND.spec) if name in columns},
    }
    if "ensure" in columns:
        same = all("ensure" in row for row in rows)
        template["ensure"] = "external" if same else _column("ensure")
    if "adopt" in columns:
        template["adopt"] = True if all("adopt" in row for row in rows) else _column("adopt")
    return {
        "apiVersion": API_VERSION,
        "kind": f"{KIND.name}Set",
        "metadata": {"name": NAME},
        "spec": {"table": NAME, "template": template},
    }


def _column(name: str) -> str:
    return f"${{{{ row.{name} }}}}"
