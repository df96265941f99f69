"""``why``: what each rule asked of a user, what it found, what it lacked, and what it gave."""

import json
from typing import Any

import pytest

from reconciler.rules.explain import Condition, Explanation, RuleExplanation, explain, is_user
from reconciler.rules.rule import Rules
from tests.rules_world import LISTED, ROUNDS, THREE, member, organization, rule, rules, table, user

RULES = """
    except: [{email_domain: [example.test]}]
    rules:
      - name: by-domain
        fallback: organization
        match: {email_domain: {organization: trusted_metadata.email_domains, subdomains: true}}
        assign: [{organization: "${{ organization.name }}"}]
      - name: gold
        match: {email_domain: [acme.example]}
        when: user.trusted_metadata.plan == "gold" and user.trusted_metadata.seats > 2
        assign: [{organization: acme, roles: [vip]}]
      - name: app
        table: {name: t, join: {who: user.user_id}}
        when: row.active == "yes"
        assign: [{organization: "${{ row.slug }}"}]
      - {name: each, each: user.trusted_metadata.tenants, assign: [{organization: "${{ item }}"}]}
      - {name: else, match: {user_id: user-1}, assign: [{organization: elsewhere}]}
"""
TABLE = table("t", {"who": "user-1", "slug": "eu", "active": "no"}, {"who": "user-3", "slug": "bare", "active": "yes"})


@pytest.fixture
def compiled() -> Rules:
    return rules(RULES, organizations=LISTED, elsewhere=["elsewhere"], tables=[TABLE], external_id="user.user_id")


def about(explanation: Explanation, name: str) -> RuleExplanation:
    return next(one for one in explanation.rules if one.cause.rule == name)


def test_a_membership_names_rule_file_and_line_and_why_its_address(compiled: Rules) -> None:
    explanation = explain(compiled, user("first@b.example", "ann@shop.acme.example", user_id="user-2"))
    (membership,) = explanation.memberships
    assert membership.organization == "acme"
    assert [(one.file, one.line, one.rule) for one in membership.causes] == [("rules/r.yaml", 7, "by-domain")]
    assert (membership.address, membership.why_address) == ("ann@shop.acme.example", "the rule by-domain matched it")
    found = about(explanation, "by-domain")
    assert (found.verdict, found.fallback) == ("matched", "organization")
    assert found.conditions[0].found == "ann@shop.acme.example: acme.example is listed by acme (manifests/o.yaml:1:1)"
    assert [(gift.organization, gift.became) for gift in found.gifts] == [("acme", "given")]


def test_a_rule_nearly_matched_where_one_condition_is_lacking(compiled: Rules) -> None:
    explanation = explain(
        compiled, user("ann@acme.example", user_id="user-2", trusted_metadata={"plan": "silver", "seats": 5})
    )
    found = about(explanation, "gold")
    assert found.verdict == "nearly"
    assert found.lacked == (
        Condition(
            text='user.trusted_metadata.plan == "gold"',
            holds=False,
            found='user.trusted_metadata.plan is "silver"',
        ),
    )


def test_a_rule_nearly_matched_where_only_verification_is_lacking(compiled: Rules) -> None:
    explanation = explain(compiled, user("?ann@acme.example", user_id="user-2"))
    found = about(explanation, "by-domain")
    assert found.verdict == "nearly"
    assert found.lacked[0].nearly
    assert found.lacked[0].found.endswith("but it is not verified")
    assert about(explanation, "gold").verdict == "no"


def test_a_join_over_an_unverified_address_nearly_matched() -> None:
    compiled = rules(
        rule("table: {name: t, join: {email: user.emails}}"), tables=[table("t", {"email": "a@a.example"})]
    )
    (found,) = explain(compiled, user("?a@a.example")).rules
    assert found.verdict == "nearly"
    assert found.lacked[0].found.startswith("t.csv:2:1")


def test_a_row_is_named_with_its_line(compiled: Rules) -> None:
    nearly = about(explain(compiled, user("a@b.example")), "app")
    assert nearly.verdict == "nearly"
    assert nearly.conditions[0].found == "t.csv:2:1"
    assert nearly.lacked[0].found == 'row.active is "no"'
    matched = about(explain(compiled, user("a@b.example", user_id="user-3")), "app")
    assert [(gift.organization, gift.row) for gift in matched.gifts] == [("bare", "t.csv:3:1")]


def test_an_item_is_named(compiled: Rules) -> None:
    found = about(explain(compiled, user("a@b.example", trusted_metadata={"tenants": ["eu"]})), "each")
    assert [(gift.organization, gift.item) for gift in found.gifts] == [("eu", '"eu"')]


def test_an_unmatched_user_is_said_to_be_unmatched(compiled: Rules) -> None:
    explanation = explain(compiled, user("a@b.example", user_id="user-2"))
    assert not explanation.matched
    assert not explanation.memberships
    assert {one.verdict for one in explanation.rules} == {"no"}


def test_an_excepted_user_is_said_to_be_excepted(compiled: Rules) -> None:
    explanation = explain(compiled, user("ann@acme.example", "?t@example.test", user_id="user-2"))
    found = about(explanation, "by-domain")
    assert (found.verdict, found.gifts, found.lacked[0].found) == ("excepted", (), "rules/r.yaml:5:11")


def test_an_organization_of_another_environment_is_said_to_be_elsewhere(compiled: Rules) -> None:
    found = about(explain(compiled, user("a@b.example")), "else")
    assert (found.verdict, [gift.became for gift in found.gifts]) == ("matched", ["elsewhere"])


def test_a_fallback_that_was_not_reached_is_said_not_to_be() -> None:
    compiled = rules(ROUNDS, organizations=THREE)
    explanation = explain(compiled, user("ann@acme.example"))
    assert [(one.organization, one.became) for one in about(explanation, "wide").gifts] == [
        ("acme", "not reached"),
        ("globex", "given"),
    ]
    assert [one.became for one in about(explanation, "lobby").gifts] == ["not reached"]


def test_a_veto_is_said_to_be_one() -> None:
    compiled = rules(rule("match: {user_id: user-1}"), members=[member("acme", "a@a.example", ensure="absent")])
    (found,) = explain(compiled, user("?a@a.example")).rules
    assert [gift.became for gift in found.gifts] == ["vetoed"]


def test_what_is_held_is_said_to_be_held_and_why() -> None:
    text = rule("match: {user_id: user-1}, when: 'user.trusted_metadata.n > 1'")
    explanation = explain(rules(text), user("a@a.example", trusted_metadata={"n": "x"}))
    (found,) = explanation.rules
    assert found.verdict == "undecided"
    assert found.lacked[0].holds is None
    assert [problem.code for problem in explanation.problems] == ["mistyped"]
    assert [one.organization for one in explanation.undecided] == ["acme"]
    explanation = explain(rules(rule("match: {user_id: user-1}")), user("?a@a.example"))
    assert [gift.became for gift in explanation.rules[0].gifts] == ["held"]


def test_a_member_by_hand_is_named() -> None:
    compiled = rules(rule("match: {user_id: user-1}"), members=[member("acme", "a@a.example", 9)])
    (membership,) = explain(compiled, user("b@a.example", "a@a.example")).memberships
    assert membership.by_hand
    assert (membership.by_hand.file, membership.by_hand.line) == ("manifests/m.yaml", 9)
    assert "hand-written" in membership.why_address


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        ("match: {user_id: [b, a, d, c], external_id: x}", ["user_id is a or b or c or 1 more", "external_id is x"]),
        ("match: {email: a@a.example, email_regex: 'a.*'}", ["a verified address is a@a.example and matches a.*"]),
        ("match: {email: a@a.example, verified: any}", ["an address is a@a.example"]),
        ("match: {metadata: {trusted_metadata.a: [1, x]}}", ['trusted_metadata.a is 1 or "x"']),
        ("when: 'true and user.status == \"a\"'", ["true", 'user.status == "a"']),
    ],
)
def test_conditions_are_told_in_words(body: str, texts: list[str]) -> None:
    (found,) = explain(rules(rule(body)), user("b@b.example")).rules
    assert [condition.text for condition in found.conditions] == texts


def test_it_is_all_json_that_msgspec_can_write(compiled: Rules) -> None:
    import msgspec

    written: dict[str, Any] = json.loads(msgspec.json.encode(explain(compiled, user("ann@acme.example"))))
    assert written["memberships"][0]["causes"][0]["rule"] == "by-domain"


@pytest.mark.parametrize("wanted", ["user-1", "ext-1", "ANN@acme.example", "b@b.example"])
def test_a_user_is_found_by_id_external_id_or_any_address(wanted: str) -> None:
    assert is_user(user("Ann@acme.example", "?b@b.example", external_id="ext-1"), wanted)
    assert not is_user(user("c@c.example", user_id="user-2"), wanted)


def test_an_organization_without_a_rule_explains_nothing() -> None:
    assert explain(rules(organizations=[organization("acme")]), user("a@a.example")) == Explanation(
        user="user-1", addresses=explain(rules(), user("a@a.example")).addresses
    )
