"""Writing files to a folder: each completely or not at all, and never over a changed file."""

from pathlib import Path

import pytest

from reconciler.errors import InvalidInput
from reconciler.export.files import write_files

FILES = {"manifests/a.yaml": "a\n", ".gitignore": "# Why.\n/.reconciler/\n.env\n", "reconciler.yaml": "b\n"}


def test_a_kill_leaves_no_half_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(path: Path, content: bytes) -> None:
        path.touch()
        raise KeyboardInterrupt(content)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", killed)
        with pytest.raises(KeyboardInterrupt):
            write_files(tmp_path, FILES)
    assert write_files(tmp_path, FILES) == tuple(FILES)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == FILES.keys()


def test_a_list_may_hold_other_lines_too(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.pyc\n.env\n/.reconciler/\n")
    assert write_files(tmp_path, FILES) == ("manifests/a.yaml", "reconciler.yaml")
    assert (tmp_path / ".gitignore").read_text() == "*.pyc\n.env\n/.reconciler/\n"


def test_lines_that_a_list_lacks_are_named(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.pyc\n.env\n")
    with pytest.raises(InvalidInput) as refused:
        write_files(tmp_path, FILES)
    (problem,) = refused.value.problems
    assert problem.message == ".gitignore exists and lacks /.reconciler/"
    assert problem.hint == "nothing was written: add this line to it"
