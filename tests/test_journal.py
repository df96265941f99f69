"""What a journal says of runs that were cut short."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.journal import Journal, unfinished
from reconciler.model import FieldChange

NAMED = (FieldChange(path=("secret",), after={"secret": "A_NAME"}),)
PLAIN = (FieldChange(path=("name",), before="A", after="B"),)
A, B = "Secret/A", "ConnectedApp/B"


def intent(address: str, action: str = "create", fields: tuple[FieldChange, ...] = ()) -> tuple[str, dict[str, Any]]:
    return "intent", {"action": action, "address": address, "id": None, "fields": fields, "causes": ()}


def note(address: str, *there: str) -> tuple[str, dict[str, Any]]:
    return "note", {"address": address, "there": list(there)}


def outcome(address: str, event: str = "outcome") -> tuple[str, dict[str, Any]]:
    return event, {"address": address, "action": "create", "result": "applied"}


def journal(root: Path, *lines: tuple[str, dict[str, Any]], environment: str = "test", minute: int = 0) -> Path:
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    with Journal(root, environment, now=lambda: now) as written:
        for event, body in lines:
            written.write(event, body)
        assert written.path
        return written.path


@pytest.mark.parametrize(
    ("lines", "begun"),
    [
        ([], {}),
        ([intent(A)], {A: set()}),
        ([intent(A), note(A, "id-1", "id-2")], {A: {"id-1", "id-2"}}),
        ([intent(A), note(A, "id-1"), outcome(A)], {}),
        ([intent(A), outcome(A), intent(B), note(B)], {B: set()}),
        ([intent(A), outcome(A, "open")], {A: set()}),
        ([intent(A, "update", NAMED)], {A: set()}),
        ([intent(A, "update", PLAIN)], {}),
        ([intent(A, "delete")], {}),
        ([outcome(A)], {}),
    ],
    ids=[
        *("nothing", "begun", "with what was there", "ended", "ended, and another begun", "that may have happened"),
        *("a renewal", "a plain update", "a delete", "an end alone"),
    ],
)
def test_what_was_begun_and_never_ended(tmp_path: Path, lines: list[Any], begun: dict[str, set[str]]) -> None:
    journal(tmp_path, ("start", {}), *lines)
    assert unfinished(tmp_path, "test") == begun


def test_later_runs_count_after_earlier_ones(tmp_path: Path) -> None:
    journal(tmp_path, intent(A), outcome(A), minute=3)
    journal(tmp_path, intent(A), note(A, "id-1"), intent(B), note(B, "id-2"), minute=1)
    journal(tmp_path, intent(B), note(B, "id-3"), minute=2)
    assert unfinished(tmp_path, "test") == {B: {"id-2", "id-3"}}


def test_a_line_that_was_cut_short_says_nothing(tmp_path: Path) -> None:
    path = journal(tmp_path, intent(A), note(A, "id-1"))
    with path.open("ab") as file:
        file.write(b'{"event": "outcome", "address": "Secret/A"\nnull\n[]\n\xff\n{"event": 1}\n')
        file.write(json.dumps({"event": "outcome", "address": A}).encode()[:-9])
    assert unfinished(tmp_path, "test") == {A: {"id-1"}}


@pytest.mark.parametrize("other", ["live", "test-2", "test-20260101T000000.000000Z", "tes", "*", "[a-z]est"])
def test_each_environment_has_its_own(tmp_path: Path, other: str) -> None:
    journal(tmp_path, intent(A), environment=other)
    assert unfinished(tmp_path, "test") == {}
    assert unfinished(tmp_path, other) == {A: set()}
    journal(tmp_path, intent(B))
    assert unfinished(tmp_path, other) == {A: set()}


def test_where_there_is_no_journal_nothing_was_begun(tmp_path: Path) -> None:
    assert unfinished(tmp_path, "test") == {}


def test_a_journal_is_its_owners_alone_and_made_with_its_first_line(tmp_path: Path) -> None:
    with Journal(tmp_path, "test") as unwritten:
        assert unwritten.path is None
    assert list(tmp_path.iterdir()) == []
    path = journal(tmp_path, intent(A))
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert (path.parent / ".gitignore").read_text() == "*\n"
