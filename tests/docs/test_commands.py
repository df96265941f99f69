"""docs/commands.md names every command with exactly the options it has."""

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from reconciler.commands.cli import COMMANDS, cli

PAGE = (Path(__file__).parent.parent.parent / "docs" / "commands.md").read_text(encoding="utf-8")
OPTION = re.compile(r"^\| (`-.*?) \|", re.MULTILINE)


def command(name: str) -> click.Command:
    found = cli.get_command(click.Context(cli), name)
    assert found
    return found


def section(heading: str, level: int) -> str:
    """The text below a heading, down to the next one of its level or above."""
    marks = "#" * level
    found = re.search(rf"^{marks} {re.escape(heading)}\n(.*?)(?=^#{{1,{level}}} |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"docs/commands.md has no heading {heading!r}"
    return found[1]


def documented(text: str) -> set[str]:
    return {name for row in OPTION.findall(text) for name in re.findall(r"`(-[-\w]+)`", row)}


def options(command: click.Command) -> set[str]:
    below = command.commands.values() if isinstance(command, click.Group) else ()
    own = {name for parameter in command.params if isinstance(parameter, click.Option) for name in parameter.opts}
    return own.union(*map(options, below))


SHARED = options(cli) - {"--version"}


def test_every_command_has_its_section_and_there_are_no_others() -> None:
    named = re.findall(r"^### `(\w+)`$", section("Commands", 2), re.MULTILINE)
    assert sorted(named) == sorted(COMMANDS)


def test_the_shared_options_are_documented() -> None:
    assert documented(section("Options of every command", 2)) == SHARED | {"-h", "--help"}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_s_own_options_are_documented(name: str) -> None:
    assert documented(section(f"`{name}`", 3)) == options(command(name)) - SHARED


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_s_arguments_are_documented(name: str) -> None:
    arguments = [parameter.name for parameter in command(name).params if isinstance(parameter, click.Argument)]
    text = section(f"`{name}`", 3)
    assert all(argument and argument.upper() in text for argument in arguments)


def test_every_exit_code_is_documented() -> None:
    assert re.findall(r"^\| (\d) \|", section("Exit codes", 2), re.MULTILINE) == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize(("shell", "known"), [("bash", "complete -o"), ("zsh", "#compdef"), ("fish", "complete --no")])
def test_every_documented_line_gives_the_shell_its_completion(shell: str, known: str) -> None:
    (variable,) = re.findall(rf"(_RECONCILER_COMPLETE={shell}_source) reconciler", section("Shell completion", 2))
    name, value = variable.split("=")
    command = [sys.executable, "-m", "reconciler"]
    done = subprocess.run(command, env={**os.environ, name: value}, capture_output=True, text=True, check=True)
    assert known in done.stdout
    assert "Traceback" not in done.stderr
