"""Which files are read, and what becomes of files that nobody should have to read."""

import os
from pathlib import Path

from reconciler.documents import Document, read_documents
from reconciler.model import Position, Problem
from tests.repositories import ORGANIZATION, write


def read(root: Path) -> tuple[list[Document], list[tuple[str, str]]]:
    problems: list[Problem] = []
    documents = list(read_documents(root, problems))
    return documents, [(problem.code, str(problem.at[0])) for problem in problems]


def test_files_at_any_depth_in_the_order_of_their_names(tmp_path: Path) -> None:
    names = ["manifests/b.yml", "manifests/a/z.yaml", "manifests/a.yaml", "rules/r.yaml"]
    other = ["manifests/a.yaml.bak", "manifests/notes.md", "manifests/.hidden.yaml", "manifests/.git/x.yaml", "c.yaml"]
    write(tmp_path, dict.fromkeys([*names, *other], ORGANIZATION))
    documents, problems = read(tmp_path)
    assert [document.position.file for document in documents] == [
        "manifests/a/z.yaml",
        "manifests/a.yaml",
        "manifests/b.yml",
        "rules/r.yaml",
    ]
    assert problems == []


def test_a_document_knows_its_kind_name_and_places(tmp_path: Path) -> None:
    write(tmp_path, {"manifests/a.yaml": "# a comment\n" + ORGANIZATION})
    ((document,), _problems) = read(tmp_path)
    assert (document.kind, document.name) == ("Organization", "acme")
    assert document.position == Position("manifests/a.yaml", 2, 1)
    assert document.at("spec", "organization_name") == Position("manifests/a.yaml", 5, 27)
    assert document.key_at("spec", "organization_name") == Position("manifests/a.yaml", 5, 8)
    assert document.at("spec", "nothing", "there") == document.at("spec")
    assert document.at("nowhere") == document.position
    assert document.inside(("spec", "organization_name"), 2) == Position("manifests/a.yaml", 5, 29)


def test_links_out_of_the_repository_are_refused(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    write(outside, {"manifests/secret.yaml": ORGANIZATION})
    root = write(tmp_path / "repository", {"manifests/a.yaml": ORGANIZATION})
    (root / "manifests/inside.yaml").symlink_to("a.yaml")
    (root / "manifests/out.yaml").symlink_to("../../outside/manifests/secret.yaml")
    (root / "manifests/absolute.yaml").symlink_to(outside / "manifests/secret.yaml")
    (root / "manifests/dead.yaml").symlink_to("nowhere.yaml")
    (root / "manifests/loop.yaml").symlink_to("loop.yaml")
    (root / "rules").symlink_to(outside)
    documents, problems = read(root)
    assert [document.position.file for document in documents] == ["manifests/a.yaml", "manifests/inside.yaml"]
    assert problems == [
        ("outside", "manifests/absolute.yaml:1:1"),
        ("dead-link", "manifests/dead.yaml:1:1"),
        ("dead-link", "manifests/loop.yaml:1:1"),
        ("outside", "manifests/out.yaml:1:1"),
        ("not-followed", "rules:1:1"),
    ]


def test_a_folder_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    root = write(tmp_path, {"manifests/a.yaml": ORGANIZATION})
    (root / "manifests/again").symlink_to(root / "manifests")
    assert read(root)[1] == [("not-followed", "manifests/again:1:1")]


def test_a_huge_document_is_refused_before_it_is_read(tmp_path: Path) -> None:
    root = write(tmp_path, {"manifests/a.yaml": ORGANIZATION})
    with (root / "manifests/b.yaml").open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    assert read(root)[1] == [("too-large", "manifests/b.yaml:1:1")]


def test_what_is_no_text_is_refused_with_its_place(tmp_path: Path) -> None:
    root = write(tmp_path, {"manifests/a.yaml": ORGANIZATION})
    (root / "manifests/latin.yaml").write_bytes("a: 1\nb: é x\n".encode() + "c: é".encode("latin-1"))
    (root / "manifests/utf16.yaml").write_bytes("a: 1\n".encode("utf-16"))
    os.mkfifo(root / "manifests/pipe.yaml")
    assert read(root)[1] == [
        ("encoding", "manifests/latin.yaml:3:4"),
        ("not-a-file", "manifests/pipe.yaml:1:1"),
        ("encoding", "manifests/utf16.yaml:1:1"),
    ]


def test_one_broken_file_does_not_hide_the_others(tmp_path: Path) -> None:
    write(tmp_path, {"manifests/a.yaml": ORGANIZATION + "---\na: b: c\n", "manifests/b.yaml": ORGANIZATION})
    documents, problems = read(tmp_path)
    assert [document.position.file for document in documents] == ["manifests/a.yaml", "manifests/b.yaml"]
    assert problems == [("yaml", "manifests/a.yaml:6:5")]
