"""Which files are read, and what becomes of files that nobody should have to read."""

import json
import os
from pathlib import Path

import pytest

from reconciler.config.read import load_config
from reconciler.documents.document import Document
from reconciler.documents.read import read_documents
from reconciler.errors import InvalidInput
from reconciler.load.repository import load_documents
from reconciler.model import Position, Problem
from tests.repositories import CONFIGURATION, ORGANIZATION, write


def read(root: Path) -> tuple[list[Document], list[tuple[str, str]]]:
    problems: list[Problem] = []
    documents = list(read_documents(root, problems, []))
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


def test_a_link_to_what_is_secret_is_refused(tmp_path: Path) -> None:
    files = [".env", "deploy/prod.env", ".git/config", ".reconciler/credentials-test.env"]
    root = write(tmp_path, {"manifests/a.yaml": ORGANIZATION, **dict.fromkeys(files, "STYTCH_SECRET=secret-test-1\n")})
    for number, file in enumerate(files):
        (root / f"manifests/b{number}.yaml").symlink_to(root / file)
    documents, problems = read(root)
    assert [document.position.file for document in documents] == ["manifests/a.yaml"]
    assert problems == [("not-followed", f"manifests/b{number}.yaml:1:1") for number in range(len(files))]


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


def test_a_document_that_is_nothing_is_an_error_and_a_comment_is_none(tmp_path: Path) -> None:
    texts = {"a": "", "b": "\n \n", "c": "# later\n", "d": "---\nnull\n", "e": "---\n---\n# x\n", "f": "~"}
    write(tmp_path, {f"manifests/{name}.yaml": text for name, text in texts.items()})
    assert sorted(read(tmp_path)[1]) == [
        ("empty-file", "manifests/a.yaml:1:1"),
        ("empty-file", "manifests/b.yaml:1:1"),
        ("not-a-map", "manifests/d.yaml:2:1"),
        ("not-a-map", "manifests/f.yaml:1:1"),
    ]


UNREAD = [
    "manifests/members.yaml.txt",
    "manifests/a.json",
    "manifests/A.YAML",
    "manifests/b.Yml",
    "manifests/deep/down/c.yaml.bak",
    "manifests/yaml",
    "rules/r.yaml~",
    "rules/README.yaml.txt",
    "rules/notes.md",
]


def told(root: Path, **given: str) -> list[tuple[str, str, str]]:
    try:
        problems: tuple[Problem, ...] = load_documents(load_config(root, "test", **given)).problems
    except InvalidInput as error:
        problems = error.problems
    return [(problem.code, ", ".join(map(str, problem.at)), problem.hint) for problem in problems]


def test_a_file_that_is_not_read_is_an_error(tmp_path: Path) -> None:
    aside = ["manifests/README", "manifests/readme.md", "manifests/README.de.txt", "rules/CODEOWNERS", "rules/.gitkeep"]
    write(tmp_path, dict.fromkeys(["manifests/a.yaml", *UNREAD, *aside], "") | {"manifests/a.yaml": ORGANIZATION})
    found = told(tmp_path)
    assert {(code, place) for code, place, _hint in found} == {("unread-file", f"{name}:1:1") for name in UNREAD}
    hints = {place.partition(":")[0]: hint for _code, place, hint in found}
    assert hints["manifests/A.YAML"] == "write its suffix in lower case: .yaml"
    assert hints["manifests/members.yaml.txt"].startswith("remove the part after .yaml")
    assert hints["manifests/a.json"].startswith("write it as YAML")


def test_what_is_listed_under_ignore_is_not_read(tmp_path: Path) -> None:
    globs = ["*.md", "**/*.yaml.txt", "./manifests/drafts/", "rules/**/old-?.yaml", "manifests/link", "nothing/*.txt"]
    text = f"ignore: {json.dumps(globs)}\n"
    files = [
        "manifests/x.md",
        "rules/deep/y.md",
        "manifests/m.yaml.txt",
        "manifests/drafts/d.yaml",
        "rules/a/old-1.yaml",
    ]
    write(
        tmp_path,
        {"reconciler.yaml": CONFIGURATION + text, "manifests/a.yaml": ORGANIZATION, **dict.fromkeys(files, "x")},
    )
    (tmp_path / "manifests/link").symlink_to(tmp_path)
    assert told(tmp_path) == [("matches-nothing", "reconciler.yaml:6:99", "correct it, or remove it")]
    write(tmp_path, {"reconciler.yaml": CONFIGURATION + text, "manifests/xmd": "", "rules/old-12.yaml.tx": ""})
    assert [place for _code, place, _hint in told(tmp_path)] == ["manifests/xmd:1:1", "rules/old-12.yaml.tx:1:1"]


def test_a_file_that_something_names_is_no_error(tmp_path: Path) -> None:
    text = """\
apiVersion: reconciler/v1
kind: Configuration
environments:
  test: {tables: {a: rules/a.csv}, users: {file: ./rules/users.jsonl}}
  live: {tables: {a: {file: rules/../manifests/live.jsonl, rows: 2}, b: manifests/b.csv}}
"""
    logo = "spec: {organization_name: Acme, organization_logo_url: {file: "
    manifest = ORGANIZATION.replace("spec: {organization_name: Acme", logo + '"manifests/logo-${{ environment }}.txt"}')
    other = ORGANIZATION.replace("acme", "birch").replace(
        "spec: {", "spec: {organization_logo_url: {file: rules/b.svg}, "
    )
    live = other.replace("birch}", "cedar, environments: [live]}").replace("rules/b.svg", "rules/c.svg")
    named = ["rules/a.csv", "rules/users.jsonl", "manifests/live.jsonl", "manifests/b.csv", "manifests/logo-test.txt"]
    named += ["manifests/logo-live.txt", "rules/b.svg", "rules/c.svg"]
    files = {"reconciler.yaml": text, "manifests/a.yaml": f"{manifest}---\n{other}---\n{live}"}
    write(tmp_path, {**dict.fromkeys(named, "a\n1\n"), **files})
    assert told(tmp_path) == []
    write(tmp_path, {**files, "rules/more.csv": "a\n1\n", "rules/more.jsonl": "{}\n"})
    assert [place for _code, place, _hint in told(tmp_path)] == ["rules/more.csv:1:1", "rules/more.jsonl:1:1"]
    assert told(tmp_path, tables=["a=rules/more.csv"], users="rules/more.jsonl") == []  # type: ignore[arg-type] # a list


def test_a_computed_name_of_a_text_is_no_name_of_a_document(tmp_path: Path) -> None:
    logo = '{organization_name: Acme, organization_logo_url: {file: "manifests/${{ environment }}"}'
    manifest = ORGANIZATION.replace("{organization_name: Acme", logo)
    files = dict.fromkeys(("manifests/test", "manifests/live", "manifests/m.yaml.txt", "manifests/m.YAML"), "x")
    write(tmp_path, {"manifests/a.yaml": manifest, **files, "tenants.csv": "a\n1\n"})
    assert [place for _code, place, _hint in told(tmp_path)] == ["manifests/m.YAML:1:1", "manifests/m.yaml.txt:1:1"]


def test_where_no_document_is_read_that_is_said(tmp_path: Path) -> None:
    write(tmp_path, {"reconciler.yaml": CONFIGURATION, "manifests/.gitkeep": ""})
    assert [code for code, *_ in told(tmp_path)] == ["no-manifests"]
    write(tmp_path, {"reconciler.yaml": CONFIGURATION + 'ignore: ["*.yaml"]\n', "manifests/a.yaml": ORGANIZATION})
    assert [code for code, *_ in told(tmp_path)] == ["no-manifests"]
    elsewhere = ORGANIZATION.replace("acme}", "acme, environments: [live]}").replace("Acme}", '"${{ vars.tier }}"}')
    write(tmp_path, {"reconciler.yaml": CONFIGURATION, "manifests/a.yaml": elsewhere})
    assert told(tmp_path) == []


def test_a_metadata_value_that_looks_like_the_name_of_a_text_names_none(tmp_path: Path) -> None:
    manifest = ORGANIZATION.replace("Acme}", "Acme, trusted_metadata: {x: {file: manifests/members.yaml.txt}}}")
    write(tmp_path, {"manifests/a.yaml": manifest, "manifests/members.yaml.txt": ""})
    assert [found[:2] for found in told(tmp_path)] == [("unread-file", "manifests/members.yaml.txt:1:1")]


@pytest.mark.parametrize(("name", "meant"), [("Manifests", "manifests"), ("manifest", "manifests"), ("RULE", "rules")])
def test_a_folder_by_almost_the_right_name_is_an_error(name: str, meant: str, tmp_path: Path) -> None:
    present = "rules/r.yaml" if meant == "manifests" else "manifests/r.yaml"
    write(tmp_path, {f"{name}/a.yaml": ORGANIZATION, present: ORGANIZATION})
    assert told(tmp_path) == [("unread-file", f"{name}:1:1", f"did you mean {meant}?")]
