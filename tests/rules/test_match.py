"""What a rule is about: the keys of match, the proof they need, and what users write themselves."""

import pytest

from reconciler.rules.evaluate import Decision, evaluate
from tests.rules_world import given, held, only, rule, rules, table, user

ANN = user("ann@acme.example", external_id="ext-1", trusted_metadata={"plan": "gold", "seats": 3, "flags": ["a"]})


@pytest.mark.parametrize(
    "match",
    [
        "email: ann@acme.example",
        "email: [bob@acme.example, Ann@ACME.example]",
        "email_domain: acme.example",
        "email_domain: [globex.example, ACME.example]",
        "email_regex: '.*@acme[.]example'",
        "email_regex: ['x.*', 'ANN@.*']",
        "user_id: user-1",
        "user_id: [user-0, user-1]",
        "external_id: [ext-1]",
        "metadata: {trusted_metadata.plan: gold}",
        "metadata: {trusted_metadata.plan: [silver, gold]}",
        "metadata: {trusted_metadata.plan: gold, trusted_metadata.seats: 3}",
        "metadata: {user.trusted_metadata.plan: gold}",
        "metadata: {trusted_metadata.nothing: null}",
        "metadata: {'trusted_metadata.flags[0]': a}",
        "email: ann@acme.example, email_domain: [acme.example], email_regex: 'ann@.*', external_id: ext-1",
    ],
)
def test_a_key_of_match_holds(match: str) -> None:
    assert given(rules(rule(f"match: {{{match}}}")), ANN) == {"acme": ()}


@pytest.mark.parametrize(
    "match",
    [
        "email: bob@acme.example",
        "email_domain: example",  # a list matches domains exactly
        "email_domain: eu.acme.example",
        "email_regex: 'ann'",  # patterns match the whole address
        "email_regex: 'acme[.]example'",
        "user_id: User-1",
        "external_id: ext-2",
        "metadata: {trusted_metadata.plan: Gold}",
        "metadata: {trusted_metadata.seats: '3'}",  # different types are never equal
        "metadata: {trusted_metadata.flags: a}",
        "metadata: {trusted_metadata.plan: gold, trusted_metadata.seats: 4}",
        "email: ann@acme.example, user_id: user-2",  # keys are AND
        "email: []",
    ],
)
def test_a_key_of_match_does_not_hold(match: str) -> None:
    assert evaluate(rules(rule(f"match: {{{match}}}")), ANN) == Decision()


def test_the_keys_about_addresses_must_hold_of_one_and_the_same_address() -> None:
    compiled = rules(rule("match: {email_domain: [acme.example], email_regex: 'admin@.*'}"))
    assert not given(compiled, user("ann@acme.example", "admin@globex.example"))
    assert given(compiled, user("ann@acme.example", "admin@acme.example")) == {"acme": ()}


def test_domains_compare_as_a_labels() -> None:
    compiled = rules(rule("match: {email_domain: [' MÜLLER.example ']}"))
    assert given(compiled, user("ann@xn--mller-kva.example")) == {"acme": ()}
    assert given(compiled, user("ann@müller.example")) == {"acme": ()}


@pytest.mark.parametrize(
    "address",
    ["ann@evil.example@acme.example", "Ann <ann@acme.example>", "@acme.example", "ann", "a\ud800@acme.example"],
)
@pytest.mark.parametrize("unverified", ["", "?"])
def test_what_is_no_address_matches_nothing_and_is_that_users_problem(address: str, unverified: str) -> None:
    compiled = rules(rule("match: {email_domain: [acme.example], verified: any}"))
    assigned = evaluate(compiled, user(unverified + address))
    assert (assigned.memberships, assigned.matched) == ((), False)
    assert held(assigned) == (["unreadable-address"], [None])
    proven = rules(rule("match: {email_domain: [acme.example]}"))
    assert held(evaluate(proven, user(unverified + address)))[0] == ([] if unverified else ["unreadable-address"])


@pytest.mark.parametrize("emails", [None, "ann@acme.example", [None], [[]], [{"email": None}], [{}], [{"email": 3}]])
def test_odd_addresses_break_nothing(emails: object) -> None:
    compiled = rules(rule("match: {email_domain: [acme.example], email_regex: '.*'}"), external_id="user.user_id")
    assert evaluate(compiled, {"user_id": "user-1", "emails": emails}) == Decision()


@pytest.mark.parametrize("text", ["ann@acme.example", "\u017f@acme.example"])
def test_case_is_a_matter_of_ascii_in_patterns(text: str) -> None:
    compiled = rules(rule("match: {email_regex: 'S@acme[.]example'}"))
    assert not given(compiled, user(text))


@pytest.mark.parametrize(
    "condition",
    [
        "match: {email: ann@acme.example%s}",
        "match: {email_domain: acme.example%s}",
        "match: {email_regex: 'ann@.*'%s}",
        "match: {user_id: user-1%s}, when: 'user.emails[0].email == \"ann@acme.example\"'",
        "match: {user_id: user-1%s}, when: '\"Ann@acme.example\" in user.emails'",
        "match: {user_id: user-1%s}, when: 'contains(user.emails, \"Ann@acme.example\")'",
        "match: {user_id: user-1%s}, table: {name: t, join: {email: user.emails}}",
    ],
)
def test_an_unverified_address_decides_only_if_the_rule_says_so(condition: str) -> None:
    rows = table("t", {"email": "Ann@acme.example"})
    one = user("?ann@acme.example", "real@elsewhere.example")
    assert not given(rules(rule(condition % ""), tables=[rows]), one)
    membership = only(rules(rule(condition % ", verified: any"), tables=[rows]), one)
    assert membership.unverified
    assert set(membership.addresses) == {"ann@acme.example", "real@elsewhere.example"}


def test_a_verified_address_leaves_no_doubt_where_any_would_do() -> None:
    compiled = rules(rule("match: {email_domain: [acme.example], verified: any}"))
    assert not only(compiled, user("?b@acme.example", "a@acme.example")).unverified
    assert only(compiled, user("?b@acme.example", "a@globex.example")).unverified


def test_phone_numbers_are_the_verified_ones() -> None:
    numbers = [{"phone_number": "+15005550006", "verified": False}, {"phone_number": "+15005550007", "verified": True}]
    one = user("ann@acme.example", phone_numbers=numbers)
    rows = table("t", {"phone": "+15005550006"})
    condition = "match: {user_id: user-1%s}, table: {name: t, join: {phone: user.phone_numbers}}"
    assert not given(rules(rule(condition % ""), tables=[rows]), one)
    assert only(rules(rule(condition % ", verified: any"), tables=[rows]), one).unverified
    within = "when: '\"+15005550006\" in user.phone_numbers'"
    assert not given(rules(rule(within)), one)
    assert given(rules(rule(within.replace("06", "07"))), one) == {"acme": ()}


def test_what_users_write_decides_only_if_the_rule_says_so_and_is_counted() -> None:
    one = user("ann@acme.example", untrusted_metadata={"team": "x"}, name={"first_name": "Ann"})
    compiled = rules(
        """
        rules:
          - {name: a, untrusted: true, when: 'user.untrusted_metadata.team == "x"', assign: [{organization: acme}]}
          - {name: b, match: {user_id: user-1}, assign: [{organization: globex}]}
        """
    )
    assert [(m.organization, m.untrusted) for m in evaluate(compiled, one).memberships] == [
        ("acme", True),
        ("globex", False),
    ]


def test_what_users_write_may_fill_fields() -> None:
    body = "match: {user_id: user-1}"
    compiled = rules(
        rule(
            body,
            roles=", name: '${{ user.name.first }}', untrusted_metadata: {a: '${{ user.untrusted_metadata.b }}'}",
        )
    )
    membership = only(compiled, user("a@a.example", name={"first": "Ann"}, untrusted_metadata={"b": "x"}))
    assert membership.fields == {"name": "Ann", "untrusted_metadata": {"a": "x"}}
    assert not membership.untrusted


def test_an_address_is_the_same_however_either_side_spells_it() -> None:
    compiled = rules(rule("match: {email: [' ex@BÜCHER.example ', Kim@acme.example]}"))
    assert given(compiled, user("Ex@xn--bcher-kva.example"))
    assert given(compiled, user("ex@bücher.example\n"))
    assert not given(compiled, user("\u212aim@acme.example"))


def test_expressions_see_addresses_as_they_compare() -> None:
    compiled = rules(rule("when: 'user.emails[0].email == \"ann@xn--bcher-kva.example\"'"))
    assert given(compiled, user(" Ann@Bücher.example"))
    compiled = rules(rule("when: '\"ANN@bücher.example \" in user.emails'"))
    assert given(compiled, user("ann@xn--bcher-kva.example"))
    assert not given(compiled, user("bob@xn--bcher-kva.example"))


@pytest.mark.parametrize("text", ["an\u202en@acme.example", "Ann <ann@acme.example>", "ann@acme.example."])
def test_what_is_no_address_matches_nothing(text: str) -> None:
    assert not given(rules(rule(r"match: {email_regex: '.*acme\.example.*'}")), user(text))
