"""What the tests of the loop have in common: a repository with workflows, rules and people, and looks at it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.apply.test_apply import ADDRESSES, CONFIGURATION, MANIFESTS, RULES
from tests.history.worlds import git
from tests.loop.runner import Ran
from tests.loop.world import World, world

WORKFLOWS = Path(__file__).parent / "workflows"
ALL = {"manifests/all.yaml": MANIFESTS, "rules/all.yaml": RULES}


@contextmanager
def begun(folder: Path) -> Iterator[World]:
    """Make a repository whose default branch has the workflows and the users, but nothing that Stytch lacks."""
    with world(folder) as made:
        known = made.stytch.environment
        made.variables["STYTCH_PROJECT_ID"] = known["STYTCH_PROJECT_ID"]
        for name in ("stytch-plan", "stytch-live"):
            made.environments[name] = {"STYTCH_SECRET": known["STYTCH_SECRET"]}
        files = {f".github/workflows/{path.name}": path.read_text() for path in WORKFLOWS.iterdir()}
        made.main({**files, "reconciler.yaml": CONFIGURATION, "users.jsonl": people()})
        yield made


def people(*addresses: str) -> str:
    """Return the users' file."""
    rows: Iterator[dict[str, Any]] = (
        {"user_id": f"user-{number}", "emails": [{"email": address, "verified": True}]}
        for number, address in enumerate(addresses or ADDRESSES)
    )
    return "".join(json.dumps(row) + "\n" for row in rows)


def organization(slug: str, name: str = "") -> dict[str, str]:
    """Return the file of one more organization."""
    text = f"apiVersion: reconciler/v1\nkind: Organization\nmetadata: {{name: {slug}}}\n"
    return {f"manifests/{slug}.yaml": f"{text}spec: {{organization_name: {name or slug.title()}}}\n"}


def one(ran: list[Ran], code: int = 0) -> Ran:
    """Return the only job that ran, which ended as it should."""
    (only,) = ran
    assert only.code == code, f"{only.workflow}\n{only.log}"
    return only


def applied(there: World) -> str:
    """Return the revision that the state of the environment says was applied."""
    said = git(there.bare, "log", "-1", "--format=%(trailers:key=Applied,valueonly)", "refs/reconciler/test")
    return said.strip()


def name_of(there: World, slug: str) -> str:
    """Return the name that an organization has in Stytch."""
    return str(there.live(f"organizations/{slug}")["organization"]["organization_name"])
