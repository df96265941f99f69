"""The text of dotenv files: what is kept reads back the same, by us, by shells, and by parsers of such files."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.credentials.dotenv import Unclosed, assignments_of, lines_of, quoted
from reconciler.model.secret import generate

NASTY = "'\"\\$`!#~ ={}()[]*?;&|<>%@é\U0001f600ab"


def values_of(text: str) -> Mapping[str, str | None]:
    return assignments_of(text).values


def with_values(text: str, values: Mapping[str, str | None]) -> str:
    return "".join(assignments_of(text).changed(values).texts)


PRINTABLE = st.text(st.characters(exclude_categories=["C", "Z"], include_characters=" "), min_size=1).filter(
    str.isprintable
) | st.text(NASTY, min_size=1, max_size=12)


def by_a_shell(folder: Path, texts: list[str]) -> list[str]:
    """What a shell makes of each value, read from one file."""
    file = folder / "read.env"
    file.write_text(with_values("", {f"V{at}": text for at, text in enumerate(texts)}), encoding="utf-8")
    names = " ".join(f'"$V{at}"' for at in range(len(texts)))
    printed = subprocess.run(
        ["sh", "-c", f". ./{file.name}; printf '%s\\n' {names}"], cwd=folder, capture_output=True, check=True
    )
    assert printed.stderr == b""
    return printed.stdout.decode().split("\n")[:-1]


@given(PRINTABLE)
def test_what_is_written_reads_back(text: str) -> None:
    assert values_of(with_values("", {"NAME": text})) == {"NAME": text}


@settings(max_examples=30)
@given(st.lists(PRINTABLE, min_size=1, max_size=20))
def test_a_shell_reads_the_same(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    assert by_a_shell(tmp_path_factory.mktemp("shell"), texts) == texts


@given(PRINTABLE)
def test_parsers_that_only_take_quotes_off_read_the_same(text: str) -> None:
    written = quoted(text)
    shells_alone = "'" in text and any(character in text for character in '"$`\\')
    shells_alone = shells_alone or "\\\\" in text or "\\'" in text or text.endswith("\\")
    assert shells_alone or written in (text, f"'{text}'", f'"{text}"')


def test_a_generated_secret_needs_no_quotes() -> None:
    text = generate().reveal()
    assert quoted(text) == text


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("NAME=plain\n", "plain"),
        ("NAME=plain", "plain"),
        ("  export NAME=plain  # a comment\n", "plain"),
        ("NAME=a#b\n", "a#b"),
        ("NAME=plain\r\n", "plain"),
        ("NAME=\n", ""),
        ("NAME=''\n", ""),
        ("NAME='it is # no comment'\n", "it is # no comment"),
        ('NAME="a \\"word\\" and a \\\\ and a \\$ and a \\n"\n', 'a "word" and a \\ and a $ and a \\n'),
        ("NAME='a'\"b\"c\\ d\n", "abc d"),
        ("NAME='two\nlines'\n", "two\nlines"),
        ("NAME=first\nNAME=last\n", "last"),
        ("NAME=$OTHER\n", None),
        ('NAME="${OTHER}"\n', None),
        ("NAME=`date`\n", None),
        ("NAME=~/file\n", None),
        ("NAME=two words\n", None),
        ("NAME=a;b\n", None),
    ],
)
def test_what_people_wrote_is_read_as_a_shell_reads_it(line: str, value: str | None) -> None:
    assert values_of(line) == {"NAME": value}


@pytest.mark.parametrize("text", ["A=1\nNAME='open\nB=2\n", 'A=1\nNAME="open\\"\n'])
def test_a_quote_that_is_never_closed_is_an_error(text: str) -> None:
    with pytest.raises(Unclosed, match=r"^line 2 opens a quote that is not closed$"):
        values_of(text)


@given(st.lists(st.sampled_from(["NAME=", "A=b", "'", '"', "\\", "#", " ", "\n", "\r\n", "export ", "é"])).map("".join))
def test_the_lines_of_a_file_are_the_file(text: str) -> None:
    try:
        lines = list(lines_of(text))
    except Unclosed:
        return
    assert "".join(line.text for line in lines) == text
    assert with_values(text, {}) == text


def test_other_lines_stay_as_they_are_and_where_they_are() -> None:
    before = "# mine\n\nFIRST='a b' # why\nexport NAME=old\nset -e\nNAME=older\nLAST=$FIRST"
    after = with_values(before, {"NAME": "new", "NAME_ID": "id-1"})
    assert after == "# mine\n\nFIRST='a b' # why\nexport NAME=new\nset -e\nLAST=$FIRST\nNAME_ID=id-1\n"


def test_a_line_inside_a_value_is_not_an_assignment() -> None:
    before = "TEXT='begins\nNAME=inside\nends'\nNAME=outside\n"
    assert values_of(before)["NAME"] == "outside"
    assert with_values(before, {"NAME": None}) == "TEXT='begins\nNAME=inside\nends'\n"
