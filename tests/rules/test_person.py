"""Whom rules leave alone: exceptions, and Members written by hand."""

import pytest

from reconciler.rules.evaluate import Decision, evaluate
from tests.rules_world import ROUNDS, THREE, both, given, held, member, only, rule, rules, user

EXCEPT = """
    except: [%s]
    rules: [{name: r, match: {user_id: user-1}, assign: [{organization: acme}]}]
"""


@pytest.mark.parametrize(
    "exception",
    [
        "{email_domain: [example.test]}",
        "{email: tester@example.test}",
        "{email_regex: 'TESTER@.*'}",
        "{external_id: ext-1}",
        "{user_id: user-0}, {user_id: user-1}",
        "{metadata: {untrusted_metadata.test: true}}",
        "{email_domain: [example.test], user_id: user-1}",
    ],
)
@pytest.mark.parametrize("sign", ["", "?"])
def test_except_sees_every_address_verified_or_not(exception: str, sign: str) -> None:
    one = user("ann@acme.example", f"{sign}tester@example.test", external_id="ext-1", untrusted_metadata={"test": True})
    assert evaluate(rules(EXCEPT % exception), one) == Decision(matched=True)


def test_except_holds_for_the_rules_of_its_document_only() -> None:
    other = "rules: [{name: r2, match: {user_id: user-1}, assign: [{organization: globex}]}]"
    assert given(rules(EXCEPT % "{user_id: user-1}", other), user("a@a.example")) == {"globex": ()}
    assert given(rules(EXCEPT % "{user_id: user-1, email: b@b.example}", other), user("a@a.example")) == {
        "acme": (),
        "globex": (),
    }


def test_an_exception_that_cannot_be_told_holds() -> None:
    compiled = rules(EXCEPT % "{metadata: {trusted_metadata.a.b: 1}}")
    assert held(evaluate(compiled, user("a@a.example", trusted_metadata={"a": "x"}))) == (["mistyped"], ["acme"])


def test_a_member_by_hand_wins_field_by_field_and_roles_unite() -> None:
    body = "match: {user_id: user-1}"
    entry = ", roles: [r], name: Rule, trusted_metadata: {a: rule, b: rule}"
    ann = member("acme", "ann@acme.example", roles=["hand"], name="Hand", trusted_metadata={"a": "hand"})
    compiled = rules(
        rule(body, roles=entry), members=[member("globex", "ann@acme.example"), ann], external_id="user.user_id"
    )
    membership = only(compiled, user("first@acme.example", "Ann@acme.example"))
    assert membership.fields == {
        "name": "Hand",
        "trusted_metadata": {"a": "hand", "b": "rule"},
        "external_id": "user-1",
    }
    assert membership.roles == ("hand", "r")
    assert membership.declared == 1
    assert membership.addresses == ("ann@acme.example", "first@acme.example")


def test_a_member_by_hand_settles_what_rules_contradict_each_other_in() -> None:
    (membership,) = both("name: N", "name: M", members=[member("acme", "a@a.example", name="Hand")]).memberships
    assert membership.fields == {"name": "Hand"}


def test_a_member_by_hand_on_an_address_that_nobody_verified_holds_the_membership() -> None:
    body = "match: {user_id: user-1%s}"
    admin = member("acme", "ann@acme.example", 7, roles=["stytch_admin"])
    one = user("mallory@acme.example", "?ann@acme.example")
    assigned = evaluate(rules(rule(body % ""), members=[admin]), one)
    assert held(assigned) == (["unproven-member"], ["acme"])
    assert assigned.problems[0].at == (admin.position,)
    assert only(rules(rule(body % ", verified: any"), members=[admin]), one).declared == 0


@pytest.mark.parametrize("sign", ["", "?"])
def test_an_absent_member_vetoes_every_user_with_that_address_verified_or_not(sign: str) -> None:
    text = "rules: [{name: r, match: {user_id: user-1}, assign: [{organization: acme}, {organization: globex}]}]"
    members = [member("acme", "ann@acme.example", ensure="absent")]
    assigned = evaluate(rules(text, members=members), user("a@a.example", f"{sign}Ann@acme.example"))
    assert [m.organization for m in assigned.memberships] == ["globex"]
    assert not assigned.problems
    assert assigned.matched


def test_who_is_only_vetoed_was_given_nothing() -> None:
    members = [member("acme", "a@acme.example", ensure="absent"), member("globex", "a@acme.example", ensure="absent")]
    compiled = rules(ROUNDS, organizations=THREE, members=members)
    assert given(compiled, user("a@acme.example")) == {"lobby": ()}


def test_an_external_member_is_left_alone() -> None:
    compiled = rules(rule("match: {user_id: user-1}"), members=[member("acme", "a@a.example", ensure="external")])
    assert held(evaluate(compiled, user("a@a.example"))) == (["left-alone"], ["acme"])


def test_a_user_with_a_member_by_hand_is_not_unmatched() -> None:
    compiled = rules(rule("match: {user_id: user-9}"), members=[member("acme", "a@a.example")])
    assert evaluate(compiled, user("?a@a.example")) == Decision(matched=True)
    assert evaluate(compiled, user("b@a.example")) == Decision()
