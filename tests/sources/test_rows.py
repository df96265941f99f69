"""Tables: every format gives the same rows, each with its line; what is not whole is not believed."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.config.read import RowsSource
from reconciler.errors import Unreadable
from reconciler.model import Table
from reconciler.sources.rows import read_table, read_tables
from tests.repositories import config_of, write


def table(folder: Path, name: str, content: str | bytes, at_least: int | None = None) -> Table:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table("t", RowsSource(file, name, at_least))


def refusal(folder: Path, name: str, content: str | bytes, at_least: int | None = None) -> str:
    with pytest.raises(Unreadable) as raised:
        table(folder, name, content, at_least)
    (problem,) = raised.value.problems
    return f"{problem.at[0].file}:{problem.at[0].line}: {problem.message}"


def test_csv_cells_are_strings_and_an_empty_one_is_null(tmp_path: Path) -> None:
    found = table(tmp_path, "t.csv", 'id,name,note\n1,"a ""b"", c",\n\n2,"two\nlines",null\n3,x,true\n')
    assert tuple(found.rows) == (
        {"id": "1", "name": 'a "b", c', "note": None},
        {"id": "2", "name": "two\nlines", "note": "null"},
        {"id": "3", "name": "x", "note": "true"},
    )
    assert tuple(found.lines) == (2, 4, 6)
    assert found.columns == {"id", "name", "note"}
    assert str(found.at(1)) == "t.csv:4:1"


def test_csv_as_spreadsheets_write_it(tmp_path: Path) -> None:
    found = table(tmp_path, "t.csv", b"\xef\xbb\xbfid, name\r\n1,a\r\n")
    assert tuple(found.rows) == ({"id": "1", "name": "a"},)


def test_json_lines_keep_their_types(tmp_path: Path) -> None:
    found = table(tmp_path, "t.jsonl", '{"a": 1, "b": [true, null]}\n\n{"c": {"d": "x"}}\n')
    assert tuple(found.rows) == ({"a": 1, "b": [True, None]}, {"c": {"d": "x"}})
    assert tuple(found.lines) == (1, 3)
    assert found.columns == {"a", "b", "c"}


def test_a_json_array_may_be_laid_out_as_one_likes(tmp_path: Path) -> None:
    found = table(tmp_path, "t.json", '\n[\n  {"a": 1},\n  {"a":\n 2}, {"a": 3}\n]\n')
    assert [row["a"] for row in found.rows] == [1, 2, 3]
    assert tuple(found.lines) == (3, 4, 5)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("t.csv", "a,b\n1,2", "t.csv:1: t.csv is incomplete: its last line has no newline"),
        ("t.csv", "a,b\n1,2\n3\n", "t.csv:3: this row has 1 cells; the header has 2"),
        ("t.csv", 'a,b\n1,"2\n', "t.csv:2: t.csv is not valid CSV from here on: unexpected end of data"),
        ("t.csv", "a,b\n", "t.csv:1: t.csv has no row"),
        ("t.csv", "a,a\n1,2\n", "t.csv:1: the header names the column a twice"),
        ("t.csv", "a,\n1,2\n", "t.csv:1: column 2 of the header has no name"),
        ("t.csv", b"a\nx\n\xff\n", "t.csv:3: t.csv is not UTF-8"),
        ("t.csv", "", "t.csv:1: t.csv is empty"),
        ("t.csv", "a\n".encode("utf-16"), "t.csv:1: t.csv is UTF-16, not UTF-8"),
        ("t.jsonl", '{"a":1}\n{"a":', "t.jsonl:1: t.jsonl is incomplete: its last line has no newline"),
        ("t.jsonl", '{"a":1}\n{"a":\n', "t.jsonl:2: this line is not valid JSON"),
        ("t.jsonl", '{"a":1}\n[1]\n', "t.jsonl:2: a row is a JSON object"),
        ("t.json", '[{"a":1},\n{"a":2}', "t.json:1: t.json is incomplete: it has no closing bracket"),
        ("t.json", '[{"a":1},\n{"a":[2]', "t.json:2: t.json is not valid JSON from here on"),
        ("t.json", '[{"a":1},\n2]', "t.json:2: a row is a JSON object"),
        ("t.json", '[{"a": NaN}]', "t.json:1: t.json is not valid JSON from here on"),
        ("t.json", "[]", "t.json:1: t.json has no row"),
        ("t.json", "a: 1\n", "t.json:1: t.json is neither JSON nor JSON lines"),
    ],
)
def test_what_is_not_whole_is_not_believed(tmp_path: Path, name: str, content: str | bytes, told: str) -> None:
    assert refusal(tmp_path, name, content) == told


def test_a_table_may_say_how_many_rows_it_has_at_least(tmp_path: Path) -> None:
    assert len(table(tmp_path, "t.csv", "a\n1\n2\n", 2).rows) == 2
    assert refusal(tmp_path, "t.csv", "a\n1\n2\n", 3) == "t.csv:3: t.csv has 2 rows; expected at least 3"


def test_every_table_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    text = """\
apiVersion: reconciler/v1
kind: Configuration
environments: {test: {tables: {a: nowhere.csv, b: folder, c: empty.csv}}}
"""
    root = write(tmp_path, {"reconciler.yaml": text, "empty.csv": ""})
    (root / "folder").mkdir()
    tables, problems = read_tables(config_of(root).tables)
    assert tables == {"a": None, "b": None, "c": None}
    assert [problem.message for problem in problems] == [
        "nowhere.csv cannot be read: No such file or directory",
        "folder cannot be read: Is a directory",
        "empty.csv is empty",
    ]
    assert {problem.code for problem in problems} == {Unreadable.code}


def test_rows_on_one_line_are_judge_copies_by_their_columns(tmp_path: Path) -> None:
    found = table(tmp_path, "t.json", ' [{"a": 1}, {"a": "\\u00e9é"},{"a": 3},\n {"a": 4}]')
    assert [str(found.at(row)) for row in range(4)] == ["t.json:1:3", "t.json:1:13", "t.json:1:30", "t.json:2:2"]


def test_rows_that_begin_their_lines_need_no_columns(tmp_path: Path) -> None:
    assert table(tmp_path, "t.json", '[\n{"a": 1},\n{"a": 2}\n]\n').offsets == ()
    assert table(tmp_path, "t.csv", "a\n1\n").offsets == ()


rows = st.dictionaries(
    st.sampled_from(["a", "ü", "]"]),
    st.recursive(st.none() | st.integers() | st.sampled_from(["]", '"', "ü", "\n", "[{"]), st.lists, max_leaves=3),
    max_size=2,
)
odd = st.sampled_from(["3", "[]", "{", '"x', "]"])
pieces = st.lists(
    st.tuples(
        rows.map(lambda row: json.dumps(row, ensure_ascii=False)) | odd, st.sampled_from([",", ",\n", "\n ,", " "])
    ),
    max_size=5,
)


@given(pieces, st.sampled_from(["[", "\n [", "\ufeff["]), st.integers(1, 9))
def test_it_does_not_matter_in_which_pieces_an_array_is_read(
    some: list[tuple[str, str]], begin: str, size: int
) -> None:
    content = (begin + "".join(map("".join, some)) + "]\n").encode(errors="surrogateescape")

    def told(chunk: int) -> object:
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            patch.setattr("reconciler.sources.rows.CHUNK", chunk)
            try:
                found = table(Path(folder), "t.json", content)
            except Unreadable as error:
                return [(problem.message, problem.at) for problem in error.problems]
            return list(found.rows), list(map(found.at, range(len(found.rows))))

    assert told(size + len(begin)) == told(1 << 16)


@pytest.mark.parametrize("chunk", [3, 1 << 16])
def test_an_array_that_is_not_utf_8_is_told_by_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr("reconciler.sources.rows.CHUNK", chunk)
    assert refusal(tmp_path, "t.json", b'[{"a": 1},\n{"a": "\xc3"}]\n') == "t.json:2: t.json is not UTF-8"
