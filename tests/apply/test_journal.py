"""What a journal says of runs that were cut short."""

import json
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.apply import earlier
from reconciler.apply.earlier import Summary, prune, summary_of, unfinished
from reconciler.apply.journal import Journal
from reconciler.config.schema import JournalPolicy
from reconciler.errors import Unreadable
from reconciler.model import FieldChange

NAMED = (FieldChange(path=("secret",), after={"secret": "A_NAME"}),)
PLAIN = (FieldChange(path=("name",), before="A", after="B"),)
A, B = "Secret/A", "ConnectedApp/B"
FIRST: Final = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True, scope="module", params=["closed", "cut short"])
def ending(request: pytest.FixtureRequest) -> Iterator[str]:
    """Whether the runs of these tests close their journals."""
    with pytest.MonkeyPatch.context() as patched:
        if request.param == "cut short":
            patched.setattr(Journal, "__exit__", lambda written, *_: written.path and vars(written)["_file"].close())
        yield request.param


def intent(address: str, action: str = "create", fields: tuple[FieldChange, ...] = ()) -> tuple[str, dict[str, Any]]:
    return "intent", {"action": action, "address": address, "id": None, "fields": fields, "causes": ()}


def note(address: str, *there: str) -> tuple[str, dict[str, Any]]:
    return "note", {"address": address, "there": list(there)}


def outcome(address: str, event: str = "outcome") -> tuple[str, dict[str, Any]]:
    return event, {"address": address, "action": "create", "result": "applied"}


def journal(root: Path, *lines: tuple[str, dict[str, Any]], environment: str = "test", minute: int = 0) -> Path:
    now = FIRST + timedelta(minutes=minute)
    with Journal(root, environment, now=lambda: now, sync=lambda _: None) as written:
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
        file.write(b'null\n[]\n\xff\n"\xff"\n{"event": 1}\n{"event": "outcome", "addre\n' + whole[:-9] + b"\n")
        file.write(b'{"event": "outcome", "address": "\xff"}\n\0\0\0\0\n')
        file.write(json.dumps({"event": "intent", "address": B, "action": "create"}).encode()[:-12])
    assert noted(tmp_path) == {A: [(None, {"id-1"}, None)], B: [(None, None, None)]}


def without_the_last_line(path: Path) -> bytes:
    """What a run that did not end well would have left."""
    return b"".join(line for line in path.read_bytes().splitlines(keepends=True) if b'"event":"closed"' not in line)


@given(st.data())
def test_a_journal_that_ends_anywhere_never_says_more_is_done(tmp_path_factory: Any, data: st.DataObject) -> None:
    root = tmp_path_factory.mktemp("cut")
    path = journal(root, intent(A), note(A, "id-1"), made(A, "id-2"), outcome(A))
    text = without_the_last_line(path)
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


def test_of_a_journal_that_ended_well_only_the_last_line_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    many = [intent(f"Secret/S{number}") for number in range(100)]
    paths = [journal(tmp_path, *many, *(outcome(body["address"]) for _, body in many[1:]), minute=n) for n in (1, 2)]
    journal(tmp_path, ended("Secret/S0", paths[0].name), minute=3)
    read, lines = [], earlier._lines  # noqa: SLF001 # nothing else tells which files were read whole

    def noting(file: Any) -> Iterator[bytes]:
        read.append(file.name)
        return lines(file)

    monkeypatch.setattr(earlier, "_lines", noting)
    assert noted(tmp_path) == {"Secret/S0": [(None, None, None)]}
    assert len(read) == (0 if ending == "closed" else 3)
    with paths[1].open("ab") as file:
        file.write(b"{")
    read.clear()
    assert noted(tmp_path) == {"Secret/S0": [(None, None, None)]}
    assert str(paths[1]) in read


EVENTS: Final = st.sampled_from((A, B, "Member/acme/ann@acme.example", "Organization/acme")).flatmap(
    lambda address: st.sampled_from(
        [
            intent(address),
            intent(address, "update", NAMED),
            ("intent", {"action": "delete", "address": address, "id": "id-0"}),
            note(address, "id-1"),
            made(address, "id-2", "aaaa"),
            ("deleting", {"address": address, "marked_at": "12:00"}),
            outcome(address),
            outcome(address, "open"),
            ("outcome", {"address": address, "action": "delete", "result": "applied"}),
            ended(address, "journal-test-20260101T000100.000000Z-7.jsonl"),
            ended(address, "journal-test-20260101T000200.000000Z-7.jsonl"),
        ]
    )
)


@given(st.lists(EVENTS, max_size=12), st.data())
def test_a_journal_that_is_cut_anywhere_says_what_its_lines_say(
    tmp_path_factory: Any, lines: list[Any], data: st.DataObject
) -> None:
    path = journal(tmp_path_factory.mktemp("cut"), ("start", {}), *lines)
    text, whole = path.read_bytes(), summary_of(path, whole=True)
    assert summary_of(path) == whole
    path.write_bytes(without_the_last_line(path))
    assert summary_of(path) == whole
    path.write_bytes(text[: data.draw(st.integers(0, len(text)))])
    assert summary_of(path) == summary_of(path, whole=True)


def test_what_an_earlier_version_wrote_is_read_line_by_line(tmp_path: Path) -> None:
    path = journal(tmp_path, intent(A), intent(B), outcome(B))
    lines = [json.loads(line) for line in without_the_last_line(path).splitlines()]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")  # and with blanks
    assert noted(tmp_path) == {A: [(None, None, None)]}


def test_a_line_that_crosses_what_is_read_at_once_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = journal(tmp_path, *(intent(f"Secret/S{number}") for number in range(9)), outcome("Secret/S4"))
    path.write_bytes(without_the_last_line(path))
    whole = summary_of(path)
    assert len(whole.open) == 8
    for size in (1, 7, 100, 1000):
        monkeypatch.setattr(earlier, "CHUNK", size)
        assert summary_of(path) == whole


def left(root: Path, keep: int = 100, days: int = 90, now: datetime = FIRST + timedelta(days=1)) -> list[int]:
    """Prune, and return the minutes of the journals that are left."""
    prune(root, earlier.read_journals(root, "test"), None, JournalPolicy(keep=keep, days=days), now)
    return sorted(
        int(path.name[len("journal-test-20260101T") :][2:4]) for path in root.glob(".reconciler/journal-test-*")
    )


def test_the_oldest_journals_go_where_there_are_too_many(tmp_path: Path) -> None:
    for minute in range(5):
        journal(tmp_path, intent(A), outcome(A), minute=minute)
    assert left(tmp_path) == [0, 1, 2, 3, 4]
    assert left(tmp_path, keep=2) == [3, 4]


def test_journals_go_when_they_are_old(tmp_path: Path) -> None:
    for minute in (0, 20, 40):
        journal(tmp_path, intent(A), outcome(A), minute=minute)
    assert left(tmp_path, days=7, now=FIRST + timedelta(days=7, minutes=-1)) == [0, 20, 40]
    assert left(tmp_path, days=7, now=FIRST + timedelta(days=7, minutes=30)) == [40]


def test_the_journal_of_this_run_counts_and_stays(tmp_path: Path) -> None:
    for minute in (1, 2, 3):
        journal(tmp_path, intent(A), outcome(A), minute=minute)
    running = summary_of(journal(tmp_path, intent(A), outcome(A), minute=0))  # the clock was put back
    others = [read for read in earlier.read_journals(tmp_path, "test") if read.journal != running.journal]
    prune(tmp_path, others, running, JournalPolicy(keep=2, days=1), FIRST + timedelta(days=1, minutes=-1))
    assert [read.journal[22:26] for read in earlier.read_journals(tmp_path, "test")] == ["0000", "0003"]


def test_a_journal_that_leaves_something_open_stays_and_so_does_what_ends_a_part_of_it(tmp_path: Path) -> None:
    cut_short = journal(tmp_path, intent(A), note(A, "id-1"), intent(B))
    journal(tmp_path, intent(A), ("outcome", {**outcome(A)[1], "ends": [cut_short.name]}), minute=1)
    journal(tmp_path, intent(A), outcome(A), minute=2)
    before = noted(tmp_path)
    assert left(tmp_path, days=1, now=FIRST + timedelta(days=9)) == [0, 1]
    assert noted(tmp_path) == before == {B: [(None, None, None)]}
    journal(tmp_path, ended(B, cut_short.name), minute=3)
    assert left(tmp_path, keep=1) == [3]
    assert noted(tmp_path) == {}


def test_a_kill_while_journals_go_opens_nothing_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = journal(tmp_path, intent(A))
    second = journal(tmp_path, intent(B), ended(A, first.name), minute=1)
    journal(tmp_path, ended(B, second.name), minute=2)
    unlink, gone = Path.unlink, []

    def noting(path: Path, *, missing_ok: bool) -> None:
        unlink(path, missing_ok=missing_ok)
        gone.append(noted(tmp_path))

    monkeypatch.setattr(Path, "unlink", noting)
    assert left(tmp_path, days=1, now=FIRST + timedelta(days=9)) == []
    assert gone == [{}, {}, {}]


def test_only_what_has_the_name_of_a_journal_goes(tmp_path: Path) -> None:
    folder = journal(tmp_path, intent(A), outcome(A)).parent
    others = {
        "journal-test-notes.jsonl",
        "journal-test-20260101T000000.000000Z-1.jsonl.bak",
        "journal-live-20260101T000000.000000Z-1.jsonl",
        "credentials-test.env",
    }
    for name in others:
        (folder / name).touch()
    (folder / "journal-test-20269999T000000.000000Z-1.jsonl").touch()  # nobody knows when
    prune(tmp_path, earlier.read_journals(tmp_path, "test"), None, JournalPolicy(days=1), FIRST + timedelta(days=9))
    assert {path.name for path in folder.iterdir()} == {
        *others,
        ".gitignore",
        "journal-test-20269999T000000.000000Z-1.jsonl",
    }


def test_a_journal_that_cannot_be_removed_is_left_to_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = journal(tmp_path, intent(A))
    journal(tmp_path, ended(A, first.name), minute=1)

    def refused(_path: Path, *, missing_ok: bool) -> None:
        raise PermissionError(13, f"Permission denied {missing_ok}")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refused)
        assert left(tmp_path, days=1, now=FIRST + timedelta(days=9)) == [0, 1]
    assert left(tmp_path, days=1, now=FIRST + timedelta(days=9)) == []


def test_who_writes_to_a_closed_journal_is_told(tmp_path: Path, ending: str) -> None:
    with Journal(tmp_path, "test") as written:
        written.write(*intent(A))
    if ending == "closed":
        assert written.summary == Summary(
            event="closed",
            open=tuple(one for each in unfinished(tmp_path, "test").credentials.values() for one in each),
            over=frozenset(),
            journal=path_of(written).name,
        )
        with pytest.raises(OSError, match="Bad file descriptor"):
            written.write(*outcome(A))
    assert noted(tmp_path) == {A: [(None, None, None)]}


def test_a_journal_that_is_removed_while_others_are_read_left_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [journal(tmp_path, intent(A), minute=minute) for minute in (1, 2)]
    listed = type(tmp_path).glob

    def removing(folder: Path, pattern: str) -> list[Path]:
        found = list(listed(folder, pattern))
        paths[0].unlink(missing_ok=True)
        return found

    monkeypatch.setattr(type(tmp_path), "glob", removing)
    (open_,) = unfinished(tmp_path, "test").credentials[A]
    assert open_.journal == paths[1].name
