"""What guards changes now permits more than at the revision that was applied last: all of it heads the report."""

from datetime import date
from pathlib import Path
from typing import Any

from reconciler.config.read import Config
from reconciler.config.schema import Limits, MembersPolicy, OrganizationsPolicy, Target
from reconciler.expressions.expression import compile_expression
from reconciler.load.consents import Acceptance
from reconciler.load.earlier import Earlier
from reconciler.load.policies import ROOTS, Policy
from reconciler.load.safeguards import Safeguards
from reconciler.model import LOOSENED, Accepted, Approval, Position
from reconciler.plan.loosened import loosened

AT = Position("rules/a.yaml", 1)


def config(**more: Any) -> Config:
    return Config(root=Path(), environment="test", environments=("test",), **more)


def policy(condition: str = "change.kind == 'Secret'", *addresses: str, denies: bool = True, name: str = "p") -> Policy:
    suppressed = dict.fromkeys(addresses, ("reason", AT))
    compiled = compile_expression(condition, ROOTS, {})
    return Policy(name=name, denies=denies, condition=compiled, message="No", suppressed=suppressed, at=AT)


def found(now: Config, before: Config, safeguards: Safeguards, earlier: Safeguards) -> dict[str, list[str]]:
    growth = loosened(now, safeguards, Earlier(config=before, safeguards=earlier), (), ())
    return {one.what: [".".join([each.address, *each.path]) for each in one.first] for one in growth}


def test_settings_that_permit_more_and_none_that_permits_less() -> None:
    strict = config(
        guards=Limits(max_update_percent=50),
        authority={"Member": "additive", "Organization": "observe"},
        unmatched="error",
        held="error",
    )
    loose = config(
        guards=Limits(max_deletes=5000, max_new_admins=6),
        authority={"Member": "authoritative", "Organization": "additive"},
        organizations=OrganizationsPolicy(adopt=True),
        members=MembersPolicy(adopt=True, removed="restore", email_address="managed", roles="exact"),
        target=Target(type="live"),
        unmatched="ignore",
    )
    assert found(loose, strict, Safeguards(), Safeguards()) == {
        "guard": ["reconciler.yaml.guards.max_deletes", "reconciler.yaml.guards.max_new_admins"],
        "authority": [
            "reconciler.yaml.authority.Organization",
            "reconciler.yaml.authority.Member",
            "reconciler.yaml.unmatched",
            "reconciler.yaml.held",
            "reconciler.yaml.organizations.adopt",
        ],
    }
    assert found(strict, loose, Safeguards(), Safeguards()) == {"guard": ["reconciler.yaml.guards.max_update_percent"]}
    number = {one.what: one.number for one in loosened(loose, Safeguards(), Earlier(config=strict), (), ())}
    assert number == {"guard": 2, "authority": 10}


def test_policies_that_are_gone_say_something_else_or_are_silent_about_more() -> None:
    for now in ((), (policy("change.kind == 'Member'"),), (policy(denies=False),)):
        assert found(config(), config(), Safeguards(policies=now), Safeguards(policies=(policy(),))) == {
            "policy": ["Policy/p"]
        }
    one, two = policy(), policy("change.kind == 'Secret'", "Secret/a", "Secret/b")
    three = policy("change.kind == 'Secret'", "Secret/a")
    assert found(config(), config(), Safeguards(policies=(two,)), Safeguards(policies=(three,))) == {
        "suppression": ["Secret/b"]
    }
    assert found(config(), config(), Safeguards(policies=(one,)), Safeguards(policies=(two,))) == {}
    assert found(config(), config(), Safeguards(policies=(one, policy(name="q"))), Safeguards(policies=(one,))) == {}


def test_approvals_that_are_used_and_drift_that_is_newly_accepted() -> None:
    approvals = [
        Approval(name=state, guard="max_deletes", up_to=700, until="2027-01-31", digest="any", state=state, at=AT)
        for state in ("used", "unused", "missing")
    ]
    accepted = Acceptance(
        name="a", address="Organization/acme", fields=("mfa_policy", "a.b"), reason="x", until=date(2027, 1, 31), at=AT
    )
    left = (
        Accepted(name="a", address="Organization/acme", path=("mfa_policy",), reason="x", until="2027-01-31", at=AT),
    )
    now = Safeguards(accepted=(accepted,))
    unknown = list(loosened(config(), now, None, approvals, left))
    assert [(one.what, [each.address for each in one.first]) for one in unknown] == [
        ("approval", ["Approval/used"]),
        ("accepted_drift", ["Organization/acme"]),
    ]
    assert [(one.before, one.after) for one in unknown[0].first] == [(500, 700)]
    assert found(config(), config(), now, Safeguards()) == {
        "accepted_drift": ["Organization/acme.mfa_policy", "Organization/acme.a.b"]
    }
    assert found(config(), config(), now, now) == {}


def test_each_sort_is_documented() -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "policies.md").read_text(encoding="utf-8")
    assert [what for what in LOOSENED if f"`{what}`" not in page] == []
