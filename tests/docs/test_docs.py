"""Docs that cannot lie: their links lead somewhere, their commands exist, with the options they are given."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from reconciler.commands.cli import COMMANDS, cli

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"(?<!!)\[[^\]]+\]\((?P<target>[^)\s]+)\)")
FENCE = re.compile(r"^ *```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)
SHELL = {"console", "sh", "shell", "bash"}
NAMES = {"reconciler", "stytch-reconciler"}


def command(name: str) -> click.Command:
    found = cli.get_command(click.Context(cli), name)
    assert found
    return found


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def anchors(page: Path) -> set[str]:
    """The fragments of a page's headings, as GitHub makes them."""
    text = FENCE.sub("", page.read_text())
    headings = re.findall(r"^#+ +(.*?) *$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(page: Path) -> Iterator[list[str]]:
    """The commands of a page's shell blocks; in a block with prompts, only what stands behind one."""
    for fence in FENCE.finditer(page.read_text()):
        if fence["language"] in SHELL:
            lines = fence["text"].replace("\\\n", " ").splitlines()
            prompted = [line.strip().removeprefix("$ ") for line in lines if line.strip().startswith("$ ")]
            for line in prompted or lines:
                for part in re.split(r"&&|\|\||[|;>]", line):
                    if words := shlex.split(part, comments=True):
                        yield words


def options(command: click.Command) -> set[str]:
    named = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    return named | {"--help", "-h"}


def test_there_are_docs() -> None:
    names = {relative(page) for page in PAGES}
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/architecture.md", "docs/stytch.md"} <= names


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in LINK.finditer(FENCE.sub("", page.read_text())):
        target, _, fragment = link["target"].partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        file = (page.parent / target).resolve() if target else page
        if not file.exists() or (fragment and file.suffix == ".md" and fragment not in anchors(file)):
            broken.append(link["target"])
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_commands_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for words in commands(page):
        if words[0] == "make":
            assert {word for word in words[1:] if "=" not in word} <= targets, words
        elif Path(words[0]).name in NAMES:
            name = next((word for word in words[1:] if word in COMMANDS), None)
            assert name or set(words[1:]) & {"--help", "-h", "--version"}, words
            known = options(cli) | (options(command(name)) if name else set())
            given = {word.partition("=")[0] for word in words[1:] if word.startswith("-")}
            assert given - {"-"} <= known, words
