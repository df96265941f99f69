"""The law of an export: a plan with its files is empty, and a second export writes the same bytes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from reconciler.config.read import load_config
from reconciler.emulator.core.behaviour import Behaviour
from reconciler.emulator.server.app import App
from reconciler.export.files import check_nothing_else, write_files
from reconciler.export.gather import Exported, ExportRequest
from reconciler.export.gather import export as gather
from reconciler.export.organizations import TABLE
from reconciler.model import Plan, Update
from reconciler.plan.planned import exit_code
from reconciler.read.run import Run
from tests.memory_store import MemoryStore
from tests.stages import OWNER, Fields, Stage

CONFIGURATION: Final = {"apiVersion": "reconciler/v1", "kind": "Configuration", "name": OWNER}
PLAIN, WHOLE = ExportRequest(), ExportRequest(members=True)

UNKNOWN = "unknown-secret"  # whose value a case does not give


def begin(app: App, root: Path, settings: Fields) -> Stage:
    """Return a repository that declares nothing. A ``target`` in its settings replaces the ids in the environment."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "reconciler.yaml").write_text(json.dumps({**CONFIGURATION, "environments": {"test": settings}}))
    return Stage(app, root, {"credentials": ["workspace"] if "target" in settings else ["data", "workspace"]})


def export(stage: Stage, wanted: ExportRequest = PLAIN) -> Exported:
    config = load_config(stage.root)
    with stage.client(config) as client:
        return gather(Run(config, client, stage.store), wanted)


def upheld(
    app: App,
    folder: Path,
    wanted: ExportRequest = WHOLE,
    *,
    settings: Fields | None = None,
    secrets: Mapping[str, str] | None = None,
    otherwise: Behaviour | None = None,
) -> Exported:
    """Export, plan with the export, and export again while Stytch answers ``otherwise``. Return the export."""
    root, settings = folder / "repository", settings or {}
    stage = begin(app, root, settings)
    first = export(stage, wanted)
    write_files(root, first.files)
    begin(app, root, {**settings, **({"tables": dict(first.tables)} if first.tables else {})})
    stage.store = MemoryStore(known(first, secrets or {}))
    plan = stage.plan().plan
    # An organization whose create was cut short has a provisional mark, which the next plan completes.
    begun = [change for change in plan.changes if isinstance(change, Update) and not change.fields and change.mark]
    assert (list(plan.changes), plan.observed) == (begun, ()), shown(plan)
    assert exit_code(plan) == (2 if begun else 0)
    wrong = [each.message for each in plan.problems if each.severity != "warning" and each.code != UNKNOWN]
    assert wrong == []
    app.behaviour = otherwise or app.behaviour
    again = export(begin(app, folder / "again", settings), wanted).files
    assert again == first.files
    assert (TABLE in again) == bool(first.tables)
    check_nothing_else(root, again)
    assert write_files(root, again) == ()
    return first


def known(exported: Exported, secrets: Mapping[str, str]) -> dict[str, str]:
    """Return the known secrets that the manifests name and that end as Stytch shows."""
    by_end = {text[-4:]: text for text in secrets.values()}
    return {each.name: by_end[each.last_four] for each in exported.secrets if each.last_four in by_end}


def shown(plan: Plan) -> list[Any]:
    return [(change.address, change.fields) for change in (*plan.changes, *plan.observed)]
