"""What the store does not take is not lost, is found again, and is handed over later; and no error tells a value."""

import json
import os
import stat
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from reconciler.credentials import command
from reconciler.credentials.settings import CredentialSettings, contradiction
from reconciler.credentials.store import CredentialStore, open_store
from reconciler.errors import InvalidInput, ReconcilerError, StoreFailed, Unreadable
from reconciler.model import Position
from reconciler.model.secret import Sealed
from reconciler.schema.validate import validation_errors
from tests.killing import start

CANARY = "canary-3f9c-not-to-be-seen"
PATH = {"PATH": os.environ["PATH"]}
# Refuses while there is a file `closed`, and keeps values in files.
TOGGLED = ["sh", "-c", 'test ! -e closed && cat > "kept-$1"', "put", "{name}"]
READ = ["sh", "-c", 'cat "kept-$1"', "get", "{name}"]
STORES = {
    "dotenv": CredentialSettings(dotenv="keys.env"),
    "command": CredentialSettings(command=TOGGLED),
    "command that reads": CredentialSettings(command=TOGGLED, read=READ),
}
KEEPING = """
from pathlib import Path
from reconciler.credentials.settings import CredentialSettings
from reconciler.credentials.store import open_store
from reconciler.model.secret import Sealed

store = open_store(CredentialSettings(command=["false"]), Path(sys.argv[1]), "test", dict(os.environ))
count_from_here()
store.keep("NAME", Sealed("new"), "id-2")
"""


def store(root: Path, environment: str = "test", **environ: str) -> CredentialStore:
    """One that can be closed, and read."""
    return open_store(STORES["command that reads"], root, environment, PATH | environ)


def close(root: Path, *, closed: bool = True) -> None:
    if closed:
        (root / "closed").touch()
    else:
        (root / "closed").unlink()


def emergencies(root: Path) -> list[Path]:
    return sorted((root / ".reconciler").glob("emergency-*"))


def refused(opened: CredentialStore, name: str, text: str, id: str = "id-1") -> Path:
    path = opened.keep(name, Sealed(text), id)
    assert path is not None
    return path


@pytest.mark.parametrize("settings", STORES.values(), ids=STORES)
def test_what_this_run_kept_is_known_to_it(tmp_path: Path, settings: CredentialSettings) -> None:
    opened = open_store(settings, tmp_path, "test", PATH | {"NAME": "of the environment"})
    assert opened.value("NAME") == Sealed("of the environment")
    opened.keep("NAME", Sealed("kept"), "id-1")
    assert (opened.value("NAME"), opened.id_of("NAME")) == (Sealed("kept"), "id-1")
    opened.forget("NAME")
    assert (opened.value("NAME"), opened.id_of("NAME")) == (Sealed("of the environment"), None)


def test_a_later_run_looks_in_order(tmp_path: Path) -> None:
    store(tmp_path).keep("NAME", Sealed("in the store"), "id-1")
    assert (store(tmp_path).value("NAME"), store(tmp_path).id_of("NAME")) == (Sealed("in the store"), "id-1")
    close(tmp_path)
    refused(store(tmp_path), "NAME", "newer", "id-2")
    assert (store(tmp_path).value("NAME"), store(tmp_path).id_of("NAME")) == (Sealed("newer"), "id-2")
    assert store(tmp_path, NAME="by hand").value("NAME") == Sealed("by hand")
    assert store(tmp_path, NAME="").value("NAME") == Sealed("newer")
    assert store(tmp_path).value("OTHER") is None


def test_what_is_refused_goes_to_a_file_for_its_owner_alone(tmp_path: Path) -> None:
    close(tmp_path)
    opened = store(tmp_path)
    path = refused(opened, "NAME", CANARY)
    assert path.parent == tmp_path / ".reconciler"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (path.parent / ".gitignore").read_text() == "*\n"
    assert json.loads(path.read_text()) == {
        "environment": "test",
        "name": "NAME",
        "id": "id-1",
        "value": CANARY,
        "why": "sh ended with exit code 1",
    }
    assert opened.refusal("NAME") == "sh ended with exit code 1"
    assert opened.refusal("OTHER") == ""


def test_of_two_values_that_were_refused_the_newer_counts(tmp_path: Path) -> None:
    close(tmp_path)
    assert refused(store(tmp_path), "NAME", "older", "id-1") != refused(store(tmp_path), "NAME", "newer", "id-2")
    assert (store(tmp_path).value("NAME"), store(tmp_path).id_of("NAME")) == (Sealed("newer"), "id-2")
    close(tmp_path, closed=False)
    assert store(tmp_path).settle() == ("NAME",)
    assert (tmp_path / "kept-NAME").read_text() == "newer"
    assert emergencies(tmp_path) == []


def test_what_is_settled_leaves_the_emergency_files(tmp_path: Path) -> None:
    close(tmp_path)
    for name in ("A", "not a name", "B"):
        refused(store(tmp_path), name, f"of {name}", f"id-{name}")
    assert store(tmp_path).settle() == ()
    assert len(emergencies(tmp_path)) == 3
    close(tmp_path, closed=False)
    opened = store(tmp_path)
    assert opened.settle() == ("A", "B")
    assert [json.loads(path.read_text())["name"] for path in emergencies(tmp_path)] == ["not a name"]
    assert [opened.value(name) for name in ("A", "B", "not a name")] == [
        Sealed("of A"),
        Sealed("of B"),
        Sealed("of not a name"),
    ]
    assert opened.refusal("not a name") == "'not a name' is not a valid name for a credential"
    assert opened.settle() == ()


def test_what_the_store_takes_later_is_newer_than_what_waits(tmp_path: Path) -> None:
    close(tmp_path)
    refused(store(tmp_path), "NAME", "older")
    close(tmp_path, closed=False)
    opened = store(tmp_path)
    assert opened.keep("NAME", Sealed("newer"), "id-2") is None
    assert opened.refusal("NAME") == ""
    assert emergencies(tmp_path) == []


def test_what_is_forgotten_waits_no_longer(tmp_path: Path) -> None:
    close(tmp_path)
    refused(store(tmp_path), "NAME", "secret")
    store(tmp_path).forget("NAME")
    assert emergencies(tmp_path) == []
    assert store(tmp_path).id_of("NAME") is None


@pytest.mark.parametrize("environments", [("a", "a-b"), ("eu/live", "live"), ("*", "a"), ("..", ".")])
def test_each_environment_has_its_own(tmp_path: Path, environments: tuple[str, str]) -> None:
    close(tmp_path)
    for environment in environments:
        path = refused(store(tmp_path, environment), "NAME", f"of {environment}")
        assert path.parent == tmp_path / ".reconciler"
    values = [store(tmp_path, environment).value("NAME") for environment in environments]
    assert values == [Sealed(f"of {environment}") for environment in environments]


@pytest.mark.parametrize("name", ["NAME_ID", "1NAME", "na-me", "NAME\n", "", "a/b", "{id}"])
def test_what_is_no_name_is_kept_by_no_store(tmp_path: Path, name: str) -> None:
    opened = open_store(STORES["dotenv"], tmp_path, "test", {})
    path = refused(opened, name, "secret")
    assert json.loads(path.read_text())["name"] == name
    assert not (tmp_path / "keys.env").exists()
    assert opened.value(name) == Sealed("secret")


def test_a_damaged_emergency_file_is_not_taken_for_nothing(tmp_path: Path) -> None:
    close(tmp_path)
    path = refused(store(tmp_path), "NAME", CANARY)
    for text in ('{"name": "NAME"}', f'{{"value": "{CANARY}', "[]", '{"name": 1}'):
        path.write_text(text)
        for ask in (lambda: store(tmp_path).value("NAME"), lambda: store(tmp_path).id_of("A"), store(tmp_path).settle):
            with pytest.raises(Unreadable, match="is not a valid emergency file"):
                ask()


@pytest.mark.parametrize("step", ["open", "fsync", "replace"])
@pytest.mark.parametrize("settings", STORES.values(), ids=STORES)
def test_a_full_disk_loses_nothing_without_saying_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: CredentialSettings, step: str
) -> None:
    call, left = getattr(os, step), 0

    def full(*args: Any, **kwargs: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            raise OSError(28, "No space left on device")
        return call(*args, **kwargs)

    monkeypatch.setattr(os, step, full)
    for at in range(1, 8):
        opened = open_store(settings, tmp_path, "test", PATH)
        left = at
        opened.keep("NAME", Sealed(f"value-{at}"), f"id-{at}")
        left = 0
        later = open_store(settings, tmp_path, "test", PATH)
        if settings.command and not settings.read and not emergencies(tmp_path):
            assert later.value("NAME") is None
        else:
            assert later.value("NAME") == opened.value("NAME")
        assert later.id_of("NAME") == f"id-{at}"
        assert opened.value("NAME") == Sealed(f"value-{at}")


def test_a_kill_while_an_emergency_file_is_written_leaves_a_whole_one_or_none(tmp_path: Path) -> None:
    found = []
    for step in range(1, 40):
        code = start(KEEPING, tmp_path, kill_at=step).wait()
        opened = open_store(CredentialSettings(command=["false"]), tmp_path, "test", PATH)
        found.append((opened.value("NAME"), opened.id_of("NAME")))
        opened.forget("NAME")
        if code == 0:
            break
    assert code == 0
    assert (None, None) in found
    assert found[-1] == (Sealed("new"), "id-2")
    assert all(one in ((None, None), (Sealed("new"), "id-2")) for one in found)


def test_many_threads_may_be_refused_at_once(tmp_path: Path) -> None:
    close(tmp_path)
    opened = store(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda at: opened.keep(f"N{at}", Sealed(f"v{at}"), f"i{at}"), range(24)))
    assert len({path for path in paths if path}) == 24
    close(tmp_path, closed=False)
    assert len(store(tmp_path).settle()) == 24
    assert [store(tmp_path).value(f"N{at}") for at in range(24)] == [Sealed(f"v{at}") for at in range(24)]
    assert [store(tmp_path).id_of(f"N{at}") for at in range(24)] == [f"i{at}" for at in range(24)]


def nowhere(root: Path) -> None:
    """Make a file of the folder, so that there is no place for an emergency file."""
    (root / ".reconciler").write_text("")


def lost(root: Path) -> None:
    nowhere(root)
    open_store(CredentialSettings(dotenv=".reconciler/x.env"), root, "test", PATH).keep("NAME", Sealed(CANARY), "id-1")


def lost_by_a_command(root: Path) -> None:
    nowhere(root)
    put = ["sh", "-c", "cat >&2; exit 1"]
    open_store(CredentialSettings(command=put), root, "test", PATH).keep("NAME", Sealed(CANARY), "id-1")


def lost_by_a_command_that_hangs(root: Path) -> None:
    nowhere(root)
    put = ["sh", "-c", "cat >&2; sleep 60"]
    open_store(CredentialSettings(command=put), root, "test", PATH).keep("NAME", Sealed(CANARY), "id-1")


def damaged(root: Path) -> None:
    close(root)
    path = refused(store(root), "NAME", CANARY)
    path.write_text(path.read_text()[:-3])
    store(root).value("NAME")


def unreadable_file(root: Path) -> None:
    (root / "keys.env").write_text(f'OTHER={CANARY}\nNAME="{CANARY}\n')
    open_store(STORES["dotenv"], root, "test", PATH).value("NAME")


def unreadable_command(root: Path) -> None:
    read = ["sh", "-c", f"echo {CANARY}; echo {CANARY} >&2; sleep 60"]
    open_store(CredentialSettings(command=["cat"], read=read), root, "test", PATH).value("NAME")


def not_forgotten(root: Path) -> None:
    opened = open_store(STORES["dotenv"], root, "test", PATH)
    opened.keep("NAME", Sealed(CANARY), "id-1")
    (root / "keys.env").write_text(f"NAME='{CANARY}\n")
    opened.forget("NAME")


FAILURES: dict[Callable[[Path], None], type[ReconcilerError]] = {
    lost: StoreFailed,
    lost_by_a_command: StoreFailed,
    lost_by_a_command_that_hangs: StoreFailed,
    damaged: Unreadable,
    unreadable_file: Unreadable,
    unreadable_command: Unreadable,
    not_forgotten: StoreFailed,
}


@pytest.mark.parametrize("failing", FAILURES, ids=lambda failing: failing.__name__)
def test_no_error_tells_a_value(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    failing: Callable[[Path], None],
) -> None:
    monkeypatch.setattr(command, "TIMEOUT", 0.2)
    with caplog.at_level(0), pytest.raises(FAILURES[failing]) as raised:
        failing(tmp_path)
    error = raised.value
    below = [frame for frame, _ in traceback.walk_tb(error.__traceback__)][2:]  # the tests' own hold the value
    told = f"{error!r} {error.problems} {[frame.f_locals for frame in below]} {caplog.text} {capfd.readouterr()}"
    assert below
    assert "NAME" in told
    assert CANARY not in told
    assert error.__cause__ is None
    assert error.__context__ is None


def test_a_lost_value_is_said_to_be_lost(tmp_path: Path) -> None:
    with pytest.raises(StoreFailed) as raised:
        lost(tmp_path)
    assert str(raised.value).startswith("the credential NAME is lost: ")
    assert raised.value.exit_code == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "either in a dotenv file or with a command"),
        ({"dotenv": "a.env", "command": ["cat"]}, "either in a dotenv file or with a command"),
        ({"dotenv": "a.env", "file": "a.env"}, "either in a dotenv file or with a command"),
        ({"file": "a.env", "read": ["cat"]}, "read and environment belong to a command"),
        ({"file": "a.env", "environment": ["A"]}, "read and environment belong to a command"),
        ({"command": ["cat"], "ephemeral": True}, "ephemeral applies only to a file"),
        ({"command": ["cat"], "environment": ["A", "stytch_secret"]}, "which no command gets"),
    ],
)
def test_settings_that_contradict_themselves(tmp_path: Path, body: dict[str, Any], said: str) -> None:
    settings = CredentialSettings(**body)
    assert said in contradiction(settings)
    with pytest.raises(InvalidInput, match=said):
        open_store(settings, tmp_path, "test", {})


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        ({"dotenv": "a.env"}, []),
        ({"command": ["cat"], "read": ["cat", ""], "ids": "ids.json"}, []),
        ({"file": "a.env", "ephemeral": True, "ids": "ids.json"}, []),
        ({"dotenv": "a.env", "files": "b.env"}, ["unknown-key"]),
        ({"command": ["cat"], "environment": ["A=1"]}, ["wrong-value"]),
        ({"command": []}, ["wrong-value"]),
        ({"command": "cat"}, ["wrong-type"]),
        ({"dotenv": ""}, ["wrong-value"]),
    ],
)
def test_settings_of_another_shape(body: dict[str, Any], codes: list[str]) -> None:
    def place(*_: object) -> Position:
        return Position("reconciler.yaml", 1)

    found = validation_errors(body, CredentialSettings, place)
    assert [problem.code for problem in found] == codes
