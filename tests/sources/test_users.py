"""Consumer exports in each of their formats, with the quirks of the utility that writes them."""

import csv
import io
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.config.read import UsersSource
from reconciler.errors import Unreadable
from reconciler.sources.users import MalformedUser, UserStream, read_users

COLUMNS = ["user_id", "status", "created_at", "name", "emails", "phone_numbers", "trusted_metadata"]


def user(number: int, **more: Any) -> dict[str, Any]:
    return {
        "user_id": f"user-test-{number}",
        "status": "active",
        "name": {"first_name": "U", "last_name": str(number)},
        "emails": [{"email_id": f"email-test-{number}", "email": f"u{number}@acme.example", "verified": True}],
        "phone_numbers": [],
        "trusted_metadata": {"plan": "gold"},
        "created_at": "2024-01-01T00:00:00Z",
        **more,
    }


def as_lines(users: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(one) + "\n" for one in users)


def as_csv(users: list[dict[str, Any]], page: int = 1000, columns: list[str] = COLUMNS) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    for at, one in enumerate(users):
        if at % page == 0:
            writer.writerow(columns)
        cells = [one.get(name) for name in columns]
        writer.writerow([json.dumps(cell) if isinstance(cell, dict | list) else cell for cell in cells])
    return out.getvalue()


def opened(folder: Path, name: str, content: str | bytes, *fields: str, rows: int | None = None) -> UserStream:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_users(UsersSource(file, name, rows), frozenset(fields))


def refusal(folder: Path, name: str, content: str | bytes, rows: int | None = None) -> str:
    with pytest.raises(Unreadable) as raised:
        list(opened(folder, name, content, rows=rows))
    (problem,) = raised.value.problems
    assert "@" not in problem.message
    return f"{problem.at[0].line}: {problem.message}"


THREE = [user(1), user(2), user(3)]
ARRAYS = {
    "plain": json.dumps(THREE),
    "compact": json.dumps(THREE, separators=(",", ":")),
    "pretty": json.dumps(THREE, indent=2) + "\n",
    "trailing-comma": "[" + ",".join(map(json.dumps, THREE)) + ",]",
    "doubled-comma": "[" + ",,\n,".join(map(json.dumps, THREE)) + "]",
    "leading-comma": "\n[," + ",".join(map(json.dumps, THREE)) + "]",
    "byte-order-mark": "\ufeff" + json.dumps(THREE),
}


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS.keys())
def test_an_array_with_its_pages_joined_by_commas(tmp_path: Path, array: str) -> None:
    stream = opened(tmp_path, "u.json", array, "trusted_metadata")
    assert [one["user_id"] for one in stream if not isinstance(one, MalformedUser)] == [one["user_id"] for one in THREE]
    assert (stream.count, stream.permits_deletes, stream.lacking) == (3, True, frozenset())


def test_json_lines_and_only_the_fields_that_were_asked_for(tmp_path: Path) -> None:
    stream = opened(tmp_path, "u.jsonl", as_lines(THREE) + "\n", "trusted_metadata")
    assert next(iter(stream)) == {
        "user_id": "user-test-1",
        "emails": THREE[0]["emails"],
        "trusted_metadata": {"plan": "gold"},
    }


def test_csv_repeats_its_header_at_every_page(tmp_path: Path) -> None:
    users = [*THREE, user(4, emails=[], trusted_metadata=None)]
    stream = opened(tmp_path, "u.csv", as_csv(users, page=2), "trusted_metadata", "phone_numbers", "external_id")
    found = list(stream)
    assert found[0] == {key: THREE[0][key] for key in ("user_id", "emails", "phone_numbers", "trusted_metadata")}
    assert found[3] == {"user_id": "user-test-4", "emails": [], "phone_numbers": [], "trusted_metadata": None}
    assert stream.count == 4
    assert stream.lacking == {"external_id"}  # unknown, not empty


def test_a_csv_file_never_permits_deletes(tmp_path: Path) -> None:
    stream = opened(tmp_path, "u.csv", as_csv(THREE))
    assert not stream.permits_deletes
    assert stream.why_no_deletes == "a CSV export that was cut off between two pages looks complete"


def test_the_columns_of_a_csv_file_may_be_in_any_order(tmp_path: Path) -> None:
    stream = opened(tmp_path, "u.csv", as_csv(THREE, columns=["emails", "user_id"]))
    assert [one["user_id"] for one in stream if isinstance(one, dict)] == ["user-test-1", "user-test-2", "user-test-3"]
    told = refusal(tmp_path, "u.csv", as_csv(THREE, columns=["emails"]))
    assert told == "1: the header names no column user_id"


ODD = user(2, emails=[{"email": "secret@acme.example", "verified": "yes"}])


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("u.jsonl", as_lines([user(1), ODD, user(3)]), 2),
        ("u.json", "[" + ",\n\n".join(map(json.dumps, [user(1), ODD, user(3)])) + "]", 3),
        ("u.csv", as_csv([user(1), ODD, user(3)]), 3),
    ],
)
def test_one_odd_record_costs_one_record(tmp_path: Path, name: str, content: str, line: int) -> None:
    stream = opened(tmp_path, name, content)
    found = list(stream)
    odd = found[1]
    assert isinstance(odd, MalformedUser)
    assert (odd.user_id, odd.position.line) == ("user-test-2", line)
    assert odd.message == "not a valid user: Expected `bool`, got `str` - at `$.emails[0].verified`"
    assert [one["user_id"] for one in found if isinstance(one, dict)] == ["user-test-1", "user-test-3"]
    assert stream.permits_deletes == (name != "u.csv")


@pytest.mark.parametrize("record", ["[1]", '"text"', "{}", '{"user_id": 7, "emails": []}', '{"user_id": ""}', "{oops"])
def test_a_record_that_may_be_anybodys_forbids_deletes(tmp_path: Path, record: str) -> None:
    stream = opened(tmp_path, "u.jsonl", as_lines([user(1)]) + record + "\n" + as_lines([user(3)]))
    odd = [one for one in stream if isinstance(one, MalformedUser)]
    assert [one.user_id for one in odd] == [None]
    assert stream.count == 3
    assert stream.why_no_deletes == "u.jsonl:2:1 has no valid user_id"


def test_a_cell_that_is_no_json_is_an_odd_record(tmp_path: Path) -> None:
    (odd,) = opened(tmp_path, "u.csv", 'user_id,emails\nuser-test-1,"[{""email"": "\n')
    assert isinstance(odd, MalformedUser)
    assert (odd.user_id, odd.message) == ("user-test-1", "the cell emails is not valid JSON")


@pytest.mark.parametrize("chunk", [1 << 20, 100])
@pytest.mark.parametrize("form", ["array", "lines", "csv"])
def test_a_record_that_is_nested_too_deeply_costs_one_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, chunk: int
) -> None:
    monkeypatch.setattr("reconciler.sources.users.CHUNK", chunk)
    users = [user(number, trusted_metadata={"a": ["DEEP"] if number == 1 else '\\"[{'}) for number in range(3)]
    columns = ["trusted_metadata", "user_id", "emails"]
    text = {"array": json.dumps(users, indent=1), "lines": as_lines(users), "csv": as_csv(users, columns=columns)}[form]
    name = {"array": "users.json", "lines": "users.jsonl", "csv": "users.csv"}[form]
    quoted = '""DEEP""' if form == "csv" else '"DEEP"'
    stream = opened(tmp_path, name, text.replace(quoted, "[" * 1100 + "]" * 1100), "trusted_metadata")
    first, second, third = stream
    assert isinstance(second, MalformedUser)
    assert second.user_id == "user-test-1"
    assert [one["user_id"] for one in (first, third) if not isinstance(one, MalformedUser)] == [
        "user-test-0",
        "user-test-2",
    ]
    assert stream.permits_deletes == (form != "csv")


def test_null_and_missing_fields_are_judge_copies(tmp_path: Path) -> None:
    stream = opened(tmp_path, "u.jsonl", as_lines([user(1, external_id=None), user(2)]), "external_id", "roles")
    first, second = stream
    assert first == {"user_id": "user-test-1", "emails": user(1)["emails"], "external_id": None}
    assert isinstance(second, dict)
    assert "external_id" not in second
    assert stream.lacking == {"roles"}


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("u.jsonl", as_lines(THREE)[:-1], "1: u.jsonl is incomplete: its last line has no newline"),
        ("u.json", json.dumps(THREE)[:-1], "1: u.json is incomplete: it has no closing bracket"),
        ("u.json", json.dumps(THREE, indent=1)[:-4] + "]", "61: u.json is not valid JSON from here on"),
        ("u.csv", as_csv(THREE).rstrip("\r\n"), "1: u.csv is incomplete: its last line has no newline"),
        ("u.csv", as_csv(THREE)[:-40] + "\n", "4: u.csv is not valid CSV from here on: unexpected end of data"),
        ("u.jsonl", "", "1: u.jsonl is empty"),
        ("u.jsonl", "\n \n", "1: u.jsonl is empty"),
        ("u.json", "[]", "1: u.json has no user"),
        ("u.json", "[ ,, ]", "1: u.json has no user"),
        ("u.csv", "user_id,emails\n", "1: u.csv has no user"),
    ],
)
def test_a_file_that_is_not_whole_is_not_believed(tmp_path: Path, name: str, content: str, told: str) -> None:
    assert refusal(tmp_path, name, content) == told


def test_a_source_may_say_how_many_users_it_has_at_least(tmp_path: Path) -> None:
    assert refusal(tmp_path, "u.jsonl", as_lines(THREE), rows=4) == "1: u.jsonl has 3 users; expected at least 4"
    assert len(list(opened(tmp_path, "u.jsonl", as_lines(THREE), rows=3))) == 3


def test_records_that_hold_what_looks_like_the_beginning_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.sources.users.CHUNK", 64)
    tricky = [
        user(n, trusted_metadata={"a": [{"user_id": 1}, {"user_id": 2}], "b": '}, {"user_id": "x"', "c": "]"})
        for n in range(20)
    ]
    for layout in (json.dumps(tricky), json.dumps(tricky, indent=1), "[" + ",,".join(map(json.dumps, tricky)) + ",]"):
        stream = opened(tmp_path, "u.json", layout, "trusted_metadata")
        assert [one["trusted_metadata"] for one in stream if isinstance(one, dict)] == [
            one["trusted_metadata"] for one in tricky
        ]
        assert stream.permits_deletes


@given(
    layout=st.sampled_from(["lines", "array", "pretty", "commas"]),
    chunk=st.integers(16, 400),
    count=st.integers(1, 12),
    note=st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)
def test_however_a_file_is_cut_into_chunks_the_users_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, layout: str, chunk: int, count: int, note: str
) -> None:
    users = [user(n, trusted_metadata={"note": note}) for n in range(count)]
    texts = {
        "lines": as_lines(users),
        "array": json.dumps(users, ensure_ascii=False),
        "pretty": json.dumps(users, indent=3),
        "commas": "[," + ", ,".join(map(json.dumps, users)) + ",]",
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reconciler.sources.users.CHUNK", chunk)
        name = "u.jsonl" if layout == "lines" else "u.json"
        stream = opened(tmp_path_factory.mktemp("users"), name, texts[layout], "trusted_metadata")
        found = list(stream)
    assert found == [{key: one[key] for key in ("user_id", "emails", "trusted_metadata")} for one in users]


@pytest.mark.parametrize("name", ["u.jsonl", "u.json"])
def test_many_users_take_little_memory(tmp_path: Path, name: str) -> None:
    users = [user(n, untrusted_metadata={"filler": "x" * 600}) for n in range(20_000)]
    content = as_lines(users) if name == "u.jsonl" else json.dumps(users)
    stream = opened(tmp_path, name, content, "trusted_metadata")
    del users
    tracemalloc.start()
    count = sum(1 for _ in stream)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 20_000
    assert peak < 12 << 20 < len(content)


@pytest.mark.parametrize("name", ["users.json", "users.jsonl", "users.csv"])
def test_ids_lose_outer_white_space_and_a_blank_one_is_none(tmp_path: Path, name: str) -> None:
    users = [user(1, user_id=" u-1\t", external_id="\u3000e-1 "), user(2, external_id=" "), user(3, user_id="\u3000")]
    forms = {
        "json": json.dumps(users),
        "jsonl": as_lines(users),
        "csv": as_csv(users, columns=[*COLUMNS, "external_id"]),
    }
    stream = opened(tmp_path, name, forms[name.partition(".")[2]], "external_id")
    one, two, three = stream
    assert not isinstance(one, MalformedUser)
    assert not isinstance(two, MalformedUser)
    assert (one["user_id"], one["external_id"], two["external_id"]) == ("u-1", "e-1", None)
    assert isinstance(three, MalformedUser)
    assert three.user_id is None
    assert not stream.permits_deletes
