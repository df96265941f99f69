"""Three rounds of rules, and one membership out of several of them."""

from typing import Any

import pytest

from reconciler.rules.evaluate import evaluate
from tests.rules_world import ROUNDS, THREE, both, given, held, rules, user


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (user("ann@acme.example"), {"acme": ("first",), "globex": ()}),  # the pair was given: `wide` adds no role to it
        (user("ann@acme.example", user_id="user-2"), {"acme": ("wide",), "globex": ()}),
        (user("ann@elsewhere.example", user_id="user-2"), {"lobby": ()}),
        (user("ann@elsewhere.example"), {"acme": ("first",)}),
        # A problem that leaves everything open: no later round gives anything.
        (user("ann@acme.example", trusted_metadata={"n": "x"}), {"acme": ("first",)}),
        (user("ann@acme.example", user_id="user-2", trusted_metadata={"n": "x"}), {}),
        # One that leaves acme open: no later round gives acme, and the lobby is for those who have nothing for sure.
        (user("ann@acme.example", user_id="user-2", trusted_metadata={"m": "x"}), {"globex": ()}),
        (user("ann@elsewhere.example", user_id="user-2", trusted_metadata={"m": "x"}), {}),
    ],
)
def test_three_rounds(one: dict[str, Any], expected: dict[str, tuple[str, ...]]) -> None:
    assert given(rules(ROUNDS, organizations=THREE), one) == expected


def test_what_an_earlier_round_gave_a_later_problem_does_not_open_again() -> None:
    compiled = rules(
        """
        rules:
          - {name: first, match: {user_id: user-1}, assign: [{organization: acme}]}
          - name: later
            fallback: organization
            when: user.trusted_metadata.n > 1
            assign: [{organization: acme}, {organization: globex}]
        """
    )
    assigned = evaluate(compiled, user("a@a.example", trusted_metadata={"n": "x"}))
    assert held(assigned) == (["mistyped"], ["globex"])


def test_roles_unite_and_rules_are_remembered() -> None:
    (membership,) = both("roles: [b, a]", "roles: [c, a]").memberships
    assert membership.roles == ("a", "b", "c")
    assert membership.rules == (0, 1)


def test_equal_and_different_fields_come_together_metadata_key_by_key() -> None:
    (membership,) = both(
        "name: N, trusted_metadata: {a: 1}, initial: {mfa_enrolled: false, roles: [x]}",
        "name: N, trusted_metadata: {b: null}, is_breakglass: false, initial: {roles: [y]}",
    ).memberships
    assert membership.fields == {"name": "N", "trusted_metadata": {"a": 1, "b": None}, "is_breakglass": False}
    assert membership.initial == {"mfa_enrolled": False, "roles": ["x", "y"]}


def test_different_values_from_the_files_are_an_error_that_names_both_rules() -> None:
    assigned = both("name: N", "name: M")
    (problem,) = assigned.problems
    assert (problem.code, problem.severity) == ("contradicting-rules", "error")
    assert "a and b" in problem.message
    assert "name in acme" in problem.message
    assert [at.line for at in problem.at] == [6, 7]
    assert held(assigned)[1] == ["acme"]
    assert not assigned.memberships


def test_different_values_from_data_are_a_problem_that_holds_the_membership() -> None:
    (problem,) = both("name: N", "name: '${{ user.trusted_metadata.x }}'").problems
    assert (problem.code, problem.severity) == ("contradicting-rules", "problem")
    assert "X" not in problem.message


def test_every_contradiction_is_said() -> None:
    assigned = both("name: N, trusted_metadata: {a: 1}", "name: M, trusted_metadata: {a: 2}, initial: {}")
    assert sorted(problem.message.split(" for ")[1] for problem in assigned.problems) == [
        "name in acme",
        "trusted_metadata.a in acme",
    ]


def test_initial_values_contradict_each_other_as_fields_do() -> None:
    assert (
        "initial.mfa_enrolled"
        in both("initial: {mfa_enrolled: true}", "initial: {mfa_enrolled: false}").problems[0].message
    )
