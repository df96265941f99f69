"""Snapshots for tests: of a small project, with people whose names are nowhere else."""

import gzip
import json
from pathlib import Path
from typing import Any

from msgspec import structs

from reconciler import pipeline
from reconciler.config.read import Config
from reconciler.emulator.seed import bulk
from reconciler.emulator.server.app import App
from reconciler.files import write_whole
from reconciler.model import Plan, Snapshot
from reconciler.read.run import open_run
from reconciler.snapshot.file import compressed
from reconciler.snapshot.source import run_from
from reconciler.snapshot.take import lines_of
from tests.connected import connected
from tests.repositories import config_of, write

SALT = "5a17" * 8
CONFIGURATION = """\
apiVersion: reconciler/v1
kind: Configuration
name: acme-identity
environments:
  test:
    users: {file: users.jsonl}
    authority: {Member: authoritative}
    tables: {seats: seats.csv}
"""
MANIFESTS = """\
apiVersion: reconciler/v1
kind: Organization
metadata: {name: acme}
spec: {organization_name: Acme, trusted_metadata: {email_domains: [acme.example]}}
---
apiVersion: reconciler/v1
kind: Member
metadata: {namespace: acme, name: hand.written@acme.example}
spec: {roles: [stytch_admin]}
"""
RULES = """\
apiVersion: reconciler/v1
kind: MappingRules
metadata: {name: employees}
spec:
  rules:
    - name: staff
      match: {email_domain: acme.example}
      assign: [{organization: acme}]
"""
BY_NAME = RULES.replace("email_domain: acme.example", "email: [First.Canary@acme.example, other@globex.example]")
SEATS = "mail,seat,owner\nfirst.canary@acme.example,window,Canaria Birdsong\n"
JOINED = RULES.replace(
    "match: {email_domain: acme.example}",
    "table: {name: seats, join: {mail: user.emails}}\n      when: row.seat == 'window'",
)


def user(number: int, email: str, **more: Any) -> dict[str, Any]:
    return {"user_id": f"user-test-{number}", "emails": [{"email": email, "verified": True}], **more}


USERS = (
    user(
        1,
        "First.Canary@acme.example",
        name={"first_name": "Canaria", "last_name": "Birdsong"},
        phone_numbers=[{"phone_number": "+41445556677", "verified": True}],
        trusted_metadata={"manager": "second.canary@acme.example", "note": "likes millet"},
        untrusted_metadata={"nick": "tweety"},
    ),
    user(2, "second.canary@acme.example"),
    user(3, "third.canary@globex.example"),
)
CANARIES = (
    *("canary", "hand.written", "left.behind", "Canaria", "Birdsong", "+41445556677", "millet", "tweety", "Gonzo"),
    "vip-note",
)


def repository(root: Path, rules: str = RULES, manifests: str = MANIFESTS) -> Config:
    files = {
        "reconciler.yaml": CONFIGURATION,
        "manifests/all.yaml": manifests,
        "rules/all.yaml": rules,
        "users.jsonl": "".join(json.dumps(one) + "\n" for one in USERS),
        "seats.csv": SEATS,
    }
    return config_of(write(root, files))


def settle(config: Config, app: App) -> None:
    """Apply, then put somebody into Stytch whom nobody declared."""
    with connected(app) as client:
        pipeline.apply(open_run(config, client), pipeline.plan(open_run(config, client)), lambda _: None)
    acme = next(one for one in bulk.organizations(app) if one["organization_slug"] == "acme")
    bulk.place_member(
        app,
        {
            "organization_id": acme["organization_id"],
            "member_id": "member-test-somebody",
            "email_address": "left.behind@acme.example",
            "email_address_verified": True,
            "name": "Gonzo",
            "status": "active",
            "roles": [],
            "trusted_metadata": {"remark": "vip-note"},
        },
    )


def live_plan(config: Config, app: App) -> Plan:
    with connected(app) as client:
        return pipeline.plan(open_run(config, client)).plan


def taken(config: Config, app: App, file: Path) -> Path:
    with connected(app) as client:
        write_whole(file, compressed(lines_of(open_run(config, client), salt=SALT)))
    return file


def planned(config: Config, file: Path) -> Plan:
    """The plan from a snapshot, in a folder that has no users of its own."""
    (config.root / "users.jsonl").unlink(missing_ok=True)
    with run_from(file, config) as (run, opened):
        plan = pipeline.plan(run).plan
        head = opened.head
        return structs.replace(plan, snapshot=Snapshot(taken_at=head.taken_at, digest=opened.digest, salt=head.salt))


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]


def canaries_in(text: str, canaries: tuple[str, ...] = CANARIES) -> list[str]:
    return [one for one in canaries if one.lower() in text.lower()]
