"""``${{ … }}`` inside strings and specs."""

from typing import Any

import pytest

from reconciler.expressions.template import InvalidTree, compile_template, compile_tree
from reconciler.expressions.values import ExpressionError, Mistyped, NullInText

ROOTS = frozenset({"user", "row"})
CONSTANTS = {"vars": {"roles": {"owner": "stytch_admin"}, "none": None, "list": [1]}}


def rendered(text: str, **scope: Any) -> object:
    return compile_template(text, ROOTS, CONSTANTS).render(scope)


@pytest.mark.parametrize("value", ["x", 3, 2.5, True, None, ["a"], {"a": 1}])
@pytest.mark.parametrize("text", ["${{ user.a }}", "${{user.a}}", "  ${{ user.a }}\n"])
def test_one_expression_alone_keeps_its_values_type(text: str, value: object) -> None:
    result = rendered(text, user={"a": value})
    assert result == value
    assert type(result) is type(value)


def test_in_a_longer_string_values_become_text() -> None:
    assert rendered("${{ user.a }}${{ user.b }}", user={"a": "é", "b": 1}) == "é1"
    assert rendered("<${{ user.a }}/${{ user.b }}>", user={"a": True, "b": 1.5}) == "<true/1.5>"
    for value in (["a"], {"a": 1}, float("inf"), 10**5000):
        with pytest.raises(Mistyped, match=r"`user.a` inside a longer string"):
            rendered("<${{ user.a }}>", user={"a": value})


def test_null_in_a_longer_string_is_a_problem_without_default() -> None:
    with pytest.raises(NullInText, match=r"`user.a` inside a longer string is null"):
        rendered("<${{ user.a }}>", user={})
    with pytest.raises(NullInText, match="an expression"):
        rendered("<${{ user.a == 1 }}>", user={})
    assert rendered("<${{ default(user.a, '') }}>", user={}) == "<>"
    assert rendered("${{ user.a == 1 }}", user={}) is None


def test_what_was_rendered_is_not_rendered_again() -> None:
    assert rendered("${{ user.a }}", user={"a": "${{ user.b }}", "b": "x"}) == "${{ user.b }}"
    assert rendered("<${{ user.a }}>", user={"a": "${{ user.b }}", "b": "x"}) == "<${{ user.b }}>"


@pytest.mark.parametrize("text", ["", "plain", "{{ a }}", "{% if a %}", "}}", "$", "${ a }", "$ {{ a }}", "x" * 70_000])
def test_plain_text_is_left_alone(text: str) -> None:
    template = compile_template(text, ROOTS)
    assert template.constant
    assert template.render({}) == text


def test_quotes_and_braces_inside_an_expression_do_not_end_it() -> None:
    assert rendered("""a ${{ "}}" }} b ${{ '\\'}}' }}""") == "a }} b '}}"
    assert rendered('${{ {"a": {"b": {}}} }}') == {"a": {"b": {}}}
    assert rendered('${{ {"a": {}}}}') == {"a": {}}
    assert rendered('${{ [{"a": 1}][0].a }}}}') == "1}}"
    assert rendered('${{ user["}}"] }}', user={"}}": 1}) == 1


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("abc ${{ user.a", 4),
        ("abc ${{ user.a }", 4),
        ("ok ${{ user.a }} then ${{", 22),
        ("abc ${{ }}", 7),
        ("é ${{ usr.a }}", 6),
        ("${{ user.a }} ${{ 'x }}", 18),
        ("a ${{ user.a == 'é' and usr }}", 24),
        ("${{ user.a ${{ user.b }} }}", 11),
        ("x${{ vars.none }}", 1),
        ("${{ user.a }}x${{ vars.list }}", 14),
        ("${{ " + "x" * 70_000 + " }}", 0),
    ],
)
def test_a_mistake_in_a_string_is_found_at_its_place(text: str, offset: int) -> None:
    with pytest.raises(ExpressionError) as error:
        compile_template(text, ROOTS, CONSTANTS)
    assert error.value.offset == offset


def test_no_rendered_string_is_longer_than_64_kib() -> None:
    with pytest.raises(Mistyped, match="64 KiB"):
        rendered("${{ user.a }}${{ user.a }}", user={"a": "x" * 40_000})


def test_the_paths_of_all_pieces_are_known() -> None:
    template = compile_template("${{ user.a }} ${{ vars.roles[row.role] }}", ROOTS, CONSTANTS)
    assert template.paths == {("user", "a"), ("vars", "roles"), ("row", "role")}
    assert not template.constant


def test_a_spec_renders_its_strings_and_keeps_everything_else() -> None:
    spec = {"name": "${{ row.name }}", "n": 1, "deep": [{"x": "a-${{ row.id }}"}, "b", None], "null": None, "yes": True}
    tree = compile_tree(spec, ROOTS)
    assert tree.paths == {("row", "name"), ("row", "id")}
    assert tree.render({"row": {"name": "Acme", "id": 7}}) == {
        "name": "Acme",
        "n": 1,
        "deep": [{"x": "a-7"}, "b", None],
        "null": None,
        "yes": True,
    }


def test_a_key_whose_expression_gives_null_is_left_out_but_a_literal_null_stays() -> None:
    tree = compile_tree({"a": "${{ row.a }}", "meta": {"b": "${{ row.b }}", "c": None}}, ROOTS)
    assert tree.render({"row": {}}) == {"meta": {"c": None}}
    assert compile_tree("${{ row.a }}", ROOTS).render({"row": {}}) is None


def test_a_null_item_of_a_list_is_a_problem() -> None:
    tree = compile_tree({"roles": ["editor", "${{ vars.roles[row.role] }}"]}, ROOTS, CONSTANTS)
    assert tree.render({"row": {"role": "owner"}}) == {"roles": ["editor", "stytch_admin"]}
    with pytest.raises(NullInText) as problem:
        tree.render({"row": {"role": "nobody"}})
    assert problem.value.path == ("roles", 1)


def test_a_problem_in_a_spec_knows_its_path() -> None:
    tree = compile_tree({"a": [{"b": "${{ lower(row.n) }}"}]}, ROOTS)
    with pytest.raises(Mistyped) as problem:
        tree.render({"row": {"n": 1}})
    assert problem.value.path == ("a", 0, "b")


def test_every_mistake_in_a_spec_is_reported() -> None:
    spec = {"a": "${{ usr }}", "b": [1, "${{ lower() }}", "${{ row.ok }}"], "${{ row.x }}": 1}
    with pytest.raises(InvalidTree) as error:
        compile_tree(spec, ROOTS)
    assert [(path, each.offset) for path, each in error.value.errors] == [
        (("${{ row.x }}",), 0),
        (("a",), 4),
        (("b", 1), 4),
    ]


def test_a_spec_without_expressions_is_its_own_rendering() -> None:
    spec = {"a": ["{{ x }}", None]}
    tree = compile_tree(spec, ROOTS)
    assert tree.constant
    assert tree.render({}) is spec


def test_a_bottomless_spec_is_refused() -> None:
    spec: Any = "${{ row.a }}"
    for _ in range(100_000):
        spec = [spec]
    with pytest.raises(InvalidTree, match="too deeply"):
        compile_tree(spec, ROOTS)
