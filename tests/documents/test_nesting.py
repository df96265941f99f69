"""JSON taken apart without being followed down: the same as what a decoder makes of it, where that follows."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.documents.nesting import items, pruned, without

TEXTS = st.text(st.sampled_from('[]{},:"\\ aé\n'), max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)


def cut(value: Any, levels: int) -> Any:
    if not isinstance(value, list | dict):
        return value
    if not levels:
        return None
    if isinstance(value, list):
        return [cut(inner, levels - 1) for inner in value]
    return {key: cut(inner, levels - 1) for key, inner in value.items()}


@given(VALUES, st.integers(1, 4), st.sampled_from([None, 1]))
def test_what_is_pruned_is_all_but_what_lies_too_deep(value: Any, levels: int, indent: int | None) -> None:
    assert json.loads(pruned(json.dumps(value, indent=indent).encode(), levels)) == cut(value, levels)


@given(st.lists(VALUES, max_size=4), st.sampled_from([None, 1]))
def test_the_items_of_a_list_are_those_that_it_has(values: list[Any], indent: int | None) -> None:
    text = json.dumps(values, indent=indent, ensure_ascii=False).encode()
    found = list(items(text) or ())
    assert [json.loads(item) for _, item in found] == values
    assert all(text[start : start + len(item)] == item for start, item in found)


@given(st.dictionaries(TEXTS, VALUES, max_size=3), st.lists(VALUES, max_size=3), st.booleans())
def test_a_list_is_taken_out_of_a_map(rest: dict[str, Any], rows: list[Any], first: bool) -> None:  # noqa: FBT001 # hypothesis gives it
    rest = {f"k{key}": value for key, value in rest.items()}
    whole = {"rows": rows, **rest} if first else {**rest, "rows": rows}
    left, taken = without(json.dumps(whole).encode(), "rows")
    assert (json.loads(left), json.loads(taken)) == ({**rest, "rows": []}, rows)


@pytest.mark.parametrize("text", [b"[1, 2", b"[[1]", b"[1]]"])
def test_a_list_that_does_not_end_has_no_items(text: bytes) -> None:
    assert items(text) is None
