"""YAML that is written is read back as the same value, by strict and lax parsers, and looks as people write it."""

from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.documents import yaml_reader
from reconciler.documents.yaml_writer import block, documents_text
from reconciler.model import Problem

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.text(
    "ab:#-?!{}[],&*>|%@`'\"\\ \n\t0123456789.", max_size=12
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
MAPS = st.dictionaries(TEXTS, VALUES, min_size=1, max_size=4)


def read(text: str) -> list[Any]:
    problems: list[Problem] = []
    found = [parsed.value for parsed in yaml_reader.parse(text, "a.yaml", problems)]
    assert problems == []
    return found


@given(MAPS)
@example({"a": "no", "b": "12:30", "c": "1e3", "d": "0o17", "e": "2024-01-01", "f": "", "g": "~", "h": "1_000"})
@example({"a": "\n", "b": " x\ny", "c": "x\n\n", "d": "x \n y", "e": "\tx\ny", "f": "x\r\ny", "g": "\n\nx"})
@example({"a": [[], {}, [[]], [{"b": [{"c": ["d\ne"]}]}]], "a b": {"": {}}})
@example({"x" * 200: {"a": 1, "b": ["c" * 200, 2, None], "d": -1.5, "e": True}})
@example({"a": "\u2028", "b": "\x85\n", "c": "\ufeff", "d": "\U0001f600", "e": "\x00", "f": "\x7f"})
def test_what_is_written_is_read_again(value: dict[str, Any]) -> None:
    assert read(block(value)) == [value]


@given(MAPS)
@example({"a": "yes", "b": "0x1F", "c": "1:2:3", "d": "190:20:30", "e": ".5", "f": "0b1", "g": "2024-01-01 10:00:00"})
def test_readers_of_yaml_1_1_take_texts_for_texts(value: dict[str, Any]) -> None:
    assert same_texts(value, yaml.safe_load(block(value)))


def same_texts(written: Any, found: Any) -> bool:
    """Return whether every text is read back. Parsers may read numbers differently."""
    if isinstance(written, dict):
        return list(found) == list(written) and all(map(same_texts, written.values(), found.values()))
    if isinstance(written, list):
        return len(found) == len(written) and all(map(same_texts, written, found))
    return not isinstance(written, str) or bool(found == written)


LAID_OUT = """\
apiVersion: reconciler/v1
kind: RBACPolicy
metadata: {name: default, environments: [live, test]}
spec:
  custom_roles:
    - role_id: editor
      description: Writes
      permissions:
        - {resource_id: documents, actions: ["*"]}
    - role_id: accountant
      description: ""
      permissions:
        - {resource_id: invoices, actions: [read]}
        - {resource_id: documents, actions: [read:all, write]}
  text: |-
    one

      two
  url: https://app.acme.example/authenticate?from=mail&to=b
  expression: "${{ vars.a }}"
  none: []
"""


def test_it_looks_as_a_person_writes_it() -> None:
    (value,) = read(LAID_OUT)
    assert block(value) == LAID_OUT


def test_documents_follow_one_another() -> None:
    assert documents_text([{"a": 1}, {"b": "x\n"}]) == "a: 1\n---\nb: |\n  x\n"
    assert read(documents_text([{"a": 1}, {"b": "x\n"}])) == [{"a": 1}, {"b": "x\n"}]


@pytest.mark.parametrize(
    "text", ["Acme", "read:documents", "a b", "user.trusted_metadata", "A & B", "100%", "a/b-c_d", "Zürich", "x" * 200]
)
def test_a_text_that_needs_no_quotes_has_none(text: str) -> None:
    assert block({"a": text}) == f"a: {text}\n"


@pytest.mark.parametrize(
    "text", ["no", "1", "a: b", "a #b", "- a", "*", "{a}", "a, b", "", " a", "a ", "a:", "'a'", "0o7"]
)
def test_a_text_that_needs_quotes_has_them(text: str) -> None:
    assert block({"a": text}).startswith('a: "')


def test_a_text_with_double_quotes_has_single_ones() -> None:
    assert block({"a": '{"it\'s": "so"}'}) == "a: '{\"it''s\": \"so\"}'\n"
