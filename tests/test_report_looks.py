"""Two values that differ are written so that the difference is seen."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.model import FieldChange
from reconciler.report.values import change_lines


@given(st.text(max_size=8), st.text(max_size=8))
@example("Acme", "\N{CYRILLIC CAPITAL LETTER A}cme")
@example("M\N{LATIN SMALL LETTER U WITH DIAERESIS}ller", "Mu\N{COMBINING DIAERESIS}ller")
@example("a b", "a  b")
@example("a-b", "a\N{EN DASH}b")
def test_two_values_that_differ_never_look_the_same(before: str, after: str) -> None:
    field = FieldChange(path=("name",), before=before, after=after)
    (line,) = change_lines(field)
    shown = line.removeprefix("name: ").split(" → ")
    if before != after and len(shown) == 2:
        assert looks(shown[0]) != looks(shown[1])


def looks(text: str) -> str:
    """A text as somebody in a hurry reads it."""
    letters = str.maketrans({"\N{CYRILLIC CAPITAL LETTER A}": "A", "\N{EN DASH}": "-"})
    return " ".join(unicodedata.normalize("NFKC", text).translate(letters).split())


def test_a_long_text_is_a_diff_and_a_moved_line_is_one() -> None:
    lines = [f"<p>{number}</p>" for number in range(40)]
    field = FieldChange(path=("html",), before="\n".join(lines), after="\n".join([*lines[1:], lines[0]]))
    assert change_lines(field) == (
        *("html:", "@@ -1,3 +1,2 @@", "-<p>0</p>", " <p>1</p>", " <p>2</p>"),
        *("@@ -39,2 +38,3 @@", " <p>38</p>", " <p>39</p>", "+<p>0</p>"),
    )


@pytest.mark.parametrize("long", ["x" * 400, "word " * 100, "\n".join(["x"] * 6_000)])
def test_where_a_diff_shows_nothing_the_difference_is_still_shown(long: str) -> None:
    field = FieldChange(path=("text",), before=f"{long}ONE", after=f"{long}TWO")
    shown = "\n".join(change_lines(field))
    assert "ONE" in shown
    assert "TWO" in shown
