"""Laws of the language: any text, any data, and agreement with a second evaluator that only walks Python's tree."""

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from reconciler.expressions.expression import Expression, compile_expression, explain
from reconciler.expressions.template import InvalidTree, compile_template, compile_tree
from reconciler.expressions.text import a_label, address_domain, fold, slugify
from reconciler.expressions.values import ExpressionError, Mistyped
from tests.naive_expressions import Wrong, naive, tagged

ROOTS = frozenset({"user", "row"})
CONSTANTS: dict[str, Any] = {"vars": {"a": "x", "b": ["x", "y", None], "c": {"x": 1}}, "environment": "test"}

scalars = (
    st.none() | st.booleans() | st.integers(-2, 3) | st.floats(-2, 2) | st.sampled_from(["", "x", "y", "X y", "a@b.c"])
)
keys = st.sampled_from(["a", "b", "c", "x"])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
scopes = st.fixed_dictionaries({"user": st.dictionaries(keys, values), "row": st.dictionaries(keys, values)})

PATHS = [
    "user.a",
    "user.b",
    "user.c",
    "row.a",
    "row.b",
    "user.a.x",
    "row.c[0]",
    "user[row.a]",
    "row.b[user.c]",
    "vars.b[0]",
]
LITERALS = [
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1.0",
    '"x"',
    "'y'",
    '""',
    '["x", 1, null]',
    '{"x": true}',
    "[]",
    "vars.b",
]
ONE = ["lower", "upper", "slugify", "domain", "len", "any", "all"]
TWO = ["split", "join", "starts_with", "ends_with", "contains", "default"]
COMPARISONS = ["==", "!=", "<", "<=", ">", ">=", "in", "not in"]


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(COMPARISONS), inner),
        st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner),
        st.builds("(not {})".format, inner),
        st.builds("{}({})".format, st.sampled_from(ONE), inner),
        st.builds("{}({}, {})".format, st.sampled_from(TWO), inner, inner),
        st.builds("matches({}, {})".format, inner, st.sampled_from(['"x|y"', '".*"', "user.b"])),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds('{{"x": {}}}'.format, inner),
        st.builds("({}).x".format, inner),
        st.builds("({})[{}]".format, inner, inner),
    )


terms = st.recursive(st.sampled_from(PATHS) | st.sampled_from(LITERALS), _grown, max_leaves=6)
conditions = st.recursive(
    st.builds("{} {} {}".format, st.sampled_from(PATHS), st.sampled_from(["==", "!=", "in"]), st.sampled_from(LITERALS))
    | st.sampled_from(PATHS[:5]),
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner)
        | st.builds("(not {})".format, inner)
    ),
    max_leaves=6,
)


def outcome(text: str, scope: Mapping[str, Any]) -> object:
    """Return the result of the second evaluator."""
    try:
        return naive(ast.parse(text, mode="eval").body, {**scope, **CONSTANTS}, eager=False)
    except Wrong:
        return Mistyped


def compiled(text: str) -> Expression:
    try:
        return compile_expression(text, ROOTS, CONSTANTS)
    except ExpressionError:
        reject()


def evaluated(expression: Expression, scope: Mapping[str, Any]) -> object:
    try:
        return expression.evaluate(scope)
    except Mistyped:
        return Mistyped


@given(terms | conditions, scopes)
def test_the_compiled_expression_agrees_with_a_walk_over_the_tree(text: str, scope: dict[str, Any]) -> None:
    try:
        expression = compile_expression(text, ROOTS, CONSTANTS)
    except ExpressionError:
        with pytest.raises(Wrong):
            naive(ast.parse(text, mode="eval").body, {**scope, **CONSTANTS}, eager=True)
        return
    assert tagged(evaluated(expression, scope)) == tagged(outcome(text, scope))


@given(terms, scopes)
def test_it_does_not_matter_when_constants_become_known(text: str, scope: dict[str, Any]) -> None:
    early = compiled(text)
    late = compile_expression(text, ROOTS | frozenset(CONSTANTS))
    assert tagged(evaluated(early, scope)) == tagged(evaluated(late, {**scope, **CONSTANTS}))


@given(conditions, scopes)
def test_a_condition_matches_exactly_if_all_its_terms_do(text: str, scope: dict[str, Any]) -> None:
    condition = compiled(text)
    explained = explain(condition, scope)
    assert (evaluated(condition, scope) is True) == all(term.value is True for term in explained)
    assert all(term.text in text for term in explained)


anything = st.text(
    st.sampled_from("user.row[]{}()\"'\\,:=!<> \n\t0123456789-_aeinordtlx$}#é\u212a\ud800\0"), max_size=40
) | st.text(max_size=40)


@given(anything | terms)
def test_any_text_compiles_or_is_refused_at_a_place(text: str) -> None:
    error = raised(compile_expression, text, ROOTS, CONSTANTS)
    assert error is None or (isinstance(error, ExpressionError) and 0 <= error.offset <= len(text))


@given(anything)
def test_any_string_is_a_template_or_is_refused_at_a_place(text: str) -> None:
    for string in (text, "${{" + text, "x ${{ user.a }}" + text + "}}"):
        error = raised(compile_template, string, ROOTS, CONSTANTS)
        assert error is None or (isinstance(error, ExpressionError) and 0 <= error.offset <= len(string))


@given(st.text().filter(lambda text: "${{" not in text), values)
def test_a_template_adds_nothing_and_loses_nothing(text: str, value: object) -> None:
    assert compile_template(text, ROOTS).render({}) == text
    rendered = compile_template(f"<{text}|${{{{ user.a }}}}|{text}>", ROOTS).render({"user": {"a": "{{x}}"}})
    assert rendered == f"<{text}|{{{{x}}}}|{text}>"
    assert compile_template("${{ user.a }}", ROOTS).render({"user": {"a": value}}) == value


wild = st.recursive(
    scalars | st.text() | st.integers() | st.floats() | st.binary() | st.sets(st.integers()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.integers(), inner, max_size=3),
    max_leaves=6,
)


@given(terms, wild, wild)
def test_whatever_the_data_there_is_a_value_or_a_problem(text: str, user: object, row: object) -> None:
    expression = compiled(text)
    evaluated(expression, {"user": user, "row": row})
    explain(expression, {"user": user, "row": row})
    evaluated(expression, {"user": {"a": user, "b": row, "c": user}, "row": {"a": row, "b": user, "c": [row]}})


@given(values, scopes)
def test_a_spec_without_expressions_renders_to_itself(spec: object, scope: dict[str, Any]) -> None:
    assert compile_tree(spec, ROOTS).render(scope) == spec


@given(
    st.recursive(scalars | st.builds("a${{{{ {} }}}}".format, terms), lambda inner: st.lists(inner, max_size=3)), scopes
)
def test_any_spec_renders_or_names_the_path_of_its_problem(spec: object, scope: dict[str, Any]) -> None:
    invalid = raised(compile_tree, spec, ROOTS, CONSTANTS)
    if invalid is not None:
        assert isinstance(invalid, InvalidTree)
        assert all("${{" in str(at(spec, path)) for path, _error in invalid.errors)
        return
    problem = raised(compile_tree(spec, ROOTS, CONSTANTS).render, scope)
    if problem is not None:
        assert isinstance(problem, Mistyped)
        assert "${{" in str(at(spec, problem.path))


def raised(function: Callable[..., object], *arguments: object) -> Exception | None:
    """Return the exception of a call, or None. The test checks its type."""
    try:
        function(*arguments)
    except Exception as error:  # noqa: BLE001 - judged by the caller
        return error
    return None


def at(spec: Any, path: tuple[str | int, ...]) -> Any:
    for key in path:
        spec = spec[key]
    return spec


@given(st.text())
def test_slugs_are_slugs_and_slugifying_again_changes_nothing(text: str) -> None:
    slug = slugify(text)
    assert re.fullmatch("(?:[a-z0-9]+(?:-[a-z0-9]+)*)?", slug)
    assert slugify(slug) == slug


@given(st.text())
def test_folding_touches_ascii_letters_alone(text: str) -> None:
    assert [
        (before, after)
        for before, after in zip(text, fold(text), strict=True)
        if before != after and not before.isascii()
    ] == []
    assert not re.search("[A-Z]", fold(text))


@given(st.text() | st.from_regex(r"[a-zA-Zäß0-9.\-]{1,20}", fullmatch=True))
def test_an_a_label_is_its_own_a_label(domain: str) -> None:
    label = a_label(domain)
    if label is not None:
        assert label.isascii()
        assert label == label.lower() == a_label(label) == a_label(label.upper())
        assert address_domain(f"ann@{domain}") in (label, None)
