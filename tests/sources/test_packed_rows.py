"""Packed rows come out as they went in."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.sources.packed_rows import PackedRows

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.just("\ud800")
cells = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=5
)
rows: st.SearchStrategy[dict[str, Any]] = st.dictionaries(st.sampled_from(["a", "b", "c"]) | st.text(), cells)


@given(st.lists(rows))
def test_rows_come_out_as_they_went_in(some: list[dict[str, Any]]) -> None:
    packed = PackedRows()
    for row in some:
        packed.append(row)
    assert len(packed) == len(some)
    assert repr(list(packed)) == repr(some)  # the same types and the same order of columns, too
    assert packed[:2] == some[:2]
    assert [packed[-number] for number in range(1, len(some) + 1)] == some[::-1]
    assert packed.columns == frozenset().union(*some)
