"""A plan from a snapshot is the plan that the live project gives, but for what the snapshot hides."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from reconciler import pipeline
from reconciler.config.read import load_config
from reconciler.expressions.redaction import HIDDEN, Redaction
from reconciler.files import write_whole
from reconciler.model import Create, Delete, GuardResult, Plan, Problem, Update
from reconciler.plan.redacted import redacted_change
from reconciler.read.run import Run
from reconciler.snapshot.file import compressed
from reconciler.snapshot.source import run_from
from reconciler.snapshot.take import FREE, lines_of
from tests.stages import SCENARIOS, Stage, read, staged

SALT = "5a17" * 8
# What an earlier run left open is in its journals, which stay on the machine that has them.
JOURNALS = {"begun", "deleting"}
# A source that does not say how many users it has: whoever seems to be missing is asked for, which a snapshot cannot.
UNCOUNTED = "604-a-leaver-of-a-search-without-a-total"
# What the search shows is another thing a moment later.
LAGS = "321-an-app-that-a-search-does-not-show-yet"
# People are hashed in it, so that its digest is another one: apply compares it.
DIGESTED = "964-an-approval-for-other-changes"
# A snapshot is of the default branch, which declares that kind still: so it has what is not read for these files.
OF_FORMER_FILES = "990-the-last-one-of-its-kind-goes-too"
SKIPPED = {UNCOUNTED, LAGS, DIGESTED, OF_FORMER_FILES}

MOVES = {"used_at"}  # of the secret that is used to read: later in the second plan, where a second has passed


def is_planned(case: Path) -> bool:
    expected = read(case / "expected.yaml")
    return expected["exit"] not in (1, 4) and not JOURNALS & expected.keys() and case.name not in SKIPPED


PLANNED = [case for case in SCENARIOS if is_planned(case)]


def marks(case: Path) -> tuple[pytest.MarkDecorator, ...]:
    return (pytest.mark.odd_records,) if case.name.endswith("-an-odd-live-member") else ()


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name, marks=marks(case)) for case in PLANNED])
def test_a_snapshot_gives_the_same_plan(case: Path, tmp_path: Path) -> None:
    with staged(case, tmp_path / "repository", read(case / "expected.yaml")) as stage:
        live = stage.plan().plan
        file = taken(stage, tmp_path / "snapshot.gz")
        (stage.root / "users.jsonl").unlink(missing_ok=True)
        plan = planned(stage, file)
        assert difference(live, plan) == []


def taken(stage: Stage, file: Path) -> Path:
    config = load_config(stage.root, stage.told.get("environment"))
    with stage.client(config) as client:
        write_whole(file, compressed(lines_of(Run(config, client, stage.store), salt=SALT)))
    return file


def planned(stage: Stage, file: Path) -> Plan:
    config = load_config(stage.root, stage.told.get("environment"))
    redaction = Redaction(salt=SALT)
    with run_from(file, config) as (run, _snapshot):
        here = structs.replace(run, history=stage.history)
        return pipeline.plan(here, [redaction.text(one) for one in stage.told.get("only", ())]).plan


def difference(live: Plan, offline: Plan) -> list[str]:
    """What one plan says and the other does not, but for what hangs on what is hidden."""
    hidden = hidden_by(offline)
    said = []
    for part in (
        "changes",
        "observed",
        "written_from_live",
        "held",
        "removed",
        "kept",
        "unmanaged",
        "problems",
        "guards",
    ):
        mine, theirs = shown(live, part, hidden, Redaction(salt=SALT)), shown(offline, part, hidden, None)
        said += [f"{part}: only live {one}" for one in sorted(mine - theirs)]
        said += [f"{part}: only offline {one}" for one in sorted(theirs - mine)]
    if live.manual_steps != offline.manual_steps or set(live.unmatched) - hidden != set(offline.unmatched) - hidden:
        said.append("steps, or who is unmatched")
    return said


def hidden_by(plan: Plan) -> set[str]:
    """The users of whom the snapshot does not tell what becomes of them."""
    return {user for one in plan.problems if one.code == "redacted" for user in one.users}


def shown(plan: Plan, part: str, hidden: set[str], redaction: Redaction | None) -> set[str]:
    return {text for one in getattr(plan, part) if (text := line(one, hidden, redaction))}


def line(one: Any, hidden: set[str], redaction: Redaction | None) -> str:
    """What is compared of one thing that a plan says, "" where it hangs on what is hidden."""
    if isinstance(one, Create | Update | Delete):
        users = {cause.user for cause in one.causes} | {one.mark.user if one.mark else None}
        change = redacted_change(one, redaction) if redaction else one
        seen = [
            [
                list(field.path),
                ""
                if field.before == HIDDEN or (isinstance(one, Delete) and field.path[0] in {*FREE, *MOVES})
                else str(field.before),
                str(field.after),
            ]
            for field in change.fields
        ]
        body: Any = [type(one).__name__, change.address, change.id, seen, change.withheld_by, change.adopts]
    elif isinstance(one, GuardResult):
        users = set()
        body = [one.name, one.kind, one.organization, one.ok] if not hidden else ""
    elif isinstance(one, Problem):
        users = set(one.users)
        addresses = sorted(redaction.text(each) if redaction else each for each in one.addresses)
        body = [one.code, one.message, addresses, one.users, [str(at) for at in one.at]]
        body = "" if hidden and one.code in ("redacted", "matches-nobody") else body
    else:
        users = {*one.users}
        body = [
            one.address,
            one.reason,
            one.id,
            one.users,
            sorted(redaction.text(each) if redaction else each for each in one.waiting),
        ]
    text = json.dumps(redaction.json(body) if redaction else body) if body and not users & hidden else ""
    return re.sub(r"ends in \S+", "", text)
