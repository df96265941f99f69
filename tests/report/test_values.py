"""Two values that differ are written so that the difference is seen."""

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.clients.redact import mask
from reconciler.model import FieldChange
from reconciler.report.values import change_lines, drift_lines, shown


@given(st.text(max_size=8), st.text(max_size=8))
@example("Acme", "\N{CYRILLIC CAPITAL LETTER A}cme")
@example("M\N{LATIN SMALL LETTER U WITH DIAERESIS}ller", "Mu\N{COMBINING DIAERESIS}ller")
@example("a b", "a  b")
@example("a-b", "a\N{EN DASH}b")
def test_two_values_that_differ_never_look_the_same(before: str, after: str) -> None:
    field = FieldChange(path=("name",), before=before, after=after)
    (line,) = change_lines(field)
    shown = str(line).removeprefix("name: ").split(" → ")
    if before != after and len(shown) == 2:
        assert looks(shown[0]) != looks(shown[1])


def looks(text: str) -> str:
    """A text as somebody in a hurry reads it."""
    letters = str.maketrans({"\N{CYRILLIC CAPITAL LETTER A}": "A", "\N{EN DASH}": "-"})
    return " ".join(unicodedata.normalize("NFKC", text).translate(letters).split())


def test_a_long_text_is_a_diff_and_a_moved_line_is_one() -> None:
    lines = [f"<p>{number}</p>" for number in range(40)]
    field = FieldChange(path=("html",), before="\n".join(lines), after="\n".join([*lines[1:], lines[0]]))
    assert tuple(map(str, change_lines(field))) == (
        *("html:", "@@ -1,3 +1,2 @@", "-<p>0</p>", " <p>1</p>", " <p>2</p>"),
        *("@@ -39,2 +38,3 @@", " <p>38</p>", " <p>39</p>", "+<p>0</p>"),
    )


@pytest.mark.parametrize("long", ["x" * 400, "word " * 100, "\n".join(["x"] * 6_000)])
def test_where_a_diff_shows_nothing_the_difference_is_still_shown(long: str) -> None:
    field = FieldChange(path=("text",), before=f"{long}ONE", after=f"{long}TWO")
    shown = "\n".join(map(str, change_lines(field)))
    assert "ONE" in shown
    assert "TWO" in shown


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        pytest.param(
            "Acme Inc", "\u0410cme GmbH", r'"Acme Inc" → "\u0410cme GmbH"', id="beside a difference that is seen"
        ),
        pytest.param("M\u00fcller Acme", "M\u00f6ller \u0410cme", '"Müller Acme" → "Möller \\u0410cme"', id="one word"),
        pytest.param("paypal", "p\u0561ypal", r'"paypal" → "p\u0561ypal"', id="an Armenian letter"),
        pytest.param("ACME", "\u13aa\u13df\u13b7\u13ac", r'"ACME" → "\u13aa\u13df\u13b7\u13ac"', id="all Cherokee"),
        pytest.param("coco", "\u0441\u043e\u0441\u043e", r'"coco" → "\u0441\u043e\u0441\u043e"', id="all Cyrillic"),
        pytest.param("data", "dat\u0251", r'"data" → "dat\u0251"', id="a phonetic letter"),
        pytest.param("a/b", "a\u2215b", r'"a/b" → "a\u2215b"', id="a division slash"),
        pytest.param("\u0661", "\u06f1", r'"\u0661" → "\u06f1"', id="digits"),
        pytest.param("Soren", "S\u00f8ren", '"Soren" → "Søren"', id="a letter that is seen"),
        pytest.param("Moscow", "\u041c\u043e\u0441\u043a\u0432\u0430", '"Moscow" → "Москва"', id="another language"),
    ],
)
def test_what_imitates_another_text_is_escaped_and_what_is_seen_is_not(before: str, after: str, shown: str) -> None:
    (line,) = change_lines(FieldChange(path=("name",), before=before, after=after))
    assert line == f"name: {shown}"


def test_an_imitation_in_a_line_of_a_long_text_is_seen_beside_another_difference() -> None:
    lines = [f"<p>line {number}</p>" for number in range(9)]
    after = [*lines[:4], "<p>l\u0456ne 4, changed</p>", *lines[5:]]
    shown = tuple(map(str, change_lines(FieldChange(path=("html",), before="\n".join(lines), after="\n".join(after)))))
    assert r"+<p>l\u0456ne 4, changed</p>" in shown


def test_a_long_list_is_a_diff_so_that_every_difference_is_seen() -> None:
    before = [f"tenant-{number:02}.example" for number in range(40)]
    after = [*before[:3], "new.example", *before[3:30], *before[31:]]
    shown = map(str, change_lines(FieldChange(path=("email_allowed_domains",), before=before, after=after)))
    assert [line for line in shown if line[0] in "+-"] == ['+ "new.example",', '- "tenant-30.example",']
    drifted = map(str, drift_lines(FieldChange(path=("email_allowed_domains",), before=before, after=after)))
    assert [line for line in drifted if line[0] in "+-"] == ['- "new.example",', '+ "tenant-30.example",']


@pytest.mark.parametrize("address", ["localpart@acme.example", '"local part"@acme.example', "local%40acme.example"])
@pytest.mark.parametrize("before", ["", "word ", "https://acme.example/?to=", "[", '"'])
def test_what_is_cut_shows_no_local_part_without_its_domain(address: str, before: str) -> None:
    for length in range(220):
        text = f"{'-' * length}, {before}{address}, and more {'-' * 200}"
        for value in (text, [text], {"note": text}):
            field = FieldChange(path=("trusted_metadata", "note"), before=value, after="short")
            lines = (*change_lines(field), *drift_lines(field), shown(value))
            assert not [line for line in lines if re.search("loc?a?l?", mask(str(line)).replace("l***@", ""))]
