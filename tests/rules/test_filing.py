"""What an index finds rules by: never too few, and every condition that the documentation calls indexed."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from reconciler.rules.evaluate import evaluate
from reconciler.rules.finders import Operand, by_test
from reconciler.rules.index import ASKED, EQUAL, PART, SIDE, TESTED, Index
from reconciler.rules.match import filings_of
from reconciler.rules.patterns import Patterns
from reconciler.rules.person import Person
from reconciler.rules.rule import Rules
from tests.rules_world import rules

PATHS = ["user.trusted_metadata.a", "user.trusted_metadata.b", "user.trusted_metadata.a.x", "user.external_id"]
TEXTS = ["", " ", "x", "xy", "y", "Xy"]
LITERALS = ['""', '" "', '"x"', '"xy"', '"y"', "1", "1.0", "2.5", "true", "null", '["x"]', "vars.none", "vars.x"]

some = st.sampled_from
operands = some(PATHS) | st.builds("lower({})".format, some(PATHS)) | st.builds("default({}, 1)".format, some(PATHS))
tests = st.one_of(
    st.builds("{} {} {}".format, operands, some(["==", "!=", "<", "<=", ">", ">="]), some(LITERALS)),
    st.builds("{} {} {}".format, some(LITERALS), some(["==", "<", ">="]), operands),
    st.builds("{} {} {}".format, operands, some(["==", "<"]), some(PATHS)),
    st.builds("{} in {}".format, operands, some(['["x", 1]', '["y", null]', "[]", '{"x": 1}', '[["x"], "y"]'])),
    st.builds("{} in {}".format, some(["1", '"x"', "true"]), operands),
    st.builds('{}({}, "{}")'.format, some(["starts_with", "ends_with", "contains", "matches"]), operands, some(TEXTS)),
    some(PATHS),
    st.builds("not {}".format, some(PATHS)),
    some(["true", "false", "vars.none", 'contains(user.emails, "ann@x.example")', "len(user.emails) > 0"]),
    st.builds('user.emails[0].email == "{}"'.format, some(["ann@x.example", "bob@x.example"])),
)
conditions = st.recursive(
    tests,
    lambda inner: (
        st.builds(
            lambda terms, word: f"({f' {word} '.join(terms)})",
            st.lists(inner, min_size=2, max_size=3),
            some(["and", "or"]),
        )
        | st.builds("not ({})".format, inner)
    ),
    max_leaves=5,
)
scalars = some([*TEXTS, 1, 1.0, 2, 2.5, True, False, None])
values = scalars | st.lists(scalars, max_size=2) | st.dictionaries(some(["x", "y"]), scalars, max_size=2)
people: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "user_id": some(["user-1", "user-2"]),
        "emails": st.lists(
            st.fixed_dictionaries({"email": some(["ann@x.example", "Bob@x.example"]), "verified": st.booleans()}),
            max_size=2,
        ),
    },
    optional={
        "external_id": some(["x", "xy", None]),
        "trusted_metadata": st.dictionaries(some(["a", "b"]), values, max_size=2) | some([None, "odd", []]),
    },
)


def compiled(*texts: str, verified: str = "") -> Rules:
    match = "match: {email_regex: '.*', verified: any}, " if verified else ""
    bodies = [
        f"- {{name: r{number}, {match}when: {text!r}, assign: [{{organization: acme}}]}}\n"
        for number, text in enumerate(texts)
    ]
    return rules("rules:\n" + "".join(bodies), variables={"none": None, "x": "x"})


@settings(max_examples=400)
@given(
    texts=st.lists(conditions, min_size=1, max_size=5),
    users=st.lists(people, min_size=1, max_size=6),
    anybody=st.booleans(),
)
def test_the_index_changes_nothing(texts: list[str], users: list[dict[str, Any]], *, anybody: bool) -> None:
    indexed = compiled(*texts, verified="any" if anybody else "")
    everything = replace(indexed, index=Index(tuple(range(len(texts))), ()))
    for user in users:
        assert evaluate(indexed, user) == evaluate(everything, user)


@pytest.mark.parametrize(
    ("text", "rank"),
    [
        ('user.external_id == "x"', EQUAL),
        ('"x" == user.external_id', EQUAL),
        ('user.external_id in ["x", "y", null]', EQUAL),
        ('user.external_id in {"x": 1}', EQUAL),
        ("user.external_id == vars.x", EQUAL),
        ("user.external_id == vars.none", TESTED),
        ('lower(user.external_id) == "x"', EQUAL),
        ('domain(user.emails[0].email) == "x.example"', EQUAL),
        ('user.external_id == "x" or user.trusted_metadata.a == 1', EQUAL),
        ('user.status != "x" and (user.external_id == "x" or user.trusted_metadata.a == 1)', EQUAL),
        ('starts_with(user.external_id, "x")', PART),
        ('ends_with(user.external_id, "x")', PART),
        ('"x" in user.roles', PART),
        ('user.status == "a" or starts_with(user.external_id, "x")', PART),
        ("user.trusted_metadata.a > 3", SIDE),
        ('"2020" <= user.created_at', SIDE),
        ("user.trusted_metadata.a", TESTED),
        ('user.status != "x"', TESTED),
        ("not user.trusted_metadata.a", TESTED),
        ("user.trusted_metadata.a == null", TESTED),
        ('user.trusted_metadata.a == ["x"]', TESTED),
        ('contains(user.external_id, "x")', TESTED),
        ('matches(user.external_id, "x+")', TESTED),
        ('not (user.status == "a" or user.status == "b")', TESTED),
        ("user.trusted_metadata.a == user.trusted_metadata.b", ASKED),
        ('user.status != "x" or user.trusted_metadata.a == user.trusted_metadata.b', ASKED),
        ("len(user.emails) != 1", ASKED),
    ],
)
def test_what_a_condition_is_found_by(text: str, rank: int) -> None:
    (rule,) = compiled(text).rules
    found = filings_of(rule.match, rule.when)
    assert found is not None
    assert found.rank == rank


def test_a_test_of_one_value_is_made_once_for_each_value() -> None:
    asked: list[object] = []

    def test(scope: Mapping[str, Any]) -> bool:
        asked.append(scope["user"]["status"])
        return True

    find = by_test({test: (0,)}, Operand("status", lambda person: person.user["status"]))
    for value in ["a", "b", "a", 1, True, 1.0, 1, None, None, ["a"], ["a"]]:
        assert find(Person({"user_id": "user-1", "status": value}, Patterns(()))) == (0,)
    assert [repr(value) for value in asked] == ["'a'", "'b'", "1", "True", "1.0", "None", "['a']", "['a']"]


@pytest.mark.parametrize(("number", "warns"), [(100, False), (101, True)])
def test_more_than_a_hundred_rules_that_everybody_is_asked_are_a_warning(number: int, *, warns: bool) -> None:
    texts = ["user.status == user.trusted_metadata.a"] * (number - 1) + ["true", 'user.status == "x"']
    found = [one for one in compiled(*texts).warnings if one.code == "unindexed-rules"]
    assert [(one.message, list(map(str, one.at))) for one in found] == [
        (
            "101 rules have no condition that is indexed, so every user is asked each of them",
            [f"rules/r.yaml:{line}:22" for line in range(6, 11)],
        )
    ] * warns
