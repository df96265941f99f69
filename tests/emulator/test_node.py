"""The vendor's JavaScript SDK drives the operations that a run of the reconciler needs."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from reconciler.emulator.seed.running import Options, running

STORY = Path(__file__).parent / "node" / "story.mjs"


@pytest.mark.node
@pytest.mark.parametrize("https", [False, True], ids=["http", "https"])
def test_the_javascript_sdk_reads_the_same_values(*, https: bool) -> None:
    with running(Options(https=https)) as server:
        environment = {"PATH": os.environ["PATH"], **server.environment}
        told = subprocess.run(["node", str(STORY)], env=environment, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout) == {
        "metadata": {"tier": "gold"},
        "got": True,
        "roles": ["stytch_member", "stytch_admin"],
        "name": "Bea",
        "found": True,
        "refused": [400, "duplicate_member_email"],
        "pages": [["ann@acme.com"], ["bea@acme.com"]],
        "slugs": ["acme"],
        "deleted": 1,
        "status": "deleted",
        "policy": ["stytch_member", "stytch_admin"],
        "user": "Ann",
        "users": 1,
    }
