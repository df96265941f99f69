"""Fraud rules and verdict reasons: one identifier a rule, expiry, pages, overrides; in both verticals."""

from typing import Any

import pytest

from reconciler.emulator.core.workspace import Vertical
from tests.emulator.behaving import behaving
from tests.emulator.conftest import Api

SET, LIST = "/v1/rules/set", "/v1/rules/list"
OVERRIDE, REASONS = "/v1/verdict_reasons/override", "/v1/verdict_reasons/list"
IDENTIFIERS = (
    *("visitor_id", "browser_id", "visitor_fingerprint", "browser_fingerprint", "hardware_fingerprint"),
    "network_fingerprint",
)


def rules(api: Api, **more: Any) -> Any:
    return api.ok("POST", LIST, {"limit": 100}, **more)["rules"]


@pytest.mark.parametrize("vertical", ["B2B", "CONSUMER"])
def test_rules_of_either_vertical(api: Api, vertical: Vertical) -> None:
    asking = api.app.workspace.environment(vertical)
    bodies: list[Any] = [{name: f"{name}-1"} for name in IDENTIFIERS]
    bodies += [{"cidr_block": "10.0.0.0/16"}, {"country_code": "FR"}, {"asn": "64500"}]
    for body in bodies:
        answer = api.ok("POST", SET, {"action": "BLOCK", "description": "Bad", **body}, environment=asking)
        assert {name: answer[name] for name in ("action", *body)} == {"action": "BLOCK", **body}
    found = rules(api, environment=asking)
    names = [next(iter(body)) for body in bodies]
    assert [rule["rule_type"] for rule in found] == [name.upper() for name in names]
    assert found[0] == {
        "rule_type": "VISITOR_ID",
        "visitor_id": "visitor_id-1",
        "action": "BLOCK",
        "description": "Bad",
        "created_at": "2023-11-14T22:13:20Z",
    }


def test_a_rule_is_replaced_and_removed(api: Api) -> None:
    api.ok("POST", SET, {"action": "BLOCK", "asn": "1", "description": "Bad", "expires_in_minutes": 5})
    api.now += 60
    answer = api.ok("POST", SET, {"action": "CHALLENGE", "asn": "1"})
    assert "expires_at" not in answer
    assert rules(api) == [
        {
            "rule_type": "ASN",
            "asn": "1",
            "action": "CHALLENGE",
            "created_at": "2023-11-14T22:13:20Z",
            "last_updated_at": "2023-11-14T22:14:20Z",
        }
    ]
    assert api.ok("POST", SET, {"action": "NONE", "asn": "1"})["action"] == "NONE"
    assert rules(api) == []
    assert api.ok("POST", SET, {"action": "NONE", "asn": "1"})["asn"] == "1"


def test_a_rule_expires(api: Api) -> None:
    assert api.ok("POST", SET, {"action": "ALLOW", "visitor_id": "v", "expires_in_minutes": 5})["expires_at"] == (
        "2023-11-14T22:18:20Z"
    )
    api.now += 299
    assert [rule["expires_at"] for rule in rules(api)] == ["2023-11-14T22:18:20Z"]
    api.now += 1
    assert rules(api) == []
    api.ok("POST", SET, {"action": "ALLOW", "visitor_id": "v"})
    assert [(rule["created_at"], "last_updated_at" in rule) for rule in rules(api)] == [("2023-11-14T22:18:20Z", False)]


@pytest.mark.parametrize(
    "body",
    [
        {"action": "BLOCK"},
        {"asn": "1"},
        {"action": "DENY", "asn": "1"},
        {"action": "BLOCK", "asn": "1", "visitor_id": "v"},
        {"action": "BLOCK", "visitor_id": ""},
        {"action": "BLOCK", "visitor_id": 7},
        {"action": "ALLOW", "country_code": "FR"},
        {"action": "BLOCK", "country_code": "XX"},
        {"action": "BLOCK", "cidr_block": "10.0.0.0/15"},
        {"action": "BLOCK", "cidr_block": "10.0.0.0/33"},
        {"action": "BLOCK", "cidr_block": "here"},
        {"action": "BLOCK", "asn": "4294967296"},
        {"action": "BLOCK", "asn": "AS1"},
        {"action": "BLOCK", "asn": "1", "expires_in_minutes": 0},
        {"action": "BLOCK", "asn": "1", "expires_in_minutes": 2**31},
        {"action": "BLOCK", "asn": "1", "expires_in_minutes": "5"},
        {"action": "BLOCK", "asn": "1", "description": 1},
    ],
)
def test_what_a_rule_refuses(api: Api, body: Any) -> None:
    assert api.refused("POST", SET, body) == (400, "invalid_argument")
    assert rules(api) == []


def test_an_address_and_its_block_are_one_rule(api: Api) -> None:
    api.ok("POST", SET, {"action": "BLOCK", "cidr_block": "10.1.2.3"})
    api.ok("POST", SET, {"action": "ALLOW", "cidr_block": "10.1.2.3/32"})
    assert [(rule["cidr_block"], rule["action"]) for rule in rules(api)] == [("10.1.2.3/32", "ALLOW")]


def test_a_block_may_come_back_otherwise() -> None:
    with behaving(cidr_block="normalised") as api:
        assert api.ok("POST", SET, {"action": "BLOCK", "cidr_block": "10.1.2.3"})["cidr_block"] == "10.1.2.3/32"
        api.ok("POST", SET, {"action": "BLOCK", "cidr_block": "10.1.2.3/16"})
        assert [rule["cidr_block"] for rule in rules(api)] == ["10.1.2.3/32", "10.1.0.0/16"]


@pytest.mark.parametrize(("end", "order"), [("empty", "insertion"), ("null", "random"), ("empty", "id")])
def test_pages_of_rules(end: str, order: str) -> None:
    with behaving(rules_last_cursor=end, search_order=order) as api:
        for number in range(25):
            api.ok("POST", SET, {"action": "BLOCK", "asn": str(number)})
        seen, cursor = [], ""
        for expected in (10, 10, 5):
            answer = api.ok("POST", LIST, {"cursor": cursor} if cursor else {})
            assert len(answer["rules"]) == expected
            seen += [rule["asn"] for rule in answer["rules"]]
            cursor = answer["next_cursor"]
        assert cursor == ("" if end == "empty" else None)
        assert sorted(seen, key=int) == [str(number) for number in range(25)]
        assert len(rules(api)) == 25
        assert api.refused("POST", LIST, {"limit": 101}) == (400, "bad_request")


def test_overrides(api: Api) -> None:
    plain = api.ok("POST", REASONS, {})["verdict_reason_actions"]
    assert {"verdict_reason": "VIRTUAL_MACHINE", "default_action": "CHALLENGE"} in plain
    assert "RULE_MATCH" not in {each["verdict_reason"] for each in plain}
    body = {"verdict_reason": "VIRTUAL_MACHINE", "override_action": "ALLOW", "override_description": "Ours"}
    shown = {
        "verdict_reason": "VIRTUAL_MACHINE",
        "default_action": "CHALLENGE",
        "override_action": "ALLOW",
        "override_created_at": "2023-11-14T22:13:20Z",
        "override_description": "Ours",
    }
    assert api.ok("POST", OVERRIDE, body)["verdict_reason_action"] == shown
    assert api.ok("POST", REASONS, {"overrides_only": True})["verdict_reason_actions"] == [shown]
    assert len(api.ok("POST", REASONS, {})["verdict_reason_actions"]) == len(plain)
    api.ok("POST", OVERRIDE, {"verdict_reason": "VIRTUAL_MACHINE", "override_action": "NONE"})
    assert api.ok("POST", REASONS, {})["verdict_reason_actions"] == plain


@pytest.mark.parametrize(
    "body",
    [
        {"override_action": "ALLOW"},
        {"verdict_reason": "RULE_MATCH", "override_action": "ALLOW"},
        {"verdict_reason": "UNHEARD_OF", "override_action": "ALLOW"},
        {"verdict_reason": "VIRTUAL_MACHINE"},
        {"verdict_reason": "VIRTUAL_MACHINE", "override_action": "PERHAPS"},
    ],
)
def test_what_an_override_refuses(api: Api, body: Any) -> None:
    assert api.refused("POST", OVERRIDE, body) == (400, "invalid_argument")


def test_a_project_without_fraud_prevention() -> None:
    with behaving(dfp_enabled=False) as api:
        for path in (SET, LIST, OVERRIDE, REASONS):
            assert api.refused("POST", path, {}) == (400, "enterprise_endpoint")
