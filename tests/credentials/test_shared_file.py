"""The file that credentials share: parsed once however many there are, and what others change is seen at once."""

import json
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reconciler.credentials import shared_file
from reconciler.credentials.settings import CredentialSettings
from reconciler.credentials.shared_file import Changes, Format, SharedFile
from reconciler.credentials.store import CredentialStore, open_store
from reconciler.files import write_whole
from reconciler.model.secret import Sealed

Counts = dict[str, int]


def opened(root: Path) -> CredentialStore:
    return open_store(CredentialSettings(file="keys.env"), root, "test", {})


def numbers(count: int, *, ids: bool = False) -> str:
    made = (f"NAME{number}=value-{number}\n" + f"NAME{number}_ID=id-{number}\n" * ids for number in range(count))
    return "".join(made)


def keep_all(store: CredentialStore, count: int) -> None:
    for number in range(count):
        assert store.keep(f"NAME{number}", Sealed(f"value-{number}"), f"id-{number}") is None


def found(store: CredentialStore, count: int) -> bool:
    """Whether every one is there, as each command asks for it."""
    return all(
        store.id_of(f"NAME{number}") == f"id-{number}"
        and store.value(f"NAME{number}") == Sealed(f"value-{number}")
        and not store.lost(f"NAME{number}")
        for number in range(count)
    )


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counts:
    """How often something is read, parsed and written from here on."""
    counted: Counts = {}

    def counting(name: str, call: Callable[..., object]) -> Callable[..., object]:
        def counts_it(*args: object, **kwargs: object) -> object:
            counted[name] = counted.get(name, 0) + 1
            return call(*args, **kwargs)

        return counts_it

    for name in ("read_whole", "write_whole"):
        monkeypatch.setattr(shared_file, name, counting(name, getattr(shared_file, name)))
    for module, name in (("dotenv", "assignments_of"), ("backend", "_understood"), ("store", "rescued")):
        place = f"reconciler.credentials.{module}.{'Ledger.' * (module == 'backend')}{name}"
        owner = __import__(f"reconciler.credentials.{module}", fromlist=[name])
        original = getattr(owner.Ledger if module == "backend" else owner, name)
        monkeypatch.setattr(place, counting(name, original))
    return counted


@pytest.mark.parametrize("count", [10, 40])
def test_nothing_is_parsed_for_each_credential(tmp_path: Path, counts: Counts, count: int) -> None:
    keep_all(opened(tmp_path), count)
    assert (counts["assignments_of"], counts["_understood"]) == (1, 1)
    assert counts["write_whole"] == 2 * count  # each is on the disk, and its id, before the next
    counts.clear()
    grow_old(tmp_path)
    store = opened(tmp_path)
    assert all(found(store, count) for _ in range(3))
    assert counts == {"assignments_of": 1, "read_whole": 1, "rescued": 1}


def grow_old(root: Path) -> None:
    """Let enough time pass, as far as the traces of changes are concerned."""
    for path in (root, *root.rglob("*")):
        os.utime(path, (1, 1), follow_symlinks=False)


@pytest.fixture(autouse=True)
def by_the_time_that_files_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can set when a file's owner changed, so only when its content did counts here."""
    monkeypatch.setattr(shared_file, "are_old", lambda traces, now: all(now - each > 10**9 for each in traces[-2:-1]))
    monkeypatch.setattr("reconciler.credentials.store.are_old", shared_file.are_old)


def test_what_somebody_else_kept_is_found_and_stays(tmp_path: Path) -> None:
    mine, theirs = opened(tmp_path), opened(tmp_path)
    keep_all(mine, 3)
    for number in range(10):
        theirs.keep("THEIRS", Sealed(f"their-{number}"), f"id-{number}")
        assert (mine.value("THEIRS"), mine.id_of("THEIRS")) == (Sealed(f"their-{number}"), f"id-{number}")
        mine.keep("MINE", Sealed(f"mine-{number}"), f"id-{number}")
        assert theirs.value("MINE") == Sealed(f"mine-{number}") or number  # what this run kept comes first
    ids = json.loads((tmp_path / "test.credential-ids.json").read_text())
    assert ids == {"MINE": "id-9", "THEIRS": "id-9", **{f"NAME{number}": f"id-{number}" for number in range(3)}}
    assert (tmp_path / "keys.env").read_text() == (
        f"{numbers(3, ids=True)}THEIRS=their-9\nTHEIRS_ID=id-9\nMINE=mine-9\nMINE_ID=id-9\n"
    )


@pytest.mark.parametrize("moved", [False, True])
def test_an_edit_of_the_same_length_a_moment_later_is_seen(tmp_path: Path, *, moved: bool) -> None:
    """Although it leaves no trace but the content: the file's times are those of before."""
    path = tmp_path / "keys.env"
    path.write_text("NAME=old\n")
    path.chmod(0o600)
    store = opened(tmp_path)
    assert store.value("NAME") == Sealed("old")
    before = path.stat()
    (tmp_path / "new" if moved else path).write_text("NAME=new\n")
    if moved:
        (tmp_path / "new").replace(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert store.value("NAME") == Sealed("new")
    store.keep("OTHER", Sealed("other"), "")
    assert path.read_text() == "NAME=new\nOTHER=other\n"


# Threads that write at the same time


def joined(parts: tuple[str, ...], changes: Changes) -> tuple[str, ...]:
    return (*parts, *changes)


def a_file(path: Path) -> SharedFile[tuple[str, ...]]:
    form = Format(
        lambda content: tuple((content or b"").decode().split()), joined, lambda parts: " ".join(parts).encode()
    )
    return SharedFile(path, form, lambda: path.with_suffix(".lock"))


@pytest.mark.parametrize("refusals", [0, 1, 3])
def test_those_who_wait_are_written_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusals: int) -> None:
    """While one waits for the disk the others gather; what keeps one from it keeps only that one."""
    file, threads = a_file(tmp_path / "file"), 12
    writes: list[bytes] = []
    everybody_waits = threading.Event()

    def slow(path: Path, content: bytes, mode: int) -> None:
        everybody_waits.wait(10)
        writes.append(content)
        if len(writes) <= refusals:
            raise OSError(28, "No space left on device")
        write_whole(path, content, mode)

    monkeypatch.setattr(shared_file, "write_whole", slow)

    def change(number: int) -> bool:
        try:
            file.change({f"n{number}": ""})
        except OSError:
            return False
        return True

    with ThreadPoolExecutor(threads) as pool:
        done = [pool.submit(change, number) for number in range(threads)]
        while len(file._waiting) < threads - 1:  # noqa: SLF001 # all but the one that writes
            time.sleep(0.001)
        everybody_waits.set()
        kept = {f"n{number}" for number, each in enumerate(done) if each.result()}
    assert len(kept) == threads - refusals
    assert kept == set(file.read()) == set((tmp_path / "file").read_text().split())
    assert len(writes) == (2 if not refusals else refusals + 1)
