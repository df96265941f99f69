"""The fields of a membership, its external id and its address."""

from typing import Any

import pytest

from reconciler.rules.evaluate import Decision, evaluate
from tests.rules_world import held, only, rule, rules, user


def filled(entry: str, **fields: Any) -> Decision:
    return evaluate(rules(rule("match: {user_id: user-1}", roles=f", {entry}")), user("a@a.example", **fields))


def test_a_rendered_null_is_not_managed_and_a_literal_null_clears() -> None:
    (membership,) = filled(
        "name: '${{ user.trusted_metadata.n }}', external_id: null, "
        "trusted_metadata: {a: '${{ user.trusted_metadata.n }}', b: null}"
    ).memberships
    assert membership.fields == {"external_id": None, "trusted_metadata": {"b": None}}


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ("name: 'Hello ${{ user.trusted_metadata.n }}'", "mistyped"),  # a null inside a longer string
        ("name: '${{ user.trusted_metadata.seats }}'", "field"),
        ("external_id: '${{ user.trusted_metadata.blank }}'", "field"),
        ("initial: {mfa_enrolled: '${{ user.trusted_metadata.seats }}'}", "field"),
        ("roles: ['${{ user.trusted_metadata.n }}']", "mistyped"),
        ("roles: '${{ user.trusted_metadata.n }}'", "role"),
        ("roles: ['${{ user.trusted_metadata.seats }}']", "role"),
        ("roles: ['${{ user.trusted_metadata.implicit }}']", "role"),
        ("roles: '${{ user.trusted_metadata.blank }}'", "role"),
    ],
)
def test_what_cannot_be_computed_holds_the_membership(entry: str, code: str) -> None:
    metadata = {"seats": 3, "blank": "a b", "implicit": "stytch_member"}
    assert held(filled(entry, trusted_metadata=metadata)) == ([code], ["acme"])


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ("roles: [editor, '${{ lower(user.trusted_metadata.seats) }}']", "roles[1]"),
        ("trusted_metadata: {a: {b: ['${{ lower(user.trusted_metadata.seats) }}']}}", "trusted_metadata.a.b[0]"),
    ],
)
def test_what_cannot_be_computed_is_named(entry: str, named: str) -> None:
    (problem,) = filled(entry, trusted_metadata={"seats": 3}).problems
    assert f": {named} cannot be computed: lower() takes a string" in problem.message


def test_roles_may_be_a_list_from_data() -> None:
    (membership,) = filled(
        "roles: '${{ user.trusted_metadata.roles }}'", trusted_metadata={"roles": ["b", "a", "b"]}
    ).memberships
    assert membership.roles == ("a", "b")


def test_the_external_id_is_the_configured_one_unless_a_rule_gives_one() -> None:
    plain = rule("match: {user_id: user-1}")
    one = user("a@a.example", external_id="ext-1")
    assert only(rules(plain, external_id="user.user_id"), one).fields == {"external_id": "user-1"}
    assert only(rules(plain, external_id="default(user.external_id, user.user_id)"), one).fields == {
        "external_id": "ext-1"
    }
    assert only(rules(plain, external_id=None), one).fields == {}
    for said in (", external_id: null", ", external_id: mine", ", initial: {external_id: mine}"):
        membership = only(rules(rule("match: {user_id: user-1}", roles=said), external_id="user.user_id"), one)
        assert {**membership.initial, **membership.fields}["external_id"] == (None if "null" in said else "mine")


@pytest.mark.parametrize("value", ["has blanks in it", "", "x" * 129, 7, "line\n"])
def test_an_external_id_that_stytch_would_refuse_is_a_problem_and_not_set(value: object) -> None:
    compiled = rules(rule("match: {user_id: user-1}"), external_id="user.external_id")
    assigned = evaluate(compiled, user("a@a.example", external_id=value))
    assert [problem.code for problem in assigned.problems] == ["external-id"]
    assert assigned.undecided == {}
    assert assigned.memberships[0].fields == {}


def test_addresses_matched_come_first_verified_before_others_in_the_users_order() -> None:
    compiled = rules(rule("match: {email_domain: [acme.example], verified: any}"))
    one = user("?1@acme.example", "2@x.example", "?3@x.example", "4@ACME.example", "5@x.example")
    membership = only(compiled, one)
    assert [text[0] for text in membership.addresses] == ["4", "1", "2", "5", "3"]
    assert membership.verified == (True, False, True, True, False)


def test_without_a_matched_address_it_is_the_first_verified_one() -> None:
    compiled = rules(rule("match: {user_id: user-1}"))
    membership = only(compiled, user("?1@x.example", "2@x.example", "3@x.example"))
    assert membership.addresses == ("2@x.example", "3@x.example")


def test_an_address_in_two_spellings_is_one() -> None:
    compiled = rules(rule("match: {user_id: user-1}"))
    assert only(compiled, user("?Ann@x.example", "ann@X.example")).addresses == ("ann@x.example",)


def test_nobody_without_an_admissible_address_becomes_a_member() -> None:
    compiled = rules(rule("match: {user_id: user-1}"))
    for one in (user(), user("?a@a.example"), user("?no address")):
        assert held(evaluate(compiled, one)) == (["no-admissible-address"], ["acme"])
    assert only(rules(rule("match: {user_id: user-1, verified: any}")), user("?a@a.example")).unverified


@pytest.mark.parametrize(
    "field",
    [
        'mfa_phone_number: "${{ user.phone_numbers[0].phone_number }}"',
        'external_id: "${{ user.phone_numbers[0].phone_id }}"',
        'trusted_metadata: {second: "${{ user.emails[1].email }}"}',
        'initial: {trusted_metadata: {second: "${{ user.emails[1].email }}"}}',
        'untrusted_metadata: {second: "${{ user.emails[1].email }}"}',
    ],
)
def test_what_nobody_verified_is_counted_where_it_fills_what_decides_or_identifies(field: str) -> None:
    one = user("a@acme.example", "?b@acme.example")
    one["phone_numbers"] = [{"phone_id": "p-1", "phone_number": "+15005550006", "verified": False}]
    compiled = rules(rule("match: {email: a@acme.example, verified: any}", roles=f", {field}"))
    assert only(compiled, one).unverified is not field.startswith("untrusted")


def test_what_users_write_is_counted_where_it_fills_what_identifies() -> None:
    text = "untrusted: true, match: {user_id: user-1}"
    given_whole = rules(rule(text, roles=', trusted_metadata: "${{ user.untrusted_metadata.profile }}"'))
    one = user("a@acme.example", untrusted_metadata={"profile": {"team": "x"}})
    assert only(given_whole, one).untrusted
    free = rules(rule("match: {user_id: user-1}", roles=', untrusted_metadata: "${{ user.untrusted_metadata }}"'))
    assert not only(free, one).untrusted
