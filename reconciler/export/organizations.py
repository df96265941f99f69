"""Organizations: which of them are ours, and many of them as one OrganizationSet with a table."""

import json
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import structs

from reconciler.diff.ownership import Owner, Whose, mark_of
from reconciler.documents.yaml_writer import block
from reconciler.export.manifests import Manifest
from reconciler.expressions.values import LIMIT
from reconciler.kinds import KINDS
from reconciler.model import ORGANIZATION, Json, Live
from reconciler.model.resources import API_VERSION
from reconciler.schema.traits import fields_of

KIND: Final = KINDS[ORGANIZATION]
NAME: Final = "organizations"  # of the set and of its table
TABLE: Final = f"tables/{NAME}.jsonl"
SET: Final = f"manifests/{KIND.name}Set.yaml"
NOT_OURS: Final = "Not managed yet. To manage it, replace `ensure: external` with `adopt: true`."
ANOTHERS: Final = "Another repository manages it: it has that repository's mark."


def with_owner(manifest: Manifest, live: Live, owner: Owner, *, adopt: bool) -> Manifest:
    """Return the manifest; with ``adopt: true`` or ``ensure: external`` where the organization is not ours."""
    whose, _ = mark_of(live, owner)
    if whose in (Whose.OURS, Whose.BEGUN):
        return manifest
    if whose is Whose.NOBODY and adopt:
        return structs.replace(manifest, adopt=True)
    comment = ANOTHERS if whose is Whose.ANOTHER else NOT_OURS
    return structs.replace(manifest, ensure="external", comment=comment)


def as_set(manifests: Sequence[Manifest]) -> tuple[list[Manifest], Mapping[str, str]]:
    """Return the other manifests, and the files of a set of the organizations that fit into a row of a table."""
    rows = {each.name: _row(each) for each in manifests if each.kind == KIND.name}
    fitting = {
        name: row
        for name, row in rows.items()
        if all(len(json.dumps(each, ensure_ascii=False).encode()) < LIMIT for each in row.values())
    }
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


def _set(rows: Sequence[Mapping[str, Json]]) -> dict[str, Json]:
    """Return the document of the set. The template uses only columns that some row has."""
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
