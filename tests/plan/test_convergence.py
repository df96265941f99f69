"""The real command line against a faulty server, killed at random moments: always the same end, nobody twice."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.emulator.seed import bulk
from reconciler.emulator.seed.running import Options, running
from reconciler.emulator.server.app import App
from tests.apply.test_apply import MANIFESTS, RULES
from tests.repositories import write

# A tenth of all requests: dropped, answered after the write and lost, delayed, refused.
FAULTS = (
    *("drop_before:0.02", "drop_after:0.02", "latency:0.02:10ms-100ms"),
    *("status_503:0.02", "status_502:0.01:html", "status_500:0.01:after"),
)
CONFIGURATION = """\
apiVersion: reconciler/v1
kind: Configuration
name: acme-identity
environments:
  test:
    users: {file: users.jsonl}
    rates: {requests_per_second: 10000, searches_per_minute: 100000, share: 1}
"""
RUNS = 6  # that it may take to get through such a network


def command(root: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "reconciler", "-C", str(root), *arguments]


def state(app: App) -> list[tuple[Any, ...]]:
    slugs = {one["organization_id"]: one["organization_slug"] for one in bulk.organizations(app)}
    whole: list[tuple[Any, ...]] = []
    for organization in bulk.organizations(app):
        metadata = organization["trusted_metadata"]
        ours = metadata["reconciler"]["organization"] == organization["organization_id"]
        whole.append((organization["organization_slug"], json.dumps(metadata.get("email_domains")), ours))
    for member in bulk.members(app):
        mark = member["trusted_metadata"]["reconciler"]
        ours = mark["organization"] == member["organization_id"]
        whole.append(
            (slugs[member["organization_id"]], member["email_address"], member["status"], mark.get("user"), ours)
        )
    return sorted(whole, key=str)


def undisturbed(root: Path) -> list[tuple[Any, ...]]:
    with running() as server:
        subprocess.run(command(root, "apply"), check=True, capture_output=True, env=os.environ | server.environment)
        return state(server.app)


def killed_and_run_again(root: Path, seed: int, longest: float) -> list[tuple[Any, ...]]:
    """Kill one apply after a random time, then run until nothing is left to do."""
    rng = random.Random(seed)  # noqa: S311 # a moment, not a secret
    with running(Options(faults=FAULTS, seed=seed)) as server:
        environment = os.environ | server.environment
        victim = subprocess.Popen(command(root, "apply"), env=environment, stdout=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.2, longest))
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        codes = [again(root, environment) for _ in range(RUNS)]
        assert codes[-1] == 0, codes
        return state(server.app)


def again(root: Path, environment: Mapping[str, str]) -> int:
    return subprocess.run(command(root, "apply"), env=environment, capture_output=True, check=False).returncode


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_small_project(tmp_path: Path, seed: int) -> None:
    users = "".join(
        json.dumps({"user_id": f"user-test-{number}", "emails": [{"email": f"u{number}@{domain}", "verified": True}]})
        + "\n"
        for domain in ("acme.example", "globex.example")
        for number in range(40)
    ).replace("user-test-", "user-test-a", 40)
    files = {
        "reconciler.yaml": CONFIGURATION,
        "manifests/a.yaml": MANIFESTS,
        "rules/a.yaml": RULES,
        "users.jsonl": users,
    }
    root = write(tmp_path, files)
    assert killed_and_run_again(root, seed, 2.5) == undisturbed(root)


@pytest.mark.slow
@pytest.mark.mapping
def test_the_real_mapping(tmp_path: Path) -> None:
    data = Path(os.environ["STYTCH_RECONCILER_DATA"])
    organizations = """\
apiVersion: reconciler/v1
kind: OrganizationSet
metadata: {name: companies}
spec:
  table: companies
  template:
    metadata: {name: "${{ row.slug }}"}
    spec:
      organization_name: "${{ row.name }}"
      trusted_metadata: {email_domains: "${{ row.domains }}"}
"""
    configuration = CONFIGURATION.replace(
        "users: {file: users.jsonl}",
        f"users: {{file: {data}/consumer-users.jsonl}}\n    tables: {{companies: {data}/companies.jsonl}}",
    )
    files = {"reconciler.yaml": configuration, "manifests/a.yaml": organizations, "rules/a.yaml": RULES}
    root = write(tmp_path, files)
    assert killed_and_run_again(root, 1, 6) == undisturbed(root)
