"""An export overwrites nothing, and stands in no folder that holds anything else."""

from pathlib import Path

import pytest

from reconciler.errors import InvalidInput
from reconciler.export.folder import check_nothing_else, write_files

FILES = {"manifests/A/a.yaml": "a: 1\n", "files/A/a.txt": "a\r\n", "reconciler.yaml": "b: 2\n"}


def test_what_is_not_there_is_written_to_the_byte(tmp_path: Path) -> None:
    assert write_files(tmp_path / "new", FILES) == tuple(FILES)
    assert (tmp_path / "new/files/A/a.txt").read_bytes() == b"a\r\n"
    assert write_files(tmp_path / "new", FILES) == ()


def test_what_a_person_changed_is_not_overwritten(tmp_path: Path) -> None:
    write_files(tmp_path, FILES)
    (tmp_path / "manifests/A/a.yaml").write_text("a: 2\n")
    (tmp_path / "files/A/a.txt").unlink()
    with pytest.raises(InvalidInput, match=r"manifests/A/a\.yaml is there and says something else"):
        write_files(tmp_path, FILES)
    assert not (tmp_path / "files/A/a.txt").exists()


def test_what_an_export_would_not_write_stops_it(tmp_path: Path) -> None:
    write_files(tmp_path, {**FILES, "manifests/A/gone.yaml": "", "manifests/.gitkeep": "", "rules/a.yaml": ""})
    with pytest.raises(InvalidInput, match=r"manifests/A/gone\.yaml is there, and this would not write it"):
        check_nothing_else(tmp_path, FILES)
    (tmp_path / "manifests/A/gone.yaml").unlink()
    check_nothing_else(tmp_path, FILES)


def test_where_nothing_can_be_written_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "manifests").write_text("")
    with pytest.raises(InvalidInput, match="cannot write"):
        write_files(tmp_path, FILES)
