"""A snapshot may have been written by anybody: what is not whole, or of another shape, is refused."""

import gzip
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from reconciler.emulator.seed.running import Options, make
from reconciler.emulator.server.app import App
from reconciler.errors import InvalidInput
from reconciler.snapshot import file as snapshot_file
from reconciler.snapshot.file import compressed, opened
from reconciler.snapshot.lines import Head, Line
from tests.repositories import config_of
from tests.snapshot import snapshots

Lines = list[bytes]


@pytest.fixture
def app() -> Iterator[App]:
    made = make(Options())
    yield made
    made.close()


@pytest.fixture
def whole(tmp_path: Path, app: App) -> Path:
    config = snapshots.repository(tmp_path / "repository")
    snapshots.settle(config, app)
    return snapshots.taken(config, app, tmp_path / "snapshot.gz")


def altered(lines: Lines, number: int, **fields: object) -> Lines:
    line = json.loads(lines[number]) | fields
    return [*lines[:number], json.dumps(line).encode(), *lines[number + 1 :]]


CASES: dict[str, tuple[Callable[[Lines], Lines], str]] = {
    "no end": (lambda lines: lines[:-1], "its end is missing"),
    "a line less": (lambda lines: [*lines[:1], *lines[2:]], "its digest does not match"),
    "changed": (lambda lines: altered(lines, 0, environment="live"), "its digest does not match"),
    "a line after the end": (lambda lines: [*lines, lines[1]], "is not what stands there"),
    "two heads": (lambda lines: [lines[0], *lines], "line 2 is not what stands there"),
    "no head": (lambda lines: lines[1:], "line 1 is not what stands there"),
    "an unknown field": (lambda lines: altered(lines, 0, secret="x"), "line 1 is not what a snapshot holds"),
    "an unknown line": (lambda lines: [lines[0], b'{"is": "else"}', *lines[1:]], "line 2 is not what a snapshot holds"),
    "a wrong type": (lambda lines: altered(lines, 0, kinds=7), "line 1 is not what a snapshot holds"),
    "no JSON": (lambda lines: [*lines[:1], b"\xff\xfe", *lines[1:]], "line 2 is not what a snapshot holds"),
    "nested deeply": (lambda lines: [lines[0], b"[" * 100_000, *lines[1:]], "line 2 is not what a snapshot holds"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_no_snapshot_is_refused(whole: Path, name: str) -> None:
    change, said = CASES[name]
    lines = gzip.decompress(whole.read_bytes()).splitlines()
    whole.write_bytes(gzip.compress(b"".join(line + b"\n" for line in change(lines))))
    with pytest.raises(InvalidInput, match=said), opened(whole):
        pass


def test_another_version_is_named(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_file, "FORMAT", 2)
    with pytest.raises(InvalidInput, match="it has format 1, this version reads 2"), opened(whole):
        pass


def signed(lines: Lines) -> bytes:
    """A snapshot of these lines, as somebody makes one who knows how."""
    text = b"".join(line + b"\n" for line in lines[:-1])
    end = {"is": "end", "lines": len(lines) - 1, "digest": f"sha256:{hashlib.sha256(text).hexdigest()}"}
    return gzip.compress(text + json.dumps(end).encode() + b"\n")


def in_things(lines: Lines, **spec: object) -> Lines:
    """The lines with fields of every live thing in place of its own."""
    found = list(map(json.loads, lines))
    for line in found:
        if line["is"] == "live":
            line["live"]["spec"] |= spec
    return [json.dumps(line).encode() for line in found]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: altered(lines, 0, users=[["user"]]), "what it has of the users"),
        (lambda lines: altered(lines, 0, taken_at="0001-01-01T00:00:00+14:00"), "when it was taken"),
        (lambda lines: in_things(lines, trusted_metadata="x"), r"never answers with \(\w+Error in \w+.py:\d"),
        (lambda lines: in_things(lines, custom_roles=[7]), "never answers with .AttributeError"),
    ],
    ids=["users", "moment", "metadata", "roles"],
)
def test_what_is_made_by_hand_ends_in_no_traceback(
    tmp_path: Path, whole: Path, change: Callable[[Lines], Lines], said: str
) -> None:
    whole.write_bytes(signed(change(gzip.decompress(whole.read_bytes()).splitlines())))
    with pytest.raises(InvalidInput, match=said):
        snapshots.planned(config_of(tmp_path / "repository"), whole)


@pytest.mark.parametrize("content", [b"", b"plain", gzip.compress(b"x" * 100)[:-9]], ids=["empty", "plain", "cut off"])
def test_what_is_not_compressed_whole_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "s").write_bytes(content)
    with pytest.raises(InvalidInput, match="it is not a whole snapshot"), opened(tmp_path / "s"):
        pass


def test_no_more_is_unpacked_than_a_snapshot_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_file, "LARGEST", 1 << 20)
    (tmp_path / "s").write_bytes(gzip.compress(b"a" * (1 << 26)))
    with pytest.raises(InvalidInput, match="it holds more than"), opened(tmp_path / "s"):
        pass


def test_a_line_too_long_is_refused(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_file, "LONGEST", 40)
    with pytest.raises(InvalidInput, match="line 1 is not what a snapshot holds"), opened(whole):
        pass


@pytest.mark.parametrize("moment", ["", "yesterday", "2026-01-01T00:00:00"])
def test_when_it_was_taken_is_a_moment(whole: Path, moment: str) -> None:
    head, *rest = [msgspec.convert(json.loads(line), Line) for line in gzip.decompress(whole.read_bytes()).splitlines()]
    assert isinstance(head, Head)
    whole.write_bytes(b"".join(compressed([structs.replace(head, taken_at=moment), *rest[:-1]])))
    with pytest.raises(InvalidInput, match="does not say when it was taken"), opened(whole):
        pass
