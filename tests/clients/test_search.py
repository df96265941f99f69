from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from reconciler.clients.search import PATIENCE, Page, page_decoder, read_whole, stream_whole
from reconciler.errors import Unreadable
from reconciler.model import LiveMember


class Search:
    """A search whose pages are given, reading after reading; a page is its rows, total and next cursor."""

    def __init__(self, *readings: Sequence[tuple[Sequence[str], int, str | None]]) -> None:
        self.readings = iter(readings)
        self.pages: Sequence[tuple[Sequence[str], int, str | None]] = ()
        self.asked: list[str | None] = []

    def __call__(self, cursor: str | None) -> Page[str]:
        self.asked.append(cursor)
        if cursor is None:
            self.pages, self.at = next(self.readings), 0
        rows, total, following = self.pages[self.at]
        self.at += 1
        return Page(list(rows), [], total, following)

    def whole(self) -> list[str]:
        return read_whole(self, lambda row: row[0], "letters").rows


def test_cursors_are_followed_to_their_end() -> None:
    search = Search([("ab", 4, "x"), ("cd", 4, None)])
    assert search.whole() == ["a", "b", "c", "d"]
    assert search.asked == [None, "x"]


def test_a_row_that_comes_twice_counts_once_and_as_it_came_last() -> None:
    search = Search([(["a1", "b1"], 2, "x"), (["a2"], 2, None)])
    assert search.whole() == ["a2", "b1"]


@pytest.mark.parametrize("total", [-1, 2, 1])
def test_what_is_at_least_as_much_as_reported_is_whole(total: int) -> None:
    assert Search([("ab", total, None)]).whole() == ["a", "b"]


def test_the_smallest_total_counts_because_rows_may_go_while_pages_are_read() -> None:
    assert Search([("ab", 4, "x"), ("c", 3, None)]).whole() == ["a", "b", "c"]


def test_a_short_reading_is_read_once_more() -> None:
    search = Search([("ab", 3, None)], [("ab", 3, "x"), ("c", 3, None)])
    assert search.whole() == ["a", "b", "c"]


def test_two_short_readings_are_unreadable() -> None:
    search = Search([("ab", 3, None)], [("ac", 3, None)])
    with pytest.raises(Unreadable, match="the search for letters gave 2 of 3 rows, twice"):
        search.whole()


def test_nothing_at_all_is_whole_where_nothing_was_promised() -> None:
    assert Search([("", 0, None)]).whole() == []


def test_a_cursor_that_comes_again_is_unreadable() -> None:
    search = Search([("a", -1, "x"), ("b", -1, "y"), ("c", -1, "x")])
    with pytest.raises(Unreadable, match="does not end"):
        search.whole()


def test_a_chain_that_never_ends_is_unreadable() -> None:
    cursors = count()
    asked = []

    def fetch(cursor: str | None) -> Page[str]:
        asked.append(cursor)
        return Page(["a", "b"], [], -1, str(next(cursors)))

    with pytest.raises(Unreadable, match="does not end"):
        read_whole(fetch, str, "letters")
    assert len(asked) == PATIENCE + 1


@pytest.mark.parametrize(
    ("rows", "total", "pages"),
    [
        pytest.param(1, lambda _: -1, 111, id="a few new rows on every page"),
        pytest.param(50, lambda _: 5, 100, id="more rows than reported"),
        pytest.param(50, lambda page: 50 * page + 60, 300, id="a total that grows with every page"),
        pytest.param(50, lambda _: -1, 300, id="full pages"),
    ],
)
def test_a_chain_that_always_brings_something_new_ends_somewhere(
    rows: int, total: Callable[[int], int], pages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.clients.search.MOST_PAGES", 300)
    asked = count(1)

    def fetch(_: str | None) -> Page[str]:
        page = next(asked)
        return Page([f"{page}-{row}" for row in range(rows)], [], total(page), str(page))

    said = f"does not end: after {pages} pages with {rows * pages:,} rows there is another page"
    with pytest.raises(Unreadable, match=said):
        read_whole(fetch, str, "letters")


def test_pages_may_be_small() -> None:
    pages = [([f"{page}-{row}" for row in range(10)], -1, str(page)) for page in range(500)]
    search = Search([*pages, ([], -1, None)])
    assert len(read_whole(search, str, "letters").rows) == 5_000


def test_an_empty_page_in_between_does_no_harm() -> None:
    assert Search([("a", 2, "x"), ("", 2, "y"), ("b", 2, None)]).whole() == ["a", "b"]


def test_a_stream_gives_each_row_once_and_what_a_second_reading_adds_last() -> None:
    search = Search([("ab", 4, "x"), ("ba", 4, None)], [("abcd", 4, None)])
    assert list(stream_whole(search, str, "letters")) == [["a", "b"], [], ["c", "d"]]


def test_a_second_reading_of_a_stream_may_go_on_for_long_before_it_finds_what_was_missing() -> None:
    pages = [(letter, 8, letter) for letter in "abcdef"]
    search = Search([*pages, ("g", 8, None)], [*pages, ("gh", 8, None)])
    assert [row for page in stream_whole(search, str, "letters") for row in page] == list("abcdefgh")


def test_a_stream_that_stays_short_is_unreadable() -> None:
    search = Search([("ab", 4, None)], [("ab", 4, None)])
    with pytest.raises(Unreadable):
        list(stream_whole(search, str, "letters"))


class Thing(Struct):
    id: str
    size: int = 0


def decode(body: Any) -> Page[Thing]:
    return page_decoder("things", Thing, ("id",))(msgspec.json.encode(body))


def test_one_odd_record_costs_one_record() -> None:
    things = [{"id": "a", "size": 1}, {"id": "b", "size": "big"}, "c", {"id": 4}]
    page = decode({"things": things, "results_metadata": {"total": 4}})
    assert [row.id for row in page.rows] == ["a"]
    assert [(dict(record.ids), record.reason) for record in page.malformed] == [
        ({"id": "b"}, "Expected `int`, got `str` - at `$.size`"),
        ({}, "Expected `object`, got `str`"),
        ({}, "Expected `str`, got `int` - at `$.id`"),
    ]


def test_odd_records_count_so_that_a_whole_search_is_whole() -> None:
    page = decode({"things": [{"id": "a"}, {"id": "b", "size": None}, None], "results_metadata": {"total": 3}})
    found = read_whole(lambda _: page, lambda row: row.id, "things")
    assert (len(found.rows), len(found.malformed)) == (1, 2)


@pytest.mark.parametrize("metadata", [{}, {"next_cursor": None}, {"next_cursor": ""}, {"total": None}])
def test_no_cursor_has_many_spellings(metadata: dict[str, Any]) -> None:
    page = decode({"things": None, "results_metadata": metadata})
    assert (page.rows, page.total, page.next_cursor) == ([], -1, None)


@pytest.mark.parametrize(
    "body", [[], {}, {"things": []}, {"things": {}, "results_metadata": {}}, {"results_metadata": {}}]
)
def test_what_is_no_page_is_not_taken_for_an_empty_one(body: Any) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(body)


def test_a_member_comes_out_as_stytch_describes_it() -> None:
    decoder = page_decoder("members", LiveMember, ("member_id",))
    role = {"role_id": "editor", "sources": [{"type": "direct_assignment", "details": {}}], "new": 1}
    member = {"organization_id": "o", "member_id": "m", "email_address": "a@acme.example", "roles": [role], "new": 1}
    body = {"members": [member], "organizations": {"o": {}}, "results_metadata": {"total": 1}, "status_code": 200}
    (row,) = decoder(msgspec.json.encode(body)).rows
    assert (row.member_id, row.roles[0].role_id, row.roles[0].sources[0].type) == ("m", "editor", "direct_assignment")
