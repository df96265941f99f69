"""A command as credential store: the value on its standard input and nowhere else, its refusals told without it."""

import json
import os
import stat
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from reconciler.credentials import command
from reconciler.credentials.command import first_line
from reconciler.credentials.settings import CredentialSettings
from reconciler.credentials.store import CredentialStore, open_store
from reconciler.errors import Refused, Unreadable
from reconciler.model.secret import Sealed

CANARY = "canary-3f9c-not-to-be-seen"
ENVIRON = {"PATH": os.environ["PATH"], "TOKEN": "of the command"}
# Writes down everything that it is given.
PUT = """#!/bin/sh
cat > "$1.stdin"
printf '%s\\n' "$0" "$@" > "$1.arguments"
env > "$1.environ"
pwd > "$1.folder"
"""


def script(root: Path, text: str, name: str = "put") -> str:
    (root / name).write_text(text if text.startswith("#!") else f"#!/bin/sh\n{text}\n")
    (root / name).chmod(0o755)
    return f"./{name}"


def store(root: Path, *put: str, environ: Mapping[str, str] = ENVIRON, **more: Any) -> CredentialStore:
    return open_store(CredentialSettings(command=list(put), **more), root, "live", environ)


@pytest.mark.parametrize(
    ("more", "gets"),
    [
        ({}, {"PATH", "TOKEN", "OTHER"}),
        ({"environment": ["TOKEN", "NOT_THERE"]}, {"PATH", "TOKEN", "LC_ALL"}),
        ({"environment": []}, {"PATH", "LC_ALL"}),
    ],
    ids=["every variable", "those that are named", "none"],
)
def test_a_command_gets_none_of_our_credentials(tmp_path: Path, more: dict[str, Any], gets: set[str]) -> None:
    ours = {"STYTCH_SECRET": CANARY, "STYTCH_WORKSPACE_KEY_SECRET": CANARY, "STYTCH_PROJECT_ID": "project-test-1"}
    environ = {**ENVIRON, "OTHER": "1", "LC_ALL": "C", **ours}
    opened = store(tmp_path, script(tmp_path, PUT), "{name}", environ=environ, **more)
    assert opened.keep("NAME", Sealed("kept"), "id-1") is None
    found = {line.partition("=")[0] for line in (tmp_path / "NAME.environ").read_text().splitlines()}
    assert found - {"PWD", "SHLVL", "_", "OLDPWD"} - gets <= {"LC_ALL"}
    assert gets <= found
    assert not found & ours.keys()


def refusal(root: Path, text: str, secret: str = CANARY) -> str:
    """What is said of a script that does not take a value."""
    opened = store(root, script(root, text))
    path = opened.keep("NAME", Sealed(secret), "id-1")
    assert path is not None
    assert json.loads(path.read_text())["value"] == secret
    return opened.refusal("NAME")


def test_the_value_comes_on_standard_input_and_nowhere_else(tmp_path: Path) -> None:
    opened = store(tmp_path, script(tmp_path, PUT), "{name}", "a {id} in {environment}", "{other} ${name}")
    assert opened.keep("NAME", Sealed(CANARY), "id-1") is None
    assert (tmp_path / "NAME.stdin").read_text() == CANARY
    assert (tmp_path / "NAME.arguments").read_text().splitlines() == [
        "./put",
        "NAME",
        "a id-1 in live",
        "{other} $NAME",
    ]
    assert (tmp_path / "NAME.folder").read_text() == f"{tmp_path}\n"
    assert "TOKEN=of the command" in (tmp_path / "NAME.environ").read_text()
    holding = [path.name for path in tmp_path.rglob("*") if path.is_file() and CANARY in path.read_text()]
    assert holding == ["NAME.stdin"]


def test_no_shell_looks_at_what_is_filled_in(tmp_path: Path) -> None:
    opened = store(tmp_path, "touch", "{environment}; touch shell", "$(touch shell)", "{name}")
    assert opened.keep("NAME", Sealed(CANARY), "id-1") is None
    assert not (tmp_path / "shell").exists()
    assert {"NAME", "live; touch shell", "$(touch shell)"} <= {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize("id", ["--help", "id 1", "id;1", "$(id)", "id\n1"])
def test_an_id_that_could_be_something_else_is_no_argument(tmp_path: Path, id: str) -> None:
    opened = store(tmp_path, "touch", "{id}")
    assert opened.keep("NAME", Sealed(CANARY), id)
    assert opened.refusal("NAME") == "the id of NAME has characters that cannot be used in an argument of touch"
    assert store(tmp_path, "touch", "done").keep("NAME", Sealed(CANARY), id) is None


def test_the_ledger_remembers_the_ids_and_nothing_else(tmp_path: Path) -> None:
    opened = store(tmp_path, "cat")
    for name, id in (("B", "id-2"), ("A", "id-1"), ("C", ""), ("B", "id-3")):
        assert opened.keep(name, Sealed(CANARY), id) is None
    ledger = tmp_path / "live.credential-ids.json"
    assert ledger.read_text() == '{\n  "A": "id-1",\n  "B": "id-3"\n}\n'
    assert stat.S_IMODE(ledger.stat().st_mode) & stat.S_IRUSR
    assert [store(tmp_path, "cat").id_of(name) for name in "ABC"] == ["id-1", "id-3", None]
    opened.forget("B")
    assert ledger.read_text() == '{\n  "A": "id-1"\n}\n'


def test_many_threads_lose_no_id(tmp_path: Path) -> None:
    opened = store(tmp_path, "true")
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda at: opened.keep(f"N{at}", Sealed(CANARY), f"i{at}"), range(32))) == {None}
    ledger = json.loads((tmp_path / "live.credential-ids.json").read_text())
    assert ledger == {f"N{at}": f"i{at}" for at in range(32)}


def test_the_ledger_may_lie_elsewhere(tmp_path: Path) -> None:
    store(tmp_path, "cat", ids="ids.json").keep("NAME", Sealed(CANARY), "id-1")
    assert json.loads((tmp_path / "ids.json").read_text()) == {"NAME": "id-1"}


def test_an_environment_of_any_name_has_its_ledger(tmp_path: Path) -> None:
    settings = CredentialSettings(command=["cat"])
    assert open_store(settings, tmp_path, "eu/live", ENVIRON).keep("NAME", Sealed(CANARY), "id-1") is None
    assert (tmp_path / "eu%2Flive.credential-ids.json").exists()


@pytest.mark.parametrize("text", ["{", "[]", '{"NAME": 1}', "<<<<<<< ours"])
def test_a_damaged_ledger_is_not_taken_for_an_empty_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "live.credential-ids.json").write_text(text)
    opened = store(tmp_path, "cat")
    with pytest.raises(Unreadable, match="is not a JSON object of names and ids"):
        opened.id_of("NAME")
    with pytest.raises(Refused, match="is not a JSON object of names and ids"):
        opened.check()
    assert opened.keep("NAME", Sealed(CANARY), "id-1")
    assert (tmp_path / "live.credential-ids.json").read_text() == text


def test_without_a_command_that_reads_nothing_is_read(tmp_path: Path) -> None:
    store(tmp_path, "cat").keep("NAME", Sealed(CANARY), "id-1")
    assert store(tmp_path, "cat").value("NAME") is None


@pytest.mark.parametrize("ending", ["", "\\n", "\\r\\n"])
def test_what_the_reading_command_prints_is_the_value(tmp_path: Path, ending: str) -> None:
    script(tmp_path, f"printf '%s{ending}' \"of $1 $2\"", "get")
    value = store(tmp_path, "cat", read=["./get", "{name}", "{environment}"]).value("NAME")
    assert value == Sealed("of NAME live")


def test_a_value_that_is_read_by_its_id_needs_one(tmp_path: Path) -> None:
    opened = store(tmp_path, "true", read=["echo", "{id}"])
    assert opened.value("NAME") is None
    opened.keep("NAME", Sealed("given"), "id-1")
    assert store(tmp_path, "true", read=["echo", "{id}"]).value("NAME") == Sealed("id-1")


@pytest.mark.parametrize("read", [["false"], ["true"], ["sh", "-c", "echo partly; exit 1"]])
def test_a_reading_command_may_say_that_there_is_nothing(tmp_path: Path, read: list[str]) -> None:
    assert store(tmp_path, "cat", read=read).value("NAME") is None


@pytest.mark.parametrize("read", [["./not-there"], ["sh", "-c", "kill -9 $$"], ["sleep", "60"]])
def test_one_that_says_nothing_is_not_taken_for_no(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: list[str]
) -> None:
    monkeypatch.setattr(command, "TIMEOUT", 0.2)
    with pytest.raises(Unreadable, match="the credential store cannot be read"):
        store(tmp_path, "cat", read=read).value("NAME")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("exit 3", "./put ended with exit code 3"),
        ("echo 'HTTP 403: no' >&2; echo more >&2; exit 1", "./put ended with exit code 1: HTTP 403: no"),
        ("echo >&2; echo ' second' >&2; exit 1", "./put ended with exit code 1: second"),
        ("echo printed; exit 1", "./put ended with exit code 1"),
        ('echo "bad value: $(cat)" >&2; exit 1', "./put ended with exit code 1: bad value: ***"),
        ('echo "bad: $(cut -c 1-12)..." >&2; exit 1', "./put ended with exit code 1"),
        ("echo 'ann@acme.example' >&2; exit 1", "./put ended with exit code 1: a***@acme.example#b759"),
        ("kill -9 $$", "./put was ended by signal 9"),
    ],
)
def test_a_refusal_is_told_without_the_value(tmp_path: Path, text: str, said: str) -> None:
    assert refusal(tmp_path, text) == said
    assert store(tmp_path, "cat").id_of("NAME") == "id-1"  # in the emergency file
    assert not (tmp_path / "live.credential-ids.json").exists()


def test_a_command_that_is_not_there_refuses(tmp_path: Path) -> None:
    opened = store(tmp_path, "no-such-program")
    assert opened.keep("NAME", Sealed(CANARY), "id-1")
    assert opened.refusal("NAME").startswith("no-such-program cannot be started: ")
    with pytest.raises(Refused, match="no-such-program, which keeps the credentials, does not exist"):
        opened.check()


def test_a_command_that_can_be_started_passes_the_check(tmp_path: Path) -> None:
    store(tmp_path, script(tmp_path, "exit 1"), read=["cat"]).check()
    with pytest.raises(Refused, match="get"):
        store(tmp_path, "cat", read=["./get"]).check()


def test_a_command_that_hangs_is_ended_with_all_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "TIMEOUT", 1.0)
    said = refusal(tmp_path, "(while :; do echo >> beats; sleep 0.01; done) & sleep 60")
    assert said == "./put did not end within 1 s"
    beats = (tmp_path / "beats").stat().st_size
    time.sleep(0.1)
    assert beats > 0
    assert (tmp_path / "beats").stat().st_size == beats


def test_a_command_that_does_not_read_is_believed_by_its_exit_code(tmp_path: Path) -> None:
    large = "x" * 100_000  # more than fits into a pipe
    assert store(tmp_path, "true").keep("NAME", Sealed(large), "id-1") is None
    assert store(tmp_path, "false").keep("NAME", Sealed(large), "id-1")


def test_a_value_whose_id_cannot_be_written_down_is_not_kept(tmp_path: Path) -> None:
    opened = store(tmp_path, script(tmp_path, PUT), "{name}", ids="no/such/folder/ids.json")
    path = opened.keep("NAME", Sealed(CANARY), "id-1")
    assert path is not None
    assert json.loads(path.read_text())["id"] == "id-1"
    assert "No such file or directory" in opened.refusal("NAME")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (CANARY, "***"),
        (f"before {CANARY} after {CANARY}", "before *** after ***"),
        (f"without its first letters: {CANARY[3:]}", ""),
        (f"cut short: {CANARY[:8]}", ""),
        (f"by a program that quotes: {CANARY[:9].upper()}{CANARY[5:14]}", ""),
        ("encoded: Y2FuYXJ5LTNmOWMtbm90LXRvLWJlLXNlZW4=", ""),
        (f"encoded: {CANARY.encode().hex()}", ""),
        (f"a few letters: {CANARY[:7]}", f"a few letters: {CANARY[:7]}"),
    ],
)
def test_no_piece_of_the_value_is_in_what_is_told(said: str, told: str) -> None:
    assert first_line(said.encode(), Sealed(CANARY)) == told


def test_a_short_value_is_not_told_either() -> None:
    assert first_line(b"it is pin1", Sealed("pin1")) == "it is ***"


def test_what_is_told_is_one_short_line_of_printable_characters() -> None:
    told = first_line(b"\x1b[31mred\x1b[0m\x07 \xff " + b"x" * 1000 + b"\nsecond", Sealed(CANARY))
    assert told.isprintable()
    assert len(told) == 200
    assert "second" not in told


def test_where_nothing_is_said_nothing_is_told() -> None:
    assert first_line(b"", Sealed(CANARY)) == ""
    assert first_line(b" \n\n", Sealed(CANARY)) == ""
