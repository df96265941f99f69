"""What the repository promises about itself: small files, plain names, nothing unfinished, every kind registered."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "reconciler").rglob("*.py"))
PYTHON = sorted(path for folder in ("reconciler", "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py"))
LONGEST = 400
# Names that say nothing of what a thing does.
EMPTY_WORDS = frozenset(
    ("manager", "handler", "helper", "helpers", "util", "utils", "common", "misc", "base", "engine", "processor")
)
# Plain English inside a longer name (common mail domains, a base URI), but no name by themselves.
EMPTY_ALONE = {"base", "common"}
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")
EXEMPTION = re.compile(r"#\s*(?:noqa:\s*[A-Z]+\d+(?:\s*,\s*[A-Z]+\d+)*|type:\s*ignore\[[\w, -]+\])(?P<rest>.*)")


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def defined(path: Path) -> Iterator[str]:
    """Every name a file defines: functions, classes, arguments and variables."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                yield name
            case _:
                pass


def comments(path: Path) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def test_there_is_code_to_look_at() -> None:
    assert len(MODULES) > 10


def test_modules_are_short() -> None:
    lengths = {relative(path): len(path.read_text().splitlines()) for path in MODULES}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST} == {}


@pytest.mark.parametrize("path", PYTHON, ids=relative)
def test_names_say_something(path: Path) -> None:
    assert words(path.stem).isdisjoint(EMPTY_WORDS)
    names = set(defined(path))
    assert {name for name in names if words(name) & (EMPTY_WORDS - EMPTY_ALONE)} == set()
    assert {name for name in names if name.lower() in EMPTY_ALONE or "dry_run" in name.lower()} == set()


@pytest.mark.parametrize("path", PYTHON, ids=relative)
def test_nothing_is_unfinished(path: Path) -> None:
    assert [text for _, text in comments(path) if UNFINISHED.search(text)] == []
    tree = ast.parse(path.read_text())
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "NotImplementedError"]
    skipping = {"skip", "skipif", "xfail", "importorskip"}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in skipping]


@pytest.mark.parametrize("path", PYTHON, ids=relative)
def test_every_exemption_has_its_reason(path: Path) -> None:
    lines = path.read_text().splitlines()
    unexplained = []
    for number, text in comments(path):
        exemption = EXEMPTION.search(text)
        explained_above = number > 1 and lines[number - 2].lstrip().startswith("#")
        if exemption and not explained_above and len(exemption["rest"].split()) < 2:
            unexplained.append(f"{relative(path)}:{number}: {text}")
    assert unexplained == []


def test_the_changelog_has_a_place_for_what_comes_next() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(r"^## \[?Unreleased", text, re.MULTILINE)


def test_the_locks_name_no_registry() -> None:
    for lock in (ROOT / "requirements").glob("*.txt"):
        text = lock.read_text()
        assert "--hash=sha256:" in text
        assert re.search(r"https?:|--(?:extra-)?index-url|--find-links|\bfile:", text) is None, lock.name


def test_the_tests_lock_holds_what_the_project_needs() -> None:
    pins = {
        name: set(re.findall(r"^\S+==\S+.*", (ROOT / "requirements" / name).read_text(), re.MULTILINE))
        for name in ("runtime.txt", "dev.txt")
    }
    assert pins["runtime.txt"] <= pins["dev.txt"]
