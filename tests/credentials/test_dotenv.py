"""A dotenv file as credential store: for its owner alone, whole after every kill, and nobody's lines are lost."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.credentials.settings import CredentialSettings
from reconciler.credentials.store import CredentialStore, open_store
from reconciler.errors import Refused, Unreadable
from reconciler.model.secret import Sealed
from tests.killing import start

KEEPING = """
from pathlib import Path
from reconciler.credentials.settings import CredentialSettings
from reconciler.credentials.store import open_store
from reconciler.model.secret import Sealed

store = open_store(CredentialSettings(dotenv="keys.env"), Path(sys.argv[1]), "test", {})
count_from_here()
for number in range(int(sys.argv[2]), int(sys.argv[3])):
    refused = store.keep(f"NAME{number}", Sealed(f"value-{number}"), f"id-{number}")
    assert refused is None, store.refusal(f"NAME{number}")
"""


def store(root: Path, file: str | None = "keys.env") -> CredentialStore:
    return open_store(CredentialSettings(dotenv=file) if file else None, root, "test", {})


def revealed(root: Path, name: str) -> str | None:
    value = store(root).value(name)
    return value.reveal() if value else None


def test_a_value_and_its_id_are_found_again(tmp_path: Path) -> None:
    assert store(tmp_path).keep("NAME", Sealed("s'ecret"), "id-1") is None
    assert (tmp_path / "keys.env").read_text() == 'NAME="s\'ecret"\nNAME_ID=id-1\n'
    assert revealed(tmp_path, "NAME") == "s'ecret"
    assert store(tmp_path).id_of("NAME") == "id-1"


def test_by_default_it_lies_outside_git(tmp_path: Path) -> None:
    store(tmp_path, None).keep("NAME", Sealed("secret"), "id-1")
    file = tmp_path / ".reconciler" / "credentials-test.env"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert (file.parent / ".gitignore").read_text() == "*\n"


def test_nothing_is_written_before_something_is_kept(tmp_path: Path) -> None:
    opened = store(tmp_path, None)
    assert (opened.value("NAME"), opened.id_of("NAME")) == (None, None)
    assert opened.settle() == ()
    opened.forget("NAME")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_for_it_is_made(tmp_path: Path) -> None:
    assert store(tmp_path, "secret/of/test.env").keep("NAME", Sealed("secret"), "id-1") is None
    assert stat.S_IMODE((tmp_path / "secret" / "of").stat().st_mode) == 0o700


def test_a_newer_value_takes_the_place_of_the_older_one(tmp_path: Path) -> None:
    store(tmp_path).keep("NAME", Sealed("old"), "id-1")
    store(tmp_path).keep("OTHER", Sealed("other"), "id-2")
    store(tmp_path).keep("NAME", Sealed("new"), "id-3")
    assert (tmp_path / "keys.env").read_text() == "NAME=new\nNAME_ID=id-3\nOTHER=other\nOTHER_ID=id-2\n"


def test_an_id_that_is_not_known_yet_comes_later(tmp_path: Path) -> None:
    store(tmp_path).keep("NAME", Sealed("old"), "id-1")
    store(tmp_path).keep("NAME", Sealed("new"), "")
    assert (revealed(tmp_path, "NAME"), store(tmp_path).id_of("NAME")) == ("new", None)
    store(tmp_path).keep("NAME", Sealed("new"), "id-2")
    assert store(tmp_path).id_of("NAME") == "id-2"


def test_what_is_forgotten_leaves_no_line(tmp_path: Path) -> None:
    (tmp_path / "keys.env").write_bytes(b"# mine \xff\nOTHER='a b'\n")
    opened = store(tmp_path)
    opened.keep("NAME", Sealed("secret"), "id-1")
    opened.forget("NAME")
    assert (opened.value("NAME"), opened.id_of("NAME")) == (None, None)
    assert (tmp_path / "keys.env").read_bytes() == b"# mine \xff\nOTHER='a b'\n"


def test_a_file_that_others_may_read_is_taken_from_them(tmp_path: Path) -> None:
    (tmp_path / "keys.env").write_text("OTHER=1\n")
    (tmp_path / "keys.env").chmod(0o644)
    assert store(tmp_path).keep("NAME", Sealed("secret"), "id-1") is None
    assert stat.S_IMODE((tmp_path / "keys.env").stat().st_mode) == 0o600


def test_checking_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "keys.env").write_text("# no last newline")
    store(tmp_path).check()
    assert (tmp_path / "keys.env").read_text() == "# no last newline"


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "keys.env").symlink_to(tmp_path / "elsewhere.env")
    (tmp_path / "root" / "linked").symlink_to(tmp_path)
    for file in ("keys.env", "linked/keys.env"):
        with pytest.raises(Refused, match=f"the credential store {file} is reached by a symbolic link"):
            store(tmp_path / "root", file)


def test_a_link_to_the_whole_repository_is_none_of_these(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "here").symlink_to(tmp_path / "root")
    assert store(tmp_path / "here").keep("NAME", Sealed("secret"), "id-1") is None


def test_a_link_that_came_later_is_refused_as_well(tmp_path: Path) -> None:
    opened = store(tmp_path)
    (tmp_path / "keys.env").symlink_to(tmp_path / "elsewhere.env")
    assert opened.keep("NAME", Sealed("secret"), "id-1")
    assert opened.refusal("NAME").endswith("keys.env: is a symbolic link")
    assert not (tmp_path / "elsewhere.env").exists()


def test_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "keys.env").mkdir()
    with pytest.raises(Refused, match=r"the credential store keys\.env is a folder"):
        store(tmp_path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("NAME='open\n", "keys.env: line 1 opens a quote that is not closed"),
        ("NAME=$OTHER\n", "keys.env: only a shell can evaluate the value of NAME"),
    ],
)
def test_what_cannot_be_told_is_not_taken_for_nothing(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "keys.env").write_text(text)
    with pytest.raises(Unreadable) as raised:
        store(tmp_path).value("NAME")
    assert str(raised.value) == f"the credential store cannot be read: {problem}"


def test_nothing_is_added_behind_an_open_quote(tmp_path: Path) -> None:
    (tmp_path / "keys.env").write_text("OTHER='open\n")
    opened = store(tmp_path)
    with pytest.raises(Refused, match="is not closed"):
        opened.check()
    assert opened.keep("NAME", Sealed("secret"), "id-1")
    assert (tmp_path / "keys.env").read_text() == "OTHER='open\n"


@pytest.mark.parametrize("text", ["", "two\nlines", "a\0b", "\udc80"])
def test_what_a_dotenv_file_cannot_hold_is_refused(tmp_path: Path, text: str) -> None:
    opened = store(tmp_path)
    assert opened.keep("NAME", Sealed(text), "id-1")
    assert opened.refusal("NAME") == "a dotenv file holds only printable characters, and at least one"


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.sampled_from(["A", "B", "A_B"]), st.text("ab'\"$\\ #\u00e9", min_size=1), st.sampled_from("xyz"))
    )
)
def test_the_last_value_kept_is_the_one_found(
    tmp_path_factory: pytest.TempPathFactory, kept: list[tuple[str, str, str]]
) -> None:
    root = tmp_path_factory.mktemp("root")
    for name, text, id in kept:
        assert store(root).keep(name, Sealed(text), id) is None
    expected = {name: (text, id) for name, text, id in kept}
    assert {name: (revealed(root, name), store(root).id_of(name)) for name in expected} == expected


def test_many_threads_lose_nothing(tmp_path: Path) -> None:
    opened = store(tmp_path)
    with ThreadPoolExecutor(16) as pool:
        paths = pool.map(lambda number: opened.keep(f"N{number}", Sealed(f"v{number}"), f"i{number}"), range(60))
        assert set(paths) == {None}
    assert {number: revealed(tmp_path, f"N{number}") for number in range(60)} == {at: f"v{at}" for at in range(60)}


def test_several_processes_lose_nothing(tmp_path: Path) -> None:
    writers = [start(KEEPING, tmp_path, first, first + 15) for first in (0, 15, 30)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert [revealed(tmp_path, f"NAME{number}") for number in range(45)] == [f"value-{at}" for at in range(45)]


def test_a_kill_at_any_step_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    old, new = "# mine\nNAME1=old\nNAME1_ID=id-0\nOTHER=1\n", "# mine\nNAME1=value-1\nNAME1_ID=id-1\nOTHER=1\n"
    found = []
    for step in range(1, 40):
        (tmp_path / "keys.env").write_text(old)
        (tmp_path / "keys.env").chmod(0o600)
        code = start(KEEPING, tmp_path, 1, 2, kill_at=step).wait()
        found.append((tmp_path / "keys.env").read_text())
        if code == 0:
            break
    assert code == 0
    assert len(found) > 4
    assert found == sorted(found, key=new.__eq__)
    assert set(found) == {old, new}
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".reconciler",
        "keys.env",
        "keys.env.lock",
        "test.credential-ids.json",
    ]
