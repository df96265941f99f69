"""Rows are found by their texts, whatever else has the same hash."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.rules.row_index import RowIndex
from tests.rules_world import table

cells: st.SearchStrategy[Any] = st.sampled_from(
    ["x", " x ", "y", "", " ", "\u200b", None, 7, "7", True, [], {}, "Ann@X.example", "ann@x.example"]
)
rows: st.SearchStrategy[list[dict[str, Any]]] = st.lists(
    st.fixed_dictionaries({}, optional={"a": cells, "b": cells}), min_size=1, max_size=9
)
TEXTS = {"x": "x", " x ": "x", "y": "y", 7: "7", "7": "7", "Ann@X.example": "ann@x.example"}


def text(cell: Any) -> str:
    if cell is True:
        return "true"
    return TEXTS.get(cell, "ann@x.example" if cell == "ann@x.example" else "") if isinstance(cell, str | int) else ""


@given(rows, st.sampled_from([("a",), ("a", "b")]), st.booleans())
def test_every_row_is_found_by_its_texts_alone(some: list[dict[str, Any]], columns: tuple[str, ...], one: bool) -> None:  # noqa: FBT001 # drawn
    with pytest.MonkeyPatch.context() as patch:
        if one:
            patch.setattr("reconciler.rules.row_index.hash", lambda _texts: -1, raising=False)
        index = RowIndex(table("t", *some), columns)
        expected: dict[tuple[str, ...], list[int]] = {}
        for number, row in enumerate(some):
            texts = tuple(text(row.get(column)) for column in columns)
            if all(texts):
                expected.setdefault(texts, []).append(number)
        for texts in [*expected, ("z",) * len(columns)]:
            assert list(index.numbers(texts)) == expected.get(texts, [])


def test_cells_without_a_text_are_told() -> None:
    index = RowIndex(table("t", {"a": "x"}, {"a": ["x"]}, {"a": {"x": 1}}, {"a": []}, {"a": None}), ("a",))
    assert index.odd == [(1, "a"), (2, "a")]


def test_domains_compare_as_domains() -> None:
    index = RowIndex(table("t", {"a": "BÜCHER.example"}, {"a": "no domain"}), ("a",), ("a",))
    assert [list(index.numbers((one,))) for one in ("xn--bcher-kva.example", "BÜCHER.example", "no domain")] == [
        [0],
        [],
        [1],
    ]
