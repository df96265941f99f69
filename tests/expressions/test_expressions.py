"""The rules of expressions, over data. docs/expressions.md has the plainest cases."""

from typing import Any

import pytest

from reconciler.expressions.expression import Term, compile_expression, explain
from reconciler.expressions.text import fold
from reconciler.expressions.values import UNKNOWN, Mistyped

ROOTS = frozenset({"user", "row"})
CONSTANTS = {
    "vars": {"partners": ["Globex", "Initech"], "names": {"a": 1, "b": 2}, "none": None},
    "environment": "test",
}


def value_of(text: str, **scope: Any) -> object:
    return compile_expression(text, ROOTS, CONSTANTS).evaluate(scope)


def test_a_condition_matches_only_when_it_is_true() -> None:
    condition = compile_expression('user.plan == "gold"', ROOTS)
    assert condition.matches({"user": {"plan": "gold"}}) is True
    assert condition.matches({"user": {"plan": "silver"}}) is False
    assert condition.matches({"user": {}}) is False
    assert condition.evaluate({"user": {}}) is UNKNOWN
    assert compile_expression("user.active", ROOTS).matches({"user": {}}) is False


def test_a_value_that_is_not_a_condition_is_a_problem_and_no_match() -> None:
    with pytest.raises(Mistyped, match="this one is a string"):
        compile_expression("user.plan", ROOTS).matches({"user": {"plan": "gold"}})


def test_each_over_nothing_gives_nothing() -> None:
    tenants = compile_expression("user.tenants", ROOTS)
    assert tenants.items({"user": {"tenants": ["a", "b"]}}) == ["a", "b"]
    assert tenants.items({"user": {"tenants": None}}) == []
    assert tenants.items({"user": {}}) == []
    assert tenants.items({}) == []
    with pytest.raises(Mistyped, match="the value is a string"):
        tenants.items({"user": {"tenants": "a"}})


def test_unknown_is_its_own_value_and_never_true() -> None:
    assert not UNKNOWN
    assert UNKNOWN is not None
    assert repr(UNKNOWN) == "UNKNOWN"


def test_a_dot_looks_up_keys_and_never_attributes() -> None:
    assert value_of("user.items", user={}) is None
    assert value_of("user.__class__", user={}) is None
    assert value_of("user.items", user={"items": 1}) == 1
    with pytest.raises(Mistyped):
        value_of("user.name.__class__", user={"name": "Ann"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("user.n.x", "`user.n` is a number"),
        ("user.l.x", "`user.l` is a list: its indexes are whole numbers, not a string"),
        ("user.l[row.key]", "`user.l` is a list: its indexes are whole numbers, not a string"),
        ("user.m[0]", "`user.m` is a map: its keys are strings, not a number"),
        ("user.m[user.b]", "a key must be a string or a whole number, not a boolean"),
        ("user.none[user.l]", "a key must be a string or a whole number, not a list"),
        ("user.n < row.key", "`<` compares two numbers or two strings, not a number with a string"),
        ("user.b <= 1", "`<=` compares two numbers or two strings, not a boolean with a number"),
        ("1 in row.key", "`row.key` is a string; contains(text, piece) looks into a string"),
        ("1 in user.n", "`in` needs a list or a map on its right; `user.n` is a number"),
        ("not user.n", "`not` takes booleans; `user.n` is a number"),
        ("user.b and lower(row.key)", "`and` takes booleans; one of its terms is a string"),
        ("user.l or true", "`or` takes booleans; `user.l` is a list"),
        ("split(row.key, user.n)", "split() takes a string; `user.n` is a number"),
        ("len(user.b)", "len() takes a string, a list or a map; `user.b` is a boolean"),
        ("any(user.l)", "the list must hold only booleans; one item is a number"),
        ("join([user.m], '')", "a map cannot be part of a text"),
        ("split(row.key, row.empty)", "the separator is an empty string"),
        ("matches(row.key, user.r)", "RE2 refuses the regular expression"),
    ],
)
def test_a_wrong_type_is_a_problem_of_that_user(text: str, message: str) -> None:
    user = {"n": 5, "l": [1], "m": {"a": 1}, "b": True, "r": "("}
    with pytest.raises(Mistyped) as problem:
        value_of(text, user=user, row={"key": "k", "empty": ""})
    assert message in problem.value.message


def test_problems_name_types_and_paths_but_no_value() -> None:
    for text in (
        "lower(user.email) and true",
        "user.email.x",
        "user.email < 1",
        "1 in user.email",
        "any([user.email])",
    ):
        with pytest.raises(Mistyped) as problem:
            value_of(text, user={"email": "ann@acme.test"})
        assert "ann" not in str(problem.value)
    with pytest.raises(Mistyped) as problem:
        value_of('user.by_address["ann@acme.test"].x', user={"by_address": {"ann@acme.test": 1}})
    assert "ann" not in str(problem.value)


@pytest.mark.parametrize("left", [1, 1.0, "1", True, None, [1], {"1": 1}], ids=repr)
@pytest.mark.parametrize("right", [1, 1.0, "1", True, None, [1], {"1": 1}], ids=repr)
def test_equality_never_crosses_types(left: object, right: object) -> None:
    numbers = {int, float}
    alike = type(left) is type(right) or {type(left), type(right)} <= numbers
    expected = UNKNOWN if left is None or right is None else alike
    assert value_of("user.a == row.b", user={"a": left}, row={"b": right}) is expected
    if left is not None:
        assert value_of("user.a in row.b", user={"a": left}, row={"b": [right, "x"]}) is expected


@pytest.mark.parametrize("function", ["starts_with", "ends_with", "contains"])
@pytest.mark.parametrize("blank", ["", " ", "\u200b", "\u3000"], ids=ascii)
def test_a_blank_piece_decides_nothing(function: str, blank: str) -> None:
    assert value_of(f"{function}(row.key, user.tenant)", row={"key": "a b "}, user={"tenant": blank}) is UNKNOWN


def test_contains_looks_into_a_list_as_in_does() -> None:
    assert value_of("contains(user.a, 1)", user={"a": [True]}) is False
    assert value_of("contains(user.a, 1)", user={"a": [1.0, None]}) is True
    assert value_of("contains(user.a, 1)", user={"a": [2, None]}) is UNKNOWN
    assert value_of("contains(user.a, row.b)", user={"a": ["x"]}, row={}) is UNKNOWN


def test_equality_of_lists_and_maps_goes_all_the_way_down() -> None:
    assert value_of("user.a == [1, {'x': [true]}]", user={"a": [1.0, {"x": [True]}]}) is True
    assert value_of("user.a == [1, {'x': [true]}]", user={"a": [1, {"x": [1]}]}) is False
    assert value_of("user.a == {'x': null}", user={"a": {"x": None}}) is True


def test_a_word_for_null_tests_presence_but_a_null_value_compares_as_unknown() -> None:
    assert value_of("user.a == null", user={}) is True
    assert value_of("null != user.a", user={"a": 0}) is True
    assert value_of("user.a == vars.none", user={}) is UNKNOWN
    assert value_of("user.a == row.a", user={}, row={}) is UNKNOWN
    assert value_of("(user.a == 1) == null", user={}) is True


def test_an_expression_may_run_over_several_lines() -> None:
    assert value_of('user.a == 1\n  and user.b == "é"\r\n\tor false', user={"a": 1, "b": "é"}) is True


def test_known_keys_in_brackets_are_paths_too() -> None:
    expression = compile_expression(
        'row["Tenant Id"] in vars.partners and user.emails[0].email == row[environment]', ROOTS, CONSTANTS
    )
    assert expression.paths >= {("row", "Tenant Id"), ("user", "emails", 0, "email"), ("row", "test")}
    assert compile_expression("user.roles[row.role].x", ROOTS).paths == {("user", "roles"), ("row", "role")}


def test_constants_are_computed_once() -> None:
    assert compile_expression('environment == "live" or len(vars.partners) == 2', ROOTS, CONSTANTS).constant
    never = compile_expression('environment == "live" and user.plan == "gold"', ROOTS, CONSTANTS)
    assert not never.matches({"user": {"plan": "gold"}})
    assert ("user", "plan") in never.paths


def test_no_value_is_longer_than_64_kib() -> None:
    assert value_of("user.a", user={"a": "x" * 65_536}) == "x" * 65_536
    for user in ({"a": "x" * 65_537}, {"a": "é" * 32_769}, {"a": ["x" * 65_536]}, {"a": list(range(20_000))}):
        with pytest.raises(Mistyped, match="64 KiB"):
            value_of("user.a", user=user)
    with pytest.raises(Mistyped, match="64 KiB"):
        value_of('len(join(split(user.a, ","), user.a)) == 1', user={"a": "x," * 2_000})
    with pytest.raises(Mistyped, match="64 KiB"):
        value_of('matches(user.a, "x*")', user={"a": "x" * 65_537})


def test_data_that_json_does_not_know_is_a_problem() -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    for value in (float("nan"), {1, 2}, object(), nested, "\ud800", 10**5000):
        for text in (
            "user.a",
            "matches(user.a, '.*')",
            "[user.a]",
            "user.a == user.a",
            "join([user.a], '')",
            "user.a < 1",
        ):
            try:
                value_of(text, user={"a": value})
            except Mistyped:
                continue


def test_ignoring_case_never_matches_letters_beyond_ascii() -> None:
    kelvin, long_s = "\u212a", "\u017f"
    assert value_of('lower(user.a) == "kim"', user={"a": f"{kelvin}im"}) is False
    assert value_of('matches(user.a, "(?i)kim")', user={"a": f"{kelvin}im"}) is False
    assert value_of('matches(user.a, "x|(?s:(?mi)s)")', user={"a": long_s}) is False
    assert value_of('matches(user.a, "(?i).im")', user={"a": f"{kelvin}im"}) is True
    assert value_of('matches(user.a, r"\\x{212a}im")', user={"a": f"{kelvin}im"}) is True
    assert fold(f"ÄB{kelvin}") == f"Äb{kelvin}"


def test_a_regular_expression_from_data_is_bounded_too() -> None:
    for regex in ("(", "a" * 5000, "[a-z]{1,500}" * 100, r"(a)\1", "\ud800"):
        with pytest.raises(Mistyped, match="regular expression"):
            value_of("matches('a', user.r)", user={"r": regex})


def test_regular_expressions_take_linear_time() -> None:
    hostile = "a" * 60_000 + "!"
    for regex in ("(a+)+", "(a|a)*b", "(.*a){20}", "([a-z]*)*x", "(?:a?){500}a{500}", ".*a.{12}b"):
        assert value_of(f'matches(user.a, "{regex}")', user={"a": hostile}) is False


def test_explain_says_of_every_term_what_it_found() -> None:
    condition = compile_expression(
        'user.plan == "gold" and environment == "test"\n and (user.a == 1 or row.b) and user.n.x == 1', ROOTS, CONSTANTS
    )
    assert explain(condition, {"user": {"plan": "silver", "n": 5}, "row": {"b": False}}) == (
        Term('user.plan == "gold"', value=False, reads=(("user.plan", "silver"),)),
        Term('environment == "test"', value=True, reads=(("environment", "test"),)),
        Term("user.a == 1 or row.b", value=UNKNOWN, reads=(("user.a", None), ("row.b", False))),
        Term(
            "user.n.x == 1",
            value=UNKNOWN,
            reads=(("user.n.x", None),),
            problem="`user.n` is a number: only maps and lists have keys",
        ),
    )


def test_explain_of_a_term_that_is_no_condition_says_so() -> None:
    (term,) = explain(compile_expression("user.plan", ROOTS), {"user": {"plan": "gold"}})
    assert (term.value, term.problem) == (UNKNOWN, "a condition must be true or false; this one is a string")
