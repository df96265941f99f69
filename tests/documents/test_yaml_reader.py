"""The values of a YAML text, its refusals, and the position of every value."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.documents.yaml_reader import Parsed, parse
from reconciler.model import Position, Problem


def parsed(text: str) -> list[Parsed]:
    problems: list[Problem] = []
    documents = list(parse(text, "a.yaml", problems))
    assert problems == []
    return documents


def value_of(text: str) -> Any:
    return parsed(text)[0].value


def refusals(text: str) -> list[tuple[str, str]]:
    problems: list[Problem] = []
    list(parse(text, "a.yaml", problems))
    return [(str(problem.at[0]), problem.message) for problem in problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("Yes", "Yes"),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("2024-01-01", "2024-01-01"),
        ("12:30:45", "12:30:45"),
        ("1_000", "1_000"),
        ("0755", 755),
        ("0o17", 15),
        ("0x1F", 31),
        ("-12", -12),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1.2.3", "1.2.3"),
        ("--", "--"),
        ("'true'", "true"),
        ('"1"', "1"),
        ('"\\u00e9"', "é"),
        ("=", "="),
        ("<", "<"),
    ],
)
def test_the_core_schema_of_yaml_1_2(text: str, value: object) -> None:
    found = value_of(f"a: {text}\n")["a"]
    assert (type(found), found) == (type(value), value)


def test_several_documents_and_empty_ones() -> None:
    assert [document.value for document in parsed("a: 1\n---\n---\n# nothing\n---\nb: 2\n...\n")] == [
        {"a": 1},
        {"b": 2},
    ]


def test_a_byte_order_mark_and_windows_line_ends_are_accepted() -> None:
    assert value_of("\ufeffa: 1\r\nb: x\r\n") == {"a": 1, "b": "x"}


def test_an_alias_is_its_value_and_stands_where_the_value_does() -> None:
    (document,) = parsed("a: &x {b: 1}\nc: *x\nd: 2\n")
    assert document.value == {"a": {"b": 1}, "c": {"b": 1}, "d": 2}
    assert document.positions[("c", "b")] == Position("a.yaml", 1, 11)
    assert document.positions[("d",)] == Position("a.yaml", 3, 4)


def test_positions_of_keys_values_and_items() -> None:
    (document,) = parsed("# first\na: 1\nb:\n  - x\n  - c: [y, z]\n")
    places = {path: (at.line, at.column) for path, at in document.positions.items()}
    assert places == {
        (): (2, 1),
        ("a",): (2, 4),
        ("b",): (3, 1),  # its value begins on the next line
        ("b", "0"): (4, 5),
        ("b", "1"): (5, 5),
        ("b", "1", "c"): (5, 8),
        ("b", "1", "c", "0"): (5, 9),
        ("b", "1", "c", "1"): (5, 12),
    }
    assert document.positions.key(("a",)) == Position("a.yaml", 2, 1)
    assert len(document.positions) == 8


def test_a_duplicate_key_leaves_the_positions_of_the_rest_right() -> None:
    problems: list[Problem] = []
    (document,) = parse("a: 1\na: {x: [1, 2]}\nb: 2\n", "a.yaml", problems)
    assert [problem.at for problem in problems] == [(Position("a.yaml", 2, 1), Position("a.yaml", 1, 1))]
    assert document.positions[("b",)] == Position("a.yaml", 3, 4)


@pytest.mark.parametrize(
    ("text", "offset", "line", "column"),
    [
        ("when: user.x == 1\n", 5, 1, 12),
        ('when: "user.x == 1"\n', 5, 1, 13),
        ("when: |\n  user.x\n  == 1\n", 8, 3, 4),
        ("when: user.x\n  == 1\n", 8, 1, 7),  # folded: only the start is known
    ],
)
def test_a_place_inside_a_string(text: str, offset: int, line: int, column: int) -> None:
    (document,) = parsed(text)
    assert document.positions.inside(("when",), document.value["when"], offset) == Position("a.yaml", line, column)


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("a: 1\nb: \x07\n", "a.yaml:2:4", "the character U+0007 is not allowed in YAML"),
        ("a: x\u2028y\n", "a.yaml:1:5", "the character U+2028 is not allowed in YAML"),
        ("a: .inf\n", "a.yaml:1:4", ".inf is not a number that JSON can hold"),
        ("a: 1e999\n", "a.yaml:1:4", "1e999 is too large for a number"),
        ("a: 18446744073709551616\n", "a.yaml:1:4", "an integer of more than 64 bits"),
        ("a: &x [*x]\n", "a.yaml:1:8", "the alias *x has no complete anchor before it"),
        ("!!map\na: 1\n", "a.yaml:1:1", "the tag !!map is not allowed"),
        ("a: !secret x\n", "a.yaml:1:4", "the tag !secret is not allowed"),
        ("[a]: b\n", "a.yaml:1:1", "a key must be a string, not a list, a map or an alias"),
        ("null: b\n", "a.yaml:1:1", "the key null is not a string"),
        (
            "a: {b: ${{ c }}}\n",
            "a.yaml:1:9",
            "not valid YAML: while parsing a flow mapping, did not find expected ',' or '}'",
        ),
    ],
)
def test_what_is_refused(text: str, place: str, message: str) -> None:
    assert refusals(text) == [(place, message)]


def test_texts_that_would_take_for_ever_are_refused() -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(20)
    )
    assert refusals(bomb) == [("a.yaml:5:8", "aliases expand to more than 10,000 values")]
    for deep in ("[" * 200_000, "- " * 200_000, '{"a":' * 200_000, "".join(" " * n + "a:\n" for n in range(500))):
        ((_place, message),) = refusals(deep)
        assert message == "nested more than 64 deep"


@given(st.text(max_size=80) | st.text(alphabet=" -:[]{}&*!|>'\"%@`#,?\n\tab1<~", max_size=80))
def test_any_text_parses_or_is_a_problem_with_a_place(text: str) -> None:
    problems: list[Problem] = []
    for document in parse(text, "a.yaml", problems):
        assert () in document.positions
    assert all(problem.at[0].line >= 1 and problem.at[0].column >= 1 for problem in problems)


TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\u2028\u2029\ufeff\ufffe\uffff"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(TEXT, JSON, max_size=4))
def test_json_is_yaml_and_every_value_in_it_has_a_place(value: dict[str, Any]) -> None:
    (document,) = parsed(json.dumps(value, ensure_ascii=False))
    assert document.value == value

    def paths(part: Any, path: tuple[str, ...]) -> set[tuple[str, ...]]:
        pairs = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
        return {path}.union(*(paths(inner, (*path, str(key))) for key, inner in pairs))

    assert set(document.positions) == paths(value, ())
