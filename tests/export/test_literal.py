"""A text from Stytch that looks like an expression keeps its value."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.export.manifests import literal
from reconciler.expressions.template import compile_tree

TEXTS = st.text("${} a\"'\\\n\u2028é", max_size=12) | st.sampled_from(("${{", "${{ vars.a }}"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_it_renders_as_it_was(value: Any) -> None:
    assert compile_tree(literal(value), frozenset()).render({}) == value


@pytest.mark.parametrize("value", ["plain", "{{ slug }}", "$", {"a": ["{{magic_link_url}}"]}, None, 1])
def test_what_looks_like_no_expression_is_left_alone(value: Any) -> None:
    assert literal(value) is value or literal(value) == value


def test_a_map_with_an_odd_key_is_written_whole() -> None:
    assert literal({"a": {"${{": 1}}) == {"a": '${{ {"${{": 1} }}'}
