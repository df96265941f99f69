"""What a journal says of runs that were cut short."""

import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.apply.journal import Journal, unfinished
from reconciler.errors import Unreadable
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


def ended(address: str, *journals: str) -> tuple[str, dict[str, Any]]:
    return "ended", {"address": address, "ends": list(journals)}


def made(address: str, id: str, last_four: str = "") -> tuple[str, dict[str, Any]]:
    return "made", {"address": address, "id": id, "last_four": last_four}


def noted(root: Path) -> dict[str, list[tuple[Any, ...]]]:
    """What was begun and never ended: the id it was about, what was there, what was made and how that ended."""
    return {
        address: [(one.id, one.there, one.made, *sorted(one.given)) for one in begun]
        for address, begun in unfinished(root, "test").credentials.items()
    }


@pytest.mark.parametrize(
    ("lines", "begun"),
    [
        ([], {}),
        ([intent(A)], {A: [(None, None, None)]}),
        ([intent(A), note(A, "id-1", "id-2")], {A: [(None, {"id-1", "id-2"}, None)]}),
        ([intent(A), note(A), made(A, "id-1")], {A: [(None, set(), "id-1")]}),
        (
            [intent(B), note(B), made(B, "id-1", "aaaa"), made(B, "id-1", "bbbb")],
            {B: [(None, set(), "id-1", "aaaa", "bbbb")]},
        ),
        ([intent(A), note(A, "id-1"), outcome(A)], {}),
        ([intent(A), outcome(A), intent(B), note(B)], {B: [(None, set(), None)]}),
        ([intent(A), outcome(A, "open")], {A: [(None, None, None)]}),
        ([intent(A, "update", NAMED)], {A: [(None, None, None)]}),
        ([intent(A, "update", PLAIN)], {}),
        ([intent(A, "delete")], {}),
        ([outcome(A)], {}),
        ([intent("Member/acme/ann@acme.example"), intent("Organization/acme")], {}),
    ],
    ids=[
        *("nothing", "begun", "with what was there", "with what was made", "rotated", "ended"),
        *(
            "ended, and another begun",
            "that may have happened",
            "a renewal",
            "a plain update",
            "a delete",
            "an end alone",
        ),
        "what has no credential",
    ],
)
def test_what_was_begun_and_never_ended(tmp_path: Path, lines: list[Any], begun: dict[str, Any]) -> None:
    journal(tmp_path, ("start", {}), *lines)
    assert noted(tmp_path) == begun


@pytest.mark.parametrize(("first", "second"), [(1, 2), (2, 1)], ids=["in order", "the clock was put back"])
def test_no_clock_says_what_came_first(tmp_path: Path, first: int, second: int) -> None:
    cut_short = journal(tmp_path, intent(A), note(A, "id-1"), intent(B), minute=first)
    journal(
        tmp_path, intent(A), note(A, "id-2"), ("outcome", {**outcome(A)[1], "ends": [cut_short.name]}), minute=second
    )
    assert noted(tmp_path) == {B: [(None, None, None)]}


@pytest.mark.parametrize("minute", [1, 3])
def test_the_outcome_of_another_run_ends_only_what_it_names(tmp_path: Path, minute: int) -> None:
    journal(tmp_path, intent(A), outcome(A), minute=minute)
    cut_short = journal(tmp_path, intent(A), note(A, "id-1"), minute=2)
    assert noted(tmp_path) == {A: [(None, {"id-1"}, None)]}
    journal(tmp_path, ended(A, cut_short.name), minute=0)
    assert noted(tmp_path) == {}


def test_a_members_delete_that_was_begun_and_never_ended(tmp_path: Path) -> None:
    ann, bob = "Member/acme/ann@acme.example", "Member/acme/bob@acme.example"
    begun = [("intent", {"action": "delete", "address": each, "id": each[12:15]}) for each in (ann, bob)]
    gone = {"address": bob, "action": "delete", "result": "applied"}
    cut_short = journal(tmp_path, *begun, ("outcome", gone), intent(ann), outcome(ann))
    ((address, (found,)),) = unfinished(tmp_path, "test").deletes.items()
    assert (address, found.id, found.marked_at, noted(tmp_path)) == (ann, "ann", None, {})
    sent = journal(tmp_path, begun[0], ("deleting", {"address": ann, "marked_at": "12:00"}), minute=2)
    assert [one.marked_at for one in unfinished(tmp_path, "test").deletes[ann]] == [None, "12:00"]
    assert noted(tmp_path) == {}
    journal(tmp_path, ended(ann, cut_short.name, sent.name), minute=1)
    assert unfinished(tmp_path, "test").deletes == {}


def test_what_is_applied_ends_what_earlier_runs_began(tmp_path: Path) -> None:
    cut_short = journal(tmp_path, intent(A))
    with Journal(tmp_path, "test", begun=unfinished(tmp_path, "test").credentials) as later:
        assert later.ends(A) == [cut_short.name]
        assert later.ends(B) == []
        later.end(A)
    assert noted(tmp_path) == {}


def test_a_line_that_was_cut_short_is_an_intent_and_no_end(tmp_path: Path) -> None:
    path = journal(tmp_path, intent(A), note(A, "id-1"))
    whole = json.dumps({"event": "outcome", "address": A, "result": "applied"}).encode()
    with path.open("ab") as file:
        file.write(b'null\n[]\n\xff\n{"event": 1}\n{"event": "outcome", "addre\n' + whole[:-9] + b"\n")
        file.write(json.dumps({"event": "intent", "address": B, "action": "create"}).encode()[:-12])
    assert noted(tmp_path) == {A: [(None, {"id-1"}, None)], B: [(None, None, None)]}


@given(st.data())
def test_a_journal_that_ends_anywhere_never_says_more_is_done(tmp_path_factory: Any, data: st.DataObject) -> None:
    root = tmp_path_factory.mktemp("cut")
    path = journal(root, intent(A), note(A, "id-1"), made(A, "id-2"), outcome(A))
    text = path.read_bytes()
    last = text.rstrip(b"\n").rindex(b"\n") + 1  # where the outcome begins
    cut = data.draw(st.integers(text.index(b"\n") + 1, len(text) - 1))
    path.write_bytes(text[:cut])
    assert (A in noted(root)) or cut >= len(text) - 1
    assert cut < last or noted(root).get(A, [(None, {"id-1"}, "id-2")]) == [(None, {"id-1"}, "id-2")]


def test_a_full_disk_tears_one_line_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Journal(tmp_path, "test") as written:
        written.write(*intent(A))
        disk = Full(written._file, 20)  # noqa: SLF001 # as if it were full after that
        monkeypatch.setattr(written, "_file", disk)
        with pytest.raises(OSError, match="No space left"):
            written.write(*outcome(A))
        disk.left = 1_000_000
        written.write(*intent(B))
    assert noted(tmp_path) == {A: [(None, None, None)], B: [(None, None, None)]}


class Disk:
    """What is on a disk that is as slow as the test wants: nothing of a file until its ``sync`` has returned."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.syncs = 0
        self.content = b""
        self.ready = threading.Event()
        self.begun = threading.Event()

    def sync(self, descriptor: int) -> None:
        size = os.fstat(descriptor).st_size
        self.begun.set()
        assert self.ready.wait(60)
        self.syncs += 1
        (path,) = self._root.glob(".reconciler/journal-*")
        self.content = path.read_bytes()[:size]


def all_wait(written: Journal, threads: int) -> None:
    """Wait until so many lines wait for the disk."""
    while len(written._gathering.lines) < threads:  # noqa: SLF001 # nothing else tells that a thread waits
        time.sleep(0)


def test_writers_who_wait_share_one_sync_and_each_returns_with_its_line_on_the_disk(tmp_path: Path) -> None:
    disk, writers = Disk(tmp_path), 64
    seen: list[bool] = []

    def write(number: int) -> None:
        written.write(*note(A, f"id-{number}"))
        seen.append(f'"id-{number}"'.encode() in disk.content)

    with Journal(tmp_path, "test", sync=disk.sync) as written, ThreadPoolExecutor(writers) as pool:
        first = pool.submit(write, 0)
        assert disk.begun.wait(60)
        others = [pool.submit(write, number) for number in range(1, writers)]
        all_wait(written, writers - 1)
        disk.ready.set()
        for future in (first, *others):
            future.result()
    assert seen == [True] * writers
    assert disk.syncs == 2
    assert disk.content.count(b"\n") == writers


def test_a_full_disk_fails_the_writers_whose_lines_are_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, room, places = Disk(tmp_path), 300, range(10)

    def write(number: int) -> None:
        written.write(*intent(f"Secret/S{number}"))

    with Journal(tmp_path, "test", sync=disk.sync) as written, ThreadPoolExecutor(len(places)) as pool:
        first = pool.submit(write, 0)
        assert disk.begun.wait(60)
        others = [pool.submit(write, number) for number in places[1:]]
        all_wait(written, len(places) - 1)
        full = Full(written._file, room)  # noqa: SLF001 # as if it were full after that
        monkeypatch.setattr(written, "_file", full)
        disk.ready.set()
        errors = [str(future.exception() or "") for future in (first, *others)]
        full.left = 1_000_000
        written.write(*intent(B))
    assert {*errors} == {"", "[Errno 28] No space left on device"}
    assert errors.count("") > 1
    assert {f"Secret/S{number}" for number in places if not errors[number]} | {B} <= noted(tmp_path).keys()
    lines = path_of(written).read_bytes().split(b"\n")
    assert [line.endswith(b"}") for line in lines if line].count(False) == 1  # the one that was torn


@pytest.mark.parametrize("broken", [OSError(5, "Input/output error"), RuntimeError("anything")], ids=repr)
def test_a_sync_that_fails_fails_all_who_shared_it_and_nobody_after(tmp_path: Path, broken: Exception) -> None:
    disk = Disk(tmp_path)

    def sync(descriptor: int) -> None:
        disk.sync(descriptor)
        if disk.syncs == 2:
            raise broken

    with Journal(tmp_path, "test", sync=sync) as written, ThreadPoolExecutor(8) as pool:
        first = pool.submit(written.write, *intent(A))
        assert disk.begun.wait(60)
        others = [pool.submit(written.write, *intent(f"Secret/S{number}")) for number in range(7)]
        all_wait(written, 7)
        disk.ready.set()
        first.result()
        assert sorted(type(future.exception()).__name__ for future in others) == sorted(
            [type(broken).__name__, *["OSError" if isinstance(broken, OSError) else "InterruptedError"] * 6]
        )
        written.write(*intent(B))
    assert {A, B} <= noted(tmp_path).keys()


def path_of(written: Journal) -> Path:
    assert written.path
    return written.path


class Full:
    """A file on a disk with room for so many more bytes; it takes a part before it refuses."""

    def __init__(self, file: Any, left: int) -> None:
        self._file, self.left = file, left

    def write(self, data: memoryview) -> int:
        if not self.left:
            raise OSError(28, "No space left on device")
        taken = data[: min(self.left, 7)]
        self.left -= len(taken)
        return int(self._file.write(taken))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def test_a_journal_that_cannot_be_read_is_not_one_that_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal(tmp_path, intent(A))

    def denied(_self: Path, _mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(Unreadable, match="cannot be read: Permission denied"):
        unfinished(tmp_path, "test")


@pytest.mark.parametrize("other", ["live", "test-2", "test-20260101T000000.000000Z", "tes", "*", "[a-z]est"])
def test_each_environment_has_its_own(tmp_path: Path, other: str) -> None:
    journal(tmp_path, intent(A), environment=other)
    assert unfinished(tmp_path, "test").credentials == {}
    assert list(unfinished(tmp_path, other).credentials) == [A]
    journal(tmp_path, intent(B))
    assert list(unfinished(tmp_path, other).credentials) == [A]


def test_where_there_is_no_journal_nothing_was_begun(tmp_path: Path) -> None:
    assert unfinished(tmp_path, "test").credentials == {}


def test_a_journal_is_its_owners_alone_and_made_with_its_first_line(tmp_path: Path) -> None:
    with Journal(tmp_path, "test") as unwritten:
        assert unwritten.path is None
    assert list(tmp_path.iterdir()) == []
    path = journal(tmp_path, intent(A))
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert (path.parent / ".gitignore").read_text() == "*\n"
