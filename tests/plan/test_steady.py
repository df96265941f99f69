"""Plans that nobody needs to read: an untouched project shows nothing, and one change shows as that change."""

import json
import os
import random
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from stytch import B2BClient

from reconciler import pipeline
from reconciler.emulator.seed import bulk
from reconciler.emulator.seed.running import Options, make, running
from reconciler.model import Change
from reconciler.read.run import open_run
from tests.apply.test_apply import CONFIGURATION, MANIFESTS, RULES
from tests.connected import connected
from tests.everything import everything
from tests.kinds.test_kinds import otherwise
from tests.memory_store import MemoryStore
from tests.repositories import config_of, write
from tests.whole_project import SECRETS, applied, copied, planned, stytch

PLANS: Final = 1_000 if "STYTCH_RECONCILER_WHOLE" in os.environ else 200

USERS = "".join(
    json.dumps({"user_id": f"user-test-{number}", "emails": [{"email": f"U{number}@Acme.example", "verified": True}]})
    + "\n"
    for number in range(12)
)
SETS = """\
apiVersion: reconciler/v1
kind: Organization
metadata: {name: hooli}
spec:
  organization_name: Hooli
  auth_methods: RESTRICTED
  allowed_auth_methods: [sso, slack_oauth, github_oauth, password, magic_link]
  mfa_methods: RESTRICTED
  allowed_mfa_methods: [totp, sms_otp]
  email_allowed_domains: [hooli.example, b.hooli.example, a.hooli.example]
  rbac_email_implicit_role_assignments:
    - {domain: hooli.example, role_id: stytch_admin}
    - {domain: b.hooli.example, role_id: stytch_admin}
  oauth_tenant_jit_provisioning: RESTRICTED
  allowed_oauth_tenants: {slack: [T2, T1], github: ["9", "10"]}
"""
FILES = {
    "reconciler.yaml": CONFIGURATION,
    "manifests/a.yaml": MANIFESTS,
    "manifests/b.yaml": SETS,
    "rules/a.yaml": RULES,
    "users.jsonl": USERS,
}


def test_many_plans_over_an_untouched_project_show_nothing(tmp_path: Path) -> None:
    config = config_of(write(tmp_path, FILES))
    app = make(Options(behaviour=("search_order=random", "set_order=reversed")))
    with connected(app) as client:
        pipeline.apply(open_run(config, client), pipeline.plan(open_run(config, client)), lambda _: None)
        before = bulk.members(app)
        digests = set()
        for _ in range(PLANS):
            plan = pipeline.plan(open_run(config, client)).plan
            assert plan.changes == ()
            digests.add(plan.digest)
        assert len(digests) == 1
        assert bulk.members(app) == before
    app.close()


@pytest.mark.slow
def test_many_plans_over_a_whole_project_show_nothing_however_stytch_answers(tmp_path: Path) -> None:
    config, store, draw = copied(tmp_path), MemoryStore(SECRETS), random.Random("whole")  # noqa: S311 # the same every time
    with stytch() as app:
        applied(config, app, store)
        before, orders = everything(app), set()
        for _ in range(PLANS):
            app.behaviour = otherwise(draw)
            orders.add((app.behaviour.search_order, app.behaviour.set_order))
            plan = planned(config, app, store)
            assert (plan.changes, plan.held, plan.problems) == ((), (), ())
        assert everything(app) == before
        assert len(orders) > 1


def change_name(sdk: B2BClient, organization: str, member: str) -> None:
    sdk.organizations.members.update(
        organization_id=organization, member_id=member, name="Renamed", external_id="other"
    )


def change_roles(sdk: B2BClient, organization: str, member: str) -> None:
    sdk.organizations.members.update(organization_id=organization, member_id=member, roles=[])


def change_organization(sdk: B2BClient, organization: str, _: str) -> None:
    sdk.organizations.update(
        organization_id=organization,
        organization_name="Renamed",
        organization_logo_url="https://acme.example/new.png",
        trusted_metadata={"email_domains": ["other.example"], "theirs": True},
    )


@pytest.mark.parametrize(
    ("alter", "seen"),
    [
        (change_name, [("Member/globex/boss@globex.example", [["name"]])]),
        (change_roles, [("Member/globex/boss@globex.example", [["roles"]])]),
        (
            change_organization,
            [("Organization/globex", [["organization_name"], ["trusted_metadata", "email_domains"]])],
        ),
    ],
)
def test_a_change_through_the_official_sdk_shows_with_its_fields_and_nothing_else(
    tmp_path: Path, alter: Any, seen: list[Any]
) -> None:
    config = config_of(write(tmp_path, FILES))
    with running() as server, connected(server.app) as client:
        pipeline.apply(open_run(config, client), pipeline.plan(open_run(config, client)), lambda _: None)
        (boss,) = [one for one in bulk.members(server.app) if one["email_address"] == "boss@globex.example"]
        variables = server.environment
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # aiohttp's, of how the SDK uses it
            sdk = B2BClient(variables["STYTCH_PROJECT_ID"], variables["STYTCH_SECRET"], environment=f"{server.url}/")
        alter(sdk, boss["organization_id"], boss["member_id"])
        changes: Sequence[Change] = pipeline.plan(open_run(config, client)).plan.changes
    assert [(change.address, sorted(list(field.path) for field in change.fields)) for change in changes] == seen
